"""Levels of codes as one flat code, against the normal they are together."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp

import keras_ae
from keras_ae.analysis import evaluation
from keras_ae.math import chains
from keras_ae.math import draws
from keras_ae.parts.priors import BasePrior
from tests.kinds import first

tfd = tfp.distributions
RNG = np.random.default_rng(0)
A = RNG.normal(size=(2, 1)).astype("float32")  # z1 = A z2 + noise of 0.5
W = RNG.normal(size=(3, 2)).astype("float32")  # x = W z1 + noise of 0.3


def times(z, matrix):
    """`matrix @ z` along the last axis."""
    return tf.tensordot(z, tf.constant(matrix.T), 1)


def normal(mean, scale):
    return tfd.Independent(draws.Normal(mean, scale), 1)


def chain(top):
    return chains.Chain(top, [lambda z2: normal(times(z2, A), 0.5)], [1, 2])


class Chain(BasePrior):
    """p(z2) p(z1|z2)."""

    def distribution(self, encode):
        return chain(normal(tf.zeros([1]), 1.0))


class TwoLevels(keras_ae.VAE):
    """Linear and Gaussian: its posterior is exact."""

    def posterior(self, batch, moment):
        return posterior(batch.x)

    def likelihood(self, z, batch, moment):
        return normal(times(z[..., 1:], W), 0.3)


def joint():
    """Mean zero; covariance of (z2, z1, x)."""
    z1 = A @ A.T + 0.25 * np.eye(2)
    x = W @ z1 @ W.T + 0.09 * np.eye(3)
    top = np.block([[np.eye(1), A.T, A.T @ W.T]])
    middle = np.block([[A, z1, z1 @ W.T]])
    bottom = np.block([[W @ A, W @ z1, x]])
    return np.concatenate([top, middle, bottom])


def conditional(rows, given):
    """Gain and covariance of some rows of the joint given others."""
    cov = joint()
    gain = cov[np.ix_(rows, given)] @ np.linalg.inv(cov[np.ix_(given, given)])
    return gain.astype("float32"), (
        cov[np.ix_(rows, rows)] - gain @ cov[np.ix_(given, rows)]
    )


def posterior(x):
    """q(z2|x) q(z1|z2, x), exact."""
    gain, covariance = conditional([0], [3, 4, 5])
    below, below_covariance = conditional([1, 2], [0, 3, 4, 5])
    factor = np.linalg.cholesky(below_covariance).astype("float32")

    def under(z2):
        known = tf.concat(
            [z2, tf.broadcast_to(x, tf.concat([tf.shape(z2)[:-1], [3]], 0))], -1
        )
        return tfd.MultivariateNormalTriL(times(known, below), factor)

    deviation = np.sqrt(np.diag(covariance)).astype("float32")
    top = normal(times(x, gain), deviation)
    return chains.Chain(top, [under], [1, 2])


def made():
    model = keras_ae.VAE.create(3, 3, network="linear", likelihood="gaussian")
    return TwoLevels(model.encoder, model.decoder, prior=Chain())


X = (RNG.multivariate_normal(np.zeros(6), joint(), 20)[:, 3:]).astype("f")


def exact(x):
    return scipy.stats.multivariate_normal(np.zeros(3), joint()[3:, 3:]).logpdf(
        x
    )


def test_density_is_that_of_the_joint_normal():
    prior = Chain().distribution(None)
    z = prior.sample(50, seed=(1, 2)).numpy()
    expected = scipy.stats.multivariate_normal(
        np.zeros(3), joint()[:3, :3]
    ).logpdf(z)
    # Single precision sums of five squares of about 1 / 0.5**2.
    np.testing.assert_allclose(prior.log_prob(z), expected, atol=1e-4)


def test_draws_have_the_joint_covariance():
    z = Chain().distribution(None).sample(40_000, seed=(3, 4)).numpy()
    # 5 standard errors of a covariance of variances up to 2.
    np.testing.assert_allclose(
        np.cov(z.T), joint()[:3, :3], atol=5 * 3 / np.sqrt(40_000)
    )


@pytest.mark.parametrize("samples", first([7], [1, 7]))
def test_likelihood_of_two_levels_is_exact(samples):
    """Every importance weight of the exact posterior is p(x)."""
    found = evaluation.log_likelihood(made(), X, samples=samples)
    np.testing.assert_allclose(found, exact(X), atol=2e-4)


def test_bound_of_the_exact_posterior_is_the_likelihood():
    np.testing.assert_allclose(made().score_samples(X), exact(X), atol=2e-4)


def test_code_is_the_means_in_order():
    gain, _ = conditional([0, 1, 2], [3, 4, 5])
    np.testing.assert_allclose(made().embed(X), X @ gain.T, atol=1e-5)


def test_rows_share_their_draws_where_asked():
    q = posterior(tf.constant(np.repeat(X[:1], 4, axis=0)))
    seed = draws.RowSeed(tf.constant([0, 1]), -2)
    z = q.sample(5, seed=seed).numpy()
    for row in range(1, 4):
        np.testing.assert_allclose(z[:, row], z[:, 0], rtol=1e-5)
    assert len(np.unique(z[:, 0, 0])) == 5
