"""The Poincare ball, of curvature -1, and a normal distribution on it."""

import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.math import draws

tfd = tfp.distributions

EDGE = 1 - 1e-5  # lengths in single precision; the ball has no edge
SMALL = 1e-6


def mobius_add(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """x (+) y, the translation of the ball that takes 0 to x, of y.

    Formula:
        ((1 + 2 <x, y> + |y|**2) x + (1 - |x|**2) y)
        / (1 + 2 <x, y> + |x|**2 |y|**2)

    Args:
        x, y: Points, `[..., d]`.

    Reference: Ganea, Becigneul, Hofmann, 2018. Hyperbolic Neural Networks,
        definition 2.1. https://arxiv.org/abs/1805.09112
    """
    both = 2 * tf.reduce_sum(x * y, axis=-1, keepdims=True)
    xx, yy = (tf.reduce_sum(v**2, axis=-1, keepdims=True) for v in (x, y))
    return ((1 + both + yy) * x + (1 - xx) * y) / (1 + both + xx * yy)


def exponential(v: tf.Tensor) -> tf.Tensor:
    """The point at which the geodesic from 0 along `v` ends.

    Formula:
        tanh(|v|) v / |v|
    """
    length = _length(v)
    return tf.minimum(tf.tanh(length), EDGE) * v / length


def logarithm(z: tf.Tensor) -> tf.Tensor:
    """The inverse of `exponential`."""
    length = tf.minimum(_length(z), EDGE)
    return tf.atanh(length) * z / length


def conformal(z: tf.Tensor) -> tf.Tensor:
    """How much longer lengths are at `z` than in the plane, `[...]`.

    Formula:
        2 / (1 - |z|**2)
    """
    return 2 / (1 - tf.minimum(tf.reduce_sum(z**2, axis=-1), EDGE**2))


class WrappedNormal(draws.Rowwise, draws.Own):
    """A normal in the plane at 0, wrapped around the ball, moved to `loc`.

    Its density is that of the ball as a part of the plane.

    Formula:
        z = loc (+) exp_0(v),  v ~ N(0, diag(scale**2))
        log p(z) = log N(v) - (d - 1) log(tanh(|v|) / |v|)
                   - log(1 - tanh(|v|)**2) - d log(lambda(exp_0(v)) / lambda(z))

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
        v = self.scale * draws.normal(shape, seed)
        return mobius_add(self.loc, exponential(v))

    def _log_prob(self, z: tf.Tensor) -> tf.Tensor:
        centered = mobius_add(-self.loc, z)
        v = logarithm(centered)
        length = _length(v)[..., 0]
        normal = tfd.Independent(tfd.Normal(0.0 * v, self.scale), 1)
        size = float(z.shape[-1])
        along = tf.math.log(tf.tanh(length) / length)
        across = 2 * (tf.math.log(2.0) - length - tf.nn.softplus(-2 * length))
        moved = tf.math.log(conformal(centered) / conformal(z))
        return normal.log_prob(v) - (size - 1) * along - across - size * moved

    def _batch_shape(self) -> tf.TensorShape:
        return self.loc.shape[:-1]

    def _batch_shape_tensor(self) -> tf.Tensor:
        return tf.shape(self.loc)[:-1]

    def _event_shape(self) -> tf.TensorShape:
        return self.loc.shape[-1:]

    def _event_shape_tensor(self) -> tf.Tensor:
        return tf.shape(self.loc)[-1:]


def _length(v: tf.Tensor) -> tf.Tensor:
    """|v|, `[..., 1]`; never 0, so that its gradient is finite."""
    square = tf.reduce_sum(v**2, axis=-1, keepdims=True)
    return tf.sqrt(square + SMALL**2)
