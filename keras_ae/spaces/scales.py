"""Mean and deviation of columns."""

from typing import Any

import numpy as np

from keras_ae.core import registry

#: Deviations between 0 and a mean that leave four of the 24 bits of single
#: precision for the deviation.
FARTHEST = 2.0**20


def standard(name: str, values: np.ndarray) -> tuple[list, list]:
    """Mean and deviation of each column of `[N, columns]`, as floats.

    NaN is left out; the deviation of a column that is constant is 1.

    Raises:
        ValueError: If a column holds no number, or lies too far from 0 for
            single precision.

    Example:
        >>> standard("x", np.array([[1.0, 7.0], [3.0, 7.0], [np.nan, 7.0]]))
        ([2.0, 7.0], [1.0, 1.0])
    """
    from sklearn.preprocessing import StandardScaler

    empty = np.flatnonzero(np.isnan(values).all(axis=0)).tolist()
    if empty:
        raise ValueError(
            f"Columns of `{name}` hold no number. Expected at least one in "
            f"each. Received: NaN alone in columns {empty}. Drop them."
        )
    found = StandardScaler().fit(values.astype(np.float64))
    mean, scale = found.mean_, found.scale_
    far = (found.var_ > 0) & (np.abs(mean) > FARTHEST * scale)
    if far.any():
        raise ValueError(
            f"Columns of `{name}` are too far from 0 for single precision. "
            f"Expected means of at most {FARTHEST:g} deviations. Received: "
            f"means {mean[far].tolist()}, deviations {scale[far].tolist()} of "
            f"columns {np.flatnonzero(far).tolist()}. Subtract a constant."
        )
    return mean.tolist(), scale.tolist()


def supported(likelihood: Any, center: float, scale: float) -> tuple:
    """Center and scale that leave the support of a likelihood as it is."""
    named = isinstance(likelihood, (str, dict))
    head = registry.find("head", _name(likelihood)) if named else likelihood
    values = head.range
    if values is None or values.low == -np.inf:
        return center, scale
    return 0.0, 1.0 if values.whole or values.high < np.inf else scale


def _name(likelihood: str | dict) -> str:
    return likelihood if isinstance(likelihood, str) else next(iter(likelihood))
