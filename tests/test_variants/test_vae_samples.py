"""Draws of the code: their gradient, and what more of them bring."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import keras_ae
from keras_ae.parts import heads

tfd = tfp.distributions


def linear_vae(samples):
    return keras_ae.VAE.create(
        (3,),
        2,
        network="linear",
        likelihood=heads.Gaussian(scale=1.0),
        samples=samples,
        seed=0,
    )


@pytest.mark.parametrize("samples", [1, 5])
def test_gradient_through_the_draw_is_the_pathwise_gradient(samples):
    # -log p(x|z) = ||x - zW - b||^2 / 2 + const with z = mean + stddev * eps
    # has gradients W(zW + b - x) and the same times eps, averaged over draws.
    vae = linear_vae(samples)
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(2, 3)), rng.normal(size=3)
    vae.decoder.projection.set_weights([kernel, bias])
    x = rng.normal(size=(4, 3)).astype("float32")
    mean = tf.constant(rng.normal(size=(4, 2)), tf.float32)
    stddev = tf.constant(rng.uniform(0.5, 2, (4, 2)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([mean, stddev])
        z = vae.draw(tfd.Independent(tfd.Normal(mean, stddev), 1), vae.moment())
        loss = -tf.reduce_sum(vae.decode(z).log_prob(x))
    by_mean, by_stddev = tape.gradient(loss, [mean, stddev])
    z = z.numpy().astype(np.float64).reshape(samples, 4, 2)
    eps = (z - mean.numpy()) / stddev.numpy()
    slope = (z @ kernel + bias - x) @ kernel.T
    # Single precision over sums of some ten products.
    np.testing.assert_allclose(by_mean, slope.sum(0), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        by_stddev, (slope * eps).sum(0), rtol=1e-4, atol=1e-4
    )


def test_variance_of_the_bound_falls_as_one_over_draws():
    rows = 4000
    x = np.tile(np.float32([[1.0, -2.0, 0.5]]), (rows, 1))
    variance = {}
    for samples in (1, 4, 16):
        terms = linear_vae(samples).objective(x, tf.constant(x), training=True)
        bound = terms["reconstruction"] + terms["kl"]
        if samples > 1:
            bound = tf.reduce_mean(bound, axis=0)
        assert bound.shape == (rows,)
        variance[samples] = np.var(bound.numpy().astype(np.float64))
    for samples in (4, 16):
        # The variance of a sample of n rows scatters by sqrt((k + 2) / n)
        # with k <= 12 the excess kurtosis of a square of a normal; a ratio of
        # two by at most sqrt(2) times that, 8 %; three of these.
        ratio = variance[1] / variance[samples]
        assert abs(ratio / samples - 1) < 0.25


def test_loss_is_the_mean_over_draws():
    vae = linear_vae(5)
    vae.compile(jit_compile=False)
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    with vae.evaluation_seeds():
        z = vae.draw(vae.encode(x), vae.moment())
    expected = -np.mean(vae.decode(z).log_prob(x))
    found = vae.evaluate(x, verbose=0, return_dict=True)
    np.testing.assert_allclose(found["reconstruction"], expected, rtol=1e-5)


@pytest.mark.parametrize("samples", [0, -1])
def test_less_than_one_draw_is_refused(samples):
    with pytest.raises(ValueError, match="`samples`"):
        linear_vae(samples)
