"""not-MIWAE's bound and fillings, by brute force on a tiny model."""

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from scipy.special import expit

import keras_ae
from keras_ae.parts import heads

SCALE, KERNEL = 0.5, np.array([[1.0, -0.8]])
SLOPE, INTERCEPT = np.array([1.5, 4.0]), np.array([-0.5, 0.3])
X = np.array([[0.7, np.nan]], "float32")


def model(samples, **options):
    """x = zW + noise, z of one number; the posterior is the prior."""
    made = keras_ae.MIWAE.create(
        2,
        1,
        network="linear",
        likelihood=options.pop("likelihood", heads.Gaussian(scale=SCALE)),
        mechanism=options.pop("mechanism", "self_masking"),
        samples=samples,
        seed=0,
        **options,
    )
    made.encoder.set_weights(
        [np.zeros((2, 2)), np.array([0, np.log(np.expm1(1))])]
    )
    made.decoder.projection.set_weights([KERNEL, np.zeros(2)])
    made.mechanism.set_weights([SLOPE, INTERCEPT])
    return made


def moments():
    """Integrals of (1, x_mis) over p(x_obs, s, x_mis)."""
    covariance = KERNEL.T @ KERNEL + SCALE**2 * np.eye(2)
    joint = scipy.stats.multivariate_normal(np.zeros(2), covariance)
    seen = 1 - expit(SLOPE[0] * X[0, 0] + INTERCEPT[0])

    def density(x):
        hidden = expit(SLOPE[1] * x + INTERCEPT[1])
        return joint.pdf([X[0, 0], x]) * seen * hidden

    powers = (lambda x: density(x), lambda x: x * density(x))
    return [scipy.integrate.quad(f, -10, 10)[0] for f in powers]


def test_bound_of_many_draws_is_the_joint_likelihood():
    mass, _ = moments()
    bound = -model(200_000).objective(X)["bound"].numpy()
    # The relative deviation of a weight is about 1.5: 3 in 1,000 here.
    np.testing.assert_allclose(bound, np.log(mass), atol=0.015)
    few = model(1)
    rows = np.repeat(X, 5000, axis=0)
    assert -few.objective(rows)["bound"].numpy().mean() < np.log(mass)


@pytest.mark.parametrize("draws", [None, 400])
def test_fillings_know_of_the_mechanism(draws):
    mass, first = moments()
    rows = np.repeat(X, 10, axis=0)
    filled = model(1).impute(rows, draws=draws, samples=2000, seed=1)
    # 20,000 draws that weigh as much as 6,000, of deviation 0.7, or 4,000.
    assert abs(filled[..., 1].mean() - first / mass) < 0.05
    covariance = KERNEL.T @ KERNEL + SCALE**2 * np.eye(2)
    ignorant = covariance[0, 1] / covariance[0, 0] * X[0, 0]
    assert abs(first / mass - ignorant) > 0.2


@pytest.mark.parametrize("hides", ["high", "low"])
def test_direction_is_kept(hides):
    mechanism = keras_ae.mechanisms.SelfMasking(hides)
    mechanism.build((None, 2))
    mechanism.set_weights([np.array([-3.0, 3.0]), np.zeros(2)])
    seen = mechanism.distribution(np.array([[1.0, 1.0]], "float32")).mean()
    assert ((seen.numpy() < 0.5) == (hides == "high")).all()


def test_refusals():
    with pytest.raises(ValueError, match="models holes"):
        model(2, missing="refuse")
    bits = model(2, likelihood="bernoulli")
    with pytest.raises(ValueError, match="differentiable"):
        bits.objective(np.array([[1.0, np.nan]], "float32"))
