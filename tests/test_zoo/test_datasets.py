"""Data sets: published counts and means, and the statistics of bits."""

import os

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from sklearn.datasets import load_digits

from keras_ae.zoo import datasets

needs_data = pytest.mark.skipif(
    "KERAS_AE_DATA" not in os.environ, reason="KERAS_AE_DATA is not set"
)


@pytest.fixture(scope="module")
def loaded():
    """Each data set is read once."""
    found = {}

    def load(name):
        if name not in found:
            found[name] = datasets.load(name)
        return found[name]

    return load


def test_a_fingerprint_is_of_every_value(monkeypatch):
    (x, y), test = datasets.load("digits")
    prints = {datasets.fingerprint("digits")}
    assert datasets.fingerprint("digits") in prints
    other = x.copy()
    other[-1, -1, -1, 0] += 1e-6
    for train in ((other, y), (x, y[::-1]), (x.reshape(-1, 64), y), (x, None)):
        monkeypatch.setitem(
            datasets._LOADERS, "digits", lambda train=train: (train, test)
        )
        prints.add(datasets.fingerprint("digits"))
    assert len(prints) == 5


# Means of the training pixels as published with each data set.
MEANS = {"mnist": 0.1307, "fashion_mnist": 0.2860}


@needs_data
@pytest.mark.parametrize("name", MEANS)
def test_images(loaded, name):
    (x, y), (x_test, y_test) = loaded(name)
    assert x.shape == (60_000, 28, 28, 1) and x.dtype == np.float32
    assert x_test.shape == (10_000, 28, 28, 1) and x_test.dtype == np.float32
    assert (x.min(), x.max(), x_test.min(), x_test.max()) == (0, 1, 0, 1)
    # Published to four digits; float64, as a sum of 47 million singles drifts.
    np.testing.assert_allclose(x.mean(dtype=float), MEANS[name], atol=5e-5)
    assert set(y) == set(y_test) == set(range(10))
    assert y.dtype == np.int64 and y.shape == (60_000,)
    # The pixels are 256 levels.
    assert len(np.unique(x[:1000])) <= 256
    np.testing.assert_allclose(x[:9] * 255, np.rint(x[:9] * 255), atol=1e-4)


@needs_data
def test_classes_of_the_test_sets(loaded):
    (_, _), (_, mnist) = loaded("mnist")
    # The counts that LeCun's page and many papers report.
    expected = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(mnist).tolist() == expected
    (_, _), (_, fashion) = loaded("fashion_mnist")
    assert np.bincount(fashion).tolist() == [1000] * 10


@needs_data
def test_binarized_mnist(loaded):
    (x, y), (x_test, y_test) = loaded("binarized_mnist")
    assert x.shape == (60_000, 28, 28, 1) and x.dtype == np.float32
    assert x_test.shape == (10_000, 28, 28, 1)
    assert y is None and y_test is None
    assert set(np.unique(x_test)) == {0, 1}
    # One draw of the same digits: their mean is that of the grey levels. A
    # pixel's variance is below 1/4, so this is more than ten deviations.
    np.testing.assert_allclose(x.mean(dtype=float), 0.1307, atol=1e-3)
    # The bits are images in order: neighbours agree, the rim is empty.
    assert (x[:100, :, 1:] == x[:100, :, :-1]).mean() > 0.9
    assert x[:, 0].mean() < 1e-4


def test_digits():
    (x, y), (x_test, y_test) = datasets.load("digits")
    assert x.shape == (1438, 8, 8, 1) and x_test.shape == (359, 8, 8, 1)
    assert x.dtype == np.float32 and (x.min(), x.max()) == (0, 1)
    bunch = load_digits()
    both = np.concatenate([x, x_test]), np.concatenate([y, y_test])
    order = np.argsort(np.arange(1797) % 5 == 4, kind="stable")
    np.testing.assert_array_equal(both[0][..., 0] * 16, bunch.images[order])
    np.testing.assert_array_equal(both[1], bunch.target[order])


