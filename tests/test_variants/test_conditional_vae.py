"""Conditions: joined exactly, obeyed by samples, swapped, and checked."""

import functools

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from sklearn.svm import SVC

import keras_ae
from keras_ae.analysis import evaluation
from keras_ae.parts import heads
from keras_ae.parts.conditions import Vector
from keras_ae.zoo import datasets

RNG = np.random.default_rng(0)
SCALE = 0.5


def linear(condition=3):
    """x = [z, c] W + b + noise, posterior linear likewise."""
    model = keras_ae.ConditionalVAE.create(
        (4,),
        2,
        network="linear",
        likelihood=heads.Gaussian(scale=SCALE),
        condition=condition,
        seed=0,
    )
    rng = np.random.default_rng(1)
    kernel, bias = rng.normal(size=(2 + 3, 4)), rng.normal(size=4)
    model.decoder.projection.set_weights([kernel, bias])
    return model, kernel, bias


def test_likelihood_given_the_condition_is_exact():
    model, kernel, bias = linear()
    x = RNG.normal(size=(6, 4)).astype("float32")
    c = np.array([0, 1, 2, 0, 1, 2])
    covariance = kernel[:2].T @ kernel[:2] + SCALE**2 * np.eye(4)
    exact = scipy.stats.multivariate_normal(np.zeros(4), covariance).logpdf(
        x - np.eye(3)[c] @ kernel[2:] - bias
    )
    # The exact posterior, so that every importance weight is p(x|c); it needs
    # its covariance diagonal: rotate z to make it so.
    _, rotation = np.linalg.eigh(kernel[:2] @ kernel[:2].T)
    kernel[:2] = rotation.T @ kernel[:2]
    model.decoder.projection.set_weights([kernel, bias])
    variance = 1 / (1 + np.diag(kernel[:2] @ kernel[:2].T) / SCALE**2)
    mean = kernel[:2].T * variance / SCALE**2  # [4, 2]
    by_class = -(kernel[2:] + bias) @ mean  # [3, 2]
    raw = np.log(np.expm1(np.sqrt(variance)))
    model.encoder.projection.set_weights(
        [
            np.block([[mean, np.zeros((4, 2))], [by_class, np.zeros((3, 2))]]),
            np.concatenate([np.zeros(2), raw]),
        ]
    )
    # Single precision on sums of squares of size 100; the head's floor of
    # 1e-5 under the deviations moves them by less.
    found = evaluation.log_likelihood(model, (x, c), samples=20)
    np.testing.assert_allclose(found, exact, rtol=1e-3, atol=1e-3)
    bound = evaluation.elbo(model, (x, c), samples=2000)
    # With the exact posterior a draw departs from log p(x|c) by the log of
    # posterior over prior: per unit of variance (1 - v)^2 / 2 + m^2 v.
    m = model.embed((x, c))
    each = (1 - variance) ** 2 / 2 + m**2 * variance
    error = np.sqrt(each.sum(axis=1) / 2000)
    assert np.all(np.abs(bound - exact) < 5 * error)


def test_wrong_condition_costs_likelihood():
    model, kernel, bias = linear()
    c = np.repeat([0, 1, 2], 50)
    noise = SCALE * RNG.normal(size=(150, 4))
    z = RNG.normal(size=(150, 2))
    x = np.concatenate([z, np.eye(3)[c]], axis=1) @ kernel + bias + noise
    x = x.astype("float32")
    right, wrong = (
        evaluation.log_likelihood(model, (x, (c + k) % 3), samples=1000).mean()
        for k in (0, 1)
    )
    assert right > wrong + 1


