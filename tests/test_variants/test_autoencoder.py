"""The plain autoencoder: PCA, and backpropagation by hand."""

import os

import keras
import numpy as np
import pytest
import scipy.linalg
from sklearn.decomposition import PCA

from keras_ae import Autoencoder
from keras_ae.parts import heads
from keras_ae.zoo import datasets
from tests.kinds import first


def trained_error(model, x, steps_of_32):
    """Squared error a row after training on all rows at once."""
    steps = 32 * steps_of_32
    rate = keras.optimizers.schedules.CosineDecay(1e-2, steps)
    # A short memory of squares: directions of small variance come last.
    model.compile(keras.optimizers.Adam(rate, beta_2=0.99), jit_compile=False)
    model.fit(
        np.tile(x, (32, 1, 1, 1)),  # 32 batches, each of all rows
        batch_size=len(x),
        shuffle=False,
        epochs=steps_of_32,
        verbose=0,
    )
    return np.square(model.predict(x) - x).sum() / len(x)


def principal(x, k):
    rows = x.reshape(len(x), -1).astype(np.float64)
    pca = PCA(k, svd_solver="full").fit(rows)
    rest = pca.inverse_transform(pca.transform(rows)) - rows
    return np.square(rest).sum() / len(x), pca.components_.T


@pytest.mark.parametrize("scale", first([1.0], [1.0, 0.5]))
def test_linear_autoencoder_is_pca_on_digits(scale):
    (x, _), _ = datasets.load("digits")
    model = Autoencoder.create(
        (8, 8, 1),
        10,
        network="linear",
        likelihood=heads.Gaussian(scale),
        seed=0,
    )
    error = trained_error(model, x, 60)
    expected, components = principal(x, 10)
    np.testing.assert_allclose(error, expected, rtol=1e-3)
    basis = model.decoder.projection.kernel.numpy().T.astype(float)
    angles = scipy.linalg.subspace_angles(basis, components)
    assert angles.max() < 1e-3


@pytest.mark.long
@pytest.mark.skipif(
    "KERAS_AE_DATA" not in os.environ, reason="KERAS_AE_DATA is not set"
)
def test_linear_autoencoder_is_pca_on_mnist():
    (x, _), _ = datasets.load("mnist")
    x = x[:400, ::2, ::2]  # every other pixel: a quarter of the work
    model = Autoencoder.create((14, 14, 1), 6, network="linear", seed=0)
    error = trained_error(model, x, 40)
    expected, components = principal(x, 6)
    np.testing.assert_allclose(error, expected, rtol=1e-3)
    basis = model.decoder.projection.kernel.numpy().T.astype(float)
    angles = scipy.linalg.subspace_angles(basis, components)
    assert angles.max() < 1e-3


def test_tied_autoencoder_is_orthonormal_pca_on_digits():
    """Of all bases of the subspace, only orthonormal ones invert themselves by
    transposition."""
    (x, _), _ = datasets.load("digits")
    model = Autoencoder.create((8, 8, 1), 10, network="tied", seed=0)
    error = trained_error(model, x, 60)
    expected, components = principal(x, 10)
    np.testing.assert_allclose(error, expected, rtol=1e-3)
    basis = model.encoder.projection.kernel.numpy().astype(float)
    angles = scipy.linalg.subspace_angles(basis, components)
    assert angles.max() < 1e-3
    np.testing.assert_allclose(basis.T @ basis, np.eye(10), atol=1e-3)


def linear_model(n=6, k=2):
    model = Autoencoder.create((n,), k, network="linear", seed=0)
    weights = [
        model.encoder.projection.kernel,
        model.encoder.projection.bias,
        model.decoder.projection.kernel,
        model.decoder.projection.bias,
    ]
    return model, weights


def test_loss_is_half_the_squared_error_and_a_constant():
    model, weights = linear_model()
    x = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    a, b, c, d = (w.numpy().astype(np.float64) for w in weights)
    error = (x @ a + b) @ c + d - x
    model.compile(jit_compile=False)
    loss = model.evaluate(x, batch_size=7, verbose=0)[0]
    expected = np.square(error).sum() / 2 / len(x) + 3 * np.log(2 * np.pi)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_step_of_gradient_descent_is_backpropagation_by_hand():
    model, weights = linear_model()
    x = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    weight = np.linspace(0, 2, 20).astype(np.float32)
    a, b, c, d = (w.numpy().astype(np.float64) for w in weights)
    h = x @ a + b
    up = (h @ c + d - x) * weight[:, None] / weight.sum()
    down = up @ c.T
    rate = 0.5
    expected = [
        a - rate * x.T @ down,
        b - rate * down.sum(0),
        c - rate * h.T @ up,
        d - rate * up.sum(0),
    ]
    model.compile(keras.optimizers.SGD(rate), jit_compile=False)
    model.fit(x, batch_size=20, sample_weight=weight, verbose=0)
    for variable, value in zip(weights, expected, strict=True):
        np.testing.assert_allclose(variable, value, rtol=1e-4, atol=1e-6)


def test_codes_are_points():
    model, weights = linear_model()
    x = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    a, b = (w.numpy() for w in weights[:2])
    code = model.encode(x)
    np.testing.assert_allclose(code.mean(), x @ a + b, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(code.sample(seed=(0, 1)), code.mean())
    np.testing.assert_array_equal(model.embed(x), code.mean())


def test_target_is_what_is_reconstructed():
    """With y = Ax for a matrix A of rank 2, a code of 2 has no loss left."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 6)).astype(np.float32)
    y = x @ rng.normal(size=(6, 2)) @ rng.normal(size=(2, 6))
    model, _ = linear_model()
    rate = keras.optimizers.schedules.CosineDecay(0.03, 1600)
    model.compile(keras.optimizers.Adam(rate), jit_compile=False)
    rows = np.tile(x, (32, 1)), np.tile(y, (32, 1))
    model.fit(*rows, batch_size=64, epochs=50, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.predict(x), y, atol=1e-3 * y.std())
