"""Divergences against quadrature and closed forms."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import integrate
from scipy import stats

from keras_ae.math import divergences
from keras_ae.parts import heads
from keras_ae.parts import priors

tfd = tfp.distributions


def head_outcome(head, width=3):
    """A head's distribution over vectors, batch shape [2]."""
    numbers = keras.random.normal([2, sum(head.sizes(width))], seed=0)
    parts = tf.split(numbers, head.sizes(width), axis=-1)
    head.build((None, width))
    return head(*parts, rank=1)


def standard_normal(*shape):
    prior = priors.StandardNormal()
    prior.build((None, *shape))
    return prior.distribution(encode=None)


@pytest.mark.parametrize(
    ("p", "density"),
    [
        (tfd.Normal(0.0, 1.0), stats.norm(0, 1)),
        (tfd.Normal(-1.0, 0.5), stats.norm(-1, 0.5)),
        (tfd.Laplace(0.3, 2.0), stats.laplace(0.3, 2)),
        (tfd.Logistic(0.0, 1.0), stats.logistic(0, 1)),
    ],
    ids=["standard", "normal", "laplace", "logistic"],
)
def test_kl_is_the_integral(p, density):
    q, normal = tfd.Normal([0.7], 1.3), stats.norm(0.7, 1.3)
    exact, _ = integrate.quad(
        lambda z: normal.pdf(z) * (normal.logpdf(z) - density.logpdf(z)),
        -30,
        30,
        points=[0.3, 0.7],
    )
    draws = q.sample(40_000, seed=(0, 1))
    kl = divergences.kl_divergence(q, p, draws).numpy()
    # Four standard errors of the mean; none in closed form, where one value
    # comes back and float32 rounds.
    error = 4 * kl.std() / np.sqrt(kl.size) if kl.size > 1 else 0
    assert abs(kl.mean() - exact) < error + 1e-5 * exact


def test_closed_form_agrees_with_monte_carlo():
    q = head_outcome(heads.Gaussian())
    p = standard_normal(3)
    z = q.sample(40_000, seed=(0, 1))
    draws = (q.log_prob(z) - p.log_prob(z)).numpy()  # [S, B]
    error = draws.std(axis=0) / np.sqrt(len(draws))
    closed = divergences.kl_divergence(q, p, z).numpy()
    assert closed.shape == (2,)
    assert (abs(draws.mean(axis=0) - closed) < 4 * error).all()


def test_monte_carlo_is_one_estimate_a_draw():
    q = tfd.Normal([0.0, 1.0], [1.0, 2.0])
    p = tfd.Logistic(0.0, 1.0)
    z = q.sample(5, seed=(0, 1))
    expected = stats.norm([0, 1], [1, 2]).logpdf(z) - stats.logistic.logpdf(z)
    np.testing.assert_allclose(
        divergences.kl_divergence(q, p, z), expected, rtol=1e-5, atol=1e-6
    )


#: Which heads have a closed form against the standard normal prior. A pair
#: that leaves this table falls to Monte Carlo without a word.
ANALYTIC = {
    "point": True,  # -log p(loc), by TFP's convention
    "gaussian": True,
    "bernoulli": False,
    "categorical": False,
}


@pytest.mark.parametrize("name", ANALYTIC)
def test_table_of_analytic_pairs(name):
    q = head_outcome(heads.get(name))
    found = divergences.has_analytic_kl(q, standard_normal(3))
    assert found is ANALYTIC[name]


@pytest.mark.parametrize("scale", ["learned", "shared", 0.5])
def test_every_gaussian_is_analytic(scale):
    q = head_outcome(heads.Gaussian(scale))
    assert divergences.has_analytic_kl(q, standard_normal(3))


@pytest.mark.parametrize(
    ("q", "p", "analytic"),
    [
        (
            tfd.MultivariateNormalDiag(tf.zeros(3)),
            tfd.MultivariateNormalDiag(tf.ones(3)),
            True,
        ),
        (
            tfd.Independent(tfd.Normal(tf.zeros(3), 1.0), 1),
            tfd.MultivariateNormalDiag(tf.zeros(3)),
            False,
        ),
        (
            tfd.Independent(tfd.OneHotCategorical(tf.zeros([2, 3])), 1),
            tfd.Independent(tfd.OneHotCategorical(tf.ones([2, 3])), 1),
            True,
        ),
        (
            tfd.Normal(0.0, 1.0),
            tfd.MixtureSameFamily(
                tfd.Categorical([0.0, 0.0]), tfd.Normal([-1.0, 1.0], 1.0)
            ),
            False,
        ),
    ],
    ids=["diagonal", "mixed-form", "one-hot", "mixture"],
)
def test_table_of_distributions(q, p, analytic):
    assert divergences.has_analytic_kl(q, p) is analytic
