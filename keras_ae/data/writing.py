"""`write`: answers of a model as a file, whole or not at all."""

import csv
from collections import Counter
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
from scipy import sparse

from keras_ae.core import files
from keras_ae.data import problems

if TYPE_CHECKING:
    import pandas as pd


def write(
    path: str | Path,
    answer: Any,
    names: Sequence[str] | None = None,
    name: str | Sequence[str] = "x",
) -> None:
    """Write what a model answers; the suffix says as what.

    `.csv`, `.tsv` and `.parquet` hold a DataFrame, or an array of one or two
    axes, or windows of series one after the other; `.npy` and `.npz` an array,
    in the latter under `x`. A path without suffix is a folder, for bytes of
    images, which become PNG files.

    Args:
        path: File, or folder, to write; files there are replaced.
        answer: DataFrame or Series of pandas, array, or sparse matrix.
        names: What the rows are called: the index of a table, the names of
            images, to which `.png` is added or becomes their suffix. Defaults
            to their numbers, or the answer's own index.
        name: Of an array in a table: the column of one axis; of more, the
            columns are `x0`, `x1`, ..., or have these names.

    Raises:
        ValueError: If such a file does not hold the answer, or two columns,
            or two images, would have one name.
        ImportError: Without `pip install 'keras-ae[data]'`, if that is needed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = folder + "/codes.npz"
        ...     write(path, np.eye(3))
        ...     keras_ae.data.load(path).rows.shape
        (3, 3)
    """
    check_name(path)
    path = Path(path)
    suffix = path.suffix.lower()
    if sparse.issparse(answer):
        answer = answer.toarray()
    if suffix in _TABLES:
        content = _frame(path, answer, names, name)
    elif suffix in _ARRAYS:
        content = _numbers(path, answer)
    else:
        content = _named_images(path, answer, names)
    writer = (_TABLES | _ARRAYS).get(suffix, _write_images)
    with files.replacing(path) as part:
        writer(part, content)


def check_name(path: str | Path) -> None:
    """Refuse a path that `write` has no writer for, before there is work.

    Raises:
        ValueError: By its suffix.
    """
    suffix = Path(path).suffix
    if suffix and not is_data(path):
        raise ValueError(
            f"{str(path)!r} cannot be written. Expected a name that ends in "
            f"one of {', '.join([*_TABLES, *_ARRAYS])}, or a folder for "
            f"images. Received: the ending {suffix!r}"
        )


def is_data(path: str | Path) -> bool:
    """Whether `write` takes a path for a file, by its suffix.

    Example:
        >>> is_data("new.csv"), is_data("new.png")
        (True, False)
    """
    return Path(path).suffix.lower() in _TABLES | _ARRAYS


def _write_csv(path: Path, frame: "pd.DataFrame") -> None:
    sep = "\t" if path.suffix.lower() == ".tsv" else ","
    kept = {"sep": sep, "index": _has_index(frame), "lineterminator": "\n"}
    frame.to_csv(path, **kept)
    if b"\r" in path.read_bytes():  # it ends a line, unless it is quoted
        frame.to_csv(path, quoting=csv.QUOTE_NONNUMERIC, **kept)


def _write_parquet(path: Path, frame: "pd.DataFrame") -> None:
    problems.needed("pyarrow", "A Parquet file")
    frame.to_parquet(path, engine="pyarrow", index=_has_index(frame))


def _write_npy(path: Path, array: np.ndarray) -> None:
    with open(path, "wb") as file:
        np.save(file, array, allow_pickle=False)


def _write_npz(path: Path, array: np.ndarray) -> None:
    with open(path, "wb") as file:
        np.savez_compressed(file, x=array)


def _write_images(folder: Path, images: dict[str, np.ndarray]) -> None:
    from PIL import Image

    folder.mkdir()
    for name, pixels in images.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / name)


#: Suffix -> writer of a table.
_TABLES: dict[str, Callable] = {
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".tsv": _write_csv,
}
#: Suffix -> writer of an array.
_ARRAYS: dict[str, Callable] = {".npy": _write_npy, ".npz": _write_npz}


