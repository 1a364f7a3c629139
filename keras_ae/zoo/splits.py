"""What a recipe trains on, and what it holds out."""

from typing import Any

import keras
import numpy as np

from keras_ae import data
from keras_ae import spaces
from keras_ae.analysis import measures
from keras_ae.core import shards
from keras_ae.core import validation
from keras_ae.core.types import Rows
from keras_ae.data import images
from keras_ae.zoo import datasets

Splits = tuple[tuple[Any, None], tuple[Any, None]]

HELD_OUT = 0.1
#: What the card of a preset says about rows of a file.
WORDS = "a tenth of the rows held out: of a series the last ones, else any"

#: And of each binarization.
PREPROCESSING = {
    None: "none, as `keras_ae.datasets.load` gives them",
    "dynamic": "bits drawn from values in [0, 1]: training images anew at "
    "every epoch, test images once from seed 0",
}


def of(
    wanted: dict[str, Any], verbose: int = 0
) -> tuple[tuple | spaces.BaseSpace, tuple[tuple, tuple]]:
    """What one example is, and `(x_train, y_train), (x_test, y_test)`.

    With `"binarization": "dynamic"` the training images are drawn anew at
    every epoch and the test images once, from seed 0. With `"condition":
    "labels"` x is the tuple of images and labels that conditional variants
    take; with `"factor": i` labels are the values of one of several factors.
    With `"frame": true` the rows of a table of numbers are a data frame,
    with the columns' names. With `"shards": FOLDER` the training images are
    those that `keras_ae.shards.write` wrote there, and y is None. With
    `"path": FILE` there are no labels; see `of_file`.

    Args:
        wanted: The `data` of a recipe.
        verbose: As in `fit`: 1 shows a progress bar of reading.

    Raises:
        ValueError: If something is asked for that there is not.
    """
    if "path" in wanted:
        return of_file(wanted, int(verbose == 1))
    (x, y), (x_test, y_test) = datasets.load(wanted["name"])
    if "factor" in wanted:
        y, y_test = (_factor(a, wanted["factor"]) for a in (y, y_test))
    if wanted.get("frame"):
        x, x_test = (datasets.framed(wanted["name"], a) for a in (x, x_test))
    space = data.space_of(x)
    if "shards" in wanted:
        surplus = sorted(set(wanted) - {"name", "shards", "window"})
        if surplus:
            raise ValueError(
                "Shards are trained on as they are. Expected 'name', 'shards' "
                f"and 'window' in `data` alone. Received: {surplus} too"
            )
        window = {k: wanted[k] for k in ("window",) if k in wanted}
        x, y = shards.Shards(wanted["shards"], **window), None
        space = x.row if x.dtype != "uint8" else spaces.Image(*x.row)
    binarization = validation.check_in(
        "binarization", wanted.get("binarization"), PREPROCESSING
    )
    if binarization == "dynamic":
        x = datasets.dynamic_binarization(x)
        x_test = datasets.binarize(x_test, seed=0)
        if len(x.shape) == 4:
            space = spaces.Image(*x.shape[1:], levels=2)
    condition = validation.check_in(
        "condition", wanted.get("condition"), (None, "labels")
    )
    if condition == "labels":
        x, x_test = (x, y), (x_test, y_test)
    return space, ((x, y), (x_test, y_test))


def of_file(
    wanted: dict[str, Any], verbose: int = 0
) -> tuple[spaces.BaseSpace, Splits]:
    """The space of a file, learned from all its rows, and `(train, None),
    (test, None)`.

    The test rows are a tenth, drawn from seed 0; of a long series the last
    points, at least a window; of more rows than memory should hold the last.

    Args:
        wanted: `path`, and the options of `keras_ae.data.load`.
        verbose: 1 shows a progress bar.

    Raises:
        ValueError: If the file does not fit, or leaves nothing to hold out.
    """
    options = {key: wanted[key] for key in wanted if key != "path"}
    path, window = wanted["path"], wanted.get("window")
    space, rows, _ = data.load(path, verbose=verbose, **options)
    size, least = rows.shape[0], window or 1
    held = max(least, round(HELD_OUT * size))
    if size - held < least:
        raise ValueError(
            f"The file {str(path)!r} is too short to hold a tenth of it out. "
            f"Expected at least {2 * least} rows. Received: {size}"
        )
    train: Any = slice(size - held)
    test: Any = slice(size - held, None)
    large = isinstance(rows, np.memmap) and rows.nbytes > images.MEMORY
    if window is None and not large:
        order = np.random.default_rng(0).permutation(size)
        train, test = np.sort(order[held:]), np.sort(order[:held])
    rows = getattr(rows, "iloc", rows)
    return space, ((rows[train], None), (rows[test], None))


def described(wanted: dict[str, Any]) -> dict[str, Any]:
    """The data of a recipe, with their hash and what `of` does to them."""
    if "path" in wanted:
        sha256 = fingerprint(wanted)
        return wanted | {"sha256": sha256, "preprocessing": WORDS}
    if "shards" in wanted:
        sha256 = shards.Shards(wanted["shards"]).sha256
        wanted = wanted | {"sha256_of_shards": sha256}
    return wanted | {
        "sha256": datasets.fingerprint(wanted["name"]),
        "preprocessing": PREPROCESSING[wanted.get("binarization")],
    }


def examples_of_each(x: Rows, y: np.ndarray | None, count: int = 10) -> Rows:
    """The first row of each class, in order; without classes, rows that are
    evenly apart, since some test sets are sorted."""
    if y is None or y.ndim > 1:  # several factors are no classes
        rows = np.linspace(0, len(measures.examples(x)) - 1, count).astype(int)
    else:
        rows = np.unique(y, return_index=True)[1][:count]
    return keras.tree.map_structure(lambda leaf: leaf[rows], x)


def fingerprint(wanted: dict[str, Any]) -> str:
    """sha256 of the data of a recipe, a file's or a named set's."""
    if "path" in wanted:
        return data.fingerprint(wanted["path"])
    return datasets.fingerprint(wanted["name"])


def _factor(labels: np.ndarray | None, number: int) -> np.ndarray:
    """One column of the factors of rows."""
    columns = 0 if np.ndim(labels) < 2 else np.shape(labels)[1]
    if number not in range(columns):
        expected = f"the number of one of {columns} factors"
        raise ValueError(validation.invalid("factor", expected, number))
    return labels[:, number]