def test_conditions_are_broadcast_over_sample_axes():
    model, kernel, bias = linear()
    z = RNG.normal(size=(7, 3, 2)).astype("float32")
    c = np.array([2, 0, 1])
    expected = z @ kernel[:2] + np.eye(3)[c] @ kernel[2:] + bias
    found = model.decode((z, c)).mean()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_one_hot_vectors_do_what_indices_do():
    by_index, _, _ = linear(condition=3)
    by_vector, _, _ = linear(condition=Vector(3))
    by_vector.set_weights(by_index.get_weights())
    x, c = RNG.normal(size=(5, 4)), np.array([0, 2, 1, 1, 0])
    np.testing.assert_array_equal(
        by_index.predict((x, c)), by_vector.predict((x, np.eye(3)[c]))
    )
    np.testing.assert_array_equal(
        by_index.sample(5, 1, c), by_vector.sample(5, 1, np.eye(3)[c])
    )


def test_swap_decodes_the_code_of_x_under_the_new_condition():
    model, kernel, bias = linear()
    x = RNG.normal(size=(5, 4)).astype("float32")
    old, new = np.array([0, 1, 2, 0, 1]), np.array([1, 1, 0, 2, 0])
    code = model.embed((x, old))
    expected = np.concatenate([code, np.eye(3)[new]], axis=1) @ kernel + bias
    np.testing.assert_allclose(
        model.swap(x, old, new), expected, rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(
        model.swap(x, old, old), model.predict((x, old)), rtol=1e-5, atol=1e-6
    )


def test_one_seed_gives_one_code_under_every_condition():
    model, kernel, _ = linear()
    shift = model.sample(4, 3, given=1) - model.sample(4, 3, given=0)
    expected = np.tile(kernel[3] - kernel[2], (4, 1))
    np.testing.assert_allclose(shift, expected, rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def trained():
    """A model of three patterns of 16 bits, a tenth of the bits flipped."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(0, 2, (3, 16))
    c = rng.integers(0, 3, 300)
    x = np.where(rng.random((300, 16)) < 0.1, 1 - patterns[c], patterns[c])
    model = keras_ae.ConditionalVAE.create(
        (16,), 2, hidden=(32,), condition=3, seed=0
    )
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    model.fit((x, c), epochs=30, verbose=0)
    return model, patterns, x, c


def nearest(patterns, x):
    return np.abs(x[:, None] - patterns).sum(axis=-1).argmin(axis=1)


def test_samples_are_of_the_class_asked_for(trained):
    model, patterns, _, _ = trained
    asked = np.arange(300) % 3
    found = nearest(patterns, model.sample(300, 0, asked))
    assert np.mean(found == asked) >= 0.95


def test_swapped_examples_are_of_the_new_class(trained):
    model, patterns, x, c = trained
    new = (c + 1) % 3
    assert np.mean(nearest(patterns, model.swap(x, c, new)) == new) >= 0.95


def test_save_and_export_take_examples_and_conditions(trained, tmp_path):
    model, _, x, c = trained
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    expected = model.predict((x, c))
    np.testing.assert_array_equal(loaded.predict((x, c)), expected)
    keras_ae.ConditionalVAE.save_to_preset(model, tmp_path / "preset")
    preset = keras_ae.load(tmp_path / "preset")
    np.testing.assert_array_equal(preset.predict((x, c)), expected)

    model.export(tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served")).signatures
    x, c = tf.constant(x, tf.float32), tf.constant(c, tf.int32)
    np.testing.assert_allclose(
        served["reconstruct"](x=x, condition=c)["reconstruction"],
        expected,
        rtol=1e-5,
    )
    code = served["encode"](x=x, condition=c)["mean"]
    np.testing.assert_allclose(
        served["decode"](z=code, condition=c)["mean"], expected, rtol=1e-5
    )
    drawn = served["sample"](seed=tf.constant([5, 5]), condition=c[:2])["mean"]
    assert drawn.shape == (2, 16)


def test_streams_train_it_too(trained):
    model, _, x, c = trained
    rows = (x.astype("float32"), c)
    stream = tf.data.Dataset.from_tensor_slices((rows,)).batch(100)
    terms = model.evaluate(stream, verbose=0, return_dict=True)
    expected = model.evaluate(rows, batch_size=100, verbose=0, return_dict=True)
    assert terms.keys() == expected.keys()
    for name in terms:
        np.testing.assert_allclose(terms[name], expected[name], rtol=1e-5)


@pytest.mark.parametrize(
    ("condition", "value", "words"),
    [
        (3, [0, 1, 2, 3, 0], "integers from 0 to 2.*3 in row 3"),
        (3, [0, 1, 2, -1, 0], "-1 in row 3"),
        (3, [0, 1, 0.5, 1, 0], "0.5 in row 2"),
        (3, [0, 1, 2], "shape"),
        (3, np.eye(5, 3), "shape"),
        (Vector(3), np.zeros((5, 2)), "vectors of 3 finite numbers"),
        (Vector(3), np.full((5, 3), np.nan), "row 0"),
        (Vector(3), np.zeros(5), "shape"),
    ],
)
def test_condition_outside_or_of_wrong_length_is_refused(
    condition, value, words
):
    model, _, _ = linear(condition)
    model.compile(jit_compile=False)
    x = np.zeros((5, 4))
    for use in (
        lambda: model.fit((x, value), verbose=0),
        lambda: model.predict((x, value)),
        lambda: model.embed((x, value)),
        lambda: model.sample(5, given=value),
        lambda: model.swap(x, np.zeros((5, *model.condition.shape)), value),
    ):
        with pytest.raises(ValueError, match=words):
            use()


def test_missing_condition_is_refused():
    model, _, _ = linear()
    model.compile(jit_compile=False)
    for x in (np.zeros((5, 4)), [np.zeros((5, 4)), np.zeros(5)]):
        with pytest.raises(TypeError, match="tuple"):
            model.fit(x)
    with pytest.raises(TypeError, match="condition"):
        keras_ae.ConditionalVAE.create((4,), 2)
    with pytest.raises(ValueError, match="condition"):
        keras_ae.ConditionalVAE.create((4,), 2, condition=0)


# The pretrained model, judged by a classifier trained on real digits.

PRESET = "conditional_vae_mnist"
bundled = pytest.mark.skipif(
    PRESET not in keras_ae.list_presets(), reason=f"{PRESET} is not bundled"
)


@functools.cache
def mnist():
    try:
        return datasets.load("mnist")
    except FileNotFoundError:
        pytest.skip("MNIST is not on this machine")


@functools.cache
def classifier():
    """A support vector machine; right on 95 % of real test digits."""
    (x, y), (x_test, y_test) = mnist()
    machine = SVC(C=5).fit(x[:6000].reshape(-1, 784), y[:6000])
    score = machine.score(x_test[:1000].reshape(-1, 784), y_test[:1000])
    assert score > 0.94
    return lambda x: machine.predict(x.reshape(-1, 784))


@pytest.mark.long
@bundled
def test_sampled_digits_are_recognised():
    model = keras_ae.load(PRESET)
    asked = np.arange(500) % 10
    found = classifier()(model.sample(500, 0, asked))
    assert np.mean(found == asked) >= 0.95


@bundled
def test_swapped_digits_are_recognised_and_keep_their_stroke_width():
    model = keras_ae.load(PRESET)
    _, (x, y) = mnist()
    x, y = x[:500], y[:500]
    new = (y + 1 + np.arange(500) % 9) % 10
    swapped = model.swap(x, y, new)
    assert np.mean(classifier()(swapped) == new) >= 0.95
    # Ink beyond what the digit itself asks for: its mean is taken off.
    ink, swapped_ink = (
        np.array([a[d == k].mean() for k in range(10)])
        for a, d in ((x, y), (swapped, new))
    )
    before = x.mean(axis=(1, 2, 3)) - ink[y]
    after = swapped.mean(axis=(1, 2, 3)) - swapped_ink[new]
    assert scipy.stats.pearsonr(before, after).statistic > 0.5
