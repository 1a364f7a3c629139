"""Data sets by name, for training, examples and tests.

| name              | example                | labels    | rows            |
| ----------------- | ---------------------- | --------- | --------------- |
| `digits`          | float32 `[8, 8, 1]`    | class, 10 | 1,438 + 359     |
| `mnist`           | float32 `[28, 28, 1]`  | class, 10 | 60,000 + 10,000 |
| `fashion_mnist`   | float32 `[28, 28, 1]`  | class, 10 | 60,000 + 10,000 |
| `binarized_mnist` | float32 `[28, 28, 1]`  | None      | 60,000 + 10,000 |
| `omniglot`        | float32 `[28, 28, 1]`  | character | 24,345 + 8,115  |
| `sprites`         | uint8 `[64, 64, 3]`    | 5 factors | 8,748 + 2,916   |
| `shapes`          | float32 `[32, 32, 1]`  | 5 factors | 10,000 + 2,000  |
| `breast_cancer`   | float64 `[30]`         | class, 2  | 456 + 113       |
| `wine`            | float64 `[13]`         | class, 3  | 143 + 35        |
| `iris`            | float64 `[4]`          | class, 3  | 120 + 30        |
| `diabetes`        | float64 `[10]`         | a number  | 354 + 88        |
| `adult`           | frame of 14 columns    | class, 2  | 32,561 + 16,281 |
| `german_credit`   | frame of 20 columns    | class, 2  | 800 + 200       |
| `pbmc`            | sparse int32 `[2000]`  | class, 8  | 3,417 + 854     |
| `20news`          | sparse int32 `[3072]`  | None      | 11,314 + 7,531  |
| `ecg5000`         | float32 `[140]`        | abnormal  | 2,335 + 2,665   |
| `waves`           | float32 `[2]`, a point | abnormal  | 10,000 + 10,000 |

Float images are in [0, 1], those of bytes in 0..255; tables are in their own
units, `adult` has holes. `digits` and the tables of numbers come with
scikit-learn; `shapes` and `waves` are made, see the functions of these names;
the others are files. Factors of `sprites`, `[N, 5]`, are body, trousers, top,
hair, pose, and a quarter of the characters is for testing, in all poses; those
of `shapes` are `FACTORS`. `waves` is one long series, `[T, 2]`. Training rows
of `ecg5000` and `waves` are normal, label 0; abnormal ones have label 1. The
columns of `20news` are `words()`.
"""

import hashlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import keras
import numpy as np

from keras_ae.core import registry
from keras_ae.zoo.datasets import images
from keras_ae.zoo.datasets import series
from keras_ae.zoo.datasets import tables
from keras_ae.zoo.datasets.bits import binarize as binarize
from keras_ae.zoo.datasets.bits import (
    dynamic_binarization as dynamic_binarization,
)
from keras_ae.zoo.datasets.files import local as _local  # noqa: F401
from keras_ae.zoo.datasets.series import waves as waves
from keras_ae.zoo.datasets.shapes import FACTORS as FACTORS
from keras_ae.zoo.datasets.shapes import shapes as shapes
from keras_ae.zoo.datasets.superposition import Superposition as Superposition
from keras_ae.zoo.datasets.superposition import superposition as superposition
from keras_ae.zoo.datasets.tables import framed as framed
from keras_ae.zoo.datasets.tables import words as words

#: Examples, and labels or None.
Split = tuple[Any, np.ndarray | None]


def load(name: str) -> tuple[Split, Split]:
    """`(x_train, y_train), (x_test, y_test)` of a named data set.

    Files are looked for in the folder that the environment variable
    `KERAS_AE_DATA` names, then in Keras' cache; `mnist` and `fashion_mnist`
    are downloaded as `keras.datasets` does where they are in neither.

    Args:
        name: One of `names()`; the table above says what each one gives.

    Returns:
        Examples along the first axis, and int64 labels, numbers, or None.

    Raises:
        ValueError: If the name is unknown.
        FileNotFoundError: If the data cannot be had, with the file that was
            expected and where it comes from.

    Example:
        >>> (x, y), _ = load("digits")
        >>> x.shape, x.dtype, y.shape
        ((1438, 8, 8, 1), dtype('float32'), (1438,))
    """
    if name not in _LOADERS:
        raise ValueError(registry.unknown("data set", name, _LOADERS))
    return _LOADERS[name]()


def names() -> tuple[str, ...]:
    """Names that `load` knows."""
    return tuple(_LOADERS)


def fingerprint(name: str) -> str:
    """sha256 of the examples and labels that `load` gives.

    Figures can only be found again on the same data, whatever file they came
    in. Arguments and errors are those of `load`.

    Example:
        >>> fingerprint("digits")[:8]
        '718add52'
    """
    digest = hashlib.sha256()
    for value in keras.tree.flatten(load(name)):
        for part in _arrays(value):
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part))
    return digest.hexdigest()


def _arrays(value: Any) -> Iterator[np.ndarray]:
    """Arrays that say all of an array, a sparse array, a frame or None."""
    if hasattr(value, "indptr"):
        yield from (value.data, value.indices, value.indptr)
    elif hasattr(value, "columns"):
        yield np.asarray(value.columns, str)
        for name in value.columns:
            column = value[name].to_numpy()
            words = column.dtype == object
            yield column.astype(str) if words else column
    elif value is not None:
        yield value


_LOADERS = {
    "digits": images.digits,
    "mnist": partial(images.grey, "mnist"),
    "fashion_mnist": partial(images.grey, "fashion_mnist"),
    "binarized_mnist": images.binarized_mnist,
    "omniglot": partial(images.grey, "omniglot"),
    "sprites": images.sprites,
    "shapes": lambda: (shapes(10_000), shapes(2_000, seed=1)),
    "breast_cancer": partial(tables.bundled, "breast_cancer"),
    "wine": partial(tables.bundled, "wine"),
    "iris": partial(tables.bundled, "iris"),
    "diabetes": partial(tables.bundled, "diabetes"),
    "adult": tables.adult,
    "german_credit": tables.german_credit,
    "pbmc": tables.pbmc,
    "20news": tables.newsgroups,
    "ecg5000": series.ecg5000,
    "waves": lambda: (waves(10_000), waves(10_000, anomalies=20, seed=1)),
}
