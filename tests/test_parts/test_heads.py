"""Heads against SciPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import optimize
from scipy import special
from scipy import stats

from keras_ae.parts import heads

RNG = np.random.default_rng(0)
SHAPE = (5, 3, 4)  # five events of 3 x 4
D = 12


def normal(scale=1.0):
    return RNG.normal(0, scale, SHAPE).astype(np.float32)


def log_prob(head, x, *parts):
    head.build((None, *SHAPE[1:]))
    distribution = head(*map(tf.constant, parts), rank=2)
    assert distribution.batch_shape == [5]
    assert distribution.event_shape == [3, 4]
    return distribution.log_prob(x).numpy()


def test_unit_gaussian_is_half_the_squared_error():
    x, loc = normal(), normal()
    expected = ((x - loc) ** 2).sum((1, 2)) / 2 + D / 2 * np.log(2 * np.pi)
    np.testing.assert_allclose(
        -log_prob(heads.Gaussian(1.0), x, loc), expected, rtol=1e-5
    )


@pytest.mark.parametrize("scale", [0.1, 2, np.float32(0.5)])
def test_fixed_scale(scale):
    x, loc = normal(), normal()
    expected = stats.norm.logpdf(x, loc, float(scale)).sum((1, 2))
    np.testing.assert_allclose(
        log_prob(heads.Gaussian(scale), x, loc), expected, rtol=1e-5
    )


def test_learned_scale_is_softplus():
    x, loc, raw = normal(), normal(), normal(3)
    scale = np.logaddexp(0, raw) + 1e-5
    expected = stats.norm.logpdf(x, loc, scale).sum((1, 2))
    np.testing.assert_allclose(
        log_prob(heads.Gaussian(), x, loc, raw), expected, rtol=1e-5
    )


def test_learned_scale_is_positive_for_any_number():
    raw = tf.constant([[-1e4, -100.0, 0.0, 1e4]])
    scale = heads.Gaussian()(tf.zeros([1, 4]), raw, rank=1).stddev().numpy()
    assert (scale > 0).all() and np.isfinite(scale).all()
    np.testing.assert_allclose(scale[0, -1], 1e4)


def test_shared_scale_starts_at_one_and_is_one_weight():
    head = heads.Gaussian("shared")
    x, loc = normal(), normal()
    # softplus(0.5413) = 1 to four digits; each of 12 terms is off by 2e-5.
    np.testing.assert_allclose(
        log_prob(head, x, loc),
        stats.norm.logpdf(x, loc, 1).sum((1, 2)),
        atol=1e-3,
    )
    assert [w.shape for w in head.trainable_variables] == [()]
    head.raw_scale.assign(-1.0)
    np.testing.assert_allclose(
        head(tf.constant(loc), rank=2).log_prob(x),
        stats.norm.logpdf(x, loc, np.logaddexp(0, -1) + 1e-5).sum((1, 2)),
        rtol=1e-5,
    )


def test_shared_scale_learns_the_deviation_of_the_noise():
    head = heads.Gaussian("shared")
    head.build((None, 1))
    x = tf.constant(RNG.normal(0, 0.3, (1000, 1)), tf.float32)
    optimizer = keras.optimizers.Adam(0.05)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(head(0 * x, rank=1).log_prob(x))
        gradients = tape.gradient(loss, head.trainable_variables)
        optimizer.apply(gradients, head.trainable_variables)

    optimizer.build(head.trainable_variables)
    for _ in range(300):
        step()
    # The maximum of the likelihood is the root mean square.
    expected = np.sqrt(np.mean(np.square(x)))
    scale = head(x, rank=1).stddev()[0, 0]
    np.testing.assert_allclose(scale, expected, rtol=1e-3)


@pytest.mark.parametrize("bits", [True, False], ids=["bits", "grey levels"])
def test_bernoulli_is_binary_cross_entropy(bits):
    logits, x = normal(3), RNG.uniform(size=SHAPE).astype(np.float32)
    x = np.round(x) if bits else x
    p = special.expit(logits.astype(np.float64))
    expected = -(x * np.log(p) + (1 - x) * np.log1p(-p)).sum((1, 2))
    np.testing.assert_allclose(
        -log_prob(heads.Bernoulli(), x, logits), expected, rtol=1e-5
    )


def test_bernoulli_stays_finite_at_extreme_logits():
    x = np.ones(SHAPE, np.float32)
    logits = np.full(SHAPE, -1e4, np.float32)
    np.testing.assert_allclose(
        log_prob(heads.Bernoulli(), x, logits), -1e4 * D, rtol=1e-6
    )


def test_bernoulli_mean_is_the_sigmoid_in_single_precision():
    logits = normal()
    mean = heads.Bernoulli()(tf.constant(logits), rank=2).mean()
    assert mean.dtype == tf.float32
    np.testing.assert_allclose(mean, special.expit(logits), rtol=1e-5)


def test_categorical_is_cross_entropy():
    logits = normal(3)
    x = np.eye(4, dtype=np.float32)[RNG.integers(4, size=SHAPE[:2])]
    expected = -(special.log_softmax(logits, -1) * x).sum((1, 2))
    np.testing.assert_allclose(
        -log_prob(heads.Categorical(), x, logits), expected, rtol=1e-5
    )


def test_categorical_mean_is_the_softmax():
    logits = normal()
    mean = heads.Categorical()(tf.constant(logits), rank=2).mean()
    np.testing.assert_allclose(mean, special.softmax(logits, -1), rtol=1e-5)


def test_point_is_its_own_mean_and_draw():
    loc = normal()
    point = heads.Point()(tf.constant(loc), rank=2)
    np.testing.assert_array_equal(point.mean(), loc)
    np.testing.assert_array_equal(point.sample(seed=(0, 1)), loc)


def test_large_concentrations_are_those_of_softplus():
    """In value and gradient, to the last bit, and never by its overflow."""
    raw = tf.constant(np.r_[-1e4, np.linspace(-90, 90, 721), 1e4], tf.float32)[
        :, None
    ]
    head = heads.PowerSpherical()
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(raw)
        point = head(tf.ones([723, 3]), raw, rank=1)
        found = point.distribution.concentration
        expected = tf.nn.softplus(raw[:, 0]) + 1
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(
        tape.gradient(found, raw), tape.gradient(expected, raw)
    )


@pytest.mark.parametrize(
    ("head", "most"),
    [
        (heads.Gaussian(), 1e11),
        (heads.Gaussian("shared"), 1e11),
        (heads.Gaussian(1.0), 1e16),
        (heads.Gaussian(1e-20), 1e-4),
    ],
)
def test_a_gaussian_supports_what_its_density_can_tell(head, most):
    """The largest numbers, a million of them, at the smallest deviation."""
    value = np.full([1, 1000, 1000], 0.99 * most, "float32")
    value[0, ::2] *= -1
    head.check_support("x", value)
    head.build((None, 1000, 1000))
    if head.scale == "shared":
        head.raw_scale.assign(-1e4)
    parts = [tf.zeros(value.shape), tf.fill(value.shape, -1e4)][: head.parts]
    log_prob = head(*parts, rank=2).log_prob(value)
    assert np.isfinite(log_prob).all()
    with pytest.raises(ValueError, match="`x` under a Gaussian.*Standardize"):
        head.check_support("x", 1.1 * value)


@pytest.mark.parametrize(
    ("head", "value", "received"),
    [
        (heads.Bernoulli(), [[0.0, 255.0]], r"values in \[0, 255\]"),
        (heads.Bernoulli(), [[-0.5, 0.5]], r"values in \[-0.5, 0.5\]"),
        (heads.Categorical(), [[0.5, 0.25]], r"sums in \[0.75, 0.75\]"),
        (heads.Categorical(), [[2.0, -1.0]], r"sums in \[1, 1\]"),
        (heads.Categorical(), [[3.0]], r"sums in \[3, 3\]"),
    ],
)
def test_values_outside_the_support(head, value, received):
    with pytest.raises(ValueError, match=f"`x` lies.*Expected.*{received}"):
        head.check_support("x", np.array(value))


@pytest.mark.parametrize(
    ("head", "value"),
    [
        (heads.Bernoulli(), [[0.0, 0.3, 1.0]]),
        (heads.Categorical(), [[0.0, 1.0, 0.0]]),
        (heads.Categorical(), [[0.2, 0.3, 0.5]]),
    ],
)
def test_values_inside_the_support(head, value):
    head.check_support("x", np.array(value))


@pytest.mark.parametrize("scale", [0, -1.0, np.nan, np.inf, 1e-40, 1e38])
def test_scale_out_of_range(scale):
    with pytest.raises(ValueError, match="`scale`.*Received: scale="):
        heads.Gaussian(scale)


def test_unknown_scale():
    with pytest.raises(ValueError, match="learned.*Received: scale='fixed'"):
        heads.Gaussian("fixed")


def test_get():
    head = heads.Gaussian(0.5)
    assert heads.get(head) is head
    assert type(heads.get("bernoulli")) is heads.Bernoulli
    with pytest.raises(ValueError, match="'gaussian'.*Received: 'gausian'"):
        heads.get("gausian")
    with pytest.raises(TypeError, match="Received: head=3"):
        heads.get(3)


@pytest.mark.parametrize(
    "head",
    [
        heads.Gaussian(0.5),
        heads.Gaussian("shared"),
        heads.Gaussian(start="data"),
        heads.Bernoulli(),
    ],
    ids=lambda head: head.get_config().get("scale", "bernoulli"),
)
def test_config_round_trip(head):
    config = keras.saving.serialize_keras_object(head)
    twin = keras.saving.deserialize_keras_object(config)
    assert type(twin) is type(head)
    assert twin.get_config() == head.get_config()


# Where a head starts.


def best_scale(x, loc):
    """The most likely shared deviation, by search."""
    found = optimize.minimize_scalar(
        lambda log: -stats.norm.logpdf(x, loc, np.exp(log)).sum(),
        bounds=(-10, 10),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return np.exp(found.x)


@pytest.mark.parametrize("start", [1e-3, 0.1, 1, 2.5, 1e4])
def test_a_shared_scale_starts_where_it_is_told(start):
    head = heads.Gaussian("shared", start=start)
    x, loc = normal(), normal()
    found = log_prob(head, x, loc)
    expected = stats.norm.logpdf(x, loc, start).sum((1, 2))
    # Twice the relative error of the scale, near 1e-6, times the quadratic.
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-4)
    np.testing.assert_allclose(head.monitors()["scale"], start, rtol=1e-5)


def test_a_shared_scale_is_monitored():
    head = heads.Gaussian("shared")
    head.build((None, 2))
    for raw in (-3.0, 0.0, 2.0):
        head.raw_scale.assign(raw)
        (name, value), *others = head.monitors().items()
        assert (name, others, value.shape) == ("scale", [], ())
        scale = head(tf.zeros([1, 2]), rank=1).stddev()[0, 0]
        np.testing.assert_array_equal(value, scale)


@pytest.mark.parametrize(
    "head", [heads.Gaussian(), heads.Gaussian(2.0), heads.Bernoulli()]
)
def test_heads_without_one_scale_have_nothing_to_monitor(head):
    assert head.monitors() == {}


@pytest.mark.parametrize("start", ["Data", "1", "learned"])
def test_unknown_start(start):
    with pytest.raises(ValueError, match="`start`.*data.*Received: start='"):
        heads.Gaussian("shared", start=start)


@pytest.mark.parametrize("start", [0, -1, np.nan, np.inf, 1e-6])
def test_start_out_of_range(start):
    with pytest.raises(ValueError, match="`start`.*Received: start="):
        heads.Gaussian("learned", start=start)


@pytest.mark.parametrize("start", [1.0, "data"])
def test_a_fixed_scale_does_not_start(start):
    with pytest.raises(ValueError, match="Expected None.*Received: start="):
        heads.Gaussian(0.5, start=start)


@pytest.mark.parametrize("scale", ["shared", "learned"])
def test_a_scale_from_data_is_the_most_likely_one(scale):
    x = RNG.normal([3.0, -2.0, 0.5], [0.2, 0.1, 0.4], (500, 3))
    mean = x.mean(0)
    head = heads.Gaussian(scale, start="data")
    head.build((None, 3))
    bias = head.start_from(mean, x.var(0))
    parts = [tf.constant(bias[i][None], tf.float32) for i in sorted(bias)]
    assert len(parts) == head.parts
    found = head(*parts, rank=1)
    np.testing.assert_allclose(found.mean()[0], mean, rtol=1e-6)
    # The search is exact to 1e-8, single precision to 1e-6.
    np.testing.assert_allclose(
        found.stddev()[0], np.full(3, best_scale(x, mean)), rtol=3e-6
    )


@pytest.mark.parametrize("scale", ["shared", "learned"])
def test_constant_data_leave_a_scale_above_the_floor(scale):
    head = heads.Gaussian(scale, start="data")
    head.build((None, 3))
    bias = head.start_from(np.ones(3), np.zeros(3))
    parts = [tf.constant(bias[i][None], tf.float32) for i in sorted(bias)]
    np.testing.assert_allclose(
        head(*parts, rank=1).stddev(), np.full((1, 3), 1e-4), rtol=1e-4
    )


@pytest.mark.parametrize(
    ("head", "mean", "expected"),
    [
        (heads.Point(), [0.3, -4.0], [0.3, -4.0]),
        (heads.Bernoulli(), [0.3, 0.875], [0.3, 0.875]),
        (heads.Bernoulli(), [0.0, 1.0], [0.001, 0.999]),
        (heads.Categorical(), [0.25, 0.75], [0.25, 0.75]),
        (heads.Gaussian(1.0), [0.3, -4.0], [0.3, -4.0]),
        (heads.Gaussian("shared", "data"), [0.3, -4.0], [0.3, -4.0]),
    ],
)
def test_a_head_starts_from_the_mean(head, mean, expected):
    head.build((None, 2))
    bias = head.start_from(np.array(mean), np.ones(2))
    found = head(tf.constant(bias[0][None], tf.float32), rank=1)
    np.testing.assert_allclose(found.mean()[0], expected, rtol=1e-5)


@pytest.mark.parametrize("scale", ["shared", "learned"])
@pytest.mark.parametrize("start", [None, 0.1, 1.0])
def test_a_scale_that_starts_at_a_number_keeps_the_mean(scale, start):
    """At a wide scale a decoder that says the mean forgets its code."""
    head = heads.Gaussian(scale, start)
    head.build((None, 2))
    before = [w.numpy() for w in head.weights]
    assert head.start_from(np.ones(2), np.ones(2)) == {}
    assert [w.numpy() for w in head.weights] == before


@pytest.mark.parametrize("head", [heads.Point("tanh"), heads.PowerSpherical()])
def test_heads_that_do_not_start_from_data(head):
    assert head.start_from(np.ones(3), np.ones(3)) == {}
    assert head.starts() == {}
