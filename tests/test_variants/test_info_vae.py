"""The InfoVAE between the VAE and the MMD-VAE."""

import numpy as np
import pytest
import tensorflow as tf

import keras_ae

X = np.random.default_rng(0).random((64, 6)).astype("float32")


def logs(cls, **options):
    """Means of the terms, and their weighted sum."""
    made = cls.create((6,), 2, hidden=(8,), seed=0, **options)
    with made.evaluation_seeds():
        terms = made.objective(X)
    means = {name: float(tf.reduce_mean(t)) for name, t in terms.items()}
    own = made.loss_weights(made.moment(), means)
    loss = sum(own.get(name, 1.0) * mean for name, mean in means.items())
    return means | {"loss": loss}


def test_ends_are_the_vae_and_the_mmd_vae():
    vae = logs(keras_ae.VAE)
    found = logs(keras_ae.InfoVAE, alpha=0.0, strength=1.0)
    np.testing.assert_allclose(found["loss"], vae["loss"], rtol=1e-6)
    found = logs(keras_ae.InfoVAE, alpha=1.0, strength=30.0)
    expected = found["reconstruction"] + 30.0 * found["discrepancy"]
    np.testing.assert_allclose(found["loss"], expected, rtol=1e-6)
    # Which is a WAE whose codes are drawn.
    wae = logs(keras_ae.WAE, posterior="gaussian", strength=30.0)
    np.testing.assert_allclose(found["loss"], wae["loss"], rtol=1e-6)


@pytest.mark.parametrize("options", [{"alpha": 1.5}, {"strength": 0.5}])
def test_out_of_range_is_refused(options):
    with pytest.raises(ValueError, match="Expected"):
        keras_ae.InfoVAE.create((6,), 2, **options)
