"""`load`: what a file holds, and the space of it."""

import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any
from typing import NamedTuple

import numpy as np
from scipy import sparse

from keras_ae import spaces
from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.data import arrays
from keras_ae.data import cells
from keras_ae.data import images
from keras_ae.data import problems
from keras_ae.data import series
from keras_ae.data import tables

#: Suffix -> reader: path to rows and their names, of options with keywords.
#: `/` is a folder.
READERS: dict[str, Callable] = {
    "/": images.read_folder,
    ".csv": tables.read_csv,
    ".csv.gz": tables.read_csv,
    ".h5": cells.read,
    ".h5ad": cells.read,
    ".npy": arrays.read_npy,
    ".npz": arrays.read_npz,
    ".parquet": tables.read_parquet,
    ".tsv": tables.read_csv,
}


class Data(NamedTuple):
    """What a file holds: `VAE.create(data.space, ...)`, `fit(data.rows)`.

    Attributes:
        space: What one example is.
        rows: What `fit` and the others take: a DataFrame, an array, or a
            sparse matrix.
        names: What the rows are called, if the file says so: files of a
            folder, cells. Those of a DataFrame are its index.
    """

    space: spaces.BaseSpace
    rows: Any
    names: Any = None


def load(
    path: str | Path,
    *,
    space: spaces.BaseSpace | None = None,
    window: int | None = None,
    counts: bool | None = None,
    verbose: int = 0,
    **options: Any,
) -> Data:
    """Examples from a file or a folder, and the space that they live in.

    | file | becomes |
    | --- | --- |
    | `.csv`, `.tsv`, `.csv.gz`, `.parquet` | `spaces.Table`; with `window` \
`spaces.Series` |
    | `.npy`, `.npz` | `spaces.Image` if bytes of rank 3 or 4, \
`spaces.Array`; with `window` `spaces.Series` |
    | `.h5ad`, `.h5` | `spaces.Counts` |
    | a folder of images | `spaces.Image` |

    Nothing is dropped or guessed in silence: what does not fit is named.

    Args:
        path: File or folder.
        space: The space of a trained model, `model.space`, for which rows are
            wanted. Defaults to one that is learned from the rows.
        window: Length of the windows that a long series is cut into.
        counts: Whether numbers are counts. Defaults to True for `.h5ad` and
            `.h5`, else False.
        verbose: 1 shows a progress bar.
        **options: Of that kind of file, see the functions in `READERS`:
            `image_size`, `channels`, `skip_broken` of images; `text`,
            `holes`, `drop`, `header`, `encoding` of tables; `key`, the name
            of an array.

    Raises:
        ValueError: If the file is not what it should be; the message names
            the column, row, file or value, and says what to do.
        FileNotFoundError: If there is no such file.
        ImportError: Without `pip install 'keras-ae[data]'`, if that is needed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "images.npy")
        ...     np.save(path, np.zeros([5, 8, 8], "uint8"))
        ...     data = load(path)
        >>> data.space.shape, data.rows.shape
        ((8, 8, 1), (5, 8, 8))
    """
    path = Path(path)
    reader = _reader(path)
    if not path.exists():
        raise FileNotFoundError(
            f"There is no file {str(path)!r}. Expected one to read."
        )
    known = _options(reader)
    if "verbose" in inspect.signature(reader).parameters:
        options["verbose"] = verbose
    if "counts" in known:
        counts = counts is not False
        options["counts"] = counts
    if isinstance(space, spaces.Image) and path.is_dir():
        options["image_size"] = space.height, space.width
        options["channels"] = space.channels
    texts = {}  # columns that are text to the model
    if isinstance(space, spaces.Table) and "text" in known:
        texts, own = _texts(space), {*options.get("text", ())}
        options["text"] = own | {*texts}
        texts = {name: texts[name] for name in texts.keys() - own}
    for name in set(options) - known - {"verbose"}:
        unknown = registry.unknown("option", name, options_of(path))
        raise ValueError(f"{unknown} They are those of {path.name!r}.")
    rows, names = reader(path, **options)
    for name in texts.keys() & {*getattr(rows, "columns", ())}:
        nothing = rows[name].isin(tables.NOTHING.difference(texts[name]))
        rows[name] = rows[name].mask(nothing)
    if isinstance(space, spaces.Series):
        window = space.length
    if window is not None and _is_frame(rows):
        rows = series.as_series(path, rows)
    if isinstance(space, spaces.Table) and _is_frame(rows):
        rows = rows.astype({n: "float64" for n in _broken(space, rows)})
    if space is None:
        space = _space(path, rows, window, counts)
    return Data(space, rows, names)


