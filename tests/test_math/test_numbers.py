"""The mathematics at any magnitude against SciPy in double precision.

Hypothesis draws the numbers, 1e-30 to 1e30. The same few each time; for a
search that takes minutes:

    pytest tests/test_math/test_numbers.py --hypothesis-profile long
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from hypothesis import assume
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import special
from scipy import stats

from keras_ae.math import adversarial
from keras_ae.math import bounds
from keras_ae.math import divergences
from keras_ae.math import draws
from keras_ae.math import jacobians
from keras_ae.math import quantization
from keras_ae.math import spherical
from keras_ae.parts import heads
from keras_ae.parts import networks

tfd = tfp.distributions

EPS = float(np.finfo("float32").eps)
MOST = float(np.finfo("float32").max)
LEAST = float(np.finfo("float32").tiny)


def numbers(low=-30, high=30, sign=True):
    """Single precision, of any magnitude from 10**low to 10**high, and 0."""
    size = st.builds(
        lambda digits, power: digits * 10.0**power,
        st.floats(1, 10, exclude_max=True),
        st.integers(low, high - 1),
    )
    if sign:
        size = st.one_of(st.just(0.0), size, size.map(lambda v: -v))
    return size.map(lambda v: float(np.float32(v)))


def rows(*shape, elements=numbers()):  # noqa: B008
    return arrays.arrays("float32", shape, elements=elements)


def double(x):
    return np.asarray(x, np.float64)


def with_gradient(function, *inputs):
    """The value of a function, and the gradients of its sum."""
    inputs = [tf.constant(x, tf.float32) for x in inputs]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = function(*inputs)
    gradients = tape.gradient(value, inputs)
    return value.numpy(), [g.numpy() for g in gradients]


def assert_near(found, expected, size, roundings=8):
    """Within some roundings of the largest number that was added up; where
    the true value lies in single precision."""
    expected = double(expected)
    inside = np.abs(expected) < MOST / 2
    error = np.abs(double(found) - expected)
    allowed = roundings * EPS * np.maximum(double(size), np.abs(expected))
    np.testing.assert_array_less(
        np.where(inside, error, 0), np.where(inside, allowed + LEAST * 10, 1)
    )


# Densities.


@given(rows(4), rows(4), rows(4, elements=numbers(sign=False)))
def test_a_normal_density(x, loc, scale):
    z = (double(x) - double(loc)) / double(scale)
    assume((np.abs(z) < 1e15).all())
    found, (_, to_loc, to_scale) = with_gradient(
        lambda x, loc, scale: draws.Normal(loc, scale).log_prob(x),
        x,
        loc,
        scale,
    )
    expected = stats.norm.logpdf(double(x), double(loc), double(scale))
    assert_near(found, expected, 100)
    assert_near(to_loc, z / double(scale), 0)
    square = z**2 / double(scale)
    assert_near(to_scale, square - 1 / double(scale), square)


@given(rows(4), numbers(-20, 20), st.integers(-40, 40))
def test_a_normal_density_moves_and_grows_with_its_data(x, shift, power):
    """In powers of two nothing rounds: the density is another by the
    logarithm of the unit alone."""
    unit = np.float32(2.0**power)
    x = np.clip(x, -1e15, 1e15)
    one = draws.Normal(np.float32(shift), 1.0).log_prob(x)
    assume(np.isfinite(one).all() and (np.abs(x) > 1e-15).all())
    other = draws.Normal(np.float32(shift) * unit, unit).log_prob(x * unit)
    assert_near(other, double(one) - np.log(double(unit)), np.abs(one) + 100)


@given(rows(4), rows(4, elements=numbers(-5, 9, sign=False)))
def test_divergence_from_the_standard_normal(loc, scale):
    assume((np.abs(loc) < 1e18).all())
    found, gradients = with_gradient(
        lambda loc, scale: divergences.kl_divergence(
            draws.Normal(loc, scale), draws.Normal(tf.zeros(4), 1.0), None
        ),
        loc,
        scale,
    )
    s, m = double(scale), double(loc)
    # TFP's square of a deviation is the exponential of a logarithm.
    size = m**2 + s**2 * (1 + 2 * np.abs(np.log(s))) + 10
    assert_near(found, (m**2 + s**2 - 1) / 2 - np.log(s), size)
    assert (found >= -10 * EPS).all()
    assert all(np.isfinite(g).all() for g in gradients)


@given(rows(4), rows(4, elements=st.floats(0, 1, width=32)))
def test_a_bernoulli_density(logits, x):
    found, (to_logits,) = with_gradient(
        lambda logits: heads.Bernoulli()(logits[None], rank=1).log_prob(x),
        logits,
    )
    a, x = double(logits), double(x)
    expected = -np.logaddexp(0, -a) * x - np.logaddexp(0, a) * (1 - x)
    assert_near(found, expected.sum(), np.abs(a).max() + 10)
    assert_near(to_logits, x - special.expit(a), 1)


@given(rows(5), st.integers(0, 4))
def test_a_categorical_density(logits, chosen):
    x = np.eye(5, dtype="float32")[[chosen]]
    found, (to_logits,) = with_gradient(
        lambda a: heads.Categorical()(a[None], rank=1).log_prob(x), logits
    )
    expected = special.log_softmax(double(logits))[chosen]
    assert_near(found, expected, np.abs(double(logits)).max())
    assert_near(to_logits, x[0] - special.softmax(double(logits)), 1)


@given(rows(2, 3), rows(2, 3))
def test_a_learned_deviation_is_positive_and_has_a_gradient(loc, raw):
    found, gradients = with_gradient(
        lambda loc, raw: heads.Gaussian()(loc, raw, rank=1).stddev() + 0 * loc,
        loc,
        raw,
    )
    assert_near(found, np.logaddexp(0, double(raw)) + 1e-5, 0)
    assert (found > 0).all()
    assert_near(gradients[1], special.expit(double(raw)), 0)


# Spheres.


@given(rows(3, 3))
def test_any_vector_has_a_direction_of_length_one(x):
    found, (gradient,) = with_gradient(spherical.direction, x)
    norm = np.linalg.norm(double(x), axis=1, keepdims=True)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=4 * EPS)
    expected = np.where(norm > 1e-6, double(x) / np.maximum(norm, 1e-30), found)
    close = np.abs(norm - 1e-6) > 1e-12
    np.testing.assert_allclose(
        np.where(close, found, 0), np.where(close, expected, 0), atol=4 * EPS
    )
    assert np.isfinite(gradient).all()


def entropy_of_power_spherical(kappa, d):
    b = (d - 1) / 2
    # Where doubles cancel, the first two terms of the series.
    a = kappa + b
    gap = np.where(
        a > 1e6,
        np.log1p(b / a) + b / (2 * a * (a + b)),
        special.digamma(a + b) - special.digamma(a),
    )
    ratio = np.where(
        a > 1e6,
        (a - 0.5) * np.log1p(b / a) + b * np.log(a + b) - b,
        special.gammaln(a + b) - special.gammaln(a),
    )
    return b * np.log(4 * np.pi) - ratio + kappa * gap


@given(numbers(0, 30, sign=False), st.integers(2, 50))
def test_entropy_of_directions(kappa, d):
    pole = np.eye(d, dtype="float32")[0]
    found, (gradient,) = with_gradient(
        lambda k: spherical.PowerSpherical(pole, k).entropy(), kappa
    )
    expected = entropy_of_power_spherical(kappa, d)
    assert_near(found, expected, d * np.log(kappa + 10))
    step = 1e-3 * kappa
    slope = (
        entropy_of_power_spherical(kappa + step, d)
        - entropy_of_power_spherical(kappa - step, d)
    ) / (2 * step)
    assert np.isfinite(gradient)
    if kappa < 1e15:  # later its square leaves single precision
        # Differences are good to a square of the step.
        np.testing.assert_allclose(gradient, slope, rtol=1e-4)
    uniform = tfd.SphericalUniform(d)
    kl = tfd.kl_divergence(spherical.PowerSpherical(pole, kappa), uniform)
    assert kl >= -d * 10 * EPS


@given(
    rows(1, 3, elements=numbers(-2, 2)),
    rows(1, 3, elements=numbers(-2, 2)),
    numbers(0, 8, sign=False),
)
def test_density_of_directions(mu, x, kappa):
    assume(np.linalg.norm(mu) > 1e-3 and np.linalg.norm(x) > 1e-3)
    mu, x = (spherical.direction(v).numpy() for v in (mu, x))
    # Near mu too, where the density is.
    near = spherical.direction(mu + x / np.float32(np.sqrt(kappa))).numpy()
    for z in (x, near, -mu):
        found = spherical.PowerSpherical(mu, [kappa]).log_prob(z)
        unit_mu, unit_z = (
            v / np.linalg.norm(v, axis=1) for v in map(double, (mu, z))
        )
        apart = ((unit_mu - unit_z) ** 2).sum() / 4
        log_z = np.log(4 * np.pi) - np.log(kappa + 1)
        assert np.isfinite(found).all()
        if apart < 0.999:  # opposite, the rounding of z decides
            expected = kappa * np.log1p(-apart) - log_z
            # A rounding of z moves it by sqrt(apart) of a rounding.
            moved = kappa * np.sqrt(apart) / (1 - apart)
            assert_near(found, expected, moved + np.log(kappa) + 10)


@given(numbers(0, 30, sign=False), st.integers(2, 5), st.integers(0, 99))
def test_draws_of_directions(kappa, d, seed):
    pole = np.eye(d, dtype="float32")[-1]
    z, (gradient,) = with_gradient(
        lambda k: spherical.PowerSpherical(pole, k).sample(20, seed=[seed, 0]),
        kappa,
    )
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, rtol=8 * EPS)
    assert np.isfinite(gradient).all()


def test_a_draw_of_zero_has_a_direction(monkeypatch):
    """On a circle the tangent is a normal number: exactly 0 once in eight
    million draws."""
    monkeypatch.setattr(draws, "normal", lambda shape, seed: tf.zeros(shape))
    z, (gradient,) = with_gradient(
        lambda k: spherical.PowerSpherical([1.0, 0.0], k).sample(seed=[0, 0]),
        5.0,
    )
    np.testing.assert_allclose(z, [1, 0], atol=1e-6)
    assert np.isfinite(gradient)


# Bounds.


@given(
    rows(6, elements=numbers(-6, 30)),
    st.floats(0, 1, exclude_max=True),
)
def test_bounds_are_ordered_and_those_of_double_precision(log_weights, alpha):
    power = 1 - alpha
    assume(power > 1e-12)
    w = double(log_weights)
    found, (gradient,) = with_gradient(
        lambda w: bounds.importance_bound(w, power), log_weights
    )
    centered = power * (w - w.max())
    expected = w.max() + np.log1p(np.expm1(centered).mean()) / power
    assert_near(found, expected, np.abs(w).max())
    # The mean, a bound of smaller order, this one, the largest weight.
    iwae = bounds.importance_bound(log_weights)
    slack = 8 * EPS * np.abs(w).max()
    assert w.mean() - slack <= found <= iwae + slack
    assert iwae <= w.max() + slack
    assert_near(gradient, special.softmax(centered), 1)


@given(rows(2, 4), rows(2, 4))
def test_losses_of_adversaries(real, fake):
    found, gradients = with_gradient(adversarial.discriminator_loss, real, fake)
    expected = np.logaddexp(0, -double(real)) + np.logaddexp(0, double(fake))
    assert_near(found, expected, 0)
    assert all(np.isfinite(g).all() for g in gradients)
    found, _ = with_gradient(adversarial.generator_loss, fake)
    assert_near(found, np.logaddexp(0, -double(fake)), 0)


# Codes.


@given(
    rows(3, 2),
    rows(5, 2, elements=numbers(-3, 3)),
    numbers(-25, 25, sign=False),
    st.integers(-4, 4).map(lambda power: 10.0**power),
)
def test_the_nearest_code_is_nearest(z, table, unit, offset):
    """Also far from zero: where the distances of two codes differ by no more
    than the numbers are rounded, either will do."""
    table = (table * np.float32(unit) + np.float32(offset * unit)).astype("f")
    found = quantization.nearest_code(tf.constant(z), tf.constant(table))
    distances = np.linalg.norm(double(z)[:, None] - double(table), axis=-1)
    least = distances.min(axis=1)
    chosen = distances[range(3), np.asarray(found)]
    spread = np.abs(double(table) - double(table).mean(0)).max()
    rounding = 16 * EPS * (np.abs(double(table)).max() + spread + least)
    # Of squares, ||z - e||**2 - ||z - e'||**2 = (|z-e| - |z-e'|) * sum.
    assert (chosen - least <= np.sqrt(rounding * (spread + least))).all()


def test_codes_far_from_zero_are_told_apart():
    table = 1000 + np.arange(64, dtype="float32")[:, None] / 64
    found = quantization.nearest_code(tf.constant(table), tf.constant(table))
    np.testing.assert_array_equal(found, np.arange(64))


@given(rows(2, 3), rows(2, 3))
def test_straight_through_is_the_code_to_the_last_bit(z, code):
    found, (to_z, to_code) = with_gradient(
        lambda z, code: quantization.straight_through(z, code) + 0 * code,
        z,
        code,
    )
    np.testing.assert_array_equal(found, code)
    np.testing.assert_array_equal(to_z, np.ones_like(z))
    np.testing.assert_array_equal(to_code, np.zeros_like(z))


@given(
    rows(4, 2, elements=numbers(-10, 10)),
    rows(5, 2, elements=numbers(-10, 10)),
    rows(4, elements=numbers(-38, 2, sign=False)),
    st.lists(st.integers(0, 2), min_size=5, max_size=5),
)
def test_running_means_of_codes(table, z, usage, indices):
    decay = 0.99
    found, now = quantization.ema_update(
        tf.constant(table),
        tf.constant(usage),
        tf.constant(z),
        tf.constant(indices, tf.int32),
        decay,
    )
    hot = np.eye(4)[indices] * 4 / 5
    expected = decay * double(usage) + (1 - decay) * hot.sum(0)
    assert_near(now, expected, 0)
    total = (decay * double(usage))[:, None] * table
    total = total + (1 - decay) * hot.T @ double(z)
    size = np.abs(table) + np.abs(z).max(0)
    assert_near(found, total / expected[:, None], size, roundings=20)
    np.testing.assert_array_equal(found[3], table[3])  # never used


# Jacobians.


@given(rows(64, elements=numbers(-30, 18)))
def test_slopes_of_activations_are_finite(a):
    for activation in networks.dense.ELEMENTWISE:
        if activation is keras.activations.exponential:
            continue  # its true slope leaves single precision
        slope = jacobians.slope(activation, tf.constant(a))
        assert np.isfinite(slope).all(), activation


@given(
    rows(3, 4, elements=numbers(-15, 15)),
    rows(2, 4, elements=numbers(-15, 0)),  # smaller squares are 0
)
def test_norms_of_dense_jacobians(kernel, slopes):
    found = jacobians.frobenius_dense(
        [tf.constant(kernel)], [tf.constant(slopes)]
    )
    square = (double(slopes)[:, None] * double(kernel)) ** 2
    assert_near(found, square.sum((1, 2)), 0)


@pytest.mark.parametrize("d", [2, 20, 500])
def test_digamma_and_log_gamma_differences(d):
    x = np.geomspace(0.5, 1e6, 200).astype("float32")
    step = (d - 1) / 2
    expected = special.digamma(double(x) + step) - special.digamma(double(x))
    np.testing.assert_allclose(
        spherical.digamma_difference(x, step),
        expected,
        rtol=2e-6,
        atol=8 * EPS,  # two numbers of up to 3, below the series
    )
    expected = special.gammaln(double(x) + step) - special.gammaln(double(x))
    np.testing.assert_allclose(
        spherical.log_gamma_difference(x, step), expected, rtol=2e-6, atol=1e-6
    )
