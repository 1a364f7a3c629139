"""HypersphericalVAE: divergences and likelihoods against quadrature."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import keras_ae
from keras_ae.analysis import evaluation
from keras_ae.math import divergences

tfd = tfp.distributions


def rows(count=6, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.uniform(size=(count, 8)) < 0.5).astype("float32")


def made(latent_dim=3, **arguments):
    return keras_ae.HypersphericalVAE.create(
        (8,), latent_dim, hidden=(16,), seed=0, **arguments
    )


def circle(points=4000):
    """Evenly spaced points: means over them are means over the circle, up
    to 1 / points**2 of the integrand's curvature."""
    angles = np.arange(points) * 2 * np.pi / points
    z = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    return z[:, None].astype("float32")  # [points, 1, 2]


def test_draws_of_posterior_and_prior_are_unit_vectors():
    vae = made(4)
    z = vae.encode(rows()).sample(50, seed=[0, 0])
    np.testing.assert_allclose(tf.norm(z, axis=-1), 1, rtol=1e-6)
    prior = vae.prior.distribution(vae.encode)
    z = prior.sample(50, seed=[0, 0])
    np.testing.assert_allclose(tf.norm(z, axis=-1), 1, rtol=1e-6)


def test_divergence_is_tfps():
    vae = made(4)
    posterior = vae.encode(rows())
    inner = posterior.distribution
    expected = tfd.kl_divergence(
        tfd.PowerSpherical(inner.mean_direction, inner.concentration),
        tfd.SphericalUniform(4),
    )
    np.testing.assert_allclose(
        divergences.kl_divergence(posterior, vae.p_z(), None),
        expected,
        rtol=1e-6,
    )


def test_bound_and_divergence_are_integrals_over_the_circle():
    vae, x = made(2), rows()
    z, posterior = circle(), vae.encode(x)
    # Relative to the uniform density: mean over the circle = 1.
    log_q = posterior.log_prob(z).numpy() + np.log(2 * np.pi)  # [points, B]
    q = np.exp(log_q)
    np.testing.assert_allclose(q.mean(0), 1, rtol=1e-4)
    kl = (q * np.where(q > 0, log_q, 0)).mean(0)
    np.testing.assert_allclose(
        divergences.kl_divergence(posterior, vae.p_z(), None), kl, rtol=1e-3
    )
    log_px = vae.decode(z).log_prob(x).numpy()
    expected = (q * log_px).mean(0) - kl
    deviation = np.sqrt((q * log_px**2).mean(0) - (q * log_px).mean(0) ** 2)
    found = evaluation.elbo(vae, x, samples=4000)
    assert (np.abs(found - expected) < 5 * deviation / 4000**0.5 + 1e-3).all()
    assert (expected < np.log(np.exp(log_px).mean(0))).all()


def test_likelihood_is_an_integral_over_the_circle():
    vae = made(2, likelihood={"gaussian": {"scale": 0.1}})
    # Reconstructions, whose likelihood is far from the posterior's zero.
    x = vae.predict(rows(3))
    z, posterior = circle(), vae.encode(x)
    log_px = vae.decode(z).log_prob(x).numpy().astype("float64")
    px = np.exp(log_px).mean(0)
    q = np.exp(posterior.log_prob(z).numpy() + np.log(2 * np.pi))
    # Relative variance of one importance weight p(x|z) / q(z); opposite the
    # mean direction q is 0, where the likelihood must be, too.
    variance = (np.exp(2 * log_px) / np.maximum(q, 1e-12)).mean(0) / px**2 - 1
    error = np.sqrt(variance / 20_000)
    assert error.max() < 0.02
    found = evaluation.log_likelihood(vae, x, samples=20_000)
    assert (np.abs(found - np.log(px)) < 5 * error + 1e-3).all()


def test_only_the_direction_of_a_code_is_decoded():
    vae = made(3)
    z = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    once, longer = vae.decode(z).mean(), vae.decode(3 * z).mean()
    np.testing.assert_allclose(once, longer, rtol=1e-5)
    # A reconstruction is that of the mean direction, a point of the sphere.
    x = rows()
    mode = vae.encode(x).mode()
    np.testing.assert_allclose(tf.norm(mode, axis=-1), 1, rtol=1e-6)
    np.testing.assert_allclose(
        vae.predict(x), vae.decode(mode).mean(), rtol=1e-5
    )
    codes = vae.embed(x)
    lengths = np.linalg.norm(codes, axis=1, keepdims=True)
    assert (lengths < 1).all()
    np.testing.assert_allclose(codes / lengths, mode, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("latent_dim", [2, 5])
def test_gradients_reach_all_weights_and_are_finite(latent_dim):
    vae, x = made(latent_dim), rows(64)
    # Large concentrations, where the gradient of TFP's own draws overflows.
    projection = vae.encoder.projection
    bias = projection.bias.numpy()
    bias[-1] = 1000.0
    projection.bias.assign(bias)
    with tf.GradientTape() as tape:
        terms = vae.objective(x, x, training=True)
        loss = tf.reduce_mean(terms["reconstruction"] + terms["kl"])
    weights = vae.trainable_variables
    for gradient in tape.gradient(loss, [w.value for w in weights]):
        assert np.isfinite(gradient).all()
        assert np.any(gradient != 0)


def test_training_lowers_the_loss_and_is_compiled_without_xla():
    vae = made(3)
    vae.compile(keras.optimizers.Adam(0.01))
    assert not vae.jit_compile
    assert "does not support XLA" in vae.speed_policy()
    x = np.repeat(rows(2), 32, axis=0)
    history = vae.fit(x, batch_size=16, epochs=15, verbose=0).history
    # Two kinds of rows cost at least log 2 = 0.69 nats, an untrained model
    # 8 log 2 = 5.5.
    assert history["loss"][-1] < 3.5


def test_a_sphere_needs_two_dimensions():
    with pytest.raises(ValueError, match="at least 2. Received: 1"):
        made(1)


def test_several_spheres_at_once():
    vae = made((4, 3))
    posterior = vae.encode(rows())
    z = posterior.sample(seed=[0, 0])
    np.testing.assert_allclose(tf.norm(z, axis=-1), np.ones([6, 4]), rtol=1e-6)
    inner = posterior.distribution
    one = tfd.kl_divergence(inner, tfd.SphericalUniform(3))
    np.testing.assert_allclose(
        divergences.kl_divergence(posterior, vae.p_z(), z),
        tf.reduce_sum(one, -1),
        rtol=1e-5,
    )
