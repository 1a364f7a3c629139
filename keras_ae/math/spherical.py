"""A distribution on the unit sphere that can be trained."""

import math

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.math import draws

tfd = tfp.distributions


EPSILON = float(np.finfo("float32").eps)
TINY = float(np.finfo("float32").tiny)
SHORTEST = 1e-6  # a shorter vector has no direction
LARGE = 16.0  # from here on the series of digamma's difference is exact


def direction(x: tf.Tensor) -> tf.Tensor:
    """Vectors along the last axis as unit vectors, however long they are.

    Vectors shorter than 1e-6 have no direction: they become the first unit
    vector, and have no gradient. That of others is at most 1e6.

    Args:
        x: `[..., d]`.

    Returns:
        `[..., d]`, of length 1.

    Example:
        >>> direction([[3e30, 4e30], [0.0, 0.0]]).numpy().round(6).tolist()
        [[0.6000000238418579, 0.800000011920929], [1.0, 0.0]]
    """
    x = tf.convert_to_tensor(x)
    # The direction does not depend on the unit: it needs no gradient.
    unit = tf.reduce_max(tf.abs(x), axis=-1, keepdims=True)
    x /= tf.stop_gradient(tf.maximum(unit, 1.0))
    square = tf.reduce_sum(x**2, axis=-1, keepdims=True)
    pole = tf.one_hot(0, x.shape[-1], dtype=x.dtype)
    x = tf.where(square < SHORTEST**2, pole, x)
    return x * tf.math.rsqrt(tf.reduce_sum(x**2, axis=-1, keepdims=True))


def digamma_difference(x: tf.Tensor, step: float) -> tf.Tensor:
    """digamma(x + step) - digamma(x), also where both are far larger.

    Formula:
        digamma(x) = log(x) - 1 / (2 x) - 1 / (12 x**2) + 1 / (120 x**4) - ...

    for large x, each of its differences without cancellation.

    Args:
        x: Positive, `[...]`.
        step: At least 0.

    Example:
        >>> round(float(digamma_difference(tf.constant(1e6), 0.5)) * 1e6, 4)
        0.5

    Reference: Abramowitz, Stegun, 1964. Handbook of Mathematical Functions,
        6.3.18.
    """
    x = tf.convert_to_tensor(x)
    small = tf.minimum(x, LARGE)
    exact = tf.math.digamma(small + step) - tf.math.digamma(small)
    large = tf.maximum(x, LARGE)
    here, there = 1 / large, 1 / (large + step)
    gap = step * here * there  # here - there
    both = here + there
    squares = gap * both  # here**2 - there**2
    series = (
        tf.math.log1p(step * here)
        + gap / 2
        + squares / 12
        - squares * (here**2 + there**2) / 120
    )
    return tf.where(x < LARGE, exact, series)


def log_gamma_difference(x: tf.Tensor, step: float) -> tf.Tensor:
    """lgamma(x + step) - lgamma(x), as TFP has it, with its gradient from
    `digamma_difference`, which TFP's is not: it cancels.

    Args: see `digamma_difference`.

    Example:
        >>> float(log_gamma_difference(tf.constant(2.0), 2.0))  # log(6)
        1.7917594909667969
    """

    @tf.custom_gradient
    def difference(x: tf.Tensor) -> tuple:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            return upstream * digamma_difference(x, step)

        step_ = tf.constant(step, x.dtype)
        return -tfp.math.log_gamma_difference(step_, x), gradient

    return difference(tf.convert_to_tensor(x))


