"""Penalties and rules on codes, against TFP, SciPy and NumPy."""

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.parts import sparsity
from keras_ae.parts.sparsity import L1
from keras_ae.parts.sparsity import KLToRho
from keras_ae.parts.sparsity import TopK

tfd = tfp.distributions


def codes(*shape):
    values = np.random.default_rng(0).normal(size=shape)
    return tf.constant(values, tf.float32)


@pytest.mark.parametrize("weight", [0.1, 1.0, 3.0])
def test_l1_is_a_laplace_prior(weight):
    h = codes(6, 5)
    prior = tfd.Independent(tfd.Laplace(tf.zeros(5), 1 / weight), 1)
    constant = 5 * np.log(weight / 2)
    np.testing.assert_allclose(
        weight * L1().penalty(h), constant - prior.log_prob(h), rtol=1e-5
    )


def test_l1_of_codes_of_several_axes():
    h = codes(4, 3, 2)
    expected = np.abs(h.numpy()).sum(axis=(1, 2))
    np.testing.assert_allclose(L1().penalty(h), expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(7, 12), (5, 3, 12)])
@pytest.mark.parametrize("k", [1, 4, 12])
def test_top_k_keeps_the_k_largest(k, shape):
    h = codes(*shape).numpy()
    expected = np.zeros_like(h)
    largest = np.argsort(-h, axis=-1)[..., :k]
    np.put_along_axis(
        expected, largest, np.take_along_axis(h, largest, -1), axis=-1
    )
    np.testing.assert_array_equal(TopK(k).code(h), expected)


def test_top_k_of_equal_values_keeps_exactly_k():
    kept = TopK(3).code(tf.ones([2, 8])).numpy()
    np.testing.assert_array_equal((kept != 0).sum(axis=1), [3, 3])


def test_top_k_gradient_reaches_the_kept_alone():
    h = codes(7, 12)
    with tf.GradientTape() as tape:
        tape.watch(h)
        code = TopK(4).code(h)
        value = tf.reduce_sum(code**2)
    gradient = tape.gradient(value, h).numpy()
    np.testing.assert_allclose(gradient, 2 * code, rtol=1e-6)
    np.testing.assert_array_equal((gradient != 0).sum(axis=1), np.full(7, 4))


def test_kl_to_rho_equals_scipy():
    h = tf.sigmoid(codes(50, 6))
    rho, mean = 0.2, h.numpy().mean(axis=0).astype(float)
    expected = (
        scipy.special.rel_entr(rho, mean)
        + scipy.special.rel_entr(1 - rho, 1 - mean)
    ).sum()
    np.testing.assert_allclose(KLToRho(rho).penalty(h), expected, rtol=1e-4)


@pytest.mark.parametrize("rho", [0.01, 0.05, 0.5])
def test_kl_to_rho_is_zero_at_rho_alone(rho):
    spread = np.array([-0.5, 0.5, 0.25, -0.25], np.float32)[:, None]
    h = tf.constant(rho * (1 + spread * np.ones(3, np.float32)))

    def penalty(scale):
        return float(KLToRho(rho).penalty(scale * h))

    # Rounding of terms of order rho * log(rho), three of them: 1e-6.
    assert abs(penalty(1.0)) < 1e-6
    # KL is about (change * rho)^2 / (2 rho): 3 * 0.02 * 0.01 / 2 > 1e-5.
    assert penalty(0.8) > 1e-5 and penalty(1.2) > 1e-5


def test_kl_to_rho_pulls_every_unit_towards_rho():
    means = tf.constant([[0.01, 0.2, 0.9]])
    with tf.GradientTape() as tape:
        tape.watch(means)
        value = KLToRho(0.2).penalty(means)
    gradient = tape.gradient(value, means).numpy()[0]
    assert gradient[0] < 0 < gradient[2]
    # Zero but for the rounding of 0.2 / 0.2 - 0.8 / 0.8.
    assert abs(gradient[1]) < 1e-5


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_kl_to_rho_of_silent_units_is_finite(value):
    penalty = KLToRho(0.05).penalty(tf.fill([4, 2], value))
    assert 0 < float(penalty) < np.inf


def test_kl_to_rho_makes_codes_of_logits():
    h = codes(3, 4)
    np.testing.assert_allclose(
        KLToRho().code(h), scipy.special.expit(h), rtol=1e-6
    )


@pytest.mark.parametrize("part", [L1(), KLToRho(0.1), TopK(3)], ids=repr)
def test_survives_serialization(part):
    config = keras.saving.serialize_keras_object(part)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(part)
    assert again.get_config() == part.get_config()


@pytest.mark.parametrize(
    "make",
    [
        lambda: KLToRho(0),
        lambda: KLToRho(1),
        lambda: KLToRho(-0.1),
        lambda: TopK(0),
        lambda: TopK(5).check_shape((4,)),
        lambda: TopK(2, alpha=3).check_shape((4,)),
        lambda: TopK(2, alpha=0.5),
        lambda: sparsity.get("l2"),
    ],
)
def test_bad_values_are_refused(make):
    with pytest.raises(ValueError, match="Expected .* Received: "):
        make()


def test_bad_types_are_refused():
    with pytest.raises(TypeError, match="`k`.* Received: "):
        TopK(2.5)
    with pytest.raises(TypeError, match="sparsity"):
        sparsity.get(0.1)


def test_a_threshold_that_reached_zero_comes_back():
    part = sparsity.JumpReLU(threshold=0.01, bandwidth=0.1)
    part.build((None, 2))
    optimizer = keras.optimizers.SGD(1.0)
    optimizer.apply([tf.ones(2)], [part.thresholds])
    np.testing.assert_array_equal(part.thresholds, [0.0, 0.0])
    before = tf.constant([[0.02, 0.2], [0.04, 0.3], [-0.01, -0.2]])
    with tf.GradientTape() as tape:
        penalty = tf.reduce_sum(part.penalty(None, before))
    gradient = tape.gradient(penalty, part.thresholds.value)
    # Three of the first unit's numbers are within half a bandwidth of 0.
    np.testing.assert_allclose(gradient, [-3 / 0.1, 0.0], rtol=1e-6)
    optimizer.apply([gradient], [part.thresholds])
    assert part.thresholds.numpy()[0] > 0


def test_thresholds_below_zero_are_none():
    part = sparsity.JumpReLU()
    part.build((None, 3))
    part.thresholds.assign([-1.0, 0.0, 1.0])
    code = part.code(tf.constant([[-0.5, 0.5, 0.5], [0.5, -0.5, 1.5]]))
    np.testing.assert_allclose(code, [[0, 0.5, 0], [0.5, 0, 1.5]])
