"""Rows in memory that are no arrays: sparse ones, and such as are drawn anew
at every epoch."""

import math
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import scipy.sparse
import tensorflow as tf

from keras_ae.core.types import ArrayLike
from keras_ae.core.types import DType
from keras_ae.core.types import Tree


class RedrawnRows:
    """Rows in memory that are drawn again at the start of each epoch.

    Args:
        source: `[N, ...]`.
        function: `(source, seed)` to the rows of one epoch.
    """

    def __init__(self, source: np.ndarray, function: Callable):
        self.source = source
        self.function = function

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, part: slice) -> "RedrawnRows":
        return RedrawnRows(self.source[part], self.function)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the rows."""
        return self.source.shape

    def draw(self, seed: tf.Tensor) -> tf.Tensor:
        """The rows of one epoch, from an int32 `[2]` seed."""
        return self.function(tf.convert_to_tensor(self.source), seed)


class SparseRows:
    """Rows of a sparse matrix; of a few at a time arrays are made.

    It has what the package asks of an array of rows: a length, `shape`,
    `dtype`, `nbytes` (of the array that it stands for), slices, which are
    sparse still, and `take`. `np.asarray` makes the array.

    Args:
        matrix: `[N, size]`, of any format of `scipy.sparse`; made CSR.

    Example:
        >>> rows = SparseRows(scipy.sparse.eye_array(3, dtype="int8"))
        >>> rows.take(np.array([2, 0])).tolist()
        [[0, 0, 1], [1, 0, 0]]
        >>> np.asarray(rows[1:]).tolist()
        [[0, 1, 0], [0, 0, 1]]
    """

    def __init__(self, matrix: Any):
        self.matrix = scipy.sparse.csr_array(matrix)
        self.shape = self.matrix.shape
        self.dtype = self.matrix.dtype
        self.nbytes = math.prod(self.shape) * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, part: slice) -> "SparseRows":
        return SparseRows(self.matrix[part])

    def __array__(
        self, dtype: DType = None, copy: bool | None = None
    ) -> np.ndarray:
        return self.matrix.toarray().astype(dtype or self.dtype, copy=False)

    def take(self, index: np.ndarray, axis: int = 0) -> np.ndarray:
        """The rows at indices `[...]`, `[..., size]`; `axis` is 0."""
        if axis != 0:
            raise ValueError(f"Expected rows, axis=0. Received: axis={axis}")
        taken = self.matrix[np.ravel(index)].toarray()
        return taken.reshape(*np.shape(index), -1)


def unmasked(data: Any) -> Any:
    """Masked arrays of NumPy, or a list with such, with NaN where the mask
    hides something; all else as it is.

    Example:
        >>> unmasked(np.ma.array([1, 2], mask=[False, True])).tolist()
        [1.0, nan]
    """
    if isinstance(data, list) and any(
        isinstance(part, np.ma.MaskedArray) for part in data
    ):
        return [unmasked(part) for part in data]
    if not isinstance(data, np.ma.MaskedArray):
        return data
    if not np.ma.is_masked(data):
        return data.data
    return data.astype(np.result_type(data, np.float32)).filled(np.nan)


def held(rows: ArrayLike) -> np.ndarray | SparseRows:
    """Rows as they are kept in memory: sparse ones as they are, else an
    array.

    Raises:
        TypeError: On what has no values yet, in a graph of TensorFlow or of
            Keras.
    """
    if isinstance(rows, SparseRows):
        return rows
    if isinstance(rows, keras.KerasTensor) or tf.is_symbolic_tensor(rows):
        raise TypeError(
            "Rows are symbolic. Expected numbers, which give NumPy back. "
            f"Received: {rows}. In a graph call the model, `encode` or "
            "`decode`, of `keras.Input` in the `call` of a layer."
        )
    return np.asarray(rows)


def redrawn(rows: Tree) -> bool:
    """Whether a structure of rows holds some that are drawn anew."""
    return any(hasattr(leaf, "draw") for leaf in keras.tree.flatten(rows))


def drawn(rows: Tree, seed: tf.Tensor | Sequence[int]) -> Tree:
    """The structure with the rows of one epoch, from an int32 `[2]` seed."""
    return keras.tree.map_structure(
        lambda leaf: leaf.draw(seed) if hasattr(leaf, "draw") else leaf, rows
    )


def sources(rows: Tree) -> Tree:
    """The structure with what the rows are drawn from."""
    return keras.tree.map_structure(
        lambda leaf: getattr(leaf, "source", leaf), rows
    )
