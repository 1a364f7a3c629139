"""Rules of sparse codes, against sorting and the published gradients."""

import numpy as np
import tensorflow as tf

from keras_ae.math import gradients
from keras_ae.math import sparse

RNG = np.random.default_rng(0)


def test_gradients_of_jumps_are_those_published():
    a = RNG.normal(size=(500, 3)).astype("float32")
    threshold = np.float32([0.2, 0.5, 1.0])
    slope, width = RNG.normal(size=a.shape).astype("float32"), 0.3
    near = np.abs(a - threshold) / width < 0.5
    assert 10 < near.sum() < 400
    expected = {
        # Equation 12, and 11 with its gradient for a.
        sparse.step: (None, -(near / width * slope).sum(0)),
        sparse.jump_relu: (
            (a > threshold) * slope,
            -(threshold / width * near * slope).sum(0),
        ),
    }
    for function, (for_a, for_threshold) in expected.items():
        points, edges = tf.constant(a), tf.constant(threshold)
        with tf.GradientTape() as tape:
            tape.watch([points, edges])
            value = function(points, edges, width)
            total = tf.reduce_sum(value * slope)
        height = 1.0 if function is sparse.step else a
        np.testing.assert_array_equal(value, (a > threshold) * height)
        found = tape.gradient(total, [points, edges])
        if for_a is None:
            assert found[0] is None
        else:
            np.testing.assert_allclose(found[0], for_a, rtol=1e-6)
        # A sum of some 100 numbers of order 3.
        np.testing.assert_allclose(found[1], for_threshold, rtol=1e-4)


def test_the_kernel_is_the_gradient_of_the_expectation():
    # P(a > t) of N(0, 1) falls with the normal density at t.
    a = tf.constant(RNG.normal(size=200_000).astype("float32"))
    threshold = tf.constant(0.7)
    with tf.GradientTape() as tape:
        tape.watch(threshold)
        share = tf.reduce_mean(sparse.step(a, threshold, 0.1))
    found = float(tape.gradient(share, threshold))
    density = np.exp(-(0.7**2) / 2) / np.sqrt(2 * np.pi)
    # About 6,200 draws are near: 4 standard errors are 5 %.
    np.testing.assert_allclose(found, -density, rtol=0.05)


def test_explained_variance_is_one_minus_squares_over_squares():
    x, mean = RNG.normal(size=(2, 40, 3)).astype("float32")
    expected = 1 - ((x - mean) ** 2).sum() / ((x - x.mean(0)) ** 2).sum()
    found = sparse.explained_variance(tf.constant(x), tf.constant(mean))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    mask = RNG.random(x.shape) < 0.7
    center = np.where(mask, x, 0).sum(0) / mask.sum(0)
    left, all_of_it = (
        np.where(mask, (x - c) ** 2, 0).sum() for c in (mean, center)
    )
    found = sparse.explained_variance(
        tf.constant(np.where(mask, x, 0)), tf.constant(mean), tf.constant(mask)
    )
    np.testing.assert_allclose(found, 1 - left / all_of_it, rtol=1e-5)


def test_a_path_leaves_the_other_gradient_out():
    z, weight = tf.constant([2.0]), tf.Variable(3.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(z)
        value = gradients.along_path(lambda z: weight * z**2, z)
    assert float(value[0]) == 12.0
    assert float(tape.gradient(value, z)[0]) == 12.0
    assert float(tape.gradient(value, weight)) == 0.0
