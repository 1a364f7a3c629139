"""Arrays: `.npy`, `.npz`. Pickles are never opened."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from keras_ae.data import problems

#: Where the examples of an archive are looked for, first hit wins.
KEYS = ("x", "X", "x_train")


def read_npy(path: Path) -> tuple[np.ndarray, None]:
    """A file of `np.save`; it stays on the disk until rows are asked for."""
    expected = "an array of numbers that `np.save` wrote"
    with problems.reading(path, expected, ValueError, EOFError):
        _check_start(path, expected, b"\x93NUMPY")
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    return numbers(path, rows), None


def read_npz(path: Path, *, key: str | None = None) -> tuple[np.ndarray, None]:
    """One array of a file of `np.savez`.

    Args:
        path: File.
        key: Name of the array. Defaults to `x`, `X`, `x_train`, or the only
            one.
    """
    expected = "arrays of numbers that `np.savez` wrote"
    errors = ValueError, EOFError, zipfile.BadZipFile, zlib.error
    with problems.reading(path, expected, *errors):
        _check_start(path, expected, b"PK")
        with np.load(path, allow_pickle=False) as archive:
            name = chosen(path, archive.files, key)
            rows = archive[name]
    return numbers(path, rows, name), None


def chosen(path: Path, names: list[str], key: str | None) -> str:
    """The array that holds the examples.

    Raises:
        ValueError: If that is not clear; the message lists the names.
    """
    if key is not None:
        wanted = [key]
    else:
        wanted = [*KEYS, *names] if len(names) == 1 else [*KEYS]
    for name in wanted:
        if name in names:
            return name
    raise problems.unreadable(
        path,
        f"examples under {key!r}"
        if key is not None
        else f"examples under one of {', '.join(KEYS)}, or a single array",
        f"arrays {problems.listed(sorted(names), 20) or 'none'}",
        "Choose one by key=NAME (--key NAME).",
    )


def numbers(path: Path, rows: np.ndarray, name: str = "") -> np.ndarray:
    """Rows, if they are real numbers and there are some.

    Raises:
        ValueError: If not.
    """
    where = f" in the array {name!r}" if name else ""
    if rows.dtype.kind not in "biuf":
        raise problems.unreadable(
            path,
            f"integers, floats or bools{where}",
            f"dtype {rows.dtype}",
            "Encode text and dates as numbers, or write a table (.csv).",
        )
    if rows.ndim == 0 or rows.size == 0:
        raise problems.unreadable(
            path, f"at least one row{where}", f"shape {rows.shape}"
        )
    return rows


def _check_start(path: Path, expected: str, magic: bytes) -> None:
    """Refuse another format by its first bytes; NumPy would speak of
    pickles."""
    with open(path, "rb") as file:
        start = file.read(len(magic))
    if start != magic:
        received = f"a file that begins with {start!r}" if start else "nothing"
        raise problems.unreadable(path, expected, received)
