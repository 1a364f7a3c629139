"""Bits that depend on each other."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

import keras_ae
from keras_ae.parts import heads

RNG = np.random.default_rng(0)
SHAPE = (2, 2)  # of an event
KERNEL = RNG.normal(size=(4, 4)).astype("float32")
LOGITS = RNG.normal(size=(3, *SHAPE)).astype("float32")
ALL = np.array(list(itertools.product([0, 1], repeat=4)), "float32")


@pytest.fixture
def bits():
    """Four bits in a square, of a batch of three."""
    head = heads.AutoregressiveBernoulli()
    head.build((None, *SHAPE))
    head.kernel.assign(KERNEL)
    return head(tf.constant(LOGITS), rank=2)


def exact():
    """Probabilities of all 16 outcomes, by the rule of products: `[16, 3]`."""
    p = np.ones((16, 3))
    for j in range(4):
        logit = (
            LOGITS.reshape(3, 4)[:, j] + (ALL[:, :j] @ KERNEL[:j, j])[:, None]
        )
        p *= special.expit(np.where(ALL[:, j : j + 1] == 1, logit, -logit))
    return p


def test_probabilities_are_products_and_sum_to_one(bits):
    events = ALL.reshape(16, 1, *SHAPE)
    found = bits.log_prob(events).numpy()
    np.testing.assert_allclose(np.exp(found), exact(), rtol=1e-5)
    np.testing.assert_allclose(np.exp(found).sum(0), 1, rtol=1e-5)


def test_draws_have_the_probabilities_and_repeat(bits):
    count = 20_000
    draws = bits.sample(count, seed=(1, 2)).numpy()
    np.testing.assert_array_equal(draws, bits.sample(count, seed=(1, 2)))
    numbers = draws.reshape(count, 3, 4) @ [8, 4, 2, 1]
    found = (numbers[..., None] == np.arange(16)).mean(0).T
    error = np.sqrt(exact() * (1 - exact()) / count)
    assert (np.abs(found - exact()) < 5 * error).all()


def test_the_mean_is_that_at_the_means_before_exact_for_the_first(bits):
    found = bits.mean().numpy().reshape(3, 4)
    expected = np.zeros((3, 4))
    for j in range(4):
        logit = LOGITS.reshape(3, 4)[:, j] + expected[:, :j] @ KERNEL[:j, j]
        expected[:, j] = special.expit(logit)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(found[:, 0], (exact().T @ ALL)[:, 0], rtol=1e-5)


def test_at_first_it_is_a_bernoulli():
    head = heads.AutoregressiveBernoulli()
    head.build((None, 5))
    numbers = tf.constant(RNG.normal(size=(3, 5)), tf.float32)
    x = RNG.integers(0, 2, (3, 5)).astype("float32")
    found, expected = head(numbers, rank=1), heads.Bernoulli()(numbers, rank=1)
    np.testing.assert_allclose(
        found.log_prob(x), expected.log_prob(x), rtol=1e-6
    )
    np.testing.assert_allclose(found.mean(), expected.mean(), rtol=1e-6)


def categories(rows):
    """A column of eight categories, one-hot: bits that exclude each other."""
    return np.eye(8, dtype="float32")[RNG.integers(0, 8, rows)]


def test_it_learns_what_a_code_cannot_say(tmp_path):
    """Eight categories alike have an entropy of log 8; a code of one number
    and independent bits come nowhere near it."""
    x = categories(2000)
    nats = {}
    for likelihood in ("bernoulli", "autoregressive_bernoulli"):
        model = keras_ae.VAE.create(
            8, 1, hidden=(8,), likelihood=likelihood, seed=0
        )
        model.adapt(x)
        model.compile(keras.optimizers.Adam(0.03))
        model.fit(x, epochs=15, verbose=0)
        nats[likelihood] = -model.score_samples(categories(500)).mean()
    assert abs(nats["autoregressive_bernoulli"] - np.log(8)) < 0.1
    assert nats["bernoulli"] > np.log(8) + 0.5
    codes = np.random.default_rng(1).normal(size=(500, 1))
    drawn = model.decode(codes.astype("float32")).sample(seed=(0, 0)).numpy()
    assert (drawn.sum(1) == 1).mean() > 0.95
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        twin.score_samples(x[:5]), model.score_samples(x[:5])
    )
    # The export is opened and compared before it is in its place.
    model.export(tmp_path / "served")


def test_a_regularizer_is_a_term():
    head = {"autoregressive_bernoulli": {"kernel_regularizer": "l2"}}
    model = keras_ae.VAE.create(8, 1, hidden=(8,), likelihood=head, seed=0)
    model.compile("adam")
    x = categories(64)
    model.fit(x, epochs=2, verbose=0)
    logs = model.evaluate(x, return_dict=True, verbose=0)
    kernel = model.decoder.head.kernel.numpy()
    expected = 0.01 * np.square(kernel).sum()
    np.testing.assert_allclose(logs["regularization"], expected, rtol=1e-5)
    twin = type(model).from_config(model.get_config())
    assert twin.decoder.head.kernel_regularizer.l2 == pytest.approx(0.01)


def test_grey_levels_and_holes_are_refused():
    with pytest.raises(ValueError, match="bits: 0 or 1.*not all whole"):
        heads.AutoregressiveBernoulli().check_support("x", np.array([[0.5]]))
    with pytest.raises(ValueError, match="Holes need a likelihood"):
        keras_ae.VAE.create(
            8, 1, likelihood="autoregressive_bernoulli", missing="mask"
        )
