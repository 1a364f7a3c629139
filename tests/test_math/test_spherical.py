"""The trainable power spherical distribution against SciPy and quadrature."""

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.math.spherical import PowerSpherical

tfd = tfp.distributions


def directions(count, d, seed=0):
    mu = np.random.default_rng(seed).normal(size=(count, d))
    return (mu / np.linalg.norm(mu, axis=1, keepdims=True)).astype("float32")


def expectation(function, d, kappa):
    """Mean of `function(cosine to mu)`, integrated over the angle to mu."""

    def weight(a):
        return (1 + np.cos(a)) ** kappa * np.sin(a) ** (d - 2)

    total, _ = scipy.integrate.quad(weight, 0, np.pi)
    value, _ = scipy.integrate.quad(
        lambda a: weight(a) * function(np.cos(a)), 0, np.pi
    )
    return value / total


@pytest.mark.parametrize("d", [2, 3, 7])
def test_draws_are_unit_vectors_with_beta_distributed_cosine(d):
    mu, kappa = directions(1, d)[0], 8.0
    z = PowerSpherical(mu, kappa).sample(4000, seed=[1, d]).numpy()
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, rtol=1e-6)
    half = (d - 1) / 2
    beta = scipy.stats.beta(half + kappa, half)
    assert scipy.stats.kstest((1 + z @ mu) / 2, beta.cdf).pvalue > 0.01
    # What is left is uniform on the tangent sphere: its mean is 0.
    tangent = z - (z @ mu)[:, None] * mu
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    # 5 standard errors of a mean of coordinates of deviation at most 1.
    assert np.abs(tangent.mean(0)).max() < 5 / np.sqrt(4000)


@pytest.mark.parametrize("d", [2, 3, 7])
def test_moments_match_quadrature(d):
    kappa = 5.0
    first = expectation(lambda t: t, d, kappa)
    second = expectation(lambda t: t**2, d, kappa)
    pole = np.eye(d, dtype="float32")[0]
    q = PowerSpherical(pole, kappa)
    np.testing.assert_allclose(q.mean(), first * pole, rtol=1e-5)
    across = np.sqrt((1 - second) / (d - 1))
    expected = [np.sqrt(second - first**2), *[across] * (d - 1)]
    np.testing.assert_allclose(q.stddev(), expected, rtol=1e-5)
    np.testing.assert_array_equal(q.mode(), pole)


@pytest.mark.parametrize("d", [2, 3, 7])
@pytest.mark.parametrize("kappa", [1.0, 30.0])
def test_divergence_from_uniform_matches_quadrature_and_tfp(d, kappa):
    mu = directions(1, d)[0]
    log_area = np.log(2) + d / 2 * np.log(np.pi) - scipy.special.gammaln(d / 2)
    # The density is (1 + t)**kappa / C; C from the integral over the sphere
    # of dimension d - 2 at each angle.
    inner = (
        np.log(2)
        + (d - 1) / 2 * np.log(np.pi)
        - scipy.special.gammaln((d - 1) / 2)
    )
    total, _ = scipy.integrate.quad(
        lambda a: (1 + np.cos(a)) ** kappa * np.sin(a) ** (d - 2), 0, np.pi
    )
    log_c = np.log(total) + inner
    expected = (
        expectation(lambda t: kappa * np.log1p(t) - log_c, d, kappa) + log_area
    )
    ours = tfd.kl_divergence(PowerSpherical(mu, kappa), tfd.SphericalUniform(d))
    theirs = tfd.kl_divergence(
        tfd.PowerSpherical(mu.astype("float64"), kappa),
        tfd.SphericalUniform(d, dtype=tf.float64),
    )
    # Differences of log-gammas of up to 10 in single precision.
    np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=2e-6)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("d", [2, 3])
def test_gradients_of_draws_are_finite_and_right(d):
    mu, count = directions(1, d)[0], 20_000
    kappa = tf.fill([count], 50.0)
    with tf.GradientTape() as tape:
        tape.watch(kappa)
        z = PowerSpherical(mu, kappa).sample(seed=[0, 0])
        cosine = tf.linalg.matvec(z, mu)
    gradient = tape.gradient(cosine, kappa).numpy()
    assert np.isfinite(gradient).all()
    # d/dkappa of the mean cosine kappa / (kappa + d - 1).
    expected = (d - 1) / (50 + d - 1) ** 2
    error = gradient.std() / np.sqrt(count)
    assert abs(gradient.mean() - expected) < 5 * error
