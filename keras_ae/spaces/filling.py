"""Holes of a column: what was observed comes back as it was, beside what
fills them."""

from typing import TYPE_CHECKING
from typing import Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def filled(own: "pd.Series", found: "pd.Series") -> "pd.Series":
    """`own` with its holes from `found`, row by row: in the type of `found`
    where it holds all that was observed, else in that of `own`, words beside
    words, else as objects.

    Example:
        >>> import pandas as pd
        >>> own = pd.Series([2**53 + 1, None], dtype="Int64")
        >>> filled(own, pd.Series([0.0, 7.0])).tolist()
        [9007199254740993, 7]
        >>> filled(pd.Series([1, None], dtype="Int64"), pd.Series([0.0, 7.5]))
        0    1.0
        1    7.5
        dtype: float64
    """
    from pandas.api import types as kinds

    seen = own.notna().to_numpy()
    observed = cast(own[seen], found.dtype)
    if observed is not None:
        return _joined(observed, found[~seen], seen, own)
    if kinds.infer_dtype(own[seen]) == "string":
        found = found.astype(str)
    filling = cast(found[~seen], own.dtype)
    if filling is not None:
        return _joined(own[seen], filling, seen, own)
    rest = own[seen].astype(object), found[~seen].astype(object)
    return _joined(*rest, seen, own)


def cast(values: "pd.Series", dtype: Any) -> "pd.Series | None":
    """Values in another type, or None if it does not hold each of them.

    Example:
        >>> import pandas as pd
        >>> cast(pd.Series([1.0, 2.5]), "int64") is None
        True
    """
    if values.dtype == dtype:
        return values
    try:
        with np.errstate(invalid="ignore"):
            found = values.astype(dtype)
    except (TypeError, ValueError, OverflowError, NotImplementedError):
        return None
    pairs = zip(values.astype(object), found.astype(object), strict=True)
    return found if all(a is b or a == b for a, b in pairs) else None


def _joined(
    observed: "pd.Series",
    filling: "pd.Series",
    seen: np.ndarray,
    like: "pd.Series",
) -> "pd.Series":
    """Both in one column, with the index and name of `like`."""
    import pandas as pd

    order = np.argsort(np.argsort(~seen, kind="stable"), kind="stable")
    both = pd.concat([observed, filling], ignore_index=True)
    return pd.Series(both.array[order], like.index, name=like.name)
