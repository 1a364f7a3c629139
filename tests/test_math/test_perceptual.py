"""Structural similarity against a double loop, and TensorFlow's."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ae.math import perceptual

RNG = np.random.default_rng(0)


def pair(*shape):
    """Images, and noisy ones of less contrast."""
    x = RNG.uniform(size=shape)
    y = np.clip(0.6 * x + 0.1 + RNG.normal(0, 0.05, shape), 0, 1)
    return x.astype("float32"), y.astype("float32")


def one_scale(x, y):
    """Structural similarity of two images, window by window."""
    places = np.arange(11) - 5.0
    window = np.exp(-(places[:, None] ** 2 + places**2) / (2 * 1.5**2))
    window = (window / window.sum())[..., None]
    found = []
    for i in range(x.shape[0] - 10):
        for j in range(x.shape[1] - 10):
            a, b = (z[i : i + 11, j : j + 11].astype(float) for z in (x, y))
            m, n = ((window * z).sum((0, 1)) for z in (a, b))
            v, w = (
                (window * (z - mean) ** 2).sum((0, 1))
                for z, mean in ((a, m), (b, n))
            )
            c = (window * (a - m) * (b - n)).sum((0, 1))
            found.append(
                (2 * m * n + 1e-4)
                * (2 * c + 9e-4)
                / ((m**2 + n**2 + 1e-4) * (v + w + 9e-4))
            )
    return np.mean(found)


def test_one_scale_is_a_loop_over_windows():
    x, y = pair(3, 13, 12, 2)
    expected = [one_scale(*images) for images in zip(x, y, strict=True)]
    found = perceptual.ms_ssim(tf.constant(x), tf.constant(y), 1)
    assert (found < 0.95).numpy().all()
    # Means of squares in single precision, 6e-8, over C2, 9e-4.
    np.testing.assert_allclose(found, expected, atol=2e-4)


@pytest.mark.parametrize("sides, levels", [((28, 23), 2), ((45, 44), 3)])
def test_several_scales_are_those_of_tensorflow(sides, levels):
    assert perceptual.most_levels(*sides) == levels
    x, y = pair(2, *sides, 3)
    weights = np.array(perceptual.SCALES[:levels])
    expected = tf.image.ssim_multiscale(x, y, 1.0, weights / weights.sum())
    found = perceptual.ms_ssim(tf.constant(x), tf.constant(y), levels)
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_equal_constant_and_inverted_images_have_a_gradient():
    x, _ = pair(1, 22, 22, 1)
    grey = np.full_like(x, 0.5)
    for other, low, high in ((x, 1, 1), (grey, 0, 0.5), (1 - x, 0, 0.1)):
        decoded = tf.constant(other)
        with tf.GradientTape() as tape:
            tape.watch(decoded)
            found = perceptual.ms_ssim(tf.constant(x), decoded, 2)
        assert low - 1e-6 <= float(found[0]) <= high + 1e-6
        assert np.isfinite(tape.gradient(found, decoded)).all()
    constant = tf.constant(grey)
    equal = perceptual.ms_ssim(constant, constant, 2)
    np.testing.assert_allclose(equal, 1, rtol=1e-6)
