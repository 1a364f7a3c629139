"""Losses of discriminator and generator against cross-entropies."""

import numpy as np
import scipy.optimize
import sklearn.metrics
import tensorflow as tf
from scipy.special import expit

from keras_ae.math import adversarial

RNG = np.random.default_rng(0)
REAL, FAKE = RNG.normal(1, 2, 40), RNG.normal(-1, 2, 40)


def logits(value):
    return tf.constant(value, tf.float32)


def test_discriminator_loss_is_the_cross_entropy_of_real_and_fake():
    expected = 2 * sklearn.metrics.log_loss(
        np.repeat([1, 0], 40), expit(np.concatenate([REAL, FAKE]))
    )
    loss = adversarial.discriminator_loss(logits(REAL), logits(FAKE))
    np.testing.assert_allclose(np.mean(loss), expected, rtol=1e-5)


def test_generator_loss_is_the_cross_entropy_of_fakes_taken_for_real():
    loss = adversarial.generator_loss(logits(FAKE))
    np.testing.assert_allclose(loss, -np.log(expit(FAKE)), rtol=1e-5)


def test_best_logit_is_the_log_density_ratio():
    # Real with density 0.7, fake with 0.2 at one point: the loss there is
    # smallest at log(0.7 / 0.2), the fact that GANs rest on.
    def loss(logit):
        parts = (
            0.7 * adversarial.discriminator_loss(logits(logit), -1e9),
            0.2 * adversarial.discriminator_loss(1e9, logits(logit)),
        )
        return float(sum(parts))

    best = scipy.optimize.minimize_scalar(loss, bounds=(-5, 5)).x
    # Near the minimum float32 cannot tell losses within 1e-7 of each other,
    # logits within sqrt(1e-7).
    assert abs(best - np.log(0.7 / 0.2)) < 2e-3


def test_generator_gradient_does_not_vanish_where_discriminator_is_sure():
    fake = tf.constant(-20.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(fake)
        loss = adversarial.generator_loss(fake)
        saturating = -adversarial.discriminator_loss(tf.constant(0.0), fake)
    assert abs(float(tape.gradient(loss, fake)) + 1) < 1e-6
    assert abs(float(tape.gradient(saturating, fake))) < 1e-8


def test_no_overflow_at_extreme_logits():
    huge = tf.constant([1e4, -1e4])
    assert np.isfinite(adversarial.discriminator_loss(huge, -huge)).all()
    assert np.isfinite(adversarial.generator_loss(huge)).all()


def test_accuracy_is_that_of_predicted_labels():
    expected = sklearn.metrics.accuracy_score(
        np.repeat([1, 0], 40), np.concatenate([REAL, FAKE]) > 0
    )
    accuracy = adversarial.accuracy(logits(REAL), logits(FAKE))
    np.testing.assert_allclose(np.mean(accuracy), expected, rtol=1e-6)


def test_accuracy_is_a_half_where_everything_looks_alike():
    same = logits([3.0, -2.0, 0.0])
    np.testing.assert_array_equal(adversarial.accuracy(same, same), 0.5)
