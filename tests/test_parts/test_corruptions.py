"""Corruptions do what their definitions say."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from keras_ae.math import draws
from keras_ae.parts import corruptions
from keras_ae.parts.corruptions import GaussianNoise
from keras_ae.parts.corruptions import Masking
from keras_ae.parts.corruptions import NoiseLevels
from keras_ae.parts.corruptions import SaltAndPepper

ALL = [GaussianNoise(0.7), Masking(0.3), SaltAndPepper(0.3, -2.0, 5.0)]
SEED = tf.constant([1, 2])


def probably(count, n, p):
    """Whether a count of n trials is what probability p gives."""
    return scipy.stats.binomtest(count, n, p).pvalue > 1e-4


def test_gaussian_noise_is_normal():
    x = np.linspace(-4, 4, 20_000, dtype=np.float32)
    noise = GaussianNoise(0.7).corrupt(x, SEED).numpy() - x
    assert scipy.stats.kstest(noise, scipy.stats.norm(0, 0.7).cdf).pvalue > 1e-4
    assert scipy.stats.pearsonr(noise, x).pvalue > 1e-4


def test_masking_zeroes_a_fraction_and_keeps_the_rest():
    x = np.random.default_rng(0).uniform(1, 2, [100, 200]).astype("float32")
    masked = Masking(0.3).corrupt(x, SEED).numpy()
    zero = masked == 0
    np.testing.assert_array_equal(masked[~zero], x[~zero])
    assert probably(int(zero.sum()), x.size, 0.3)


def test_salt_and_pepper_in_equal_parts():
    x = np.random.default_rng(0).uniform(1, 2, [100, 200]).astype("float32")
    grains = SaltAndPepper(0.3, low=-2.0, high=5.0).corrupt(x, SEED).numpy()
    low, high = grains == -2, grains == 5
    np.testing.assert_array_equal(grains[~(low | high)], x[~(low | high)])
    assert probably(int(low.sum()), x.size, 0.15)
    assert probably(int(high.sum()), x.size, 0.15)


@pytest.mark.parametrize("corruption", ALL, ids=repr)
def test_noise_is_independent_between_values(corruption):
    """Whether a value is hit says nothing about its neighbour."""
    x = np.full([20_000, 2], 1.5, np.float32)
    hit = corruption.corrupt(x, SEED).numpy() > 1.5
    hit |= corruption.corrupt(x, SEED).numpy() == 0
    both = int(hit.all(axis=1).sum())
    assert probably(both, len(x), hit[:, 0].mean() * hit[:, 1].mean())


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("corruption", ALL, ids=repr)
def test_the_seed_decides(corruption, jit_compile):
    corrupt = tf.function(corruption.corrupt, jit_compile=jit_compile)
    x = tf.ones([50, 3])
    one = corrupt(x, SEED)
    np.testing.assert_array_equal(one, corrupt(x, SEED))
    assert np.any(one != corrupt(x, SEED + 1))


@pytest.mark.parametrize("rate, expected", [(0.0, 1.0), (1.0, 0.0)])
def test_masking_at_the_ends(rate, expected):
    masked = Masking(rate).corrupt(tf.ones([1000]), SEED)
    np.testing.assert_array_equal(masked, np.full(1000, expected))


@pytest.mark.parametrize("corruption", ALL, ids=repr)
def test_survives_serialization(corruption):
    config = keras.saving.serialize_keras_object(corruption)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(corruption)
    assert again.get_config() == corruption.get_config()


@pytest.mark.parametrize(
    "make",
    [
        lambda: GaussianNoise(0),
        lambda: GaussianNoise(-0.1),
        lambda: GaussianNoise(float("nan")),
        lambda: Masking(1.5),
        lambda: Masking(-0.1),
        lambda: SaltAndPepper(2),
        lambda: SaltAndPepper(0.1, low=1.0, high=1.0),
        lambda: corruptions.get("maskin"),
    ],
)
def test_bad_values_are_refused(make):
    with pytest.raises(ValueError, match="Expected .* Received: "):
        make()


@pytest.mark.parametrize("value", [True, "much", [0.1]])
def test_bad_types_are_refused(value):
    with pytest.raises(TypeError, match="`rate`.* Received: "):
        Masking(value)
    with pytest.raises(TypeError, match="corruption"):
        corruptions.get(0.1)


def test_noise_levels_are_spread_evenly_over_orders_of_magnitude():
    corruption = NoiseLevels(0.1, 10.0)
    seed = draws.RowSeed(
        tf.constant(SEED), -2, tf.constant(0), tf.constant(500)
    )
    alone = corruption.corrupt(tf.zeros([1500, 900]), SEED)
    versions = corruption.corrupt(tf.zeros([3, 500, 900]), seed)
    for noisy in (alone, versions):
        # Known to 2.4 % each, over a range of 100.
        found = np.log(np.std(noisy, axis=-1)).ravel()
        law = scipy.stats.uniform(np.log(0.1), np.log(100.0))
        assert scipy.stats.kstest(found, law.cdf).pvalue > 1e-3
        standard = (noisy / np.exp(found).reshape(*noisy.shape[:-1], 1))[..., 0]
        assert scipy.stats.kstest(np.ravel(standard), "norm").pvalue > 1e-3
    twice = corruption.corrupt(tf.zeros([1500, 900]), SEED)
    np.testing.assert_array_equal(alone, twice)
    with pytest.raises(ValueError, match="high"):
        NoiseLevels(1.0, 1.0)
