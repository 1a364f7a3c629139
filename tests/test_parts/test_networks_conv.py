"""Residual convolutions: what they are made of."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae.parts import networks
from keras_ae.parts.networks import conv


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_sub_pixels_are_depth_to_space(rng):
    x = rng.normal(size=(2, 3, 5, 12)).astype("float32")
    found = networks.SubPixel((2, 2))(x)
    np.testing.assert_array_equal(found, tf.nn.depth_to_space(x, 2))


def test_sub_pixels_of_a_volume_undo_its_blocks(rng):
    fine = rng.normal(size=(2, 4, 3, 6, 5)).astype("float32")
    x = fine.reshape(2, 2, 2, 3, 2, 3, 5).transpose(0, 1, 3, 4, 2, 5, 6)
    found = networks.SubPixel((2, 1, 3))(x.reshape(2, 2, 3, 2, 30))
    np.testing.assert_array_equal(found, fine)


@pytest.mark.parametrize(
    "shape, smallest, count",
    [
        ((28, 28, 1), (4, 4), 3),
        ((32, 32, 3), (4, 4), 3),
        ((128, 128, 3), (4, 4), 5),
        ((140, 1), (5,), 5),
        ((16, 16, 16, 1), (4, 4, 4), 2),
        ((3, 3, 1), (3, 3), 1),
    ],
)
def test_sides_are_halved_down_to_four(shape, smallest, count):
    plan = conv.Plan.of(shape, (8,))
    assert plan.smallest == smallest
    assert len(plan.widths) == count
    assert list(plan.widths) == sorted(plan.widths)


def test_large_images_do_not_need_many_weights():
    """The two strided layers have 12.7 million at this size."""
    model = keras_ae.VAE.create((128, 128, 3), 32, network="conv")
    assert model.count_params() < 1.5e6


def test_a_place_is_normalized_by_itself(rng):
    """What is far from a place does not change it, though it is of the same
    example; and neither does training."""
    body, _ = networks.pair("conv", (64, 8, 1), (16, 2, 3))
    x = rng.normal(size=(1, 64, 8, 1)).astype("float32")
    far = x.copy()
    far[:, 40:] = 100
    before, after = body(x).numpy(), body(far).numpy()
    np.testing.assert_array_equal(before[:, :6], after[:, :6])
    assert np.abs(before[:, 12:] - after[:, 12:]).min() > 0
    np.testing.assert_array_equal(before, body(x, training=True))


@pytest.mark.parametrize("shape, code", [((20, 2), 3), ((8, 8, 1), (2, 2, 3))])
def test_conv_compiles_and_is_saved(shape, code, rng, tmp_path):
    model = keras_ae.VAE.create(
        shape, code, network="conv", hidden=(4, 6), seed=0
    )
    x = rng.uniform(size=(4, *shape)).astype("float32")
    found = model.predict(x)
    np.testing.assert_allclose(
        tf.function(model, jit_compile=True)(x), found, rtol=1e-4, atol=1e-5
    )
    model.save_to_preset(tmp_path / "mine")
    again = keras_ae.load(tmp_path / "mine")
    np.testing.assert_array_equal(again.predict(x), found)


def test_conv_in_half_precision_is_near(rng):
    x = rng.uniform(size=(4, 8, 8, 1)).astype("float32")
    found = []
    for policy in ("float32", "mixed_bfloat16"):
        keras.config.set_dtype_policy(policy)
        model = keras_ae.Autoencoder.create(
            (8, 8, 1), 3, network="conv", hidden=(4, 6), seed=0
        )
        found.append(model.predict(x))
    keras.config.set_dtype_policy("float32")
    # 8 bits of precision, a dozen layers.
    np.testing.assert_allclose(found[1], found[0], atol=0.1)
