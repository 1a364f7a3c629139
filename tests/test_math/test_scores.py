"""Scores of smoothed densities against Tweedie's formula and TFP."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.math import scores

tfd = tfp.distributions


def test_best_denoiser_of_a_gaussian():
    s, sigma = 1.5, 0.4
    x = np.linspace(-3, 3, 7)[:, None]
    posterior_mean = x * s**2 / (s**2 + sigma**2)
    score = scores.denoising_score(posterior_mean, x, sigma**2)
    np.testing.assert_allclose(score, -x / (s**2 + sigma**2))


def test_best_denoiser_of_points():
    """Data on three points: the best denoiser is a weighted mean of them,
    the smoothed density a mixture of normals, differentiated by TFP."""
    points = np.array([[0.0, 0.0], [1.0, 0.5], [-0.5, 1.0]])
    sigma = 0.6
    x = np.random.default_rng(0).normal(size=(20, 2))
    log_weights = -((x[:, None] - points) ** 2).sum(-1) / (2 * sigma**2)
    weights = np.exp(log_weights)
    weights /= weights.sum(axis=1, keepdims=True)
    density = tfd.MixtureSameFamily(
        tfd.Categorical(probs=np.full(3, 1 / 3)),
        tfd.MultivariateNormalDiag(points, np.full([3, 2], sigma)),
    )
    _, expected = tfp.math.value_and_gradient(density.log_prob, tf.constant(x))
    score = scores.denoising_score(weights @ points, x, sigma**2)
    np.testing.assert_allclose(score, expected, rtol=1e-9)
