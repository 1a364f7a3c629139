"""Tables: `.csv`, `.tsv`, `.parquet`, as pandas reads them, but strictly."""

import contextlib
import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Collection
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from typing import TYPE_CHECKING
from typing import Any

import keras

from keras_ae.core import validation
from keras_ae.data import problems

if TYPE_CHECKING:
    import pandas as pd

DELIMITERS = ",;\t|"
#: Names of columns that tell when, not what, where they never go back.
CLOCKS = ("time", "timestamp", "date", "datetime", "index", "t")
_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?")
_COMMA = r"\s*[+-]?\d*,\d+\s*"
COUNTED = 10_000  # records between two looks at how far it is


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
            are understood where fields are not parted by commas.
        text: Columns that hold text, whatever it looks like: codes, numbers
            of houses.
        holes: Words that stand for nothing, beside empty fields, NA, NaN,
            null and the like: `"?"`.
        drop: Columns to leave out.
        header: Whether the first line names the columns. By default it has
            to, without numbers.
        encoding: Of the text.
        verbose: 1 shows a progress bar.
    """
    pandas = problems.needed("pandas", "A table")
    names, delimiter, records = _checked(path, header, encoding, verbose)
    unknown = sorted({*text} - {*names})
    if unknown:
        raise problems.unreadable(
            path, f"columns of text among {names}", f"text={unknown}"
        )
    given = {
        "sep": delimiter,
        "encoding": encoding,
        "dtype": dict.fromkeys(text, str),
        "header": None if header is False else 0,
        "names": names if header is False else None,
        # What `to_csv` writes: the first column, without a name, is the index.
        "index_col": 0 if names[0] == "" and len(names) > 1 else False,
        "skip_blank_lines": len(names) > 1,  # of one column, they are holes
        "skipinitialspace": True,
        "na_values": list(holes),
        "low_memory": False,
    }
    expected = "a table of text"
    with problems.reading(path, expected, pandas.errors.ParserError):
        frame = pandas.read_csv(path, **given)
        if delimiter != "," and any(_decimal_commas(frame, text)):
            frame = pandas.read_csv(path, decimal=",", **given)
    frame = without(path, frame.iloc[:records], drop)
    for name in frame.columns.difference([*text]):
        _check_one_type(path, frame[name])
    return frame, None


def read_parquet(
    path: Path, *, drop: Collection[str] = ()
) -> tuple["pd.DataFrame", None]:
    """A Parquet file; types are those that it says.

    Args:
        path: File.
        drop: Columns to leave out.
    """
    pandas = problems.needed("pandas", "A table")
    problems.needed("pyarrow", "A Parquet file")
    with problems.reading(path, "a Parquet file", ValueError, OSError):
        frame = pandas.read_parquet(path, engine="pyarrow")
    return without(path, frame, drop), None


def without(
    path: Path, frame: "pd.DataFrame", drop: Collection[str]
) -> "pd.DataFrame":
    """The table without some columns, if any cell is left and all columns
    have names of their own."""
    unknown = [name for name in drop if name not in frame.columns]
    if unknown:
        raise problems.unreadable(
            path,
            f"the columns to be dropped among {[*frame.columns]}",
            f"drop={[*drop]}",
        )
    frame = frame.drop(columns=[*drop])
    _check_names(path, [*frame.columns])
    if not frame.size:
        raise problems.unreadable(
            path,
            "at least one row and one column",
            f"{len(frame)} rows of the columns {[*frame.columns]}",
        )
    return frame


def as_series(path: Path, frame: "pd.DataFrame") -> "pd.DataFrame":
    """A table of numbers, row after row in time; the column that tells the
    time becomes the index.

    Raises:
        ValueError: If another column is no number, or time goes back.
    """
    pandas = problems.needed("pandas", "A table")
    clock = _clock(frame)
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


def _clock(frame: "pd.DataFrame") -> tuple[str, Any] | None:
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
        for form in ("ISO8601", "mixed"):
            try:
                return name, pandas.DatetimeIndex(
                    pandas.to_datetime(column, format=form)
                )
            except (ValueError, TypeError):
                continue
    return None


def _checked(
    path: Path, header: bool | None, encoding: str, verbose: int
) -> tuple[list[str], str, int]:
    """Names of the columns, the delimiter, and the number of records, once
    all lines are seen to have the same fields."""
    names: list[str] = []
    count = blank = 0  # records; empty lines since the last of them
    with _text(path, encoding) as (lines, raw):
        mark = "\N{ZERO WIDTH NO-BREAK SPACE}"  # some write one in front
        first = next((line for line in lines if line.strip(f" \r\n{mark}")), "")
        delimiter = _delimiter(path, first)
        lines.seek(0)
        size = path.stat().st_size
        bar = keras.utils.Progbar(size, verbose=verbose, unit_name="byte")
        reader = csv.reader(
            lines, delimiter=delimiter, skipinitialspace=True, strict=True
        )
        for record in _records(path, reader):
            if not record:
                blank += 1
                continue
            if not names:
                record[0] = record[0].removeprefix(mark)
                names = _named(path, record, header)
                count, blank = int(header is False), 0
                continue
            if len(record) != len(names):
                raise problems.unreadable(
                    path,
                    f"{len(names)} fields in every line, as in the first",
                    f"{len(record)} in line {reader.line_num}: "
                    f"{delimiter.join(record)[:80]!r}",
                )
            # An empty line of a table of one column is a hole.
            count, blank = count + 1 + blank * (len(names) == 1), 0
            if not count % COUNTED:
                bar.update(min(size, raw.tell()))
        bar.update(size, finalize=True)
    if not count:
        raise problems.unreadable(
            path, "at least one row", f"the columns {names} alone"
        )
    return names, delimiter, count


@contextlib.contextmanager
def _text(
    path: Path, encoding: str
) -> Iterator[tuple[io.TextIOWrapper, IO[bytes]]]:
    """The text of a file, and its bytes; what cannot be read says so."""
    try:
        with open(path, "rb") as raw:
            data = gzip.open(raw) if path.suffix == ".gz" else raw
            lines = io.TextIOWrapper(data, encoding, newline="")
            yield lines, raw
    except UnicodeError as error:
        raise problems.unreadable(
            path,
            f"text in {encoding}",
            f"bytes that are none{_first_undecoded(path, encoding)} ({error})",
            "Say what it is: encoding='cp1252' (--encoding cp1252), 'latin-1', "
            "'utf-16', ...",
        ) from error
    except LookupError as error:
        expected = "the name of an encoding, such as 'utf-8'"
        raise ValueError(
            validation.invalid("encoding", expected, encoding)
        ) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise problems.unreadable(path, "a gzip file", error) from error


def _first_undecoded(path: Path, encoding: str) -> str:
    """Where the first line is that is no text; lines end in a byte."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode(encoding)
            except UnicodeError:
                return f" in line {number}"
    return ""


