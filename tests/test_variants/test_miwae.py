"""MIWAE where p(x_obs) is known exactly, and what its encoder sees."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from scipy import integrate

import keras_ae
from keras_ae.analysis import evaluation
from keras_ae.model import generate
from keras_ae.parts import heads

SCALE = 0.5
RNG = np.random.default_rng(0)
KERNEL, BIAS = RNG.normal(size=(2, 4)), RNG.normal(size=4)
X = RNG.normal(size=(40, 2)) @ KERNEL + BIAS + SCALE * RNG.normal(size=(40, 4))
HOLES = RNG.uniform(size=X.shape) < 0.4
HOLES[0], HOLES[1] = True, False  # nothing observed; all observed
COVARIANCE = KERNEL.T @ KERNEL + SCALE**2 * np.eye(4)


def holed():
    return np.where(HOLES, np.nan, X).astype("float32")


def model(samples=20):
    """A linear-Gaussian model; the posterior is the prior."""
    made = keras_ae.MIWAE.create(
        4,
        2,
        network="linear",
        likelihood=heads.Gaussian(scale=SCALE),
        samples=samples,
        seed=0,
    )
    made.decoder.projection.set_weights([KERNEL, BIAS])
    stddev = np.full(2, np.log(np.expm1(1.0)))
    made.encoder.projection.set_weights(
        [np.zeros((4, 4)), np.concatenate([np.zeros(2), stddev])]
    )
    return made


def exact():
    """log p(x_obs) of each row: the normal of its observed values."""
    logs = np.zeros(len(X))
    for i, seen in enumerate(~HOLES):
        if seen.any():
            logs[i] = scipy.stats.multivariate_normal(
                BIAS[seen], COVARIANCE[np.ix_(seen, seen)]
            ).logpdf(X[i, seen])
    return logs


def conditional(row):
    """E[x_mis | x_obs] and the covariance, of one row."""
    seen, hole = ~HOLES[row], HOLES[row]
    part = COVARIANCE[np.ix_(hole, seen)]
    gain = part @ np.linalg.inv(COVARIANCE[np.ix_(seen, seen)])
    mean = BIAS[hole] + gain @ (X[row, seen] - BIAS[seen])
    return mean, COVARIANCE[np.ix_(hole, hole)] - gain @ part.T


def test_likelihood_is_that_of_the_observed_values():
    logs = evaluation.log_likelihood(model(), holed(), samples=20_000)
    # Weights of a posterior as wide as the prior: an effective sample of some
    # hundreds at the worst row.
    np.testing.assert_allclose(logs, exact(), atol=0.15)
    assert logs[0] == pytest.approx(0, abs=1e-4)  # nothing observed
    bound = -model(2000).objective(holed())["bound"].numpy()
    np.testing.assert_allclose(bound, exact(), atol=0.4)
    few = -model(2).objective(np.repeat(holed(), 50, 0))["bound"].numpy()
    assert few.mean() < exact().mean() - 0.05


def test_filling_of_many_draws_is_the_conditional_mean():
    filled = model().impute(holed(), samples=10_000)
    np.testing.assert_array_equal(filled[~HOLES], holed()[~HOLES])
    for row in range(2, len(X)):
        mean, _ = conditional(row)
        np.testing.assert_allclose(filled[row, HOLES[row]], mean, atol=0.2)
    # Neither a row's neighbours nor their number matter.
    np.testing.assert_allclose(
        model().impute(holed()[:7], samples=1000),
        model().impute(holed(), samples=1000)[:7],
        rtol=1e-5,
    )


def test_fillings_drawn_over_blocks_are_conditional_draws(monkeypatch):
    monkeypatch.setattr(generate, "IMPUTE_BLOCK", 100)
    row = int(np.argmax(HOLES.sum(axis=1) == 2))
    mean, covariance = conditional(row)
    rows = np.repeat(holed()[row : row + 1], 200, axis=0)
    drawn = model().impute(rows, draws=10, samples=950)[..., HOLES[row]]
    drawn = drawn.reshape(-1, 2)
    # 2,000 draws, ten of each row from the same 950 candidates: 5 standard
    # errors of 1,000 independent ones.
    error = 5 * np.sqrt(np.diag(covariance) / 1000)
    assert (np.abs(drawn.mean(axis=0) - mean) < error).all()
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.25)


def test_encoder_sees_the_fill_in_holes_alone():
    made = keras_ae.MIWAE.create(4, 2, hidden=(8,), seed=0)
    fill = np.array([3.0, -1.0, 0.5, 2.0], "float32")
    made.fill.assign(fill)
    seen = made.encode(holed()).mean()
    given = made.encode(np.where(HOLES, fill, holed())).mean()
    np.testing.assert_array_equal(seen, given)
    # Holes of a target are not holes of the example.
    x = tf.constant(np.abs(X) % 1, tf.float32)
    target = tf.where(HOLES, np.nan, x)
    batch = made.batch(x, target)
    posterior = made.posterior(batch, made.moment())
    np.testing.assert_array_equal(posterior.mean(), made.encode(x).mean())


def test_fill_learns_where_there_are_holes():
    made = keras_ae.MIWAE.create(
        4, 2, hidden=(8,), likelihood="gaussian", seed=0
    )
    x = np.concatenate([holed()[:, :3], X[:, 3:]], axis=1).astype("float32")
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(made.objective(x)["bound"])
    gradient = tape.gradient(loss, made.fill.value).numpy()
    assert (gradient[:3] != 0).all() and gradient[3] == 0


@pytest.mark.parametrize("df", ["learned", "each"])
@pytest.mark.parametrize("cls", [keras_ae.VAE, keras_ae.MIWAE])
def test_student_t_posterior_has_its_divergence(cls, df):
    """KL by draws, where there is no closed form: against an integral."""
    made = cls.create(
        4,
        1,
        hidden=(8,),
        posterior={"student_t": {"df": df}},
        likelihood="gaussian",
        samples=20_000,
        seed=0,
    )
    x = X[:3].astype("float32")
    posterior = made.encode(x).distribution
    found = made.objective(x)["kl"].numpy().mean(axis=0)
    z = np.linspace(-300, 300, 600_001)
    for i, kl in enumerate(found):
        t, loc, scale = (
            np.broadcast_to(value, (3, 1))[i, 0].astype(float)
            for value in (posterior.df, posterior.loc, posterior.scale)
        )
        q = scipy.stats.t(t, loc, scale)
        ratio = q.logpdf(z) - scipy.stats.norm.logpdf(z)
        expected = integrate.trapezoid(q.pdf(z) * ratio, z)
        # The draws' squares have heavy tails: 5 deviations of their mean.
        assert abs(kl - expected) < 0.1
    np.testing.assert_allclose(made.embed(x), posterior.loc, rtol=1e-5)
