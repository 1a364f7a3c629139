"""Lines of a table of text: looked at one by one, before pandas reads it."""

import contextlib
import csv
import gzip
import io
import itertools
import re
import zlib
from collections import Counter
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from typing import Any
from typing import NamedTuple

import keras

from keras_ae.core import validation
from keras_ae.data import problems

DELIMITERS = ",;\t|"
COUNTED = 10_000  # records between two looks at how far it is
_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?")
#: Some write it in front of a text.
_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
# A cell of blanks; a code that looks like a number, 00037 or -007.50; one with
# a plus, +491701234567, unless its column has a sign: a minus, or +1.5.
_ODD = re.compile(
    r"\s+|\s*(?:(?P<code>[+-]?0\d+(?:\.\d*)?)|(?P<plus>[+]\d+)"
    r"|(?P<sign>[+-](?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?))\s*"
).fullmatch


class Layout(NamedTuple):
    """How a table of text is to be read.

    Attributes:
        names: Of the columns.
        delimiter: Between the fields.
        spaced: Whether a blank belongs to the delimiter: `a, b, c`.
        before: How many lines are empty before the first record.
        count: Of records.
        codes: Columns with digits behind a zero or a plus: text, not numbers.
        blanks: Cells of nothing but blanks that there are.
    """

    names: list[str]
    delimiter: str
    spaced: bool
    before: int
    count: int
    codes: set[str]
    blanks: set[str]


def check(
    path: Path, header: bool | None, encoding: str, verbose: int
) -> Layout:
    """The layout of a table, once all lines are seen to have the same
    fields."""
    names: list[str] = []
    odd: dict[str | None, set[str]] = defaultdict(set)  # kind to columns
    blanks: set[str] = set()
    count = blank = before = 0  # records; empty lines since the last of them
    with _text(path, encoding) as (lines, raw):
        blank_text = f" \r\n{_MARK}"
        first = next((line for line in lines if line.strip(blank_text)), "")
        delimiter, spaced = _delimiter(path, first)
        lines.seek(0)
        size = path.stat().st_size
        bar = keras.utils.Progbar(size, verbose=verbose, unit_name="byte")
        start = next(lines).removeprefix(_MARK)
        reader = csv.reader(
            itertools.chain([start], lines),
            delimiter=delimiter,
            skipinitialspace=spaced,
            strict=True,
        )
        for record in _records(path, reader):
            if not record:
                blank += 1
                continue
            if not names:
                names = _named(path, record, header)
                before, blank = blank, 0
                if header is not False:
                    continue
            if len(record) != len(names):
                raise problems.unreadable(
                    path,
                    f"{len(names)} fields in every line, as in the first",
                    f"{len(record)} in line {reader.line_num}: "
                    f"{delimiter.join(record)[:80]!r}",
                )
            for place, field in enumerate(record):
                if found := _ODD(field):
                    if found.lastgroup is None:
                        blanks.add(field)
                    else:
                        odd[found.lastgroup].add(names[place])
            # An empty line of a table of one column is a hole.
            count, blank = count + 1 + blank * (len(names) == 1), 0
            if not count % COUNTED:
                bar.update(min(size, raw.tell()))
        bar.update(size, finalize=True)
    if not count:
        raise problems.unreadable(
            path, "at least one row", f"the columns {names} alone"
        )
    codes = odd["code"] | (odd["plus"] - odd["sign"])
    return Layout(names, delimiter, spaced, before, count, codes, blanks)


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


def _delimiter(path: Path, first: str) -> tuple[str, bool]:
    """What parts the fields: what is most often in the first line; and
    whether a blank comes after each."""
    if not first.strip():
        raise problems.unreadable(path, "names of columns, and rows", "nothing")
    if "\0" in first:
        raise problems.unreadable(path, "a table of text", "zero bytes")
    bare = re.sub(r'"[^"]*"', "", first)
    delimiter = max(DELIMITERS, key=bare.count)
    rest = bare.split(delimiter)[1:]
    return delimiter, bool(rest) and all(f.startswith(" ") for f in rest)


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
    check_names(path, record)
    return record


def check_names(path: Path, names: list) -> None:
    """Refuse columns without a name of their own; the first may be an index.

    Raises:
        ValueError: If there are some.
    """
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
