"""`write`: answers of a model as a file, whole or not at all."""

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
    path: str | Path, answer: Any, names: Sequence[str] | None = None
) -> None:
    """Write what a model answers; the suffix says as what.

    `.csv`, `.tsv` and `.parquet` hold a DataFrame, or an array of one or two
    axes; `.npy` and `.npz` an array, in the latter under `x`. A path without
    suffix is a folder, for bytes of images, which become PNG files.

    Args:
        path: File, or folder, to write; what is there is replaced.
        answer: DataFrame or Series of pandas, array, or sparse matrix.
        names: What the rows are called: the index of a table, the names of
            images. Defaults to their numbers, or the answer's own index.

    Raises:
        ValueError: If such a file does not hold the answer.
        ImportError: Without `pip install 'keras-ae[data]'`, if that is needed.

    Example:
        >>> import tempfile
        >>> from keras_ae.data import load
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = folder + "/codes.npz"
        ...     write(path, np.eye(3))
        ...     load(path).rows.shape
        (3, 3)
    """
    path = Path(path)
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise ValueError(
            f"{str(path)!r} cannot be written. Expected a name that ends in "
            f"one of {', '.join(filter(None, WRITERS))}, or a folder for "
            f"images. Received: the ending {path.suffix!r}"
        )
    if sparse.issparse(answer):
        answer = answer.toarray()
    with files.replacing(path) as part:
        writer(part, answer, names)


def _write_csv(path: Path, answer: Any, names: Sequence[str] | None) -> None:
    frame = _frame(path, answer, names)
    sep = "\t" if path.suffix.lower() == ".tsv" else ","
    frame.to_csv(path, sep=sep, index=_has_index(frame))


def _write_parquet(
    path: Path, answer: Any, names: Sequence[str] | None
) -> None:
    problems.needed("pyarrow", "A Parquet file")
    frame = _frame(path, answer, names)
    frame.columns = frame.columns.map(str)
    frame.to_parquet(path, engine="pyarrow", index=_has_index(frame))


def _write_npy(path: Path, answer: Any, names: Sequence[str] | None) -> None:
    del names  # an array has none
    with open(path, "wb") as file:
        np.save(file, _numbers(path, answer), allow_pickle=False)


def _write_npz(path: Path, answer: Any, names: Sequence[str] | None) -> None:
    del names
    with open(path, "wb") as file:
        np.savez_compressed(file, x=_numbers(path, answer))


def _write_images(
    folder: Path, answer: Any, names: Sequence[str] | None
) -> None:
    problems.needed("PIL.Image", "A folder of images")
    from PIL import Image

    answer = np.asarray(answer)
    channels = answer.shape[-1] if answer.ndim == 4 else None
    if answer.dtype != np.uint8 or channels not in (1, 3, 4):
        raise problems.unreadable(
            folder,
            "images as bytes, (N, height, width, 1, 3 or 4)",
            f"{answer.dtype} of shape {answer.shape}",
            "Name a file, such as answers.npy.",
        )
    digits = len(str(len(answer) - 1))
    if names is None:
        names = [f"{i:0{digits}d}" for i in range(len(answer))]
    folder.mkdir()
    for name, pixels in zip(names, answer, strict=True):
        place = (folder / name).with_suffix(".png")
        place.parent.mkdir(parents=True, exist_ok=True)
        pixels = pixels[..., 0] if channels == 1 else pixels
        Image.fromarray(pixels).save(place)


#: Suffix -> writer: path, answer, names of the rows.
WRITERS: dict[str, Callable] = {
    "": _write_images,
    ".csv": _write_csv,
    ".npy": _write_npy,
    ".npz": _write_npz,
    ".parquet": _write_parquet,
    ".tsv": _write_csv,
}


def _frame(
    path: Path, answer: Any, names: Sequence[str] | None
) -> "pd.DataFrame":
    """An answer as a table; columns of an array are x0, x1, ..."""
    pandas = problems.needed("pandas", "A table")
    if isinstance(answer, pandas.Series):
        answer = answer.to_frame()
    if not isinstance(answer, pandas.DataFrame):
        answer = np.asarray(answer)
        if answer.ndim == 1:
            answer = answer[:, None]
        if answer.ndim != 2:
            raise ValueError(
                f"{path.name!r} holds tables. Expected an answer of one or "
                f"two axes. Received: shape {answer.shape}. Write an array: "
                ".npy or .npz."
            )
        columns = [f"x{i}" for i in range(answer.shape[1])]
        answer = pandas.DataFrame(answer, columns=columns)
    if names is not None:
        answer = answer.set_axis(pandas.Index(names), axis=0)
    return answer.copy()


def _has_index(frame: "pd.DataFrame") -> bool:
    """Whether the index says more than the order."""
    pandas = problems.needed("pandas", "A table")
    index = frame.index
    plain = isinstance(index, pandas.RangeIndex)
    return not (plain and index.start == 0 and index.step == 1)


def _numbers(path: Path, answer: Any) -> np.ndarray:
    answer = np.asarray(answer)
    if answer.dtype.kind not in "biuf":
        raise ValueError(
            f"{path.name!r} holds numbers. Expected an answer of numbers "
            f"alone. Received: dtype {answer.dtype}. Write a table: .csv or "
            ".parquet."
        )
    return answer
