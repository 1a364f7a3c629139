"""Likelihoods of counts, grades, levels and heavy tails against SciPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate
from scipy import special
from scipy import stats

import keras_ae
from keras_ae.math import draws
from keras_ae.parts import heads

RNG = np.random.default_rng(0)
SHAPE = (7, 4)
COUNTS = RNG.poisson(3.0, SHAPE).astype("float32")
REAL = RNG.normal(0, 3, SHAPE).astype("float32")
LOC, RAW, LOGIT = (RNG.normal(0, 1, SHAPE).astype("float32") for _ in "abc")
SCALE = np.logaddexp(0, RAW.astype(float)) + 1e-5
UNIT = RNG.uniform(size=SHAPE).astype("float32")
LEVELS = np.round(UNIT * 255) / 255


def made(head, *parts):
    parts = [tf.constant(p, tf.float32) for p in parts]
    head.build((None, parts[0].shape[-1]))
    return head(*parts, rank=1)


def logistic_mass(k, loc, scale, levels=256):
    """P(level k) by a difference in double precision."""
    top = levels - 1
    half = 0.5 / top
    low = np.where(k == 0, -np.inf, k / top - half)
    high = np.where(k == top, np.inf, k / top + half)
    cdf = stats.logistic(loc, scale).cdf
    return cdf(high) - cdf(low)


def negative_binomial(x, log_mean, r):
    mean = np.exp(log_mean.astype(float))
    return stats.nbinom.logpmf(x, r, r / (r + mean))


CASES = {
    "laplace": (
        lambda: made(heads.Laplace(), LOC, RAW),
        REAL,
        stats.laplace.logpdf(REAL, LOC, SCALE),
    ),
    "student_t": (
        lambda: made(heads.StudentT(df=3.5), LOC, RAW),
        REAL,
        stats.t.logpdf(REAL, 3.5, LOC, SCALE),
    ),
    "student_t, learned": (
        lambda: made(heads.StudentT("shared"), LOC),
        REAL,
        stats.t.logpdf(REAL, 5 + 1e-5, LOC, 1 + 1e-5),
    ),
    "student_t, each": (
        lambda: made(heads.StudentT(df="each"), LOC, RAW, RAW),
        REAL,
        stats.t.logpdf(REAL, 3 + np.logaddexp(0, RAW), LOC, SCALE),
    ),
    "log_normal": (
        lambda: made(heads.LogNormal(), LOC, RAW),
        np.exp(REAL),
        stats.lognorm.logpdf(np.exp(REAL), SCALE, scale=np.exp(LOC)),
    ),
    "poisson": (
        lambda: made(heads.Poisson(), LOC),
        COUNTS,
        stats.poisson.logpmf(COUNTS, np.exp(LOC.astype(float))),
    ),
    "negative_binomial": (
        lambda: made(heads.NegativeBinomial("learned"), LOC, RAW),
        COUNTS,
        negative_binomial(COUNTS, LOC, np.exp(RAW.astype(float))),
    ),
    "negative_binomial, r = 1": (
        lambda: made(heads.NegativeBinomial(), LOC),
        COUNTS,
        stats.geom.logpmf(COUNTS + 1, 1 / (1 + np.exp(LOC.astype(float)))),
    ),
    "zero_inflated_negative_binomial": (
        lambda: made(heads.ZeroInflatedNegativeBinomial(2.0), LOC, LOGIT),
        COUNTS,
        np.log(
            special.expit(LOGIT) * (COUNTS == 0)
            + special.expit(-LOGIT) * np.exp(negative_binomial(COUNTS, LOC, 2))
        ),
    ),
    "continuous_bernoulli": (
        lambda: made(heads.ContinuousBernoulli(), LOGIT),
        UNIT,
        # Normalized by a numerical integral instead of its closed form.
        np.vectorize(
            lambda x, t: (
                x * t - np.log(integrate.quad(lambda u: np.exp(u * t), 0, 1)[0])
            )
        )(UNIT, LOGIT),
    ),
    "ordinal": (
        lambda: made(heads.Ordinal(4), LOC),
        COUNTS % 4,
        np.log(
            special.expit(
                np.array([-1.0, 0.001, 1.002, np.inf])[(COUNTS % 4).astype(int)]
                - LOC
            )
            - special.expit(
                np.array([-np.inf, -1.0, 0.001, 1.002])[
                    (COUNTS % 4).astype(int)
                ]
                - LOC
            )
        ),
    ),
    "discretized_logistic": (
        lambda: made(heads.DiscretizedLogistic(0.2), LOC),
        LEVELS,
        np.log(logistic_mass(np.round(LEVELS * 255), LOC.astype(float), 0.2)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_log_probability_is_scipys(name):
    make, x, expected = CASES[name]
    found = make().log_prob(tf.constant(x, tf.float32))
    # A sum of four numbers up to 30 in single precision.
    np.testing.assert_allclose(found, expected.sum(1), rtol=1e-5, atol=3e-5)


def test_multinomial_is_scipys_at_the_total_of_each_row():
    logits = LOGIT.astype(float)
    expected = [
        stats.multinomial.logpmf(x, x.sum(), special.softmax(row))
        for x, row in zip(COUNTS, logits, strict=True)
    ]
    found = made(heads.Multinomial(total=10), LOGIT)
    np.testing.assert_allclose(
        found.log_prob(COUNTS), expected, rtol=1e-5, atol=3e-5
    )
    np.testing.assert_allclose(
        found.mean(), 10 * special.softmax(logits, 1), rtol=1e-5
    )
    assert (found.sample(3, seed=(0, 0)).numpy().sum(-1) == 10).all()


def test_a_mixture_of_logistics_is_the_weighted_sum():
    head = heads.DiscretizedLogistic(levels=16, components=3)
    parts = RNG.normal(0.3, 0.5, (9, *SHAPE)).astype("float32")
    x = np.round(UNIT * 15) / 15
    loc, raw, logits = parts.astype(float).reshape(3, 3, *SHAPE)
    mass = logistic_mass(np.round(x * 15), loc, np.logaddexp(0, raw) + 1e-5, 16)
    expected = np.log((special.softmax(logits, 0) * mass).sum(0)).sum(1)
    found = made(head, *parts)
    np.testing.assert_allclose(
        found.log_prob(tf.constant(x, tf.float32)), expected, rtol=1e-5
    )


@pytest.mark.parametrize("scale", [1e-4, 0.003, 0.05, 0.5, 20.0, 1e6])
def test_levels_sum_to_one_and_the_mean_is_theirs(scale):
    loc = np.array([[-3.0, 0.0, 0.123, 0.5, 1.0, 7.0]], "float32")
    found = made(heads.DiscretizedLogistic(scale), loc)
    k = np.arange(256)[:, None]
    values = tf.constant(k / 255 + 0 * loc, tf.float32)
    mass = np.exp(found.distribution.log_prob(values).numpy().astype(float))
    np.testing.assert_allclose(mass.sum(0), 1, rtol=1e-5)
    # The mean is that of the clipped logistic: exact to half a level, and to
    # rounding where the logistic is wider than some levels.
    allowed = 1e-5 if scale >= 0.05 else 0.5 / 255
    expected = (mass * k / 255).sum(0)
    np.testing.assert_allclose(found.mean()[0], expected, atol=allowed)


DRAWN = {
    "laplace": lambda: made(heads.Laplace(), LOC, RAW),
    "student_t": lambda: made(heads.StudentT(df=9.0), LOC, RAW),
    "student_t, each": lambda: made(heads.StudentT(1.0, df="each"), LOC, RAW),
    "log_normal": lambda: made(heads.LogNormal(0.5), LOC),
    "poisson": CASES["poisson"][0],
    "negative_binomial": lambda: made(heads.NegativeBinomial(3.0), LOC),
    "zero_inflated": CASES["zero_inflated_negative_binomial"][0],
    "continuous_bernoulli": CASES["continuous_bernoulli"][0],
    "ordinal": CASES["ordinal"][0],
    "discretized_logistic": lambda: made(
        heads.DiscretizedLogistic(0.05), 0.5 + LOC / 4
    ),
    "mixture": lambda: made(
        heads.DiscretizedLogistic(0.05, components=2), UNIT, 1 - UNIT, LOC, RAW
    ),
}


@pytest.mark.parametrize("name", DRAWN)
def test_draws_have_the_mean_and_repeat(name):
    found = DRAWN[name]()
    draws = found.sample(20_000, seed=(1, 2)).numpy().astype(float)
    again = found.sample(20_000, seed=(1, 2)).numpy()
    np.testing.assert_array_equal(draws, again)
    error = draws.std(0) / np.sqrt(len(draws))
    difference = np.abs(draws.mean(0) - found.mean())
    assert (difference < 5 * error + 1e-5).all()


@pytest.mark.parametrize("df", [2.1, 5.0, 1e4])
def test_draws_of_student_t_are_its_own(df):
    df = tf.constant(df)
    with tf.GradientTape() as tape:
        tape.watch(df)
        drawn = draws.StudentT(df, 1.0, 2.0).sample(20_000, seed=(1, 2))
        total = tf.reduce_sum(drawn**2)
    found = stats.kstest(drawn.numpy(), stats.t(float(df), 1, 2).cdf)
    assert found.pvalue > 1e-3
    assert np.isfinite(tape.gradient(total, df))


@pytest.mark.parametrize("name", DRAWN)
def test_rows_of_a_likelihood_are_a_likelihood(name):
    """Draws that all rows share are made row by row."""
    whole = DRAWN[name]()
    part = whole[2:4]
    assert part.batch_shape == (2,)
    np.testing.assert_array_equal(part.mean(), whole.mean()[2:4])
    x = whole.sample(seed=(0, 0))
    np.testing.assert_allclose(
        part.log_prob(x[2:4]), whole.log_prob(x)[2:4], rtol=1e-6
    )


@pytest.mark.parametrize("name", ["poisson", "negative_binomial"])
def test_variance(name):
    found = DRAWN[name]()
    mean = np.exp(LOC.astype(float))
    expected = mean + (mean**2 / 3 if name == "negative_binomial" else 0)
    np.testing.assert_allclose(found.variance(), expected, rtol=1e-5)


MAGNITUDES = [10.0**e for e in (-30, -20, -10, -5, -2, 0, 1, 3, 6, 10, 20, 30)]
SIGNED = [s * m for m in MAGNITUDES for s in (1, -1)]
LOGS = [-69.0, -10.0, 0.0, 10.0, 69.0]  # of 1e-30 to 1e30
RAWS = [-1e3, -50.0, -1.0, 0.0, 10.0, 1e3]
WHOLE = [0.0, *(m for m in MAGNITUDES if m >= 1)]
EXTREMES = {
    "student_t": (heads.StudentT(), SIGNED, [SIGNED, RAWS]),
    "student_t, each": (
        heads.StudentT(df="each"),
        SIGNED,
        [SIGNED, RAWS, RAWS],
    ),
    "log_normal": (heads.LogNormal(), MAGNITUDES, [LOGS, RAWS]),
    "poisson": (heads.Poisson(), WHOLE, [LOGS]),
    "negative_binomial": (
        heads.NegativeBinomial("learned"),
        WHOLE,
        [LOGS, LOGS],
    ),
    "zero_inflated": (
        heads.ZeroInflatedNegativeBinomial("learned"),
        WHOLE,
        [LOGS, LOGS, RAWS],
    ),
    "ordinal": (heads.Ordinal(5), [0.0, 2.0, 4.0], [SIGNED]),
    "continuous_bernoulli": (
        heads.ContinuousBernoulli(),
        [0.0, 1e-30, 0.5, 1.0],
        [[m for m in SIGNED if abs(m) < 1e20]],
    ),
    "laplace": (
        heads.Laplace(),
        SIGNED,
        # The derivative in a scale of 1e-5 is 1e10 times the distance.
        [[m for m in SIGNED if abs(m) < 1e25], [-1.0, 0.0, 10.0, 1e3]],
    ),
    "discretized_logistic": (
        heads.DiscretizedLogistic(),
        [0.0, 0.5, 1.0],
        [[m for m in SIGNED if abs(m) < 1e25], [*RAWS, 1e30]],
    ),
    "mixture": (
        heads.DiscretizedLogistic(components=2),
        [0.0, 0.5, 1.0],
        [[-1e20, 0.5, 1e3], [0.1], RAWS, [0.0], [-1e3, 0.0, 1e3], [0.0]],
    ),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_extremes_are_finite_with_their_gradients(name):
    head, x, parts = EXTREMES[name]
    grid = np.meshgrid(x, *parts, indexing="ij")
    x, *parts = (tf.constant(g.reshape(-1, 1), tf.float32) for g in grid)
    head.build((None, 1))
    with tf.GradientTape() as tape:
        tape.watch(parts)
        found = head(*parts, rank=1).log_prob(x)
    for value in (found, *tape.gradient(found, parts)):
        wrong = ~np.isfinite(value.numpy().reshape(len(x), -1)).all(1)
        case = [float(t[wrong][0, 0]) for t in (x, *parts) if wrong.any()]
        assert not wrong.any(), f"{wrong.sum()} of {len(x)}, first {case}"


@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        ("poisson", [[1.5, 2]], "counts.*1.5, 2], not all whole.*raw counts"),
        ("negative_binomial", [[-1, 2]], r"counts.*Received: values in \[-1"),
        ("multinomial", [[0.5, 2]], "counts"),
        ("log_normal", [[0.0, 1]], r"positive.*\[0, 1\]"),
        ("continuous_bernoulli", [[0, 1.1]], r"\[0, 1\].*\[0, 1.1\]"),
        ("discretized_logistic", [[0, 255.0]], r"\[0, 1\].*\[0, 255\]"),
        ({"ordinal": {"levels": 3}}, [[0, 3.0]], r"grades 0\.\.2"),
    ],
)
def test_data_outside_the_support(name, bad, message):
    head = heads.get(name)
    with pytest.raises(ValueError, match=message):
        head.check_support("x", np.array(bad))
    assert not head.inside(tf.constant(bad, tf.float32)).numpy().all()
    assert head.inside(tf.constant([[1.0, np.nan]])).numpy().all()
    head.check_support("x", np.array([[1.0, np.nan]]))  # a hole


#: Likelihood -> what kind of data it is for.
KINDS = {
    "laplace": "real",
    "student_t": "real",
    "log_normal": "positive",
    "poisson": "counts",
    "negative_binomial": "counts",
    "zero_inflated_negative_binomial": "counts",
    "multinomial": "counts",
    "ordinal": "grades",
    "continuous_bernoulli": "unit",
    "discretized_logistic": "unit",
}


def data(kind):
    rng = np.random.default_rng(0)
    lines = rng.normal(size=(256, 2)) @ rng.normal(size=(2, 6))
    make = {
        "real": lambda: lines + 0.1 * rng.normal(size=lines.shape),
        "positive": lambda: np.exp(lines),
        "counts": lambda: 1 + rng.poisson(np.exp(0.5 * lines)),
        "unit": lambda: special.expit(lines),
        "grades": lambda: np.clip(np.rint(1 + lines), 0, 2),
    }[kind]
    return make().astype("float32")


#: Of what the others are built alike; all by `--long`.
SHORT = {"discretized_logistic", "multinomial"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=[pytest.mark.long] * (n not in SHORT))
        for n in KINDS
    ],
)
def test_a_model_with_it_learns_is_saved_and_served(name, tmp_path):
    x = data(KINDS[name])
    likelihood = {"ordinal": {"levels": 3}} if name == "ordinal" else name
    model = keras_ae.VAE.create(
        (6,), 2, hidden=(16,), likelihood=likelihood, seed=0
    )
    model.compile("adam")
    model.adapt(x)
    history = model.fit(x, batch_size=32, epochs=12, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        twin.score_samples(x[:5]), model.score_samples(x[:5])
    )
    # The export is opened and compared before it is in its place.
    model.export(tmp_path / "served")
