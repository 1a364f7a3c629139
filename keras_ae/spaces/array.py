"""Arrays of numbers as they are."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse
import tensorflow as tf

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.rows import SparseRows
from keras_ae.core.types import ArrayLike
from keras_ae.core.types import DType
from keras_ae.spaces import base


@registry.register("array")
class Array(base.BaseSpace):
    """Numbers as they are, in the user's units.

    What an int or a tuple means wherever a space is asked for. Bytes of
    0..255 stay numbers of 0..255; for pixels see `Image`. Of matrices of
    `scipy.sparse` arrays are made a few rows at a time.

    Args:
        shape: Shape of one example, without batch axis; an int is a vector's
            length.

    Raises:
        ValueError: If a size is not positive.
        TypeError: If it is no shape.

    Example:
        >>> space = Array(3)
        >>> space.shape
        (3,)
        >>> space.check("x", np.zeros([5, 3]))
        >>> space.tensor(np.zeros([5, 3])).dtype
        tf.float32
    """

    def __init__(self, shape: int | Sequence[int]):
        self.shape = validation.check_shape("shape", shape)

    def sized(self, sides: tuple[int, ...]) -> dict[str, Any]:
        """See `BaseSpace.sized`; the last axis is that of channels."""
        return {"shape": [*sides, self.shape[-1]]}

    def rows(self, name: str, data: Any) -> Any:
        """Sparse rows as a `SparseRows`. See `BaseSpace.rows`."""
        del name
        return SparseRows(data) if scipy.sparse.issparse(data) else data

    def check(self, name: str, rows: ArrayLike, holes: bool = False) -> None:
        """Finite numbers `[N, *shape]`. See `BaseSpace.check`.

        Raises:
            ValueError: See `validation.check_data`.
        """
        validation.check_data(name, rows, self.shape, holes)

    def tensor(self, rows: tf.Tensor) -> tf.Tensor:
        """`[B, *shape]`, cast. See `BaseSpace.tensor`."""
        return tf.cast(self.check_static(tf.convert_to_tensor(rows)), "float32")

    def array(
        self, values: np.ndarray, dtype: DType = None, like: Any = None
    ) -> np.ndarray:
        """See `BaseSpace.array`; to whole numbers by rounding.

        Raises:
            ValueError: On NaN, where whole numbers are asked for.
        """
        del like  # arrays are what comes in and out
        values = np.asarray(values)
        return values if dtype is None else base.as_type(values, dtype)
