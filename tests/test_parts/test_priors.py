"""Priors against SciPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_ae.parts import priors


@pytest.mark.parametrize("shape", [(3,), (2, 4)])
def test_standard_normal_density(shape):
    prior = priors.StandardNormal()
    prior.build((None, *shape))
    p = prior.distribution(encode=None)
    z = np.random.default_rng(0).normal(0, 2, (5, 6, *shape))  # [S, B, d]
    assert p.batch_shape == []
    axes = tuple(range(2, z.ndim))
    np.testing.assert_allclose(
        p.log_prob(tf.cast(z, tf.float32)),
        stats.norm.logpdf(z).sum(axes),
        rtol=1e-5,
    )


def test_standard_normal_draws():
    prior = priors.StandardNormal()
    prior.build((None, 3))
    draws = prior.distribution(None).sample(20_000, seed=(0, 1)).numpy()
    # Each coordinate passes a Kolmogorov-Smirnov test at level 0.1 %.
    for column in draws.T:
        assert stats.kstest(column, "norm").pvalue > 1e-3
    # Correlations of independent draws have a deviation of 1/sqrt(n).
    correlations = np.corrcoef(draws.T) - np.eye(3)
    assert abs(correlations).max() < 4 / np.sqrt(len(draws))


def test_standard_normal_has_nothing_to_learn():
    prior = priors.StandardNormal()
    prior.build((None, 3))
    assert prior.weights == []


def test_get():
    prior = priors.StandardNormal()
    assert priors.get(prior) is prior
    assert type(priors.get("standard_normal")) is priors.StandardNormal
    with pytest.raises(ValueError, match="standard_normal.*'standart_normal'"):
        priors.get("standart_normal")
    with pytest.raises(TypeError, match="Received: prior=1"):
        priors.get(1)


def test_config_round_trip():
    config = keras.saving.serialize_keras_object(priors.StandardNormal())
    twin = keras.saving.deserialize_keras_object(config)
    assert type(twin) is priors.StandardNormal
