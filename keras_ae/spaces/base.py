"""What every space is: an example's shape, and the way in and out."""

import abc
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from keras_ae.core import validation
from keras_ae.core.config import AutoConfig
from keras_ae.core.types import ArrayLike
from keras_ae.core.types import DType

if TYPE_CHECKING:
    from keras_ae.parts.heads import BaseHead


class BaseSpace(AutoConfig, abc.ABC):
    """What one example is: how a user's data become tensors and come back.

    On the host `check` looks at rows in the type that they have, in parts,
    without a copy. `tensor` makes float32 of them, in the graph, a batch at a
    time: until then bytes stay bytes. `array` is the way back.

    A space has these attributes, as arguments or properties:

    - `shape`: shape of the tensor of one example, a tuple.
    - `likelihood`: what `heads.get` makes the natural likelihood from, or
      None for that of the variant.
    """

    kind = "space"

    shape: tuple[int, ...]
    likelihood: "str | dict | BaseHead | None" = None

    @abc.abstractmethod
    def check(self, name: str, rows: ArrayLike, holes: bool = False) -> None:
        """Refuse rows that are no examples of the space.

        Args:
            name: What the rows are, for messages: `"x"`.
            rows: An array or tensor `[N, ...]`.
            holes: Whether NaN is allowed, for "not observed".

        Raises:
            ValueError: With what was expected, what came, what to do.
        """

    @abc.abstractmethod
    def tensor(self, rows: tf.Tensor) -> tf.Tensor:
        """Rows `[B, ...]` of any type as float32 `[B, *shape]`.

        Raises:
            ValueError: If the static shape is another.
        """

    @abc.abstractmethod
    def array(self, values: np.ndarray, dtype: DType = None) -> np.ndarray:
        """What a model returns, in the user's units.

        Args:
            values: `[..., *shape]`, in the units of `tensor`.
            dtype: A NumPy type, or None for the type of `values`.
        """

    def chunks(self, rows: ArrayLike) -> Iterator[np.ndarray]:
        """Checked rows as float32 arrays `[n, *shape]` in the units of
        `tensor`, a few megabytes at a time; for checks on the host.

        Example:
            >>> from keras_ae.spaces import Image
            >>> rows = np.full([2, 1, 1, 1], 255, "uint8")
            >>> [float(part.max()) for part in Image(1, 1).chunks(rows)]
            [1.0]
        """
        for _, part in validation.parts(np.asarray(rows)):
            yield self.tensor(tf.convert_to_tensor(part)).numpy()

    def check_static(self, rows: tf.Tensor) -> tf.Tensor:
        """`rows` if their static shape can be `[B, *shape]`."""
        if not rows.shape.is_compatible_with((None, *self.shape)):
            raise ValueError(
                "Invalid shape of a batch. Expected (B, "
                f"{', '.join(map(str, self.shape))}), examples of {self!r}. "
                f"Received: shape {tuple(rows.shape)}"
            )
        return rows


def as_type(values: np.ndarray, dtype: DType) -> np.ndarray:
    """`values` in a type; whole numbers are rounded to, inside their range.

    Raises:
        ValueError: On NaN, where the type is one of whole numbers.

    Example:
        >>> as_type(np.array([-3.0, 0.9, 300.0]), "uint8").tolist()
        [0, 1, 255]
    """
    dtype = np.dtype(dtype)
    if dtype.kind not in "iu" or values.dtype == dtype:
        return values.astype(dtype)
    if np.isnan(values).any():
        raise ValueError(
            "NaN cannot become whole numbers. Expected finite values to "
            f"convert to {dtype}. Received: {int(np.isnan(values).sum())} NaN. "
            "Train with a lower learning rate, or ask for floats."
        )
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    top = float(most)  # of 64 bits it is one too many
    top = np.nextafter(top, 0) if top > most else top
    whole = np.rint(values.astype(np.float64))
    return whole.clip(float(least), top).astype(dtype)
