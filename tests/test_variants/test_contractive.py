"""The contraction is the squared norm of the encoder's Jacobian."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ae import ContractiveAutoencoder
from keras_ae import DistributionNetwork
from keras_ae.math import jacobians
from keras_ae.parts import heads
from keras_ae.parts import networks

STEP = 1e-5


def linear(activation=None, **options):
    return ContractiveAutoencoder.create(
        (6,), 5, network="linear", posterior=heads.Point(activation), **options
    )


def mlp(*hidden, code=None, activation="tanh", **options):
    return ContractiveAutoencoder.create(
        (3, 2),
        5,
        hidden=hidden,
        activation=activation,
        posterior=heads.Point(code),
        **options,
    )


def conv(**options):
    return ContractiveAutoencoder.create(
        (5, 4, 1),
        3,
        network="strided",
        hidden=(4, 4),
        activation="softplus",
        **options,
    )


ENCODERS = {
    "one linear layer": linear,
    "one tanh layer": lambda: linear("tanh"),
    "one sigmoid layer": lambda: linear("sigmoid"),
    "two layers": lambda: mlp(7),
    "two layers, softplus": lambda: mlp(7, activation="softplus"),
    "two layers, tanh code": lambda: mlp(7, code="tanh"),
    "three layers": lambda: mlp(7, 6),
    "convolutions": conv,
}


def rows(model, count=3, seed=0):
    """Examples, and weights that leave nothing at zero."""
    rng = np.random.default_rng(seed)
    for variable in model.encoder.trainable_variables:
        size = variable.shape.num_elements() / variable.shape[-1]
        noise = rng.normal(size=variable.shape) / np.sqrt(max(size, 4))
        variable.assign(noise)
    shape = (count, *model.decoder.event_shape)
    return rng.normal(size=shape).astype("float32")


def double_precision(encoder):
    """The encoder's function in float64, by Keras' own layers."""

    def copy(layer):
        return type(layer).from_config(
            layer.get_config() | {"dtype": "float64"}
        )

    inputs = keras.Input(encoder.body.input_shape[1:], dtype="float64")
    body = keras.models.clone_model(
        encoder.body, input_tensors=inputs, clone_function=copy
    )
    body.set_weights(encoder.body.get_weights())
    kernel, bias = (np.float64(w) for w in encoder.projection.get_weights())
    activation = keras.activations.get(encoder.head.activation)
    return lambda x: activation(body(x) @ kernel + bias).numpy()


def frobenius_by_differences(function, x):
    total = np.zeros(len(x))
    for place in np.ndindex(x.shape[1:]):
        step = np.zeros(x.shape)
        step[(slice(None), *place)] = STEP
        moved = (function(x + step) - function(x - step)) / (2 * STEP)
        total += (moved**2).sum(axis=1)
    return total


@pytest.mark.parametrize("name", ENCODERS)
def test_exact_equals_finite_differences(name):
    model = ENCODERS[name]()
    x = rows(model)
    expected = frobenius_by_differences(double_precision(model.encoder), x)
    # Differences in double precision are exact to 1e-9; the rest is single
    # precision of the model, some 1e-6, held below the stated 1e-4.
    np.testing.assert_allclose(model.contraction(x), expected, rtol=1e-5)


# Bits of a number's fraction: the last one is off in each of some 30
# operations on it, of random sign.
BITS = {"float16": 10, "bfloat16": 7, "float64": 23, "float32": 23}


@pytest.mark.parametrize(
    "policy",
    ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64"],
)
@pytest.mark.parametrize(
    "name", ["one tanh layer", "two layers", "two layers, tanh code"]
)
def test_networks_of_any_precision_are_contracted(name, policy):
    """In single precision, as if the weights had been made in it."""
    make = ENCODERS[name]
    keras.config.set_dtype_policy(policy)
    model = make()
    keras.config.set_dtype_policy("float32")
    single = make()
    x = rows(model)
    single.set_weights([w.astype("float32") for w in model.get_weights()])
    found, expected = model.contraction(x), single.contraction(x)
    assert found.dtype == tf.float32
    # Layers that are replicated run in the policy's type.
    bits = BITS[policy.removeprefix("mixed_")] if "code" in name else 23
    np.testing.assert_allclose(found, expected, rtol=30 * 2.0**-bits)
    model.compile("adam", run_eagerly=True)
    history = model.fit(x, epochs=1, verbose=0).history
    assert np.isfinite(history["contraction"]).all()


@pytest.mark.parametrize("probes", [None, 2000])
def test_a_model_that_is_told_contracts_the_examples_alone(probes):
    model = mlp(7, given=3, probes=probes)
    x, given = rows(model), np.array([0, 2, 1])
    told = tf.one_hot(given, 3)
    with tf.GradientTape() as tape:
        tape.watch(x := tf.constant(x))
        codes = model.encoder([x, told]).mean()
    expected = np.square(tape.batch_jacobian(codes, x)).sum(axis=(1, 2, 3))
    # Exact but for single precision; or the deviation of an estimate of
    # 2000 probes, of 2 ||J J'||_F**2 at most, at 5 of them.
    rtol = 1e-5 if probes is None else 5 * np.sqrt(2 / probes)
    np.testing.assert_allclose(
        model.contraction((x, given)), expected, rtol=rtol
    )


@pytest.mark.parametrize("name", ENCODERS)
def test_hutchinson_agrees_with_exact(name):
    model = ENCODERS[name]()
    x = rows(model, 1)
    exact = float(model.contraction(x)[0])
    model.probes = 1
    estimates = model.contraction(np.repeat(x, 2000, axis=0)).numpy()
    error = estimates.std(ddof=1) / np.sqrt(len(estimates))
    assert abs(estimates.mean() - exact) < 4 * error


@pytest.mark.parametrize(
    "name, replicates",
    [
        (name, "code" in name or "three" in name or "conv" in name)
        for name in ENCODERS
    ],
)
def test_the_model_takes_the_cheapest_form(name, replicates, monkeypatch):
    model = ENCODERS[name]()
    called = []
    exact = jacobians.frobenius_exact
    monkeypatch.setattr(
        jacobians,
        "frobenius_exact",
        lambda *args: called.append(True) or exact(*args),
    )
    model.contraction(rows(model))
    assert bool(called) == replicates


def shared():
    dense = keras.layers.Dense(6, "tanh")
    inputs = keras.Input((6,))
    return keras.Model(inputs, dense(dense(inputs)))


BODIES = {
    "softmax is not elementwise": lambda: keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(7, "softmax")]
    ),
    "a layer used twice": shared,
    "dense along the last axis": lambda: keras.Sequential(
        [
            keras.Input((3, 2)),
            keras.layers.Dense(4, "tanh"),
            keras.layers.Flatten(),
        ]
    ),
    "dropout": lambda: keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(4, "tanh"),
            keras.layers.Dropout(0.5),
        ]
    ),
    "sequential": lambda: keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(4, "tanh")]
    ),
    "no model": lambda: keras.layers.Dense(4, "tanh"),
}


@pytest.mark.parametrize("name", BODIES)
def test_own_bodies_get_a_form_that_is_right(name):
    body = BODIES[name]()
    shape = (3, 2) if "axis" in name else (6,)
    decoder = keras.Sequential([keras.layers.Dense(4)])
    model = ContractiveAutoencoder(
        DistributionNetwork(body, "point", 5),
        DistributionNetwork(decoder, "gaussian", shape),
    )
    model.build((None, *shape))
    x = tf.constant(rows(model))
    with tf.GradientTape() as tape:
        tape.watch(x)
        h = model.encode(x).mean()
    jacobian = tape.batch_jacobian(h, x).numpy().reshape(3, -1)
    expected = (jacobian**2).sum(axis=1)
    np.testing.assert_allclose(model.contraction(x), expected, rtol=1e-5)
    known = networks.dense_stack(model.encoder, 6)
    assert bool(known) == (name == "sequential")


@pytest.mark.parametrize("probes", [None, 2])
@pytest.mark.parametrize("name", ENCODERS)
def test_gradients_reach_all_weights_that_matter(name, probes):
    model = ENCODERS[name]()
    model.probes = probes
    x = tf.constant(rows(model))
    variables = model.encoder.trainable_variables
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(model.contraction(x))
    gradients = tape.gradient(value, [v.value for v in variables])
    moved = {
        v.path.split("/", 1)[-1]
        for v, g in zip(variables, gradients, strict=True)
        if g is not None and np.all(np.isfinite(g)) and np.any(g != 0)
    }
    # A bias added to a linear code does not move its Jacobian.
    exempt = {variables[-1].path} if not model.encoder.head.activation else {}
    assert moved == {
        v.path.split("/", 1)[-1] for v in variables if v.path not in exempt
    }


def test_loss_is_the_weighted_sum():
    model = linear("tanh", strength=0.3)
    x = rows(model, 8)
    model.compile("sgd", jit_compile=False)
    terms = model.evaluate(x, verbose=0, return_dict=True)
    expected = frobenius_by_differences(double_precision(model.encoder), x)
    np.testing.assert_allclose(terms["contraction"], expected.mean(), rtol=1e-5)
    np.testing.assert_allclose(
        terms["loss"],
        terms["reconstruction"] + 0.3 * terms["contraction"],
        rtol=1e-6,
    )


def test_training_contracts():
    def sensitivity(strength):
        model = linear("sigmoid", strength=strength, seed=0)
        x = np.random.default_rng(0).normal(size=[512, 6])
        model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
        model.fit(x, epochs=5, verbose=0)
        return model.evaluate(x, verbose=0, return_dict=True)["contraction"]

    assert sensitivity(3.0) < 0.5 * sensitivity(0.0)


SCRIPT = """
import glob, json, os, sys
os.environ["XLA_FLAGS"] = f"--xla_dump_to={sys.argv[1]}"
import numpy as np
import keras_ae

