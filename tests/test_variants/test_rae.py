"""Penalties on the decoder, against matrices and finite differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae.parts import penalties

X = np.random.default_rng(0).random((40, 6)).astype("float32")
NAMES = ("weight_decay", "gradient_penalty", "spectral_norm")


def model(penalty, network="mlp", **options):
    options |= {"hidden": (8,)} if network == "mlp" else {}
    return keras_ae.RAE.create(
        (6,), 3, network=network, penalty=penalty, seed=0, **options
    )


def test_penalties_of_a_linear_decoder_are_those_of_its_matrix():
    for name in NAMES[:2]:
        made = model(name, network="linear")
        expected = (made.decoder.projection.kernel.numpy() ** 2).sum()
        rows = np.tile(X, (200, 1))
        found = made.objective(rows)["penalty"].numpy()
        error = found.std() / np.sqrt(len(found)) + 1e-6
        assert abs(found.mean() - expected) < 4 * error


def test_weights_that_are_not_trained_do_not_decay():
    network = keras.Sequential([keras.layers.Dense(3)])
    head = keras_ae.heads.Features(network, activation=None)
    made = model("weight_decay", likelihood=head)
    made.build_on(X)
    decoder = made.decoder
    kernels = [w for w in decoder.body.weights if w.path.endswith("kernel")]
    assert len(kernels) == 1  # and that of the projection
    kernels.append(decoder.projection.kernel)
    expected = sum((kernel.numpy() ** 2).sum() for kernel in kernels)
    found = made.objective(X)["penalty"]
    np.testing.assert_allclose(found, np.full(len(X), expected), rtol=1e-5)
    decoder.trainable = False
    assert not made.objective(X)["penalty"].numpy().any()


def test_gradient_penalty_is_that_of_finite_differences():
    made = model("gradient_penalty", activation="tanh")
    z = made.embed(X[:1])
    step, columns = 1e-2, []
    for axis in np.eye(3, dtype="float32"):
        ends = [made.decode(z + s * step * axis).mean() for s in (1, -1)]
        columns.append((ends[0] - ends[1])[0] / (2 * step))
    expected = np.sum(np.square(columns))
    rows = np.repeat(X[:1], 20_000, axis=0)
    found = made.objective(rows)["penalty"].numpy()
    error = found.std() / np.sqrt(len(found)) + 1e-3 * expected
    assert abs(found.mean() - expected) < 4 * error


@pytest.mark.parametrize("name", NAMES[:2])
def test_the_penalty_does_not_depend_on_the_encoder(name):
    made = model(name, activation="tanh")
    with tf.GradientTape(persistent=True) as tape:
        terms = made.objective(X)
        total = tf.reduce_sum(terms["penalty"])
    encoder = made.encoder.trainable_variables
    assert all(g is None for g in tape.gradient(total, encoder))
    kernel = made.decoder.projection.kernel
    assert np.abs(tape.gradient(total, kernel)).max() > 0


def test_spectral_norms_are_one():
    made = model("spectral_norm")
    made.compile(keras.optimizers.SGD(1e-4), jit_compile=False)
    made.fit(np.tile(X, (20, 1)), verbose=0)
    # Power iteration: the largest singular value is found to some 1 %.
    kernels = [
        w.numpy()
        for w in made.decoder.body.weights
        if w.path.endswith("kernel")
    ]
    assert kernels
    for kernel in kernels:
        assert abs(np.linalg.norm(kernel, 2) - 1) < 0.02


def test_codes_stay_short():
    lengths = []
    for strength in (0.0, 10.0):
        made = model("weight_decay", code_strength=strength)
        made.compile(keras.optimizers.Adam(0.01), jit_compile=False)
        made.fit(np.tile(X, (25, 1)), batch_size=20, verbose=0)
        lengths.append(np.square(made.embed(X)).sum(axis=1).mean())
    assert lengths[1] < lengths[0] / 5


def test_out_of_range_is_refused():
    for options in (
        {"penalty": "l3"},
        {"penalty": "weight_decay", "strength": -1.0},
        {"penalty": "weight_decay", "code_strength": -1.0},
    ):
        with pytest.raises(ValueError, match="Expected"):
            model(**options)
    with pytest.raises(ValueError, match="not tied"):
        model("weight_decay", network="tied").objective(X)
    with pytest.raises(TypeError, match="model of layers"):
        penalties.SpectralNorm().body(keras.layers.Dense(2))
