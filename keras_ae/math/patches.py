"""Patches of examples: squares of images, stretches of series."""

import math
from collections.abc import Sequence

import tensorflow as tf

from keras_ae.math import draws


def sides(shape: Sequence[int]) -> tuple[int, ...]:
    """The axes that are cut into patches: all but that of the channels, where
    there are several."""
    return tuple(shape[:-1] if len(shape) > 1 else shape)


def grid(shape: Sequence[int], patch: int) -> tuple[int, ...]:
    """How many patches of a side `patch` there are along each axis.

    Example:
        >>> grid((9, 8, 3), 4)
        (3, 2)
    """
    return tuple(math.ceil(side / patch) for side in sides(shape))


def number(count: int, rate: float) -> int:
    """How many of `count` patches a rate is; at least one, and not all but
    where there is one alone."""
    return max(1, min(round(rate * count), count - 1))


def chosen(
    rows: tf.Tensor, count: int, rate: float, seed: draws.Seed | draws.RowSeed
) -> tf.Tensor:
    """As many patches of each row, all equally likely, bool `[rows, count]`.

    Args:
        rows: How many rows.
        count: Patches of a row.
        rate: Share of those that are chosen.
        seed: Of rows, see `draws.RowSeed`.
    """
    shares = draws.uniform([rows, count], seed)
    order = tf.argsort(tf.argsort(shares, stable=True), stable=True)
    return order < number(count, rate)


def spread(flags: tf.Tensor, shape: Sequence[int], patch: int) -> tf.Tensor:
    """Flags of patches, `[B, patches]`, for all their values, `[B, *shape]`.

    Example:
        >>> spread(tf.constant([[True, False]]), (3,), 2).numpy().tolist()
        [[True, True, False]]
    """
    flags = tf.reshape(flags, [-1, *grid(shape, patch)])
    for axis, side in enumerate(sides(shape), start=1):
        flags = tf.repeat(flags, patch, axis=axis)
        flags = tf.gather(flags, tf.range(side), axis=axis)
    if len(shape) > 1:
        flags = tf.repeat(flags[..., None], shape[-1], axis=-1)
    return flags
