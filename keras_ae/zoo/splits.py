"""What is trained on and what is held out, of a user's file."""

from typing import Any

import numpy as np

from keras_ae import data
from keras_ae import spaces
from keras_ae.data import images
from keras_ae.zoo import datasets

Splits = tuple[tuple[Any, None], tuple[Any, None]]

HELD_OUT = 0.1
#: What the card of a preset says about them.
WORDS = "a tenth of the rows held out: of a series the last ones, else any"


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


def fingerprint(wanted: dict[str, Any]) -> str:
    """sha256 of the data of a recipe, a file's or a named set's."""
    if "path" in wanted:
        return data.fingerprint(wanted["path"])
    return datasets.fingerprint(wanted["name"])
