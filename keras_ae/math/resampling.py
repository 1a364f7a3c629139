"""Importance weights of draws that come in blocks: sums in bounded memory."""

from typing import NamedTuple

import tensorflow as tf


class Running(NamedTuple):
    """Weights so far, as shares of the largest: no overflow, no underflow.

    Attributes:
        top: Largest logarithm of a weight so far, `[]`.
        total: Sum of all weights so far, divided by the largest, `[]`.
    """

    top: tf.Tensor
    total: tf.Tensor


def start() -> Running:
    """Of no draws."""
    return Running(tf.constant(-float("inf")), tf.constant(0.0))


def add(
    running: Running, log_weights: tf.Tensor
) -> tuple[Running, tf.Tensor, tf.Tensor]:
    """The weights of one more block.

    Formula:
        sum_s w_s h_s / sum_s w_s, over blocks:
        kept = before * kept + sum_block weights * h;  at the end kept / total

        a draw with probability w_s / sum_s w_s, over blocks: the earlier one
        is replaced, with probability sum_block weights / total, by one of the
        block

    Args:
        running: Of the blocks before.
        log_weights: `[S]`.

    Returns:
        The running weights with this block; `before`, the factor of sums over
        earlier blocks, `[]`; and `weights`, `[S]`, in the same unit.

    Example:
        >>> running, kept = start(), 0.0
        >>> for w, h in (([1.0, 2.0], [7.0, 8.0]), ([3.0, 4.0], [5.0, 6.0])):
        ...     running, before, weights = add(running, tf.math.log(w))
        ...     kept = before * kept + tf.reduce_sum(weights * h)
        >>> round(float(kept / running.total), 5)  # (7 + 16 + 15 + 24) / 10
        6.2
    """
    top = tf.maximum(running.top, tf.reduce_max(log_weights))
    # Weights that are all 0 have no largest logarithm to start from.
    unit = tf.where(tf.math.is_finite(top), top, 0.0)
    before, weights = tf.exp(running.top - unit), tf.exp(log_weights - unit)
    total = before * running.total + tf.reduce_sum(weights)
    return Running(top, total), before, weights
