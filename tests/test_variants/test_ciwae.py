"""The bound between the VAE's and the IWAE's."""

import numpy as np
import pytest
import tensorflow as tf

import keras_ae

X = np.random.default_rng(0).random((64, 6)).astype("float32")


def terms(cls, **options):
    made = cls.create((6,), 2, hidden=(8,), seed=0, samples=5, **options)
    with made.evaluation_seeds():
        return made.objective(tf.constant(X))


def test_ends_are_the_iwae_and_the_vae():
    iwae = terms(keras_ae.IWAE)
    tight = terms(keras_ae.CIWAE, beta=0.0)
    np.testing.assert_allclose(tight["bound"], iwae["bound"], rtol=1e-6)
    loose = terms(keras_ae.CIWAE, beta=1.0)
    made = keras_ae.CIWAE.create((6,), 2, hidden=(8,), seed=0, samples=5)
    with made.evaluation_seeds():
        forward = made.forward(made.batch(X), made.moment())
    # The negative evidence lower bound, its KL from the draws.
    kl = forward.posterior.log_prob(forward.latent)
    kl -= forward.prior.log_prob(forward.latent)
    elbo = kl - forward.likelihood.log_prob(X)
    expected = np.mean(elbo, axis=0)
    np.testing.assert_allclose(loose["bound"], expected, rtol=1e-5)
    half = terms(keras_ae.CIWAE, beta=0.5)["bound"]
    both = (tight["bound"] + loose["bound"]) / 2
    np.testing.assert_allclose(half, both, rtol=1e-6)
    assert (tight["bound"] < loose["bound"]).numpy().all()


def test_shares_beyond_one_are_refused():
    with pytest.raises(ValueError, match="`beta`"):
        keras_ae.CIWAE.create((6,), 2, beta=1.1)
