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
    import pandas as pd
    from pandas.api import types as kinds

    seen = own.notna().to_numpy()
    observed, filling = cast(own[seen], found.dtype), found[~seen]
    if observed is None:
        observed = own[seen]
        if hasattr(observed, "cat"):  # whose values are fixed
            observed = observed.astype(observed.cat.categories.dtype)
        if kinds.infer_dtype(observed) == "string":
            filling = filling.astype(str)
        filling = cast(filling, observed.dtype)
    if filling is None:
        observed, filling = observed.astype(object), found[~seen].astype(object)
    places = np.concatenate([np.flatnonzero(seen), np.flatnonzero(~seen)])
    both = pd.concat([observed, filling]).iloc[np.argsort(places)]
    return both.set_axis(own.index)


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
