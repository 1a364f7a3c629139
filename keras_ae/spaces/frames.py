"""Data frames of pandas, which is imported where others become some: numbers
out of them, and numbers into the form of them."""

import warnings
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

#: Types of pandas for whole numbers with holes; Arrow's in small letters.
WHOLE = tuple(
    f"{kind}{bits}" for kind in ("Int", "UInt") for bits in (8, 16, 32, 64)
)
GAP = 2  # usual steps from one time to the next


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


def to_pandas(frame: Any) -> "pd.DataFrame":
    """A data frame as one of pandas. Of polars' whole numbers those with holes
    are nullable ones, which floats, pandas' choice, would not hold.

    Example:
        >>> import pyarrow
        >>> to_pandas(pyarrow.table({"n": [2**53 + 1, None]}))["n"].tolist()
        [9007199254740993, <NA>]
    """
    if hasattr(frame, "iloc"):
        return frame
    import pandas as pd
    import pyarrow

    types = {
        getattr(pyarrow, name.lower())(): pd.api.types.pandas_dtype(name)
        for name in WHOLE
    }
    found = frame.to_pandas(types_mapper=types.get)
    complete = {
        name: own.dtype.numpy_dtype
        for name, own in found.items()
        if str(own.dtype) in WHOLE and own.notna().all()
    }
    return found.astype(complete)


def form(values: np.ndarray, like: Any) -> Any:
    """`values`, of the shape of `like`, with its index and columns or name,
    if it is of pandas."""
    if not hasattr(like, "iloc"):
        return values
    labels = (
        {"columns": like.columns} if like.ndim == 2 else {"name": like.name}
    )
    return type(like)(values, index=like.index, **labels)


def check_times(name: str, data: Any) -> None:
    """Times that are the index of a long series have to rise; warns of gaps,
    for windows go across them.

    Raises:
        ValueError: If a time is not after the one before.
    """
    index = getattr(data, "index", None)
    if getattr(getattr(index, "dtype", None), "kind", "") != "M":
        return
    steps = index.to_series().diff().dt.total_seconds().to_numpy()[1:]
    back = np.flatnonzero(steps <= 0)
    if len(back):
        raise ValueError(
            f"The times of `{name}` are not in order. Expected each after the "
            f"one before. Received: {index[back[0] + 1]} after "
            f"{index[back[0]]}. Call sort_index(), and keep one row a time."
        )
    gaps = np.flatnonzero(steps > GAP * np.median(steps))
    if len(gaps):
        warnings.warn(
            f"The times of `{name}` have gaps of more than {GAP} steps: "
            f"{len(gaps)}, the first from {index[gaps[0]]} to "
            f"{index[gaps[0] + 1]}. Windows go across them: insert the times "
            'that are missing, as NaN for a model with missing="mask".',
            stacklevel=2,
        )
