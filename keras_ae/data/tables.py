"""Tables: `.csv`, `.tsv`, `.parquet`, as pandas reads them, but strictly."""

import contextlib
import functools
import re
import warnings
from collections.abc import Callable
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from keras_ae.data import lines
from keras_ae.data import problems

if TYPE_CHECKING:
    import pandas as pd

_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?").fullmatch
#: Words that pandas takes for nothing.
NOTHING = frozenset(
    ["", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan"]
    + ["1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "None"]
    + ["n/a", "nan", "null"]
)
_COMMA = r"\s*[+-]?(\d+|\d*,\d+)\s*"


def read_csv(
    path: Path,
    *,
    text: Collection[str] = (),
    holes: Collection[str] = (),
    drop: Collection[str] = (),
    header: bool | None = None,
    encoding: str = "utf-8",
    verbose: int = 0,
) -> tuple["pd.DataFrame", None]:
    """A table of text, once every line is seen to have all its fields.

    Args:
        path: File. The delimiter is that of its first line; decimal commas
            are understood where fields are not parted by commas, and dates
            such as 2026-01-31. Digits behind a zero or a plus, such as 00037,
            make a column text; blanks around text are part of it, unless one
            follows every delimiter of the first line.
        text: Columns that hold text, whatever it looks like: codes, numbers
            of houses, NA for Namibia.
        holes: Words that stand for nothing, beside empty fields, and, but for
            columns of `text`, NA, NaN, null and the like: `"?"`.
        drop: Columns to leave out.
        header: Whether the first line names the columns. By default it has
            to, without numbers.
        encoding: Of the text.
        verbose: 1 shows a progress bar.
    """
    pandas = problems.needed("pandas", "A table")
    layout = lines.check(path, header, encoding, verbose)
    names, delimiter = layout.names, layout.delimiter
    unknown = sorted({*text} - {*names})
    if unknown:
        raise problems.unreadable(
            path,
            f"the columns of text {unknown}",
            f"the columns {problems.listed(names, 20)}",
        )
    nothing = dict.fromkeys(names, {*NOTHING, *holes, *layout.blanks})
    nothing |= dict.fromkeys(text, {"", *holes, *layout.blanks})
    if indexed := names[0] == "" and len(names) > 1:
        nothing[""] = {"", *layout.blanks}
    given = {
        "sep": delimiter,
        "encoding": encoding,
        "dtype": dict.fromkeys({*text, *layout.codes}, str),
        "header": None if header is False else 0,
        "names": names,
        # What `to_csv` writes: the first column, of the name "", is the index,
        # which is written again, since it has a name.
        "index_col": 0 if indexed else False,
        "skiprows": layout.before,
        "skip_blank_lines": len(names) > 1,  # of one column, they are holes
        "skipinitialspace": layout.spaced,
        "keep_default_na": False,
        "na_values": nothing,
        "nrows": layout.count,  # without the blank lines at the end
        "low_memory": False,
    }
    if Version(pandas.__version__) < Version("3.1"):
        # The nearest number, not one beside, which newer ones read anyway.
        given["float_precision"] = "round_trip"
    expected = "a table of text"
    with problems.reading(path, expected, pandas.errors.ParserError):
        frame = pandas.read_csv(path, **given)
        commas = delimiter != "," and _decimal_commas(frame, text)
        if commas:
            points, given["decimal"] = frame, ","
            frame = pandas.read_csv(path, **given)
            _check_commas(path, commas, points, frame)
        frame = _whole_numbers(
            frame, functools.partial(pandas.read_csv, path, **given)
        )
    frame = without(path, frame, drop)
    for name in frame.columns.difference([*text], sort=False):
        if frame[name].dtype.kind not in "biuf":  # 2**63 beside a hole
            frame[name] = frame[name].mask(frame[name].isin(nothing[name]))
        frame[name] = _dates(frame[name])
        _check_one_type(path, frame[name])
    return frame, None


def read_parquet(
    path: Path, *, drop: Collection[str] = ()
) -> tuple["pd.DataFrame", None]:
    """A Parquet file; types are those that it says, days those of pandas.

    Args:
        path: File.
        drop: Columns to leave out.
    """
    pandas = problems.needed("pandas", "A table")
    problems.needed("pyarrow", "A Parquet file")
    with problems.reading(path, "a Parquet file", ValueError, OSError):
        read = functools.partial(pandas.read_parquet, path, engine="pyarrow")
        frame = _whole_numbers(read(), read)
        for name in frame.columns:
            if pandas.api.types.infer_dtype(frame[name]) == "date":
                frame[name] = pandas.to_datetime(frame[name])
    return without(path, frame, drop), None


def without(
    path: Path, frame: "pd.DataFrame", drop: Collection[str]
) -> "pd.DataFrame":
    """The table without some columns, if any cell is left and all columns
    have names of their own."""
    unknown = [name for name in drop if name not in frame.columns]
    if unknown:
        warnings.warn(
            f"{path.name!r} has no columns {unknown} to drop. Expected some "
            f"of {problems.listed([*frame.columns], 20)}.",
            UserWarning,
            stacklevel=4,
        )
    frame = frame.drop(columns=[*drop], errors="ignore")
    lines.check_names(path, [*frame.columns])
    if not frame.size:
        raise problems.unreadable(
            path,
            "at least one row and one column",
            f"{len(frame)} rows of the columns {[*frame.columns]}",
        )
    return frame


def _whole_numbers(
    frame: "pd.DataFrame", read: Callable[..., "pd.DataFrame"]
) -> "pd.DataFrame":
    """The table, whole numbers with holes as such, not as floats; `read`
    reads it once more."""
    floats = frame.select_dtypes("float")
    if not floats.isna().any(axis=None):
        return frame
    nullable = read(dtype_backend="numpy_nullable")
    for name in floats:
        if nullable[name].dtype.kind in "iu" and frame[name].notna().any():
            frame[name] = nullable[name].array
    return frame


def _check_commas(
    path: Path,
    commas: list[str],
    points: "pd.DataFrame",
    frame: "pd.DataFrame",
) -> None:
    """Refuse numbers with a point beside those with a comma: 1.234 may be
    thousands."""
    others = [
        name
        for name in points.select_dtypes("number")
        if frame[name].dtype.kind not in "biuf"
    ]
    if others:
        raise problems.unreadable(
            path,
            "one decimal mark in all columns",
            f"commas in {commas}, points in {others}",
            "Write the numbers of all columns with the same mark, or say that "
            f"a column is text: text=({others[0]!r},) (--text {others[0]}).",
        )


def _decimal_commas(frame: "pd.DataFrame", text: Collection[str]) -> list[str]:
    """Columns of numbers, some of them with a comma."""
    found = []
    for name in frame.columns.difference([*text]):
        if frame[name].dtype.kind in "biuf":
            continue
        words = frame[name].dropna().astype(str)
        if words.str.contains(",").any() and words.str.fullmatch(_COMMA).all():
            found.append(name)
    return found


def _dates(column: "pd.Series") -> "pd.Series":
    """Dates of ISO 8601 as such, if there is nothing else; or as it is."""
    pandas = problems.needed("pandas", "A table")
    words = column.dropna()
    if column.dtype.kind in "biufM" or not len(words):
        return column
    if not _DATE(str(words.iloc[0])):
        return column
    with contextlib.suppress(ValueError):  # other words, the 30th of February
        return pandas.to_datetime(column, format="ISO8601")
    return column


def _check_one_type(path: Path, column: "pd.Series") -> None:
    """Refuse a column with numbers and with words."""
    if column.dtype.kind in "biufM":
        return
    pandas = problems.needed("pandas", "A table")
    words = column.dropna().drop_duplicates()
    numbers = words[pandas.to_numeric(words, errors="coerce").notna()]
    if 0 < len(numbers) < len(words):
        values = column.dropna()
        number = values.isin(numbers)
        odd = values[~number]
        word = odd.iloc[0]
        place = column.index.get_indexer_for([odd.index[0]])[0] + 1
        raise problems.unreadable(
            path,
            f"one type in the column {column.name!r}",
            f"{int(number.sum())} numbers and {len(odd)} texts, the first "
            f"{word!r} in row {place}",
            f"If such a word stands for nothing, say holes=({word!r},) "
            f"(--holes {word!r}); if the column holds text, "
            f"text=({column.name!r},) (--text {column.name}).",
        )
