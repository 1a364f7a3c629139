"""Jacobian norms against finite differences, in double precision."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ae.math import jacobians

STEP = 1e-5
# Central differences of smooth functions of order one: truncation STEP**2 =
# 1e-10, rounding 1e-16 / STEP = 1e-11; far below this.
TOLERANCE = {"rtol": 1e-7}
SEED = tf.constant([3, 4])


@pytest.fixture(autouse=True)
def double_precision():
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx("float32")


def dense(units=6, activation="tanh"):
    keras.utils.set_random_seed(1)
    inputs = keras.Input((5,))
    h = keras.layers.Dense(units, activation, bias_initializer="normal")(inputs)
    return keras.Model(inputs, keras.layers.Dense(3)(h))


def convolutional():
    keras.utils.set_random_seed(2)
    inputs = keras.Input((4, 5, 2))
    x = keras.layers.Conv2D(3, 3, 2, "same", activation="tanh")(inputs)
    x = keras.layers.Conv2DTranspose(2, 3, 2, "same", activation="tanh")(x)
    x = keras.layers.Flatten()(x)
    return keras.Model(inputs, keras.layers.Dense(4, "sigmoid")(x))


def rows(model, count=3):
    shape = (count, *model.input_shape[1:])
    return np.random.default_rng(0).normal(size=shape)


def frobenius_by_differences(function, x):
    """||J||_F^2 of each row, one input value moved at a time."""
    total = np.zeros(len(x))
    for place in np.ndindex(x.shape[1:]):
        step = np.zeros_like(x)
        step[(slice(None), *place)] = STEP
        moved = (function(x + step) - function(x - step)) / (2 * STEP)
        total += (np.reshape(moved, (len(x), -1)) ** 2).sum(axis=1)
    return total


def layers(model, x):
    """Kernels and first slopes of `dense`."""
    first, second = model.layers[1:]
    a = tf.matmul(x, first.kernel) + first.bias
    slopes = jacobians.slope(first.activation, a)
    return [first.kernel, second.kernel], [slopes]


@pytest.mark.parametrize("build", [dense, convolutional])
def test_replication_equals_finite_differences(build):
    model = build()
    x = rows(model)
    size = model.output_shape[-1]
    exact = jacobians.frobenius_exact(model, tf.constant(x), size)
    expected = frobenius_by_differences(lambda x: model(x).numpy(), x)
    np.testing.assert_allclose(exact, expected, **TOLERANCE)


def test_codes_of_several_axes():
    def fn(x):
        return tf.reshape(tf.sin(x)[:, :, None] * [1.0, 2.0], [-1, 5, 2])

    x = rows(dense()).astype("float32")
    exact = jacobians.frobenius_exact(fn, tf.constant(x), 10)
    expected = 5 * (np.cos(x) ** 2).sum(axis=1)
    np.testing.assert_allclose(exact, expected, rtol=1e-5)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "softplus"])
def test_gram_form_equals_replication(activation):
    model = dense(activation=activation)
    x = tf.constant(rows(model))
    gram = jacobians.frobenius_dense(*layers(model, x))
    replicated = jacobians.frobenius_exact(model, x, 3)
    np.testing.assert_allclose(gram, replicated, rtol=1e-12)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "linear"])
def test_closed_form_equals_replication(activation):
    model = dense(activation=activation)
    x = tf.constant(rows(model))
    kernels, slopes = layers(model, x)
    closed = jacobians.frobenius_dense(kernels[:1], slopes)
    replicated = jacobians.frobenius_exact(model.layers[1], x, 6)
    np.testing.assert_allclose(closed, replicated, rtol=1e-12)


def test_sigmoid_closed_form_of_the_literature():
    model = dense(activation="sigmoid")
    x = rows(model)
    kernel, bias = model.layers[1].get_weights()
    h = 1 / (1 + np.exp(-(x @ kernel + bias)))
    expected = ((h * (1 - h)) ** 2 * (kernel**2).sum(axis=0)).sum(axis=1)
    kernels, slopes = layers(model, tf.constant(x))
    closed = jacobians.frobenius_dense(kernels[:1], slopes)
    np.testing.assert_allclose(closed, expected, rtol=1e-12)


@pytest.mark.parametrize("build", [dense, convolutional])
def test_hutchinson_is_unbiased(build):
    model = build()
    x = tf.constant(rows(model, 2))
    draws = 4000
    repeated = tf.repeat(x, draws, axis=0)
    estimates = jacobians.frobenius_hutchinson(model, repeated, SEED)
    estimates = tf.reshape(estimates, [2, draws]).numpy()
    exact = jacobians.frobenius_exact(model, x, model.output_shape[-1])
    error = estimates.std(axis=1, ddof=1) / np.sqrt(draws)
    assert (np.abs(estimates.mean(axis=1) - exact) < 4 * error).all()
    assert (error > 0).all()


def test_more_probes_reduce_the_variance():
    model = dense()
    repeated = tf.repeat(tf.constant(rows(model, 1)), 4000, axis=0)
    one = jacobians.frobenius_hutchinson(model, repeated, SEED, 1)
    eight = jacobians.frobenius_hutchinson(model, repeated, SEED, 8)
    # The ratio of two sample variances of 4000 draws, for a kurtosis of at
    # most 10: relative deviation 2 * sqrt(10 / 4000) = 0.1; three of them.
    ratio = np.var(one) / np.var(eight)
    assert 8 * 0.7 < ratio < 8 * 1.3


def test_one_probe_is_exact_for_one_output():
    def fn(x):
        return tf.reduce_sum(x**3, axis=1, keepdims=True)

    x = rows(dense())
    estimate = jacobians.frobenius_hutchinson(fn, tf.constant(x), SEED)
    np.testing.assert_allclose(estimate, (9 * x**4).sum(axis=1))


FORMS = {
    "gram": lambda m, x: jacobians.frobenius_dense(*layers(m, x)),
    "replication": lambda m, x: jacobians.frobenius_exact(m, x, 3),
    "hutchinson": lambda m, x: jacobians.frobenius_hutchinson(m, x, SEED, 2),
}


@pytest.mark.parametrize("form", FORMS)
def test_gradients_equal_differences_of_the_penalty(form):
    model = dense()
    x = tf.constant(rows(model))

    @tf.function
    def penalty():
        return tf.reduce_mean(FORMS[form](model, x))

    weights = [variable.value for variable in model.trainable_variables]

    @tf.function
    def gradients():
        with tf.GradientTape() as tape:
            value = penalty()
        return tape.gradient(value, weights, unconnected_gradients="zero")

    for variable, gradient in zip(weights, gradients(), strict=True):
        values = variable.numpy()
        expected = np.zeros_like(values)
        for place in np.ndindex(values.shape):
            moved = values.copy()
            moved[place] = values[place] + STEP
            variable.assign(moved)
            high = penalty()
            moved[place] = values[place] - STEP
            variable.assign(moved)
            expected[place] = (high - penalty()) / (2 * STEP)
        variable.assign(values)
        np.testing.assert_allclose(gradient, expected, atol=1e-8, **TOLERANCE)
        # A bias added to a linear code does not move its Jacobian.
        is_last_bias = variable is weights[-1]
        assert bool(np.any(expected)) != is_last_bias
