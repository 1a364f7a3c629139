"""Densities of TFP in fewer operations, or in simpler ones."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.math import draws

tfd = tfp.distributions


def masked(distribution: tfd.Distribution, mask: tf.Tensor) -> tfd.Distribution:
    """The distribution of the observed values of an event.

    What was not observed adds nothing to the density and has no gradient. A
    value that is made of several numbers, such as a one-hot vector, is
    observed if all of them are.

    Args:
        distribution: Batch shape `[(S...,) B]`, independent over the event,
            or blocks of such, or a sum over classes of such.
        mask: Which values were observed, bool, `[B, event]`.

    Example:
        >>> laplace = tfd.Independent(tfd.Laplace(tf.zeros([1, 2]), 0.5), 1)
        >>> seen = masked(laplace, tf.constant([[True, False]]))
        >>> float(seen.log_prob([[0.0, 9.0]])[0])
        0.0
    """
    if isinstance(distribution, Summed):
        return distribution.masked(mask)
    if isinstance(distribution, tfd.Blockwise):
        blocks = distribution.distributions
        pairs = zip(blocks, split(mask, _widths(blocks)), strict=True)
        return Blocks(
            [masked(*pair) for pair in pairs], dtype_override=distribution.dtype
        )
    if not isinstance(distribution, tfd.Independent):
        raise TypeError(
            "Holes need a likelihood that is independent over the values of "
            "an example. Expected a `tfd.Independent`. Received: "
            f"{type(distribution).__name__}"
        )
    values = distribution.distribution
    own = len(values.event_shape)
    rank = len(distribution.event_shape)
    seen = tf.reduce_all(
        mask, axis=list(range(len(mask.shape) - own, len(mask.shape)))
    )
    # What is scored instead, and not counted, is in every support; TFP would
    # draw it, each time.
    hidden = tfd.Masked(values, seen, safe_sample_fn=lambda _: 1.0)
    return tfd.Independent(hidden, rank - own)


def is_point(distribution: tfd.Distribution) -> bool:
    """Whether it is a point mass."""
    return isinstance(draws.unwrapped(distribution)[0], tfd.Deterministic)


class Blocks(tfd.Blockwise):
    """`tfd.Blockwise` whose density is the sum of the blocks' alone: TFP's
    splits seeds beside it, which ONNX and LiteRT have not."""

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        blocks = self.distributions
        pairs = zip(blocks, split(x, _widths(blocks)), strict=True)
        return sum(block.log_prob(part) for block, part in pairs)


def split(x: tf.Tensor, widths: Sequence[int]) -> list[tf.Tensor]:
    """The last axis in blocks, by slices: LiteRT splits no bits."""
    ends = np.cumsum(widths)
    starts = [0, *ends[:-1]]
    return [x[..., i:j] for i, j in zip(starts, ends, strict=True)]


def _widths(blocks: list) -> list[int]:
    return [block.event_shape[-1] for block in blocks]


class Summed(draws.Rowwise, draws.Own):
    """A mixture over classes whose moments and draws are those of the
    likeliest class.

    Formula:
        log p(x) = log sum_c share_c p_c(x)

    Args:
        likeliest: Of one class each, batch `[(S...,) B]`.
        each: Gives those of all classes, batch `[(S...,) C, B]`; called where
            a density is asked for.
        log_shares: `[C, B]`.
    """

    def __init__(
        self,
        likeliest: tfd.Distribution,
        each: Callable[[], tfd.Distribution],
        log_shares: tf.Tensor,
    ):
        self.likeliest, self.each = likeliest, each
        self.log_shares = log_shares
        super().__init__(reparameterized=False)

    def masked(self, mask: tf.Tensor) -> "Summed":
        """Of the observed values, see `masked`."""
        return Summed(
            masked(self.likeliest, mask),
            lambda: masked(self.each(), mask),
            self.log_shares,
        )

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        rank = len(self.event_shape)
        x = tf.expand_dims(x, -2 - rank) if len(x.shape) > 1 + rank else x
        parts = self.log_shares + self.each().log_prob(x)
        return tf.reduce_logsumexp(parts, axis=-2)

    def _sample_n(
        self, n: tf.Tensor, seed: draws.Seed | draws.RowSeed = None
    ) -> tf.Tensor:
        return draws.sample(self.likeliest, [n], seed)

    def _mean(self) -> tf.Tensor:
        return self.likeliest.mean()

    def _mode(self) -> tf.Tensor:
        return self.likeliest.mode()

    def _variance(self) -> tf.Tensor:
        return self.likeliest.variance()

    def _stddev(self) -> tf.Tensor:
        return self.likeliest.stddev()

    def _batch_shape(self) -> tf.TensorShape:
        return self.likeliest.batch_shape

    def _batch_shape_tensor(self) -> tf.Tensor:
        return self.likeliest.batch_shape_tensor()

    def _event_shape(self) -> tf.TensorShape:
        return self.likeliest.event_shape

    def _event_shape_tensor(self) -> tf.Tensor:
        return self.likeliest.event_shape_tensor()


class Bernoulli(tfp.distributions.Bernoulli):
    """`tfd.Bernoulli` whose density takes one logarithm a value, not two.

    Scoring images is the largest part of a step that is not a matrix product;
    TFP writes log p and log(1 - p) out for every value. TensorFlow's binary
    cross-entropy is the same number.
    """

    def _log_prob(self, event: tf.Tensor) -> tf.Tensor:
        logits = self._logits_parameter_no_checks()
        event = tf.cast(event, logits.dtype)
        shape = tf.broadcast_dynamic_shape(tf.shape(event), tf.shape(logits))
        return -tf.nn.sigmoid_cross_entropy_with_logits(
            tf.broadcast_to(event, shape), tf.broadcast_to(logits, shape)
        )


class PointMass(tfp.distributions.Deterministic):
    """`tfd.Deterministic` whose mean and mode are its `loc`, as it is.

    TFP broadcasts the point against its tolerances first, by an operation
    (`BroadcastArgs`) that converters to other formats do not know. Without
    tolerances there is nothing to broadcast; with them this is TFP's class.
    """

    def _batch_shape_tensor(self, **parameters: Any) -> tf.Tensor:
        if self._tolerant():
            return super()._batch_shape_tensor(**parameters)
        return tf.shape(parameters.get("loc", self.loc))

    def _mean(self) -> tf.Tensor:
        if self._tolerant():
            return super()._mean()
        return tf.convert_to_tensor(self.loc)

    def _variance(self) -> tf.Tensor:
        if self._tolerant():
            return super()._variance()
        return tf.zeros_like(self.loc)

    def _tolerant(self) -> bool:
        return any(self.parameters[n] is not None for n in ("atol", "rtol"))