def _frame(
    path: Path,
    answer: Any,
    names: Sequence[str] | None,
    name: str | Sequence[str],
) -> "pd.DataFrame":
    """An answer as a table."""
    pandas = problems.needed("pandas", "A table")
    if isinstance(answer, list) and any(hasattr(a, "iloc") for a in answer):
        raise ValueError(
            f"{path.name!r} holds one table. Expected one answer. Received: a "
            f"list of {len(answer)} of them. Write each to a file of its own, "
            "or all of them as one: pandas.concat(answer, keys=range("
            f"{len(answer)}), names=['draw', 'row'])."
        )
    if isinstance(answer, pandas.Series):
        answer = answer.to_frame()
    if not isinstance(answer, pandas.DataFrame):
        answer = np.asarray(answer)
        if answer.ndim not in (1, 2, 3):
            raise ValueError(
                f"{path.name!r} holds tables. Expected an answer of one to "
                f"three axes. Received: shape {answer.shape}. Write an array: "
                ".npy or .npz."
            )
        columns = [name] if isinstance(name, str) else [*name]
        if answer.ndim > 1 and isinstance(name, str):
            columns = [f"{name}{i}" for i in range(answer.shape[-1])]
        if answer.ndim == 3 and names is not None:
            raise ValueError(
                f"{path.name!r} holds windows one after the other, whose rows "
                "are called by window and step. Expected no `names`. "
                f"Received: {len(names)} of them. Leave `names` away."
            )
        if answer.ndim == 3:
            names = pandas.MultiIndex.from_product(
                map(range, answer.shape[:2]), names=("window", "step")
            )
            answer = answer.reshape(-1, answer.shape[-1])
        answer = pandas.DataFrame(answer, columns=columns)
    if names is not None:
        is_index = isinstance(names, pandas.Index)
        answer = answer.set_axis(names if is_index else pandas.Index(names))
    answer = answer.set_axis(answer.columns.map(str), axis=1)
    own = answer.index.names if _has_index(answer) else []
    taken = ["" if n is None else str(n) for n in own] + [*answer.columns]
    twice = [n for n, count in Counter(taken).items() if count > 1]
    if twice:
        raise ValueError(
            f"{path.name!r} would have columns of one name. Expected a name "
            "of its own for each, the index too. Received: twice "
            f"{problems.listed(twice)}. Rename them, or the index."
        )
    return answer


def _has_index(frame: "pd.DataFrame") -> bool:
    """Whether the index says more than the order."""
    pandas = problems.needed("pandas", "A table")
    plain = pandas.RangeIndex(len(frame))
    named = any(name is not None for name in frame.index.names)
    return named or not frame.index.equals(plain)


def _numbers(path: Path, answer: Any) -> np.ndarray:
    answer = np.asarray(answer)
    if answer.dtype.kind not in "biuf":
        raise ValueError(
            f"{path.name!r} holds numbers. Expected an answer of numbers "
            f"alone. Received: dtype {answer.dtype}. Write a table: .csv or "
            ".parquet."
        )
    return answer


def _named_images(
    folder: Path, answer: Any, names: Sequence[str] | None
) -> dict[str, np.ndarray]:
    """File name to pixels."""
    Image = problems.needed("PIL.Image", "A folder of images")
    answer = np.asarray(answer)
    channels = answer.shape[-1] if answer.ndim == 4 else None
    if answer.dtype != np.uint8 or channels not in (1, 3, 4):
        raise ValueError(
            f"{str(folder)!r} would be a folder of images. Expected bytes of "
            f"shape (N, height, width, 1, 3 or 4). Received: {answer.dtype} "
            f"of shape {answer.shape}. Name a file, such as answers.npy."
        )
    if names is None:
        digits = len(str(len(answer) - 1))
        names = [f"{i:0{digits}d}" for i in range(len(answer))]
    if channels == 1:
        answer = answer[..., 0]
    found: dict[str, str] = {}  # file to name
    for name in map(str, names):
        path = Path(name)
        known = path.suffix.lower() in Image.registered_extensions()
        file = str(path.with_suffix("") if known else path) + ".png"
        if file in found:
            raise ValueError(
                f"{str(folder)!r} would hold two images in one file. Expected "
                "names that differ before their suffix. Received: "
                f"{found[file]!r} and {name!r}, both {file!r}. Rename one."
            )
        found[file] = name
    return dict(zip(found, answer, strict=True))
