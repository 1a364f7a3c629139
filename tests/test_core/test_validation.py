"""Bad input: what was wrong, what was expected, what came, what to do."""

import re
import tracemalloc

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ae import VAE
from keras_ae import Autoencoder
from keras_ae import DistributionNetwork
from keras_ae.core import validation

RNG = np.random.default_rng(7)
X = np.random.default_rng(0).uniform(size=(12, 3)).astype("float32")


def make(cls=VAE, shape=(3,), **options):
    model = cls.create(shape, 2, hidden=(4,), seed=0, **options)
    model.compile("sgd", jit_compile=False)
    return model


def bad(value, *, at=4):
    x = X.copy()
    x[at, 1] = value
    return x


def refused(*parts):
    """The parts of the message, in their order."""
    return pytest.raises(
        ValueError, match="(?s)" + ".*".join(map(re.escape, parts))
    )


RUNS = {
    "fit": lambda model, x: model.fit(x, verbose=0),
    "evaluate": lambda model, x: model.evaluate(x, verbose=0),
    "validation": lambda model, x: model.fit(X, validation_data=x, verbose=0),
    "steps": lambda model, x: model.fit(x, steps_per_epoch=1, verbose=0),
    "predict": lambda model, x: model.predict(x),
    "embed": lambda model, x: model.embed(x),
    "reconstruct": lambda model, x: model.reconstruct(x),
}
TRAINING = {k: v for k, v in RUNS.items() if k not in ("predict", "embed")}
TRAINING.pop("reconstruct")


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
class TestData:
    def test_values_that_are_no_numbers(self, run):
        model = make()
        before = model.get_weights()
        with refused(
            "`x` holds NaN or infinite values",
            "Expected finite numbers",
            "Received: 1 such rows, the first at [4]",
            "Drop or fill them",
        ):
            run(model, bad(np.nan))
        # Nothing is lost: the weights are what they were, and it trains.
        if run is not RUNS["validation"]:
            for a, b in zip(before, model.get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)
        assert np.isfinite(model.evaluate(X, verbose=0)).all()

    @pytest.mark.parametrize("x", [X[:, 0], X[:, :2], X[:, :, None]])
    def test_wrong_rank_or_size(self, run, x):
        with refused(
            "Invalid shape of `x`",
            "Expected an array of shape (N, 3)",
            f"Received: shape {x.shape}",
            "Reshape the data",
        ):
            run(make(), x)

    def test_no_rows(self, run):
        with refused(
            "`x` is empty",
            "Expected an array of shape (N, 3) with N of at least 1",
            "Received: shape (0, 3)",
        ):
            run(make(), X[:0])


@pytest.mark.parametrize("run", TRAINING.values(), ids=TRAINING)
def test_pixels_outside_the_support(run):
    with refused(
        "`x` lies outside the support of a Bernoulli likelihood",
        "Expected values in [0, 1]",
        "Received: values in [0",
        "Divide pixels of 0..255 by 255, or use a Gaussian likelihood",
    ):
        pixels = np.linspace(0, 255, 36).reshape(12, 3).astype("uint8")
        run(make(likelihood="bernoulli"), pixels)


def test_gaussian_takes_any_pixels():
    model = make(likelihood="gaussian")
    assert np.isfinite(model.fit(255 * X, verbose=0).history["loss"]).all()


@pytest.mark.parametrize("target", [bad(np.nan), X[:, :2], X[:0], 255 * X])
def test_targets_are_checked_too(target):
    with refused("`y`", "Expected", "Received"):
        make(likelihood="bernoulli").fit(X, target, verbose=0)


def test_rows_and_targets_differ_in_number():
    with refused("numbers of rows", "Expected equal", "Received: [5, 12]"):
        make().fit(X, X[:5], verbose=0)


@pytest.mark.parametrize(
    ("weight", "parts"),
    [
        (np.full(12, np.nan), ("finite numbers", "12 such rows")),
        (np.ones([12, 3]), ("shape (N)", "Received: shape (12, 3)")),
        (np.ones(5), ("Expected equal numbers", "Received: [5, 12]")),
    ],
)
def test_weights_of_examples(weight, parts):
    with refused(*parts):
        make().fit(X, sample_weight=weight, verbose=0)


