"""Vector quantization against brute force, NumPy and closed forms."""

import numpy as np
import scipy.stats
import tensorflow as tf

from keras_ae.math import quantization


def draws(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape).astype("float32")


def test_nearest_code_is_the_brute_force_minimum():
    z, table = draws(4, 5, 3), draws(17, 3, seed=1)
    distances = ((z[..., None, :] - table) ** 2).sum(-1)
    found = quantization.nearest_code(tf.constant(z), tf.constant(table))
    np.testing.assert_array_equal(found, distances.argmin(-1))


def test_nearest_code_of_a_code_is_itself():
    table = draws(50, 4)
    found = quantization.nearest_code(tf.constant(table), tf.constant(table))
    np.testing.assert_array_equal(found, np.arange(50))


def test_straight_through_has_the_codes_value_and_the_identity_as_gradient():
    z, code = tf.constant(draws(6, 3)), tf.constant(draws(6, 3, seed=1))
    with tf.GradientTape() as tape:
        tape.watch([z, code])
        out = quantization.straight_through(z, code)
    # z + (code - z) rounds twice.
    np.testing.assert_allclose(out, code, atol=1e-6)
    weights = tf.constant(draws(6, 3, seed=2))
    with tf.GradientTape() as tape:
        tape.watch([z, code])
        out = quantization.straight_through(z, code)
    to_z, to_code = tape.gradient(out, [z, code], output_gradients=weights)
    np.testing.assert_array_equal(to_z, weights)
    assert to_code is None


def test_squared_distance_sums_over_the_event():
    x, y = draws(4, 2, 3), draws(4, 2, 3, seed=1)
    np.testing.assert_allclose(
        quantization.squared_distance(tf.constant(x), tf.constant(y)),
        ((x - y) ** 2).sum((1, 2)),
        rtol=1e-5,
    )


def test_ema_update_is_the_weighted_mean_of_all_batches():
    decay, size, steps, rows = 0.8, 3, 12, 10
    rng = np.random.default_rng(0)
    z = rng.normal(size=(steps, rows, 2)).astype("float32")
    indices = rng.integers(0, size - 1, (steps, rows)).astype("int32")
    start = draws(size, 2, seed=3)
    table, usage = tf.constant(start), tf.ones(size)
    for batch, codes in zip(z, indices, strict=True):
        table, usage = quantization.ema_update(
            table, usage, tf.constant(batch), tf.constant(codes), decay
        )
    # Closed form: batch t of T weighs (1 - decay) * decay**(T - 1 - t), the
    # start decay**T; a code takes the mean of its vectors in these weights.
    batch_weights = (1 - decay) * decay ** np.arange(steps - 1, -1, -1)
    batch_weights = batch_weights * size / rows
    for k in range(size):
        chosen = (indices == k) * batch_weights[:, None]
        expected_usage = decay**steps + chosen.sum()
        expected = decay**steps * start[k] + np.einsum("tn,tnd->d", chosen, z)
        np.testing.assert_allclose(usage[k], expected_usage, rtol=1e-5)
        np.testing.assert_allclose(
            table[k], expected / expected_usage, rtol=1e-4, atol=1e-6
        )
    # The last code was never assigned: it has not moved.
    np.testing.assert_allclose(table[2], start[2], rtol=1e-5)


def test_ema_update_does_not_depend_on_the_batch_size():
    z, indices = draws(5, 2), np.array([0, 1, 1, 2, 0], "int32")
    table, usage = tf.constant(draws(4, 2, seed=1)), tf.constant([1.0] * 4)
    one = quantization.ema_update(
        table, usage, tf.constant(z), tf.constant(indices), 0.9
    )
    two = quantization.ema_update(
        table,
        usage,
        tf.constant(np.tile(z, (3, 1))),
        tf.constant(np.tile(indices, 3)),
        0.9,
    )
    np.testing.assert_allclose(one[0], two[0], rtol=1e-5)
    np.testing.assert_allclose(one[1], two[1], rtol=1e-5)


def test_unused_code_without_usage_stays():
    table = draws(2, 3)
    new, usage = quantization.ema_update(
        tf.constant(table),
        tf.zeros(2),
        tf.constant(draws(4, 3, seed=1)),
        tf.zeros(4, tf.int32),
        0.9,
    )
    np.testing.assert_array_equal(new[1], table[1])
    assert float(usage[1]) == 0
    # Without usage the other is the plain mean of its vectors.
    np.testing.assert_allclose(new[0], draws(4, 3, seed=1).mean(0), rtol=1e-5)


def test_perplexity_is_the_exponential_of_scipys_entropy():
    indices = np.random.default_rng(0).integers(0, 5, (7, 9)).astype("int32")
    shares = np.bincount(indices.ravel(), minlength=8) / indices.size
    np.testing.assert_allclose(
        quantization.perplexity(tf.constant(indices), 8),
        np.exp(scipy.stats.entropy(shares)),
        rtol=1e-5,
    )
    one = quantization.perplexity(tf.zeros([6], tf.int32), 8)
    np.testing.assert_allclose(one, 1, rtol=1e-6)


def test_the_rotation_takes_a_vector_and_its_gradient_to_the_code():
    rng = np.random.default_rng(0)
    z, code, slope = rng.normal(size=(3, 50, 4)).astype("float32")
    z = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = quantization.rotated(z, tf.constant(code))
        total = tf.reduce_sum(value * slope)
    np.testing.assert_array_equal(value, code)
    found = tape.gradient(total, z).numpy()
    for row in range(50):
        a, b = (v[row] / np.linalg.norm(v[row]) for v in (z.numpy(), code))
        mid = (a + b) / np.linalg.norm(a + b)
        turn = np.eye(4) - 2 * np.outer(mid, mid) + 2 * np.outer(b, a)
        np.testing.assert_allclose(turn @ turn.T, np.eye(4), atol=1e-6)
        np.testing.assert_allclose(turn @ a, b, atol=1e-6)
        scale = np.linalg.norm(code[row]) / np.linalg.norm(z[row])
        expected = scale * turn.T @ slope[row]
        np.testing.assert_allclose(found[row], expected, atol=2e-5)
