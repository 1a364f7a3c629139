"""Distributions of values in an order, each told those before it."""

from collections.abc import Callable
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.math import densities
from keras_ae.math import draws

tfd = tfp.distributions


class Bits(draws.Rowwise, draws.Shaped):
    """Bits, each of which depends on those before it by a logistic
    regression. The last axis runs fastest.

    The `mean` of a bit is its probability at the means of those before: exact
    for the first alone.

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
        self.kernel = tf.convert_to_tensor(kernel)
        super().__init__(logits, rank, reparameterized=False)

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        x = self._flat(x)
        logits = self._flat(self._like) + tf.tensordot(x, self.kernel, 1)
        return tf.reduce_sum(
            densities.Bernoulli(logits=logits).log_prob(x), axis=-1
        )

    def _sample_n(
        self, n: tf.Tensor, seed: draws.Seed | draws.RowSeed = None
    ) -> tf.Tensor:
        shape = tf.concat([[n], tf.shape(self._like)], 0)
        u = self._flat(draws.uniform(shape, seed))
        logits = self._flat(self._like) + tf.zeros_like(u)
        return tf.reshape(
            self._in_order(
                logits,
                lambda p, j: tf.cast(tf.gather(u, j, axis=-1) < p, u.dtype),
            ),
            shape,
        )

    def _mean(self) -> tf.Tensor:
        bits = self._in_order(self._flat(self._like), lambda p, _: p)
        return tf.reshape(bits, tf.shape(self._like))

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


class Blocks(draws.Rowwise, draws.Own):
    """Vectors in blocks, each of which is told those before it.

    The `mean` of a block is that at the means of the blocks before: exact
    for the first alone.

    Formula:
        log p(x) = sum_b log p_b(x_b; x_1 .. x_(b-1))

    Args:
        laws: From vectors `[..., D]` to the distribution of each block, of
            which no block's reads its own values or later ones.
        widths: Lengths of the blocks.
        batch: A tensor whose axes but the last are those of the batch.
        order: Numbers of the blocks, the one that is told nothing first.
            Defaults to None, as they come.

    Example:
        >>> def laws(x):
        ...     first = tfd.Normal(tf.zeros_like(x[..., :1]), 1.0)
        ...     copy = tfd.Normal(x[..., :1], 1e-3)
        ...     return [tfd.Independent(law, 1) for law in (first, copy)]
        >>> pair = Blocks(laws, [1, 1], tf.zeros([5, 1]))
        >>> x = pair.sample(seed=(0, 0))
        >>> bool((abs(x[:, 0] - x[:, 1]) < 0.01).numpy().all())
        True

    Reference: Bengio, Bengio, 2000. Modeling High-Dimensional Discrete Data
        with Multi-Layer Neural Networks. NeurIPS.
    """

    def __init__(
        self,
        laws: Callable[[tf.Tensor], Sequence[tfd.Distribution]],
        widths: Sequence[int],
        batch: tf.Tensor,
        order: Sequence[int] | None = None,
    ):
        self._laws, self._widths, self._batch = laws, list(widths), batch
        self._order = range(len(widths)) if order is None else order
        super().__init__(reparameterized=False)

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        blocks = densities.split(x, self._widths)
        pairs = zip(self._laws(x), blocks, strict=True)
        return sum(law.log_prob(block) for law, block in pairs)

    def _sample_n(
        self, n: tf.Tensor, seed: draws.Seed | draws.RowSeed = None
    ) -> tf.Tensor:
        seeds = draws.split(seed, len(self._widths))
        return self._in_order(
            [n], lambda law, b: draws.sample(law, (), seeds[b])
        )

    def _mean(self) -> tf.Tensor:
        return self._in_order([], lambda law, _: law.mean())

    def _in_order(self, shape: list, value: Callable) -> tf.Tensor:
        """What `value` makes of each block's law and number, given what it
        made of those before."""
        lead = tf.concat([shape, tf.shape(self._batch)[:-1]], 0)
        blocks = [
            tf.zeros(tf.concat([lead, [width]], 0)) for width in self._widths
        ]
        for b in self._order:
            blocks[b] = value(self._laws(tf.concat(blocks, -1))[b], b)
        return tf.concat(blocks, -1)

    def _batch_shape(self) -> tf.TensorShape:
        return self._batch.shape[:-1]

    def _batch_shape_tensor(self) -> tf.Tensor:
        return tf.shape(self._batch)[:-1]

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape([sum(self._widths)])

    def _event_shape_tensor(self) -> tf.Tensor:
        return tf.constant([sum(self._widths)])
