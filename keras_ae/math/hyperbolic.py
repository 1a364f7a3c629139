"""The Poincare ball, of curvature -1, and a normal distribution on it.

Single precision has points up to a distance |v| of 8 from 0, where 1 - |z| is
a few of its steps. Densities are computed in double precision, by formulas
that do not cancel: they are exact for the points as they were rounded.
"""

import math

import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.math import draws

tfd = tfp.distributions

REACH = 7.0  # |v| up to which `exponential` goes in single precision
EDGE = 1 - 1e-7  # greatest length of a draw: rounded, it is below 1
LEAST = 1e-8  # of 1 - |z|**2, also of what is no point of the ball
SMALL = 1e-6
TINY = 1e-12


def mobius_add(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """x (+) y, the translation of the ball that takes 0 to x, of y.

    Formula:
        ((1 + 2 <x, y> + |y|**2) x + (1 - |x|**2) y)
        / (1 + 2 <x, y> + |x|**2 |y|**2)

        computed as one of |x + y|**2, 1 - |x|**2 and 1 - |y|**2, which does
        not cancel where x is near the edge and y near -x.

    Args:
        x, y: Points, `[..., d]`.

    Reference: Ganea, Becigneul, Hofmann, 2018. Hyperbolic Neural Networks,
        definition 2.1. https://arxiv.org/abs/1805.09112
    """
    both, inner = x + y, _inner(x)
    square = _square(both)
    return (square * x + inner * both) / (square + inner * _inner(y))


def exponential(v: tf.Tensor) -> tf.Tensor:
    """The point at which the geodesic from 0 along `v` ends.

    A `v` longer than 7 ends where it has length 7, with the gradient that it
    has there, by which it comes back.

    Formula:
        tanh(|v|) v / |v|
    """
    v = tf.grad_pass_through(_shortened)(v)
    length = _length(v, SMALL)
    return tf.tanh(length) * v / length


def logarithm(z: tf.Tensor, start: tf.Tensor | float = 0.0) -> tf.Tensor:
    """The v with z = start (+) exponential(v)."""
    start = start + tf.zeros_like(z)
    apart = z - start
    square, inner = _square(apart), _inner(start)
    across = inner * _inner(z)
    length = tf.sqrt(square + TINY**2)
    distance = tf.asinh(length / tf.sqrt(across))
    # |inner * apart - square * start| is sqrt(square * (square + across)).
    return (inner * apart - square * start) * (
        distance / (length * tf.sqrt(square + across))
    )


class WrappedNormal(draws.Rowwise, draws.Own):
    """A normal in the plane at 0, wrapped around the ball, moved to `loc`.

    Its density is that of the ball as a part of the plane.

    Formula:
        z = loc (+) exp_0(v),  v ~ N(0, diag(scale**2))
        log p(z) = log N(v) - (d - 1) log(tanh(|v|) / |v|)
                   - log(1 - tanh(|v|)**2) - d log(lambda(exp_0(v)) / lambda(z))
        lambda(z) = 2 / (1 - |z|**2)

    Args:
        loc: Points of the ball, `[..., d]`.
        scale: Deviations, `[..., d]`.

    Reference: Nagano, Yamaguchi, Fujita, Koyama, 2019. A Wrapped Normal
        Distribution on Hyperbolic Space. ICML.
        https://arxiv.org/abs/1902.02992
    """

    def __init__(self, loc: tf.Tensor, scale: tf.Tensor):
        self.loc, self.scale = loc, scale
        super().__init__(reparameterized=True)

    def _sample_n(
        self, n: tf.Tensor, seed: draws.Seed | draws.RowSeed = None
    ) -> tf.Tensor:
        shape = tf.concat([[n], tf.shape(self.loc)], axis=0)
        v = tf.cast(self.scale * draws.normal(shape, seed), tf.float64)
        length = _length(v, TINY)
        z = mobius_add(
            tf.cast(self.loc, tf.float64), tf.tanh(length) * v / length
        )
        z *= tf.minimum(EDGE / _length(z, TINY), 1.0)
        return tf.cast(z, tf.float32)

    def _log_prob(self, z: tf.Tensor) -> tf.Tensor:
        loc, scale, z = (
            tf.cast(x, tf.float64) for x in (self.loc, self.scale, z)
        )
        v = logarithm(z, loc)
        length = _length(v, TINY)[..., 0]
        normal = tfd.Independent(tfd.Normal(0.0 * v, scale), 1)
        size = float(z.shape[-1])
        along = tf.math.log(tf.tanh(length) / length)
        across = 2 * (math.log(2) - length - tf.nn.softplus(-2 * length))
        moved = tf.math.log(_inner(z)[..., 0]) - across
        found = normal.log_prob(v) - (size - 1) * along - across - size * moved
        return tf.cast(found, tf.float32)

    def _batch_shape(self) -> tf.TensorShape:
        return self.loc.shape[:-1]

    def _batch_shape_tensor(self) -> tf.Tensor:
        return tf.shape(self.loc)[:-1]

    def _event_shape(self) -> tf.TensorShape:
        return self.loc.shape[-1:]

    def _event_shape_tensor(self) -> tf.Tensor:
        return tf.shape(self.loc)[-1:]


def _square(v: tf.Tensor) -> tf.Tensor:
    """|v|**2, `[..., 1]`."""
    return tf.reduce_sum(v**2, axis=-1, keepdims=True)


def _inner(z: tf.Tensor) -> tf.Tensor:
    """1 - |z|**2, `[..., 1]`, above 0."""
    return tf.maximum(1 - _square(z), LEAST)


def _length(v: tf.Tensor, least: float) -> tf.Tensor:
    """|v|, `[..., 1]`; never 0, so that its gradient is finite."""
    return tf.sqrt(_square(v) + least**2)


def _shortened(v: tf.Tensor) -> tf.Tensor:
    """`v`, of a length of at most `REACH`, also where its square overflows."""
    unit = tf.maximum(tf.reduce_max(tf.abs(v), axis=-1, keepdims=True), 1.0)
    v /= unit
    return v * tf.minimum(unit, REACH / _length(v, SMALL))