class PowerSpherical(draws.Rowwise, tfd.PowerSpherical):
    """`tfd.PowerSpherical` exact at any concentration, with finite gradients,
    deviations and a mode.

    A draw is `t * mu + sqrt(1 - t**2) * v` with a tangent `v`. TFP's own
    sampler differentiates the root at t = 1, which in two and three
    dimensions single precision often reaches: the gradient is infinite
    there. Here t comes from the log-odds of the beta variable. XLA has no
    kernel for its gamma draws.

    Its density and entropy are differences of numbers that grow with kappa,
    kappa * log(2) and kappa * digamma(kappa), whose rounding is a nat at a
    kappa of a million; here they are taken before they are multiplied.

    Formula:
        log p(x) = kappa * log((1 + <mu, x>) / 2) - log Z
        entropy = log Z + kappa * (digamma(a + b) - digamma(a)),
        log Z = 2 b log(2) + b log(pi) + lgamma(a) - lgamma(a + b),
        a = b + kappa, b = (d - 1) / 2
        (1 + t) / 2 = sigmoid(l) ~ Beta((d - 1) / 2 + kappa, (d - 1) / 2)
        t = tanh(l / 2)
        sqrt(1 - t**2) = 1 / cosh(l / 2)

    Args:
        mean_direction: Unit vectors, `[..., d]`.
        concentration: kappa, `[...]`; 0 is the uniform distribution.

    Example:
        >>> q = PowerSpherical([0.0, 1.0], 10.0)
        >>> round(float(tf.norm(q.sample(seed=[0, 0]))), 4)
        1.0

    Reference: De Cao, Aziz, 2020. The Power Spherical distribution,
        algorithm 1. https://arxiv.org/abs/2006.04437
    """

    def _half(self) -> float:
        return (self.mean_direction.shape[-1] - 1) / 2

    def _log_volume(self) -> tf.Tensor:
        half = self._half()
        ratio = log_gamma_difference(self.concentration + half, half)
        return half * math.log(4 * math.pi) - ratio

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        mu = self.mean_direction
        # Of unit vectors, |mu - x|**2 = 2 - 2 <mu, x>, which does not cancel
        # where the density is; opposite of mu it is that of the nearest
        # number, a logarithm of 1e-7.
        apart = tf.reduce_sum((mu - x) ** 2, axis=-1) / 4
        apart = tf.minimum(apart, 1 - EPSILON)
        return self.concentration * tf.math.log1p(-apart) - self._log_volume()

    def _entropy(self) -> tf.Tensor:
        half, kappa = self._half(), self.concentration
        entropy = self._log_volume() + kappa * digamma_difference(
            kappa + half, half
        )
        return tf.broadcast_to(entropy, self.batch_shape_tensor())

    def _sample_n(self, n: tf.Tensor, seed: tf.Tensor = None) -> tf.Tensor:
        seeds = draws.split(seed, 2)
        mu = self.mean_direction
        half = self._half()
        kappa = tf.broadcast_to(self.concentration, self.batch_shape_tensor())
        gamma = draws.gamma(n, half + kappa, seeds[0])
        # Length and direction of a normal vector are independent, and half
        # the squared length is Gamma((d - 1) / 2): the beta's other half.
        normal = draws.normal(
            tf.concat([tf.shape(gamma), [mu.shape[-1] - 1]], 0), seeds[1]
        )
        # Of one number it may be 0.
        square = tf.reduce_sum(normal**2, -1, keepdims=True)
        square = tf.maximum(square, TINY)
        log_odds = tf.math.log(2 * gamma[..., None]) - tf.math.log(square)
        around_pole = tf.concat(
            [
                tf.tanh(log_odds / 2),
                direction(normal) / tf.cosh(log_odds / 2),
            ],
            axis=-1,
        )
        # Householder reflection of the pole (1, 0, ..., 0) to mu.
        axis = tf.concat([1 - mu[..., :1], -mu[..., 1:]], axis=-1)
        axis = tf.math.l2_normalize(axis, -1)
        along = tf.reduce_sum(around_pole * axis, -1, keepdims=True)
        return tf.math.l2_normalize(around_pole - 2 * along * axis, -1)

    def _mode(self) -> tf.Tensor:
        return tf.convert_to_tensor(self.mean_direction)

    def _variance(self) -> tf.Tensor:
        # The diagonal of the covariance alone: with T = (1 + t) / 2 a beta
        # variable, E[1 - t**2] = 4 E[T (1 - T)] is shared by the directions
        # around the mean direction.
        d = self.mean_direction.shape[-1]
        b = (d - 1) / 2
        a = (self.concentration + b)[..., None]
        around = 4 * a * b / ((a + b) * (a + b + 1))  # E[1 - t**2]
        square = self.mean_direction**2
        along = around / (a + b)  # Var[t]
        return along * square + around / (d - 1) * (1 - square)

    def _stddev(self) -> tf.Tensor:
        return tf.sqrt(self.variance())
