"""The aggregate posterior against loops, mixtures and known laws."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.math import aggregates
from keras_ae.parts import heads

tfd = tfp.distributions
RNG = np.random.default_rng(0)
MEAN, STDDEV = RNG.normal(size=(6, 3)), RNG.uniform(0.3, 1.0, (6, 3))
Z = MEAN + STDDEV * RNG.normal(size=(2, 6, 3))  # two draws of each
POSTERIOR = tfd.Independent(tfd.Normal(np.float32(MEAN), np.float32(STDDEV)), 1)
PRIOR = tfd.MixtureSameFamily(
    tfd.Categorical(logits=[0.0, 0.0]),
    tfd.MultivariateNormalDiag([[0.0] * 3, [1.0] * 3]),
)


def by_loops(z, examples):
    """log q(z) and sum_j log q(z_j) of each draw, one posterior at a time."""
    joint, product = np.zeros(len(z)), np.zeros(len(z))
    for b in range(len(z)):
        weights, single = [], []
        for c in range(len(z)):
            own = 1 / examples
            weights.append(own if b == c else (1 - own) / (len(z) - 1))
            single.append(scipy.stats.norm(MEAN[c], STDDEV[c]).pdf(z[b]))
        weights, single = np.array(weights), np.array(single)
        joint[b] = np.log(weights @ single.prod(axis=1))
        product[b] = np.log(weights @ single).sum()
    return joint, product


@pytest.mark.parametrize("examples", [None, 6, 1000])
def test_parts_are_those_of_loops_and_add_up_sample_by_sample(examples):
    z = tf.constant(Z, tf.float32)
    parts = aggregates.decomposed_kl(POSTERIOR, PRIOR, z, examples)
    own = POSTERIOR.log_prob(z).numpy()
    kl = own - PRIOR.log_prob(z).numpy()
    np.testing.assert_allclose(sum(parts), kl, rtol=1e-5, atol=1e-5)
    for s in range(2):
        joint, product = by_loops(Z[s], examples or 6)
        tolerance = {"rtol": 1e-4, "atol": 1e-5}
        found = [part[s] for part in parts]
        np.testing.assert_allclose(found[0], own[s] - joint, **tolerance)
        np.testing.assert_allclose(found[1], joint - product, **tolerance)


def test_estimates_of_the_density_are_unbiased():
    # The mean over all batches of two that hold example 0, for the four
    # examples 0..3 of a data set, is the density of their mixture at z_0.
    densities = []
    for other in (1, 2, 3):
        pick = [0, other]
        q = tfd.Independent(
            tfd.Normal(np.float32(MEAN[pick]), np.float32(STDDEV[pick])), 1
        )
        z = tf.constant(Z[0, pick], tf.float32)
        parts = aggregates.decomposed_kl(q, PRIOR, z, examples=4)
        log_q = q.log_prob(z)[0] - parts.mutual_information[0]
        densities.append(np.exp(log_q))
    mixture = scipy.stats.norm(MEAN[:4], STDDEV[:4]).pdf(Z[0, 0]).prod(axis=1)
    np.testing.assert_allclose(np.mean(densities), mixture.mean(), rtol=1e-5)


def test_total_correlation_of_a_normal_is_known():
    # Codes whose means are normal and correlated: TC = -log det(R) / 2.
    covariance = np.array([[1.0, 0.7], [0.7, 1.0]])
    means = RNG.multivariate_normal([0, 0], covariance, size=1500)
    noise = 0.5
    q = tfd.Independent(tfd.Normal(np.float32(means), noise), 1)
    z = tf.constant(means + noise * RNG.normal(size=means.shape), tf.float32)
    prior = tfd.MultivariateNormalDiag([0.0, 0.0])
    parts = aggregates.decomposed_kl(q, prior, z)
    r = 0.7 / (1 + noise**2)
    expected = -np.log(1 - r**2) / 2
    found = parts.total_correlation.numpy()
    error = found.std() / np.sqrt(len(found))
    assert abs(found.mean() - expected) < 4 * error


@pytest.mark.parametrize(
    "q",
    [
        tfd.MultivariateNormalDiag(tf.zeros([4, 3])),
        tfd.Independent(tfd.PowerSpherical(tf.eye(3), 9.0), 0),
        tfd.Independent(tfd.Dirichlet(tf.ones([4, 2, 3])), 1),
    ],
    ids=lambda q: q.name,
)
def test_posteriors_that_do_not_factorize_are_refused(q):
    with pytest.raises(TypeError, match="factorizes over numbers.*Received"):
        aggregates.decomposed_kl(q, PRIOR, q.sample(seed=0))


@pytest.mark.parametrize("axes", [0, 1])
@pytest.mark.parametrize("name", ["full_gaussian", "power_spherical"])
def test_covariance_within_posteriors_is_that_of_draws(name, axes):
    head = heads.get(name)
    shape = (4, 2, 3) if axes else (4, 3)
    parts = [
        tf.constant(RNG.normal(size=(*shape[:-1], size)), tf.float32)
        for size in head.sizes(3)
    ]
    q = head(*parts, rank=1 + axes)
    z = q.sample(100_000, seed=(0, 1)).numpy().reshape(-1, 3 * (1 + axes))
    centered = z - z.mean(axis=0)
    products = centered[:, :, None] * centered[:, None, :]
    error = products.std(axis=0) / np.sqrt(len(z))
    off = np.abs(aggregates.covariance(q) - products.mean(axis=0))
    assert (off < 5 * error).all()


def test_posteriors_without_moments_are_refused():
    q = heads.WrappedNormal()(tf.zeros([4, 3]), tf.zeros([4, 3]), rank=1)
    with pytest.raises(TypeError, match="known moments.*Received"):
        aggregates.covariance(q)


def test_permuted_codes_keep_each_latent_and_lose_the_rest():
    order = tf.constant(RNG.random(Z.shape))
    found = aggregates.permuted(tf.constant(Z), order).numpy()
    np.testing.assert_array_equal(np.sort(found, 1), np.sort(Z, 1))
    rows = np.argsort(order, axis=1)
    np.testing.assert_array_equal(found, np.take_along_axis(Z, rows, axis=1))
    # Codes of several axes are as good as flat ones.
    z, order = (tf.reshape(v, [12, 3, 1]) for v in (Z, order))
    flat = aggregates.permuted(z[..., 0], order[..., 0])
    deep = aggregates.permuted(z, order, axis=-3)
    np.testing.assert_array_equal(deep[..., 0], flat)


def test_covariance_is_that_of_draws():
    exact = np.cov(MEAN.T, bias=True)
    found = aggregates.covariance(POSTERIOR, means_alone=True)
    np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-6)
    total = exact + np.diag((STDDEV**2).mean(axis=0))
    np.testing.assert_allclose(
        aggregates.covariance(POSTERIOR), total, rtol=1e-5, atol=1e-6
    )
    off, on = aggregates.from_identity(tf.constant(total))
    apart = (total - np.eye(3)) ** 2
    np.testing.assert_allclose(off, apart.sum() - np.trace(apart), rtol=1e-6)
    np.testing.assert_allclose(on, np.trace(apart), rtol=1e-6)
