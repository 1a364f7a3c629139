"""Distributions of bits in an order."""

from collections.abc import Callable

import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.math import densities
from keras_ae.math import draws

tfd = tfp.distributions


class Bits(draws.Rowwise, draws.Own):
    """Bits, each of which depends on those before it by a logistic
    regression. The last axis runs fastest.

    The `mean` of a bit is its probability at the means of those before, exact
    for the first two.

    Formula:
        log p(x) = sum_j log Bernoulli(x_j; logits_j + sum_(i<j) x_i kernel_ij)

    Args:
        logits: `[(S...,) B, event]`.
        kernel: `[D, D]` for events of D bits, 0 on the diagonal and below.
        rank: Axes of the event.

    Example:
        >>> same = tf.constant([[0.0, 60.0], [0.0, 0.0]])
        >>> pair = Bits(tf.constant([[0.0, -30.0]]), same, rank=1)
        >>> pair.prob([[[1.0, 1.0]], [[0.0, 1.0]]]).numpy().round(4).tolist()
        [[0.5], [0.0]]

    Reference: Frey, 1998. Graphical Models for Machine Learning and Digital
        Communication. MIT Press, the fully visible belief network.
    """

    def __init__(self, logits: tf.Tensor, kernel: tf.Tensor, rank: int):
        self.logits = tf.convert_to_tensor(logits)
        self.kernel, self._rank = tf.convert_to_tensor(kernel), rank
        super().__init__(reparameterized=False)

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        x = self._flat(x)
        logits = self._flat(self.logits) + tf.tensordot(x, self.kernel, 1)
        return tf.reduce_sum(
            densities.Bernoulli(logits=logits).log_prob(x), axis=-1
        )

    def _sample_n(
        self, n: tf.Tensor, seed: draws.Seed | draws.RowSeed = None
    ) -> tf.Tensor:
        shape = tf.concat([[n], tf.shape(self.logits)], 0)
        u = self._flat(draws.uniform(shape, seed))
        logits = self._flat(self.logits) + tf.zeros_like(u)
        return tf.reshape(
            self._in_order(
                logits,
                lambda p, j: tf.cast(tf.gather(u, j, axis=-1) < p, u.dtype),
            ),
            shape,
        )

    def _mean(self) -> tf.Tensor:
        bits = self._in_order(self._flat(self.logits), lambda p, _: p)
        return tf.reshape(bits, tf.shape(self.logits))

    def _in_order(self, logits: tf.Tensor, value: Callable) -> tf.Tensor:
        """What `value` makes of each bit's probability and number, given what
        it made of those before; `[..., D]`."""
        size = self.kernel.shape[0]

        def step(j: tf.Tensor, logits: tf.Tensor, bits: tf.TensorArray):
            bit = value(tf.sigmoid(tf.gather(logits, j, axis=-1)), j)
            return (
                j + 1,
                logits + bit[..., None] * self.kernel[j],
                bits.write(j, bit),
            )

        *_, bits = tf.while_loop(
            lambda j, *_: j < size,
            step,
            (0, logits, tf.TensorArray(logits.dtype, size)),
            maximum_iterations=size,
        )
        rank = len(logits.shape)
        return tf.transpose(bits.stack(), [*range(1, rank), 0])

    def _flat(self, x: tf.Tensor) -> tf.Tensor:
        """`[..., event]` as `[..., D]`."""
        lead = tf.shape(x)[: -self._rank]
        size = self.kernel.shape[0]
        flat = tf.reshape(x, tf.concat([lead, [size]], 0))
        return tf.ensure_shape(flat, [*x.shape[: -self._rank], size])

    def _batch_shape(self) -> tf.TensorShape:
        return self.logits.shape[: -self._rank]

    def _batch_shape_tensor(self) -> tf.Tensor:
        return tf.shape(self.logits)[: -self._rank]

    def _event_shape(self) -> tf.TensorShape:
        return self.logits.shape[-self._rank :]

    def _event_shape_tensor(self) -> tf.Tensor:
        return tf.shape(self.logits)[-self._rank :]
