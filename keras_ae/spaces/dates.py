"""Dates of a column: days since its origin, and the way back.

pandas is imported where it is used: who has no data frames needs no pandas.
"""

import datetime
import re
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from keras_ae.spaces import cells

if TYPE_CHECKING:
    import pandas as pd

    from keras_ae.spaces.columns import Number

DAY = 86_400_000_000  # microseconds
SECOND = 1_000_000
SECONDS_A_DAY = 86_400
_ZONE = re.compile(r", (?:tz=)?([^\]]+)\]")
_WORD = re.compile(r"\d{4}")  # "now" and "today" are words of pandas
_OFFSET = re.compile(r"\d[T ].*(Z|[+-]\d\d:?(\d\d)?)$")


def days(column: "Number", values: "pd.Series") -> np.ndarray:
    """Dates as days since a column's origin, to the microsecond; NaN for
    holes. Words are ISO 8601 alone: in what order day and month stand in
    others nobody knows. Dates of any time zone, where the column has one; of
    none, where it has none.

    Raises:
        ValueError: With the column and the first value that is no such date.
    """
    known = values.notna().to_numpy()
    strange = known & (values.dtype.kind in "biufcm")
    column.refuse(values, strange, "type date", "Convert them.")
    found = _read(values)
    lost = known & found.isna().to_numpy()
    expected = "dates that pandas holds, as words ISO 8601 (2026-11-30 08:00)"
    own = f"Convert it: pd.to_datetime(df[{column.name!r}]"
    advice = f"{own}, dayfirst=True), or dayfirst=False."
    column.refuse(values, lost, expected, advice)
    home = zone(column.dtype)
    expected = "dates without a time zone"
    advice = f"{own}, utc=True).dt.tz_localize(None)."
    if home:
        expected = f"dates with a time zone, as of {home}"
        advice = f"{own}).dt.tz_localize({home!r})."
    column.refuse(
        values, known & (_aware(values) != bool(home)), expected, advice
    )
    whole = found.astype("datetime64[us, UTC]").astype("int64").to_numpy()
    since = (whole - int(column.origin) * DAY) / DAY
    return np.where(known, since, np.nan)


def made(column: "Number", numbers: np.ndarray) -> "pd.Series":
    """The way back of `days`: in UTC, or of no time zone."""
    import pandas as pd

    whole = np.rint(np.nan_to_num(numbers) * DAY).astype("int64")
    dates = (whole + int(column.origin) * DAY).astype("datetime64[us]")
    dates[np.isnan(numbers)] = np.datetime64("NaT")
    found = pd.Series(dates)
    return found.dt.tz_localize("UTC" if zone(column.dtype) else None)


def step(days: np.ndarray) -> float | None:
    """Of which all differences of some days are multiples; None if they are
    no whole seconds.

    Example:
        >>> step(np.array([0.0, 1.0, 7.0])), step(np.array([0.0, 1e-9]))
        (1.0, None)
    """
    counts = np.rint((days - days.min()) * DAY)
    if (counts % SECOND).any():
        return None
    least = 1 / SECONDS_A_DAY if (counts % DAY).any() else 1.0
    return cells.step(days, SECONDS_A_DAY) or least


def zone(dtype: str) -> str:
    """The time zone in the name of a dtype; empty where there is none.

    Example:
        >>> zone("datetime64[ns, UTC]"), zone("datetime64[ns]")
        ('UTC', '')
    """
    found = _ZONE.search(dtype)
    return found.group(1) if found else ""


def _read(values: "pd.Series") -> "pd.Series":
    """Dates in UTC, NaT for what is none."""
    import pandas as pd

    if values.dtype.kind != "M":
        values = values.astype(object)
        values = values.where(values.map(_may_be), None)
    return pd.to_datetime(values, format="ISO8601", errors="coerce", utc=True)


def _aware(values: "pd.Series") -> np.ndarray:
    """Which values say their time zone or their distance from UTC, bool
    `[N]`."""
    if values.dtype.kind == "M":
        return np.full(len(values), bool(zone(str(values.dtype))))
    return values.astype(object).map(_is_aware).to_numpy(bool)


def _may_be(value: Any) -> bool:
    if isinstance(value, str):
        return bool(_WORD.match(value))
    return isinstance(value, (datetime.date, np.datetime64))


def _is_aware(value: Any) -> bool:
    if isinstance(value, str):
        return bool(_OFFSET.search(value))
    return getattr(value, "tzinfo", None) is not None
