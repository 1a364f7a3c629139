"""The Renyi bound where the divergence between normals is known exactly."""

import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae.parts import heads

SCALE = 0.7
MEAN, STDDEV = 0.3, 0.9  # of a posterior that is off


def model(cls, **options):
    """p(x|z) = N(z, SCALE**2); every x has the same posterior."""
    made = cls.create(
        (1,),
        1,
        network="linear",
        likelihood=heads.Gaussian(scale=SCALE),
        seed=0,
        **options,
    )
    made.decoder.projection.set_weights([np.eye(1), np.zeros(1)])
    raw = np.log(np.expm1(STDDEV - 1e-5))
    made.encoder.projection.set_weights(
        [np.zeros([1, 2]), np.array([MEAN, raw])]
    )
    return made


def bound(made, x):
    terms = made.objective(x, tf.constant(x), training=False)
    return -terms["bound"].numpy()


def exact(x, alpha):
    """log p(x) minus the divergence of order alpha of q from p(z|x).

    Reference: Gil, Alajaji, Linder, 2013. Renyi divergence measures for
        commonly used univariate continuous distributions, table 2.
    """
    variance = 1 + SCALE**2
    log_px = -0.5 * (np.log(2 * np.pi * variance) + x**2 / variance)
    mean, stddev = x / variance, SCALE / np.sqrt(variance)
    mixed = alpha * stddev**2 + (1 - alpha) * STDDEV**2
    divergence = (
        np.log(stddev / STDDEV)
        + np.log(stddev**2 / mixed) / (2 * (alpha - 1))
        + alpha * (MEAN - mean) ** 2 / (2 * mixed)
    )
    return log_px - divergence


@pytest.mark.parametrize("alpha", [0.25, 0.5, 0.9])
def test_many_draws_give_the_closed_form(alpha):
    x = np.full([1, 1], 0.8, np.float32)
    made = model(keras_ae.RenyiVAE, alpha=alpha, samples=400_000)
    np.testing.assert_allclose(bound(made, x), exact(x, alpha)[0], atol=0.01)


def test_order_zero_is_the_importance_weighted_bound():
    x = np.linspace(-1, 1, 6, dtype=np.float32)[:, None]
    bounds = [
        bound(model(cls, samples=7, **options), x)
        for cls, options in (
            (keras_ae.RenyiVAE, {"alpha": 0}),
            (keras_ae.IWAE, {}),
        )
    ]
    np.testing.assert_allclose(*bounds, rtol=1e-6)


def test_the_bound_falls_as_the_order_rises():
    x = np.linspace(-1, 1, 6, dtype=np.float32)[:, None]
    bounds = np.stack(
        [
            bound(model(keras_ae.RenyiVAE, alpha=a, samples=50), x)
            for a in (0, 0.3, 0.6, 0.95)
        ]
    )
    assert (np.diff(bounds, axis=0) < 0).all()


@pytest.mark.parametrize("alpha", [-0.1, 1, np.nan, "half"])
def test_order_out_of_range(alpha):
    with pytest.raises((ValueError, TypeError), match="alpha"):
        model(keras_ae.RenyiVAE, alpha=alpha)
