"""Which rows the benchmarks train on, which they judge, and what they say."""

import numpy as np
import pytest
from sklearn.svm import OneClassSVM

import keras_ae
from benchmarks import anomaly_images
from benchmarks import embedding


@pytest.mark.parametrize("left_out", [0, 7])
def test_the_class_that_is_left_out_is_judged_and_not_learned(left_out):
    (x, y), (x_test, y_test) = keras_ae.datasets.load("digits")
    train, test, abnormal = anomaly_images.split("digits", left_out, seed=0)

    def ordered(images):
        return np.unique(images.reshape(len(images), -1), axis=0)

    # All rows are few enough to be taken.
    np.testing.assert_array_equal(ordered(train), ordered(x[y != left_out]))
    np.testing.assert_array_equal(ordered(test), ordered(x_test))
    np.testing.assert_array_equal(
        ordered(test[abnormal]), ordered(x_test[y_test == left_out])
    )


def test_a_kernel_that_is_computed_before_is_that_of_the_default():
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(200, 70)), 2 * rng.normal(size=(50, 70))
    found = anomaly_images.classical(train, test)["one-class SVM"]
    expected = -OneClassSVM().fit(train).decision_function(test)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_codes_are_judged_by_what_is_near_in_them():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 40)
    vectors = 20 * np.eye(5)[y] + rng.normal(size=(120, 5))
    same = embedding.worth(vectors, vectors, y, seed=0)
    assert same == pytest.approx(dict.fromkeys(embedding.FIGURES, 1.0))
    noise = embedding.worth(rng.normal(size=(120, 2)), vectors, y, seed=0)
    assert 0.4 < noise["trustworthiness"] < 0.6
    assert abs(noise["ARI"]) < 0.1


def test_the_best_of_each_figure_is_bold():
    low = dict(zip(embedding.FIGURES, [0.1, 0.5, 0.3, 0.0], strict=True))
    high = dict(zip(embedding.FIGURES, [0.2, 0.4, 0.3, 0.1], strict=True))
    runs = {"VAE": {"0": low, "1": low}, "PCA": {"0": high, "1": high}}
    (row,) = embedding.section({"results": {"digits": {"2": runs}}})
    assert row[2] == "VAE 0.100 / **0.500** / **0.300** / 0.000"
    assert row[3] == "PCA **0.200** / 0.400 / **0.300** / **0.100**"