def _records(path: Path, reader: Any) -> Iterator[list[str]]:
    """Those of a `csv.reader`; an error says in which line."""
    try:
        yield from reader
    except csv.Error as error:
        received = f"{error} in line {reader.line_num}"
        raise problems.unreadable(path, "a table of text", received) from error


def _delimiter(path: Path, first: str) -> str:
    """What parts the fields: what is most often in the first line."""
    if not first.strip():
        raise problems.unreadable(path, "names of columns, and rows", "nothing")
    if "\0" in first:
        raise problems.unreadable(path, "a table of text", "zero bytes")
    bare = re.sub(r'"[^"]*"', "", first)
    return max(DELIMITERS, key=bare.count)


def _named(path: Path, record: list[str], header: bool | None) -> list[str]:
    """Names of the columns, from the first line or numbered."""
    if header is False:
        return [f"x{i}" for i in range(len(record))]
    if header is None and any(map(_NUMBER.fullmatch, map(str.strip, record))):
        raise problems.unreadable(
            path,
            "names of columns in the first line",
            f"numbers in {record[:8]}",
            "Say header=False (--no-header) if there are no names, header=True "
            "(--header) if these are names.",
        )
    _check_names(path, record)
    return record


def _check_names(path: Path, names: list) -> None:
    twice = [name for name, n in Counter(names).items() if n > 1]
    empty = [i + 1 for i, name in enumerate(names) if i and name == ""]
    if twice or empty:
        raise problems.unreadable(
            path,
            "a name of its own for each column",
            f"the same name twice: {problems.listed(twice)}"
            if twice and twice != [""]
            else f"none for column {problems.listed(empty)}",
        )


def _decimal_commas(frame: "pd.DataFrame", text: Collection[str]) -> list[bool]:
    return [
        frame[name].dropna().str.fullmatch(_COMMA).all()
        for name in frame.columns.difference([*text])
        if frame[name].dtype.kind not in "biuf" and frame[name].notna().any()
    ]


def _check_one_type(path: Path, column: "pd.Series") -> None:
    """Refuse a column with numbers and with words."""
    if column.dtype.kind in "biuf":
        return
    pandas = problems.needed("pandas", "A table")
    values = column.dropna()
    number = pandas.to_numeric(values, errors="coerce").notna()
    if number.any() and not number.all():
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
