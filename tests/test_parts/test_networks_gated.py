"""Gated networks, and convolutions whose code is a grid."""

import numpy as np
import pytest

import keras_ae
from keras_ae.parts import networks


def test_a_gated_layer_is_a_product_with_a_sigmoid():
    body, _ = networks.pair("gated", (5,), (2,), hidden=(4,))
    x = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    # Biases that are not zero, so that a missing one is noticed.
    rng = np.random.default_rng(1)
    body.set_weights([rng.normal(size=w.shape) for w in body.get_weights()])
    w, b, v, c = body.get_weights()
    expected = (x @ w + b) / (1 + np.exp(-(x @ v + c)))
    np.testing.assert_allclose(body(x), expected, rtol=1e-5)


def test_gated_networks_have_twice_the_weights_and_mirror_each_other():
    encoder, decoder = networks.pair("gated", (5, 5, 1), (3,), hidden=(8, 4))
    # Two dense layers for each: (inputs + 1) * outputs * 2.
    assert encoder.count_params() == 2 * (26 * 8 + 9 * 4)
    assert decoder.count_params() == 2 * (4 * 4 + 5 * 8)


def test_gated_models_load_from_a_preset(tmp_path):
    model = keras_ae.VAE.create((8,), 2, network="gated", hidden=(4,), seed=0)
    model.save_to_preset(tmp_path)
    x = np.random.default_rng(0).uniform(size=(3, 8)).astype("float32")
    loaded = keras_ae.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))


def test_gated_networks_take_conditions():
    encoder, decoder = networks.pair(
        "gated", (5,), (2,), hidden=(4,), condition=3
    )
    assert [tuple(i.shape[1:]) for i in encoder.inputs] == [(5,), (3,)]
    assert [tuple(i.shape[1:]) for i in decoder.inputs] == [(2,), (3,)]


@pytest.mark.parametrize("size", [8, 7])
def test_a_grid_code_is_local(size):
    """A change of one corner changes the code's corner alone, and of the
    code's corner the image's."""
    model = keras_ae.Autoencoder.create(
        (size, size, 1), (2, 2, 3), network="strided", hidden=(4, 4), seed=0
    )
    # Grid in, grid out: no dense layer but the projections.
    assert not any(
        "dense" in w.path or w.shape[0] > 9 for w in model.decoder.body.weights
    )
    x = np.random.default_rng(0).uniform(size=(1, size, size, 1))
    x = x.astype("float32")
    changed = x.copy()
    changed[0, 0, 0] += 1
    moved = np.abs(model.embed(changed) - model.embed(x))[0].max(-1)
    assert moved[0, 0] > 0
    assert moved[1, 1] == 0
    assert model.predict(x).shape == x.shape


def test_a_grid_of_another_size_goes_through_dense_layers():
    model = keras_ae.Autoencoder.create(
        (8, 8, 1), (4, 4, 3), network="strided", hidden=(4, 4), seed=0
    )
    x = np.zeros([2, 8, 8, 1], "float32")
    assert model.embed(x).shape == (2, 4, 4, 3)
    assert model.predict(x).shape == x.shape