def test_loss_is_the_models_own():
    with refused(
        "VAE computes its own loss",
        "Expected no `loss`",
        "Received: loss='mse'",
        "Remove the `loss` argument of `compile()`",
    ):
        VAE.create((3,), 2).compile("adam", loss="mse")
    with pytest.raises(TypeError, match="`loss_weights`.*`dict`"):
        VAE.create((3,), 2).compile("adam", loss_weights=[1])
    with refused("loss_weights['kl']", "Received"):
        VAE.create((3,), 2).compile("adam", loss_weights={"kl": -1.0})
    with refused("loss_weights", "'kl'", "Received", "'knl'"):
        VAE.create((3,), 2).compile("adam", loss_weights={"knl": 1.0})


@pytest.mark.parametrize("cls", [Autoencoder, VAE])
def test_unknown_constructor_arguments(cls):
    with refused("argument. Expected one of ['hidden'", "Received: 'hiden'"):
        cls.create((3,), 2, hiden=(4,))
    model = make(cls)
    with refused("argument. Expected one of ['seed'", "Received: 'sead'"):
        cls(model.encoder, model.decoder, sead=1)


def test_known_constructor_arguments():
    model = VAE.create((3,), 2, hidden=(4,), name="mine", trainable=False)
    assert model.name == "mine" and model.trainable_variables == []


def test_parts_must_be_distributions():
    network = keras.Sequential([keras.layers.Dense(2)])
    with pytest.raises(
        TypeError,
        match="`encoder`.*`DistributionNetwork`.*keras_ae.DistributionNetwork",
    ):
        VAE(network, network)


def test_network_that_does_not_fit_its_head():
    body = keras.Sequential([keras.layers.Conv2D(4, 3)])  # 8 x 8 to 6 x 6
    network = DistributionNetwork(body, "bernoulli", (8, 8, 1))
    with refused(
        "does not fit the event",
        "Expected shape (batch, features) or (batch, 8, 8, features)",
        "Received: (None, 6, 6, 4)",
    ):
        network.build((None, 8, 8, 1))


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_values(value):
    with refused("infinite values", "Received: 1 such rows, the first at [7]"):
        make().fit(bad(value, at=7), verbose=0)


@pytest.mark.parametrize("size", [0, -1])
def test_batch_size(size):
    with refused("`batch_size`", "at least 1", f"batch_size={size}"):
        make().fit(X, batch_size=size, verbose=0)


@pytest.mark.parametrize("fraction", [0.99, 1.0, -0.5])
def test_split_that_leaves_nothing(fraction):
    with refused("validation_split", "Expected", f"{fraction}"):
        make().fit(X, validation_split=fraction, verbose=0)


def test_data_must_be_given():
    model = make()
    for run in (model.fit, model.evaluate):
        with refused("`x` is missing", "Expected", "Received: x=None"):
            run(None)


def test_training_needs_compiling():
    with refused("compile()"):
        VAE.create((3,), 2).fit(X, verbose=0)


@pytest.mark.parametrize("shape", [0, (3, 0), (-1,)])
def test_shapes_are_positive(shape):
    with refused("`input_shape`", "positive integers", "Received:"):
        VAE.create(shape, 2)
    with refused("`latent_dim`", "positive integers", "Received:"):
        VAE.create(3, shape)


@pytest.mark.parametrize("shape", [2.5, "3", (), (None, 3), True])
def test_shapes_are_integers(shape):
    with pytest.raises(TypeError, match="`input_shape`.*Received:"):
        VAE.create(shape, 2)


def test_terms_that_are_not_declared():
    class Odd(Autoencoder):
        def loss_terms(self, forward, moment):
            terms = super().loss_terms(forward, moment)
            return terms | {"extra": tf.constant(0.0)}

    with refused("Odd returned terms", "Expected", "['extra']"):
        make(Odd).fit(X, verbose=0)


# The checks themselves.


@pytest.mark.parametrize(
    ("value", "options", "error"),
    [
        (0.0, {"open_low": True}, ValueError),
        (1.0, {"open_high": True}, ValueError),
        (-0.1, {}, ValueError),
        (1.1, {}, ValueError),
        (np.nan, {}, ValueError),
        ("x", {}, TypeError),
        (True, {}, TypeError),
        (None, {}, TypeError),
        ([0.5], {}, TypeError),
    ],
)
def test_numbers_outside(value, options, error):
    left = "(" if options.get("open_low") else "["
    right = ")" if options.get("open_high") else "]"
    message = f"`a`. Expected a number in {left}0, 1{right}. Received: a="
    with pytest.raises(error, match=re.escape(message)):
        validation.check_number("a", value, 0, 1, **options)


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.5), np.int64(1)])
def test_numbers_inside(value):
    found = validation.check_number("a", value, 0, 1)
    assert type(found) is float and found == value


