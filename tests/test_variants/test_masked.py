"""What is hidden is not seen, and alone is paid for."""

import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae.math import patches

X = np.random.default_rng(0).random((30, 6, 6, 2)).astype("float32")


@pytest.fixture(scope="module")
def model():
    return keras_ae.MaskedAutoencoder.create(
        (6, 6, 2), 3, hidden=(8,), rate=0.6, patch=2, seed=0
    )


def test_hidden_values_are_neither_seen_nor_is_anything_else_paid(model):
    moment = model.moment(training=True)
    key = moment.keys()
    moment = moment._replace(keys=lambda: key)
    forward = model.forward(model.batch(X), moment)
    hidden = forward.extras["hidden"].numpy()
    # 5 of 9 patches, whole, of all channels.
    squares = hidden.reshape(30, 3, 2, 3, 2, 2).transpose(0, 1, 3, 2, 4, 5)
    squares = squares.reshape(30, 9, 8)
    assert (squares.all(-1) == squares.any(-1)).all()
    np.testing.assert_array_equal(squares.any(-1).sum(-1), np.full(30, 5))
    assert len({row.tobytes() for row in squares}) > 20
    mean = model.predict(np.where(hidden, 0, X), verbose=0)
    each = (X - mean) ** 2 / 2 + np.log(2 * np.pi) / 2
    expected = (each * hidden).sum((1, 2, 3)) * 9 / 5
    terms = model.loss_terms(forward, moment)
    np.testing.assert_allclose(terms["reconstruction"], expected, rtol=1e-4)
    other = np.where(hidden, 1 - X, X)
    again = model.forward(model.batch(other), moment)
    np.testing.assert_array_equal(again.latent, forward.latent)


def test_all_patches_are_hidden_equally_often():
    flags = patches.chosen(tf.constant(9_000), 9, 0.6, (0, 1)).numpy()
    error = np.sqrt(9_000 * 5 / 9 * 4 / 9)
    assert (np.abs(flags.sum(0) - 5_000) < 4 * error).all()


def test_patches_at_the_border_are_cut():
    flags = patches.spread(tf.constant([[True, False, True]]), (5, 2), 2)
    expected = np.array([1, 1, 0, 0, 1], bool)
    np.testing.assert_array_equal(flags[0], np.stack([expected] * 2, -1))
    assert patches.number(1, 0.5) == 1
