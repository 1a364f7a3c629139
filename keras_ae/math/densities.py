"""Densities of TFP in fewer operations, or in simpler ones."""

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions


def masked(
    distribution: tfd.Independent | tfd.Blockwise, mask: tf.Tensor
) -> tfd.Independent | tfd.Blockwise:
    """The distribution of the observed values of an event.

    What was not observed adds nothing to the density and has no gradient. A
    value that is made of several numbers, such as a one-hot vector, is
    observed if all of them are.

    Args:
        distribution: Batch shape `[(S...,) B]`, independent over the event,
            or blocks of such.
        mask: Which values were observed, bool, `[B, event]`.

    Example:
        >>> laplace = tfd.Independent(tfd.Laplace(tf.zeros([1, 2]), 0.5), 1)
        >>> seen = masked(laplace, tf.constant([[True, False]]))
        >>> float(seen.log_prob([[0.0, 9.0]])[0])
        0.0
    """
    if isinstance(distribution, tfd.Blockwise):
        blocks = distribution.distributions
        pairs = zip(blocks, _split(mask, blocks), strict=True)
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
    while hasattr(distribution, "reinterpreted_batch_ndims"):
        distribution = distribution.distribution
    return isinstance(distribution, tfd.Deterministic)


class Blocks(tfd.Blockwise):
    """`tfd.Blockwise` whose density is the sum of the blocks' alone: TFP's
    splits seeds beside it, which ONNX and LiteRT have not."""

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        blocks = self.distributions
        pairs = zip(blocks, _split(x, blocks), strict=True)
        return sum(block.log_prob(part) for block, part in pairs)


def _split(x: tf.Tensor, blocks: list) -> list[tf.Tensor]:
    """The last axis in the blocks' parts, by slices: LiteRT splits no bits."""
    ends = np.cumsum([block.event_shape[-1] for block in blocks])
    starts = [0, *ends[:-1]]
    return [x[..., i:j] for i, j in zip(starts, ends, strict=True)]


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
