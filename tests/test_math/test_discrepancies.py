"""Discrepancies against double loops, SciPy and known laws."""

import itertools

import numpy as np
import scipy.stats
import tensorflow as tf

from keras_ae.math import discrepancies

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(7, 3)), RNG.normal(0.5, 2.0, size=(5, 3))


def kernel(a, b):
    widths = 6 * np.array([0.1, 0.2, 0.5, 1, 2, 5, 10])
    return (widths / (widths + ((a - b) ** 2).sum())).sum()


def test_mmd_is_the_double_loop():
    def pairs(a):
        return np.mean([kernel(*p) for p in itertools.permutations(a, 2)])

    across = np.mean([kernel(a, b) for a in A for b in B])
    expected = pairs(A) + pairs(B) - 2 * across
    found = discrepancies.mmd(tf.constant(A), tf.constant(B))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    stacked = discrepancies.mmd(tf.constant([A, A]), tf.constant([B, A[:5]]))
    np.testing.assert_allclose(stacked[0], expected, rtol=1e-6)


def test_mmd_vanishes_on_equal_laws_and_there_alone():
    draws = tf.constant(RNG.normal(size=(2, 400, 20, 3)), tf.float32)
    equal = discrepancies.mmd(*draws).numpy()
    error = equal.std() / np.sqrt(len(equal))
    assert abs(equal.mean()) < 4 * error
    shifted = discrepancies.mmd(draws[0], draws[1] + 0.5).numpy()
    assert shifted.mean() > 10 * error


def test_a_single_draw_has_no_pairs():
    found = discrepancies.mmd(tf.constant(A[:1]), tf.constant(A[:1]))
    np.testing.assert_allclose(found, -2 * 7.0)


def test_sliced_distance_is_the_double_loop():
    a, b, seed = A[:5], B, (1, 2)
    lines = discrepancies.draws.normal([3, 40], seed).numpy()
    lines = lines / np.linalg.norm(lines, axis=0)
    total = 0.0
    for line in lines.T:
        for u, v in zip(sorted(a @ line), sorted(b @ line), strict=True):
            total += (u - v) ** 2
    found = discrepancies.sliced_wasserstein(
        tf.constant(a, tf.float32), tf.constant(b, tf.float32), seed, 40
    )
    np.testing.assert_allclose(found, total / 40 / 5, rtol=1e-5)


def test_on_a_line_it_is_the_wasserstein_distance():
    # Of shifted draws both orders of the distance are the shift.
    a = tf.constant(A[:, :1], tf.float32)
    found = discrepancies.sliced_wasserstein(a, a + 1.5, 0, 3)
    shift = scipy.stats.wasserstein_distance(A[:, 0], A[:, 0] + 1.5)
    np.testing.assert_allclose(found, shift**2, rtol=1e-5)


def test_sliced_distance_vanishes_on_equal_laws():
    a = tf.constant(A, tf.float32)
    same = discrepancies.sliced_wasserstein(a, tf.reverse(a, [0]), (0, 1))
    assert abs(float(same)) < 1e-10
    draws = tf.constant(RNG.normal(size=(2, 4000, 3)), tf.float32)
    few = discrepancies.sliced_wasserstein(*draws[:, :100], (0, 1))
    many = discrepancies.sliced_wasserstein(*draws, (0, 1))
    assert many < few / 10
    assert many < 0.005
