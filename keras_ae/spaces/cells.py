"""What the values of a column are: their kind, their decimals, their step."""

from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from keras_ae.spaces.labels import Label

if TYPE_CHECKING:
    import pandas as pd

#: Kinds of values that a category can be.
SAVED = ("str", "number", "bool")

_WORDS = "df[{0!r}].astype(str)"
_DATES = "pd.to_datetime(df[{0!r}])"
_SECONDS = "pd.to_timedelta(df[{0!r}]).dt.total_seconds()"
_CONVERSIONS = {
    "date": _DATES,
    "datetime": _DATES,
    "Timestamp": _DATES,
    "Period": "pd.PeriodIndex(df[{0!r}]).to_timestamp()",
    "timedelta": _SECONDS,
    "Timedelta": _SECONDS,
    "time": "pd.to_timedelta(df[{0!r}].astype(str)).dt.total_seconds()",
    "Decimal": "df[{0!r}].astype(float)",
    "complex": "np.real(df[{0!r}].astype(complex)), and np.imag likewise",
}


def kind(value: Any) -> str:
    """One of `SAVED`, or the name of a value's type.

    Example:
        >>> [kind(value) for value in ("a", 1.5, True, 1j)]
        ['str', 'number', 'bool', 'complex']
    """
    if not isinstance(value, (bool, str)) and isinstance(value, (int, float)):
        return "number"
    return type(value).__name__


def conversion(name: Label, kind: str) -> str:
    """What to do with a column of values of a kind that is not taken.

    Example:
        >>> conversion("day", "date")
        "Convert it: pd.to_datetime(df['day'])."
    """
    return f"Convert it: {_CONVERSIONS.get(kind, _WORDS).format(name)}."


def unsaved(name: Label, kind: str) -> str:
    """The message that a column's values can be no categories.

    Example:
        >>> unsaved("day", "date").partition(".")[0]
        "The column 'day' holds values that cannot be saved"
    """
    return (
        f"The column {name!r} holds values that cannot be saved. Expected "
        f"words, numbers or booleans. Received: {kind}. "
        f"{conversion(name, kind)}"
    )


def fixed(name: Label, type: str) -> str:
    """The message that a categorical is none of numbers of a type.

    Example:
        >>> fixed("size", "real").rpartition(". ")[2]
        "Convert it: df['size'].astype(float)."
    """
    advice = _DATES if type == "date" else "df[{0!r}].astype(float)"
    return (
        f"The column {name!r} is a categorical, whose values are fixed. "
        f"Expected another type of column for {type!r}. Received: dtype "
        f"category. Convert it: {advice.format(name)}."
    )


def decimals(values: np.ndarray, most: int = 6) -> int | None:
    """Places behind the point that all values have, if they are few.

    Example:
        >>> decimals(np.array([0.5, 0.25, 3.0]))
        2
    """
    usual = np.median(np.abs(values[values != 0]))
    noise = 1e-9 * min(usual, 1)
    for places in range(most + 1):
        if (np.abs(values - np.round(values, places)) <= noise).all():
            return places
    return None


def step(values: np.ndarray, parts: float, least: int = 10) -> float | None:
    """The greatest step of which all differences are multiples; None if they
    are no whole parts of 1, or the values too few to tell.

    Of `least` different whole numbers one set in 2**(least - 1) has even
    differences by chance.

    Args:
        values: Finite numbers `[N]`.
        parts: How many parts 1 has.
        least: Fewest different values that tell.

    Example:
        >>> step(5.0 + 0.5 * np.arange(10), parts=10)
        0.5
    """
    counts = (values - values.min()) * parts
    whole = np.rint(counts)
    if np.abs(counts - whole).max() > 1e-4 or whole.max() > 2**53:
        return None
    found = np.gcd.reduce(whole.astype(np.int64))
    return float(found / parts) if len(np.unique(whole)) >= least else None


def check_dtype(values: "pd.Series") -> None:
    """Refuse a dtype that pandas does not make again of its name."""
    from pandas.api import types as kinds

    try:
        kinds.pandas_dtype(str(values.dtype))
    except (NotImplementedError, TypeError, ValueError):
        kind = "Decimal" if kinds.is_numeric_dtype(values.dtype) else "str"
        raise ValueError(
            f"The column {values.name!r} has a type that cannot be saved. "
            "Expected one that pandas makes of its name. Received: "
            f"{values.dtype}. {conversion(values.name, kind)}"
        ) from None