def space_of(rows: Any) -> spaces.BaseSpace:
    """The space of examples by what they are: a data frame is a table, bytes
    of rank 3 or 4 are images, sparse rows of whole numbers are counts.

    Example:
        >>> space_of(np.zeros([5, 8, 8, 3], "uint8"))
        Image(height=8, width=8, channels=3, levels=256)
    """
    if _is_frame(rows):
        return spaces.Table.from_frame(rows)
    if sparse.issparse(rows) and cells.whole(rows):
        return spaces.Counts.from_counts(rows)
    if rows.dtype == np.uint8 and len(rows.shape) in (3, 4):
        return spaces.Image(*rows.shape[1:])
    return spaces.Array(rows.shape[1:])


def options_of(path: str | Path) -> frozenset[str]:
    """Names of the options that `load` takes for such a file.

    Example:
        >>> sorted(options_of("x.npz"))
        ['counts', 'key', 'window']
    """
    return _options(_reader(Path(path))) | {"window", "counts"}


def is_path(name: str) -> bool:
    """Whether a name is that of a file or folder, there or not.

    Example:
        >>> is_path("data/rows.csv"), is_path("mnist")
        (True, False)
    """
    path = Path(name)
    return bool(path.suffix) or path.name != name or path.exists()


def fingerprint(path: str | Path) -> str:
    """sha256 of a file; of a folder, that of all names and files in it.

    Raises:
        OSError: If there is none.
    """
    path = Path(path)
    digest = hashlib.sha256()
    inside = sorted(p for p in path.rglob("*") if p.is_file())
    for part in inside if path.is_dir() else [path]:
        name = part.relative_to(path).as_posix()
        with open(part, "rb") as file:
            own = hashlib.file_digest(file, "sha256")
        if part == path:
            return own.hexdigest()
        digest.update(f"{name}\0".encode() + own.digest())
    return digest.hexdigest()


def _reader(path: Path) -> Callable:
    if path.is_dir():
        return READERS["/"]
    for suffix, reader in READERS.items():
        if path.name.lower().endswith(suffix):
            return reader
    known = sorted({*READERS} - {"/"})
    raise ValueError(
        f"{str(path)!r} cannot be read. Expected a folder of images, or a "
        f"file whose name ends in one of {', '.join(known)}. Received: "
        f"{'another file' if path.exists() else 'no such file or folder'}"
    )


def _options(reader: Callable) -> frozenset[str]:
    names = inspect.signature(reader).parameters
    return frozenset(names) - {"path", "folder", "verbose"}


def _space(
    path: Path, rows: Any, window: int | None, counts: bool | None
) -> spaces.BaseSpace:
    """The space of the rows of a file, learned from them."""
    if window is not None:
        _check_long(path, rows, window)
        if rows.shape[1:] == (window,):
            rows = [rows]  # channels: not the points of windows of one
        return spaces.Series.from_series(rows, window)
    if counts:
        return spaces.Counts.from_counts(rows)
    if rows.ndim == 1:
        raise problems.unreadable(
            path,
            "rows of examples, or one long series and the length of windows",
            f"shape {rows.shape}",
            "Say window=128 (--window 128).",
        )
    try:
        return space_of(rows)
    except ValueError as error:
        advice = "Columns are left out by drop=NAMES (--drop NAME)."
        raise problems.FileError(
            f"{path.name}: {error}{f' {advice}' * _is_frame(rows)}"
        ) from error


def _texts(space: spaces.Table) -> dict[str, list[str]]:
    """Columns of words, some of which may look like numbers, or like
    nothing."""
    return {
        column.name: column.categories
        for column in space.columns
        if isinstance(column, spaces.Category)
        and isinstance(column.name, str)
        and isinstance(column.categories[0], str)
    }


def _broken(space: spaces.Table, rows: Any) -> list[str]:
    """Columns of whole numbers whose holes are filled with others."""
    whole = {
        name
        for name, kind in rows.dtypes.items()
        if kind.kind in "iu" and not isinstance(kind, np.dtype)
    }
    return [
        column.name
        for column in space.columns
        if column.name in whole
        and isinstance(column, spaces.Number)
        and column.decimals != 0
    ]


def _check_long(path: Path, rows: Any, window: int) -> None:
    """Refuse what is no series of a window at least."""
    validation.check_count("window", window)
    if sparse.issparse(rows) or rows.ndim > 2:
        raise problems.unreadable(
            path,
            "one long series, (T,) or (T, channels), to cut windows from",
            f"shape {rows.shape}",
            "Leave `window` away.",
        )
    if len(rows) < window:
        raise problems.unreadable(
            path,
            f"a series of at least one window, {window} points",
            f"{len(rows)} points",
            "Say a shorter window.",
        )


def _is_frame(rows: Any) -> bool:
    return hasattr(rows, "columns")
