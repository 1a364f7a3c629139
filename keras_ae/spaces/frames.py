"""Data frames of pandas, which is not imported: numbers out of them, and
numbers into the form of them."""

from typing import Any

import numpy as np


def numbers(name: str, data: Any) -> np.ndarray:
    """Arrays, tensors and lists as an array; data frames and series of
    pandas too, with NaN where pandas has NA.

    Raises:
        ValueError: If a column is not numeric, or lists differ in length.

    Example:
        >>> numbers("x", [[1, 2], [3, 4]]).shape
        (2, 2)
    """
    if not hasattr(data, "iloc"):
        try:
            return np.asarray(data)
        except ValueError as error:
            raise ValueError(
                f"`{name}` is no array. Expected rows of one shape. Received: "
                f"{type(data).__name__}; {error}"
            ) from error
    frame = data if data.ndim == 2 else data.to_frame()
    types = list(zip(frame.columns, frame.dtypes, strict=True))
    wrong = {str(c): str(t) for c, t in types if t.kind not in "iufb"}
    if wrong:
        raise ValueError(
            f"`{name}` has columns that are not numeric. Expected integers or "
            f"floats. Received: {wrong}. Drop them, or make times the index."
        )
    if all(isinstance(t, np.dtype) for _, t in types):
        return np.asarray(data)
    return data.to_numpy("float64", na_value=np.nan)


def form(values: np.ndarray, like: Any) -> Any:
    """`values`, of the shape of `like`, with its index and columns or name,
    if it is of pandas."""
    if not hasattr(like, "iloc"):
        return values
    labels = (
        {"columns": like.columns} if like.ndim == 2 else {"name": like.name}
    )
    return type(like)(values, index=like.index, **labels)