def compiled():
    return len(glob.glob(sys.argv[1] + "/*before_optimizations.txt"))

def train(**options):
    model = keras_ae.ContractiveAutoencoder.create((6,), 3, **options)
    model.compile("sgd", jit_compile=True)
    rng = np.random.default_rng(0)
    counts = []
    for _ in range(4):  # a new batch at every step
        model.fit(rng.normal(size=[8, 6]), batch_size=8, verbose=0)
        counts.append(compiled())
    traces = model.block("train").experimental_get_tracing_count()
    print(json.dumps([*counts, traces]))

train(hidden=(5,))
train(hidden=(5,), probes=2)
"""


@pytest.mark.long
def test_new_batches_are_not_compiled_anew(tmp_path):
    """XLA leaves a file for each program that it compiles; of its own
    process, since its flags are read once."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 2, done.stderr[-2000:]
    for line in lines:
        first, *rest, traces = json.loads(line)
        assert first > 0 and set(rest) == {first} and traces == 1


@pytest.mark.parametrize(
    "options, name",
    [
        ({"strength": -0.1}, "strength"),
        ({"strength": float("nan")}, "strength"),
        ({"probes": 0}, "probes"),
        ({"probes": -3}, "probes"),
    ],
)
def test_bad_values_are_refused(options, name):
    with pytest.raises(ValueError, match=f"`{name}`.* Received: "):
        linear(**options)


@pytest.mark.parametrize("probes", [1.5, "many", True])
def test_bad_types_are_refused(probes):
    with pytest.raises(TypeError, match="`probes`.* Received: "):
        linear(probes=probes)
