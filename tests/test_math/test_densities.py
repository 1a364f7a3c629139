"""Densities against those of TFP."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.math import densities

RNG = np.random.default_rng(0)


def test_bernoulli_is_that_of_tfp_also_over_several_draws():
    logits = RNG.normal(0, 4, [3, 5, 2]).astype(np.float32)
    event = RNG.uniform(size=[5, 2]).astype(np.float32)
    ours = densities.Bernoulli(logits=logits).log_prob(event)
    theirs = tfp.distributions.Bernoulli(logits=logits).log_prob(event)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_gradient_of_bernoulli_is_event_minus_probability():
    logits = tf.constant([-30.0, -1.0, 0.0, 2.0, 30.0])
    event = tf.constant([1.0, 0.0, 0.3, 1.0, 0.0])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = densities.Bernoulli(logits=logits).log_prob(event)
    expected = event - tf.sigmoid(logits)
    np.testing.assert_allclose(
        tape.gradient(value, logits), expected, atol=1e-6
    )