@pytest.mark.parametrize("value", [1, np.int32(5)])
def test_counts(value):
    found = validation.check_count("n", value)
    assert type(found) is int and found == value


@pytest.mark.parametrize(
    ("value", "error"),
    [(0, ValueError), (1.0, TypeError), (True, TypeError), (None, TypeError)],
)
def test_bad_counts(value, error):
    with pytest.raises(error, match=r"`n`. Expected an integer of at least 1"):
        validation.check_count("n", value)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [(3, (3,)), ((2, 3), (2, 3)), ([2], (2,)), (np.int64(4), (4,))],
)
def test_shapes(shape, expected):
    assert validation.check_shape("s", shape) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (X, True),
        (tf.constant(X), True),
        (X.tolist(), True),
        ((X, X), True),
        (tf.data.Dataset.range(3), False),
        ((x for x in X), False),
        (None, False),
    ],
)
def test_rows_in_memory(value, expected):
    assert validation.is_array(value) is expected


# Rows in parts.

KINDS = ["uint8", "int64", "bool", "float16", "float32", "float64"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 7, 100, 10**6])
def test_limits_in_parts_are_those_of_the_whole(kind, size, monkeypatch):
    monkeypatch.setattr(validation, "PART", size)
    value = (RNG.random((23, 3, 2)) * 200).astype(kind)
    found = validation.check_data("x", value, (3, 2))
    assert found == (value.min(), value.max())
    joined = [part for _, part in validation.parts(value)]
    np.testing.assert_array_equal(np.concatenate(joined), value)
    assert all(part.base is not None for part in joined)
    firsts = [start for start, _ in validation.parts(value)]
    lengths = [len(part) for part in joined]
    assert firsts == [0, *np.cumsum(lengths)[:-1]]


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("size", [1, 50, 10**6])
def test_rows_that_are_not_finite_are_named(kind, bad, size, monkeypatch):
    monkeypatch.setattr(validation, "PART", size)
    value = RNG.random((40, 4)).astype(kind)
    places = [3, 4, 11, 12, 30, 31, 39]
    value[places, RNG.integers(4, size=7)] = bad
    with refused("NaN or infinite", "Received: 7 such", "[3, 4, 11, 12, 30]"):
        validation.check_data("x", value, (4,))
    finite = np.delete(value, places, axis=0)
    low, high = validation.check_data("x", finite, (4,))
    assert (low, high) == (finite.min(), finite.max())


def test_what_single_precision_does_not_reach_is_infinite():
    """The model would see an infinite number."""
    value = np.ones((4, 2))
    value[2, 1] = 1e39
    with refused("NaN or infinite", "1 such rows", "[2]"):
        validation.check_data("x", value, (2,))
    value[2, 1] = np.finfo(np.float32).max
    validation.check_data("x", value, (2,))


@pytest.mark.parametrize(
    "value",
    [
        np.array([["a", "b"]]),
        np.array([[1, None]]),
        np.array([[1j, 0]]),
        np.array([["2020-01-01", "2021-01-01"]], "datetime64[D]"),
    ],
    ids=["text", "objects", "complex", "dates"],
)
def test_what_are_no_numbers(value):
    with refused("real numbers", "Expected an array", "Received: dtype"):
        validation.check_data("x", value, (2,))


@pytest.mark.parametrize("spoiled", [False, True])
def test_rows_are_not_copied(spoiled, monkeypatch):
    monkeypatch.setattr(validation, "PART", 1 << 16)
    rows = np.zeros((4000, 1000), np.float32)  # 16 MB
    rows = rows[:, ::2]  # nor where they do not lie together
    if spoiled:
        rows[-1, -1] = np.nan
    tracemalloc.start()
    try:
        validation.check_data("x", rows, (500,))
    except ValueError:
        assert spoiled
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # A part as it is, in single precision, and its flags.
    assert peak < 6 * validation.PART