def test_names():
    assert set(MEANS) | {"digits", "binarized_mnist"} == set(datasets.names())
    with pytest.raises(ValueError, match=r"\['mnist'.*Received: 'minst'"):
        datasets.load("minst")


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "binarized_mnist"])
def test_missing_data_say_where_they_go(name, monkeypatch, tmp_path):
    def offline(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setenv("KERAS_AE_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    if name != "binarized_mnist":
        monkeypatch.setattr(getattr(keras.datasets, name), "load_data", offline)
    message = f"{name}.npz.*KERAS_AE_DATA.*Received: .*nowhere"
    with pytest.raises(FileNotFoundError, match=message):
        datasets.load(name)


def test_folder_of_the_environment_comes_first(monkeypatch, tmp_path):
    def write(folder, level):
        folder.mkdir(parents=True)
        x, y = np.full([4, 28, 28], level, "uint8"), np.zeros(4, "uint8")
        np.savez(folder / "mnist.npz", x_train=x, y_train=y, x_test=x, y_test=y)

    write(tmp_path / "datasets", 51)
    monkeypatch.delenv("KERAS_AE_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (x, _), _ = datasets.load("mnist")
    np.testing.assert_allclose(x, 0.2)
    write(tmp_path / "mine", 102)
    monkeypatch.setenv("KERAS_AE_DATA", str(tmp_path / "mine"))
    (x, _), _ = datasets.load("mnist")
    np.testing.assert_allclose(x, 0.4)


# Bits.


def test_bits_have_the_grey_levels_as_probabilities():
    levels = np.array([0, 0.1, 0.5, 0.9, 1])
    n = 20_000
    bits = datasets.binarize(np.tile(levels, (n, 1)), seed=0)
    assert bits.dtype == np.uint8 and bits.shape == (n, 5)
    counts = bits.sum(axis=0, dtype=int)
    assert counts[0] == 0 and counts[-1] == n
    for count, p in zip(counts[1:-1], levels[1:-1], strict=True):
        assert stats.binomtest(int(count), n, p).pvalue > 1e-3


def test_seed_decides_the_bits():
    x = np.full([100], 0.5)
    first = datasets.binarize(x, seed=1)
    np.testing.assert_array_equal(first, datasets.binarize(x, seed=1))
    assert 20 < (first != datasets.binarize(x, seed=2)).sum() < 80


@pytest.mark.parametrize("batched", [True, False])
def test_stream_is_drawn_anew_at_each_pass(batched):
    x = np.full([50, 4], 0.5, "float32")

    def passes(seed):
        stream = tf.data.Dataset.from_tensor_slices(x)
        if batched:
            stream = stream.batch(8)
        stream = datasets.dynamic_binarization(stream, seed)
        return [
            np.concatenate([np.atleast_2d(b) for b in stream]) for _ in range(2)
        ]

    first, second = passes(0)
    assert first.shape == (50, 4) and set(first.ravel()) == {0, 1}
    # 200 fair coins agree in half of the places, with a deviation of 7.1.
    assert abs((first == second).sum() - 100) < 4 * 7.1
    assert len(np.unique(first, axis=0)) > 10  # rows differ, too
    again = passes(0)
    np.testing.assert_array_equal([first, second], again)
    assert (passes(1)[0] != first).any()


def test_stream_keeps_the_grey_levels():
    x = np.tile([0, 0.2, 1], (5000, 1)).astype("float32")
    stream = tf.data.Dataset.from_tensor_slices(x).batch(100)
    stream = datasets.dynamic_binarization(stream)
    counts = np.concatenate(list(stream)).sum(axis=0, dtype=int)
    assert counts[0] == 0 and counts[2] == 5000
    assert stats.binomtest(int(counts[1]), 5000, 0.2).pvalue > 1e-3


@pytest.mark.parametrize(
    "function", [datasets.binarize, datasets.dynamic_binarization]
)
@pytest.mark.parametrize(
    ("x", "received"),
    [
        ([0.0, 255.0], r"\[0, 255\]"),
        ([-0.5, 0.5], r"\[-0.5, 0.5\]"),
        ([0.5, np.nan], r"\[nan, nan\]"),
    ],
)
def test_only_grey_levels_make_bits(function, x, received):
    with pytest.raises(ValueError, match=f"Expected.*Received.*{received}"):
        function(np.array(x))


@pytest.mark.parametrize(
    "function", [datasets.binarize, datasets.dynamic_binarization]
)
def test_no_rows_make_no_bits(function):
    with pytest.raises(ValueError, match="Expected.*Received"):
        function(np.zeros([0, 3]))
