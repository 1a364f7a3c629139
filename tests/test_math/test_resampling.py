"""Weights in blocks are the weights at once."""

import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from keras_ae.math import resampling

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("block", [1, 7, 100])
@pytest.mark.parametrize("shift", [-1e4, 0.0, 1e4])
def test_blocks_give_the_mean_of_all_draws(block, shift):
    logs = (shift + 5 * RNG.normal(size=100)).astype("float32")
    logs[:10] = -np.inf  # a whole block may weigh nothing
    values = RNG.normal(size=(100, 3)).astype("float32")
    running, kept = resampling.start(), tf.zeros(3)
    for i in range(0, 100, block):
        part = slice(i, i + block)
        running, before, weights = resampling.add(
            running, tf.constant(logs[part])
        )
        kept = before * kept + tf.tensordot(weights, values[part], 1)
    expected = scipy.special.softmax(logs.astype("float64")) @ values
    # Float32: sums of at most 100 numbers of size 1.
    np.testing.assert_allclose(kept / running.total, expected, atol=1e-5)
    log_sum = running.top + np.log(running.total)
    expected = scipy.special.logsumexp(logs.astype("float64"))
    np.testing.assert_allclose(log_sum, expected, rtol=1e-6, atol=1e-5)


def test_weights_that_are_all_zero_give_no_mean():
    nothing = tf.fill([5], -np.inf)
    running, _, weights = resampling.add(resampling.start(), nothing)
    assert np.isnan(tf.reduce_sum(weights) / running.total)
