"""Columns of a table that share a head, and what becomes of their values."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_ae.spaces import columns


def grouped(table: Sequence[columns.BaseColumn]) -> list[list]:
    """Columns that share a head: numbers with kernels, those of a likelihood,
    bits, grades of as many levels; each category is alone."""
    found: dict[Any, list] = {}
    for column in table:
        if isinstance(column, columns.Number):
            key = (0, repr(column.likelihood))
        elif column.type == "binary":
            key = (1, "")
        elif column.type == "ordinal":
            key = (2, f"{len(column.categories):04d}")
        else:
            key = (3, column.name)
        found.setdefault(key, []).append(column)
    ranks = sorted({key[0] for key in found})
    return [
        block
        for rank in ranks
        for key, block in found.items()
        if key[0] == rank
    ]


def head(block: list) -> Any:
    """The likelihood of a block, as `heads.get` takes it."""
    first = block[0]
    if isinstance(first, columns.Category):
        levels = {"levels": len(first.categories)}
        return {
            "binary": "bernoulli",
            "ordinal": {"ordinal": levels},
            "categorical": "categorical",
        }[first.type]
    if first.likelihood is not None:
        return first.likelihood
    centers, scales, _ = _kernels(block)
    return {
        "kernel_mixture": {
            "centers": centers.tolist(),
            "scales": scales.tolist(),
        }
    }


def _kernels(block: list) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centers, deviations and shares `[columns, kernels]`, 0 where a column
    has fewer."""
    most = max(len(c.centers) for c in block)
    return tuple(
        np.array([[*part, *[0.0] * (most - len(part))] for part in parts])
        for parts in zip(
            *((c.centers, c.scales, c.weights) for c in block), strict=True
        )
    )


def spread(values: tf.Tensor, block: list) -> tf.Tensor:
    """What networks read of the values `[B, columns]` of a block."""
    if (
        not isinstance(block[0], columns.Number)
        or block[0].likelihood is not None
    ):
        return values
    centers, scales, weights = _kernels(block)
    there = scales > 0
    distance = values[..., None] - np.float32(centers)
    below = _below(distance / np.float32(np.where(there, scales, 1)))
    share = tf.reduce_sum(below * np.float32(weights * there), axis=-1)
    return (share - 0.5) * np.float32(np.sqrt(12))


# erf(t) = t * P(t**2) / Q(t**2), the quotient that Eigen and XLA compute in
# single precision; highest powers first. From `_FLAT` on it is 1.
_ERF_P = (2.2905065e-4, 3.408291e-3, 5.0955695e-2, 1.8520832e-1, 1.1283791)
_ERF_Q = (-1.1791603e-7, 2.3547966e-5, 1.0179625e-3, 1.407047e-2)
_ERF_Q += (1.1098505e-1, 4.9746925e-1, 1.0)
_FLAT = 3.832506856900711


def _below(distance: tf.Tensor) -> tf.Tensor:
    """The standard normal's share below, within 2e-7, in operations that all
    formats of export have: ONNX has no `Erfc`, LiteRT no `Erf` either."""
    t = tf.clip_by_value(distance * np.float32(np.sqrt(0.5)), -_FLAT, _FLAT)
    over, under = (tf.math.polyval([*p], t * t) for p in (_ERF_P, _ERF_Q))
    return 0.5 + 0.5 * (t * over / under)


def one_hot(places: tf.Tensor, width: int) -> tf.Tensor:
    """Places `[B]` as one-hot vectors; NaN all along for NaN."""
    missing = tf.math.is_nan(places)
    known = tf.cast(tf.where(missing, 0.0, places), tf.int32)
    return tf.where(missing[:, None], np.nan, tf.one_hot(known, width))


def number(values: np.ndarray, column: columns.BaseColumn) -> np.ndarray:
    """A column's number from its part of the tensor, `[..., width]`."""
    if isinstance(column, columns.Number):
        return values[..., 0] * column.scale + column.center
    if column.type == "categorical":
        return values.argmax(axis=-1)
    return np.rint(values[..., 0])
