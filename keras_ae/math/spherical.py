"""A distribution on the unit sphere that can be trained."""

import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.math import draws

tfd = tfp.distributions


class PowerSpherical(draws.Rowwise, tfd.PowerSpherical):
    """`tfd.PowerSpherical` with finite gradients, deviations and a mode.

    A draw is `t * mu + sqrt(1 - t**2) * v` with a tangent `v`. TFP's own
    sampler differentiates the root at t = 1, which in two and three
    dimensions single precision often reaches: the gradient is infinite
    there. Here t comes from the log-odds of the beta variable. XLA has no
    kernel for its gamma draws.

    Formula:
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

    def _sample_n(self, n: tf.Tensor, seed: tf.Tensor = None) -> tf.Tensor:
        seeds = draws.split(seed, 2)
        mu = self.mean_direction
        half = (mu.shape[-1] - 1) / 2
        kappa = tf.broadcast_to(self.concentration, self.batch_shape_tensor())
        gamma = draws.gamma(n, half + kappa, seeds[0])
        # Length and direction of a normal vector are independent, and half
        # the squared length is Gamma((d - 1) / 2): the beta's other half.
        normal = draws.normal(
            tf.concat([tf.shape(gamma), [mu.shape[-1] - 1]], 0), seeds[1]
        )
        square = tf.reduce_sum(normal**2, -1, keepdims=True)
        log_odds = tf.math.log(2 * gamma[..., None]) - tf.math.log(square)
        around_pole = tf.concat(
            [
                tf.tanh(log_odds / 2),
                normal * tf.math.rsqrt(square) / tf.cosh(log_odds / 2),
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
