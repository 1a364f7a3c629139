"""Codes that are distributed like the prior, and samples like the data."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae.math import discrepancies

# A ring, which no linear map makes of a normal, in five values.
RNG = np.random.default_rng(0)
ANGLE = RNG.uniform(0, 2 * np.pi, 512)
X = np.stack([np.cos(ANGLE), np.sin(ANGLE)], 1) @ RNG.normal(size=(2, 5))
X = X.astype("float32")


def test_discrepancy_is_that_of_codes_and_draws_of_the_prior():
    made = keras_ae.WAE.create((5,), 2, hidden=(16,), seed=0)
    forward = made.forward(made.batch(X), made.moment())
    np.testing.assert_allclose(forward.latent, made.embed(X), atol=1e-6)
    drawn = tf.random.stateless_normal([512, 2], (0, 1))
    expected = discrepancies.mmd(forward.latent, drawn)
    found = made.loss_terms(forward, made.moment())["discrepancy"]
    # Two draws of the prior: their distances differ by about 1 / N.
    np.testing.assert_allclose(found, expected, atol=0.1)
    assert found > 0.3


@pytest.mark.parametrize("cls", [keras_ae.WAE, keras_ae.SWAE])
def test_codes_become_normal(cls):
    made = cls.create((5,), 2, hidden=(32,), seed=0)
    made.compile(keras.optimizers.Adam(5e-3), jit_compile=False)
    drawn = tf.random.stateless_normal([512, 2], (0, 1))
    before, after = None, None
    for steps in (0, 60):
        if steps:
            made.fit(np.tile(X, (steps, 1)), batch_size=256, verbose=0)
        before, after = after, float(discrepancies.mmd(made.embed(X), drawn))
    assert after < before / 5
    # A ring has no inside to fill the middle of a normal with.
    covariance = np.cov(made.embed(X).T)
    assert np.abs(covariance - np.eye(2)).max() < 0.5


def test_several_draws_and_codes_of_several_axes():
    for cls in (keras_ae.WAE, keras_ae.SWAE, keras_ae.InfoVAE):
        made = cls.create((5,), (2, 3), hidden=(4,), samples=3)
        assert made.objective(X)["discrepancy"].shape == ()


def test_negative_strength_is_refused():
    with pytest.raises(ValueError, match="`strength`"):
        keras_ae.WAE.create((5,), 2, strength=-1.0)
