"""Long series: a table of numbers, row after row in time."""

import contextlib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

from keras_ae.data import problems

if TYPE_CHECKING:
    import pandas as pd

#: Names of columns of numbers that tell when, not what, if they never fall.
CLOCKS = ("time", "timestamp", "date", "datetime", "index", "t")
_DIGITS = r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*"
_NO_DATES = (ValueError, TypeError)


def as_series(path: Path, frame: "pd.DataFrame") -> "pd.DataFrame":
    """A table of numbers, row after row in time; the column that tells the
    time becomes the index.

    Raises:
        ValueError: If another column is no number, or time goes back.
    """
    pandas = problems.needed("pandas", "A table")
    frame = frame.apply(_digits)
    clock = _clock(path, frame)
    if clock is not None:
        name, stamps = clock
        frame = frame.drop(columns=name).set_index(
            pandas.Index(stamps, name=name)
        )
        back = (~(stamps[1:] >= stamps[:-1])).nonzero()[0]
        if len(back):
            raise problems.unreadable(
                path,
                f"times in the column {name!r} that never go back",
                f"{stamps[back[0] + 1]} after {stamps[back[0]]} in row "
                f"{back[0] + 2}",
                "Sort the rows.",
            )
    for name in frame.columns:
        if frame[name].dtype.kind not in "biuf":
            row = frame[name].first_valid_index()
            raise problems.unreadable(
                path,
                "a series of numbers, beside one column of times",
                f"the column {name!r} with {frame[name].get(row)!r}",
                f"Leave it out by drop=({name!r},) (--drop {name}).",
            )
    if not frame.size:
        raise problems.unreadable(
            path, "a column of values", f"a column of times alone, {name!r}"
        )
    return frame.astype("float64")


def _digits(column: "pd.Series") -> "pd.Series":
    """Digits behind zeros or a plus, which are text in a table, as numbers."""
    pandas = problems.needed("pandas", "A table")
    if column.dtype.kind in "biufM" or not column.notna().any():
        return column
    digits = column.dropna().astype(str).str.fullmatch(_DIGITS).all()
    return pandas.to_numeric(column) if digits else column


def _clock(path: Path, frame: "pd.DataFrame") -> tuple[str, Any] | None:
    """The column that tells the time, and its values: the first whose text is
    dates, or that has such a name and grows."""
    pandas = problems.needed("pandas", "A table")
    for name in frame.columns:
        column = frame[name]
        kind = column.dtype.kind
        if kind == "M":
            return name, pandas.DatetimeIndex(column)
        if kind in "biuf":
            known = str(name).strip().lower() in CLOCKS
            if known and column.is_monotonic_increasing:
                return name, pandas.Index(column)
            continue
        stamps = _stamps(path, column)
        if stamps is not None:
            return name, stamps
    return None


def _stamps(path: Path, column: "pd.Series") -> Any:
    """Text as times, in the first form that all of it has; None if there is
    no such form.

    Raises:
        ValueError: If 01/02/2026 may be in January and in February.
    """
    pandas = problems.needed("pandas", "A table")
    year_first = column.dropna().astype(str).str.match(r"\s*\d{4}\D").all()
    for form in ("ISO8601", None, "mixed"):
        found = []
        for day_first in (False,) if year_first else (False, True):
            with warnings.catch_warnings(), contextlib.suppress(*_NO_DATES):
                warnings.simplefilter("ignore")  # of the other order, or none
                stamps = pandas.to_datetime(
                    column, format=form, dayfirst=day_first
                )
                found.append(pandas.DatetimeIndex(stamps))
        if not found:
            continue
        if not found[0].equals(found[-1]):
            place = (found[0] != found[-1]).nonzero()[0][0]
            raise problems.unreadable(
                path,
                f"dates of one meaning in the column {column.name!r}",
                f"{column.iloc[place]!r} in row {place + 1}, which is "
                f"{found[0][place]} or {found[-1][place]}",
                "Write the year first: 2026-01-31.",
            )
        return found[0]
    return None
