"""Bounds against a model whose likelihood is known."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import special
from scipy import stats

from keras_ae.math import bounds

tfd = tfp.distributions


class Linear:
    """z ~ N(0, I), x|z ~ N(Wz, s^2 I): everything about it is known."""

    def __init__(self, d=2, n=4, rows=3, s=0.5):
        rng = np.random.default_rng(0)
        self.w = rng.normal(size=(n, d)).astype(np.float32)
        self.s = s
        marginal = stats.multivariate_normal(
            np.zeros(n), self.w @ self.w.T + s**2 * np.eye(n)
        )
        self.x = marginal.rvs(rows, random_state=0).astype(np.float32)
        self.exact = marginal.logpdf(self.x)
        self.cov = np.linalg.inv(np.eye(d) + self.w.T @ self.w / s**2)
        self.mean = self.x @ self.w @ self.cov.T / s**2
        self.prior = tfd.MultivariateNormalDiag(tf.zeros(d))

    def posterior(self):
        return tfd.MultivariateNormalTriL(
            tf.cast(self.mean, tf.float32),
            tf.cast(np.linalg.cholesky(self.cov), tf.float32),
        )

    def likelihood(self, z):
        mean = tf.einsum("sbd,nd->sbn", z, self.w)
        return tfd.Independent(tfd.Normal(mean, self.s), 1)

    def log_weights(self, q, samples, seed=0):
        z = q.sample(samples, seed=(seed, 1))
        p = self.likelihood(z)
        return z, bounds.importance_weights(self.x, z, q, p, self.prior)


def test_exact_posterior_makes_every_weight_the_likelihood():
    model = Linear()
    _, log_weights = model.log_weights(model.posterior(), 20)
    # Terms of size 10 cancel, each with a relative error of about 1e-6.
    np.testing.assert_allclose(
        log_weights, np.tile(model.exact, (20, 1)), rtol=0, atol=1e-4
    )
    np.testing.assert_allclose(
        bounds.importance_bound(log_weights), model.exact, atol=1e-4
    )


def test_bounds_are_ordered():
    model = Linear()
    sd = 1.5 * np.sqrt(np.diag(model.cov)).astype(np.float32)
    q = tfd.MultivariateNormalDiag(model.mean.astype(np.float32) + 0.2, sd)
    z, log_weights = model.log_weights(q, 20_000)
    log_px = model.likelihood(z).log_prob(model.x)
    elbos = bounds.elbo(log_px, tfd.kl_divergence(q, model.prior)).numpy()
    tens = tf.reshape(log_weights, [10, 2000, 3])
    iw = bounds.importance_bound(tens).numpy()  # 2,000 bounds of 10 draws
    elbo_error = elbos.std(axis=0) / np.sqrt(len(elbos))
    iw_error = iw.std(axis=0) / np.sqrt(len(iw))
    # The gaps are many standard errors wide: the order is strict.
    assert (elbos.mean(axis=0) + 4 * elbo_error < iw.mean(axis=0)).all()
    assert (iw.mean(axis=0) + 4 * iw_error < model.exact).all()
    # The gap of the ELBO is KL(q || true posterior), in closed form.
    gap = tfd.kl_divergence(
        tfd.MultivariateNormalTriL(q.mean(), tf.linalg.diag(sd)),
        model.posterior(),
    )
    assert (
        abs(model.exact - elbos.mean(axis=0) - gap.numpy()) < 4 * elbo_error
    ).all()


def test_mean_weight_is_unbiased_for_the_likelihood():
    model = Linear()
    sd = 1.5 * np.sqrt(np.diag(model.cov)).astype(np.float32)
    q = tfd.MultivariateNormalDiag(model.mean.astype(np.float32), sd)
    _, log_weights = model.log_weights(q, 20_000)
    ratio = np.exp(log_weights - model.exact)
    error = ratio.std(axis=0) / np.sqrt(len(ratio))
    assert (abs(ratio.mean(axis=0) - 1) < 4 * error).all()


@pytest.mark.parametrize("shift", [0.0, -1e4, 1e4])
def test_importance_bound_is_logsumexp(shift):
    log_weights = np.random.default_rng(0).normal(shift, 30, (50, 2, 3))
    log_weights = log_weights.astype(np.float32)
    expected = special.logsumexp(log_weights, axis=0) - np.log(50)
    np.testing.assert_allclose(
        bounds.importance_bound(tf.constant(log_weights)), expected, rtol=1e-6
    )


def test_importance_bound_ignores_impossible_draws():
    log_weights = tf.constant([[0.0], [-np.inf], [0.0], [-np.inf]])
    np.testing.assert_allclose(
        bounds.importance_bound(log_weights), [np.log(0.5)], rtol=1e-6
    )


def test_importance_bound_of_one_draw_is_that_draw():
    log_weights = tf.constant([[1.5, -700.0]])
    np.testing.assert_array_equal(
        bounds.importance_bound(log_weights), log_weights[0]
    )


def test_gradient_is_the_normalized_weight():
    values = np.random.default_rng(0).normal(-1e3, 5, (7, 2))
    log_weights = tf.Variable(values, dtype=tf.float32)
    with tf.GradientTape() as tape:
        bound = bounds.importance_bound(log_weights)
    # log_weights of size 1e3 carry a rounding error of 6e-5.
    np.testing.assert_allclose(
        tape.gradient(bound, log_weights),
        special.softmax(values, axis=0),
        rtol=3e-4,
        atol=1e-7,
    )


@pytest.mark.parametrize("power", [1.0, 0.5])
def test_a_bound_of_impossible_examples_is_minus_infinity(power):
    log_weights = np.array([[-np.inf, -np.inf], [-np.inf, -3.0]], "float32")
    found = bounds.importance_bound(tf.constant(log_weights), power)
    # log(mean(0, e**(-3 power))) / power, by hand.
    expected = [-np.inf, (np.log(0.5) - 3 * power) / power]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
