"""Images: bytes or floats in, floats inside, bytes back on demand."""

import warnings
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
import tensorflow as tf

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.types import ArrayLike
from keras_ae.core.types import DType
from keras_ae.core.types import Shape
from keras_ae.spaces import base

if TYPE_CHECKING:
    from keras_ae.parts.heads import BaseHead


@registry.register("image")
class Image(base.BaseSpace):
    """Images of grey levels or colors; [0, 1] inside.

    The type of the rows says what they are. Integers are levels of
    0..levels-1, which the compiled step divides by levels-1: bytes in memory
    need no copy in floats. Floats, and bools, are in [0, 1] already. Grey
    images may lack the axis of their one channel, as image files do; what
    comes back always has it.

    Formula:
        tensor = level / (levels - 1)
        level = round(clip(tensor, 0, 1) * (levels - 1))

    Args:
        height: Rows of pixels.
        width: Pixels in a row.
        channels: 1 for grey, 3 for colors. Defaults to 1.
        levels: Number of levels of a channel: 256 for bytes, 2 for bits.
            Defaults to 256.

    Raises:
        ValueError: If a size is below 1, or `levels` not in 2..65536.
        TypeError: If one is no integer.

    Example:
        >>> space = Image(28, 28)
        >>> space.shape
        (28, 28, 1)
        >>> rows = np.full([5, 28, 28], 51, "uint8")
        >>> space.check("x", rows)
        >>> x = space.tensor(rows)
        >>> x.shape, round(float(x[0, 0, 0, 0]), 6)
        (TensorShape([5, 28, 28, 1]), 0.2)
        >>> int(space.array(x.numpy(), "uint8").max())
        51
    """

    support = "values in [0, 1]"

    def __init__(
        self, height: int, width: int, channels: int = 1, levels: int = 256
    ):
        self.height = validation.check_count("height", height)
        self.width = validation.check_count("width", width)
        self.channels = validation.check_count("channels", channels)
        self.levels = validation.check_count("levels", levels, 2)
        if levels > 1 << 16:  # single precision tells about 2**24 apart
            expected = "at most 65536, the levels of 16 bits"
            raise ValueError(validation.invalid("levels", expected, levels))
        # A division by a constant is made a product in graphs, not eagerly:
        # a product gives the same bits everywhere. The last level is 1 at most.
        step, top = np.float32(1 / (levels - 1)), np.float32(levels - 1)
        self._step = step if step * top <= 1 else np.nextafter(step, step * 0)

    @property
    def likelihood(self) -> str | None:
        """Bernoulli where there are two levels."""
        return "bernoulli" if self.levels == 2 else None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.height, self.width, self.channels

    def sized(self, sides: tuple[int, ...]) -> dict[str, Any]:
        """See `BaseSpace.sized`."""
        return {"height": sides[0], "width": sides[1]}

    def check_head(self, head: "BaseHead") -> None:
        """See `BaseSpace.check_head`; levels of a likelihood are those of the
        images, or its numbers are no bits of theirs."""
        levels = getattr(head, "levels", self.levels)
        if levels != self.levels:
            raise ValueError(
                "The likelihood has other levels than the images. Expected "
                f"levels={self.levels}. Received: levels={levels}. Say it of "
                'both, likelihood={"discretized_logistic": {"levels": '
                f"{self.levels}}}}}, or change Image(..., levels={levels})."
            )

    def check(self, name: str, rows: ArrayLike, holes: bool = False) -> None:
        """Images `[N, *shape]`, integers of 0..levels-1 or floats of [0, 1].
        See `BaseSpace.check`.

        Warns:
            UserWarning: If integers are all 0 and 1 where there are more
                levels: they are two shades of black.

        Raises:
            ValueError: On another shape, no rows, NaN or infinite values, and
                values outside the range of their type.
        """
        rows = np.asarray(rows)
        shape = rows.shape[1:]
        if shape != self.shape and self._lacks_axis(shape):
            shape = self.shape[:2]
        elif rows.shape in (self.shape, self.shape[:2]):
            raise ValueError(
                f"`{name}` is one image. Expected an array of images, shape "
                f"(N, {', '.join(map(str, self.shape))}). Received: shape "
                f"{rows.shape}. Add an axis in front: {name}[None]."
            )
        else:
            shape = self.shape
        low, high = validation.check_data(name, rows, shape, holes)
        if rows.dtype.kind in "iu":
            self._check_levels(name, low, high)
        elif low < 0 or high > 1:
            raise ValueError(
                f"`{name}` holds floats outside the range of an image. "
                "Expected floats in [0, 1], or integers in 0.."
                f"{self.levels - 1}. Received: {rows.dtype} in [{low:g}, "
                f"{high:g}]. {self._advice(low, high, np.isnan(rows).any())}"
            )

    def _check_levels(self, name: str, low: float, high: float) -> None:
        if low < 0 or high >= self.levels:
            raise ValueError(
                f"`{name}` holds integers outside the levels of an image. "
                f"Expected 0..{self.levels - 1}, for levels={self.levels}. "
                f"Received: integers in {low:.0f}..{high:.0f}. Give the "
                "number of levels: "
                f"Image(..., levels={max(256, int(high) + 1)}); or convert to "
                "floats in [0, 1]."
            )
        if self.levels > 2 and (low, high) == (0, 1):
            warnings.warn(
                f"All integers in `{name}` are 0 or 1. Of {self.levels} levels "
                "these are the two darkest. Expected 0.."
                f"{self.levels - 1}. If they are bits, use "
                "Image(..., levels=2), or pass floats.",
                UserWarning,
                stacklevel=3,
            )

    def _advice(self, low: float, high: float, holes: bool) -> str:
        top = self.levels - 1
        if low >= 0 and 2 < high <= top:
            if holes:
                return (
                    "Integers hold no NaN, and what a mask hides becomes NaN: "
                    f"divide by {top}."
                )
            whole = "uint8" if top < 256 else "uint16"
            return f"Pass {whole}, or divide by {top}."
        if -1 <= low < -0.5 and high <= 1:
            return "If they were scaled to [-1, 1], pass (x + 1) / 2."
        return "Scale them, or clip what resizing added: np.clip(x, 0, 1)."

    def tensor(self, rows: tf.Tensor) -> tf.Tensor:
        """`[B, *shape]` in [0, 1]. See `BaseSpace.tensor`."""
        rows = tf.convert_to_tensor(rows)
        if rows.shape.rank == 3 and self._lacks_axis(rows.shape[1:]):
            rows = rows[..., None]
        values = tf.cast(self.check_static(rows), tf.float32)
        return values * self._step if rows.dtype.is_integer else values

    def nearest(self, x: tf.Tensor) -> tf.Tensor:
        """See `BaseSpace.nearest`."""
        return tf.clip_by_value(x, 0.0, 1.0)

    def _lacks_axis(self, shape: Shape) -> bool:
        size = self.shape[:2]
        grey = self.channels == 1 and len(shape) == 2
        return grey and all(
            a in (None, b) for a, b in zip(shape, size, strict=True)
        )

    def filled(self, values: np.ndarray, like: Any) -> np.ndarray:
        """See `BaseSpace.filled`; levels come back as values in [0, 1]."""
        whole = np.asarray(like).dtype.kind != "f"
        return values if whole else super().filled(values, like)

    def array(
        self, values: np.ndarray, dtype: DType = None, like: Any = None
    ) -> np.ndarray:
        """See `BaseSpace.array`.

        Args:
            values: `[..., *shape]`, floats.
            dtype: An integer type for levels of 0..levels-1, what lies beyond
                [0, 1] at the ends; a float type, or None, for values as they
                are.

        Raises:
            ValueError: If the type does not hold levels-1, and on NaN, where
                levels are asked for.
        """
        del like  # arrays are what comes in and out
        values = np.asarray(values)
        if dtype is None or np.dtype(dtype).kind not in "iu":
            return values if dtype is None else base.as_type(values, dtype)
        if np.iinfo(dtype).max < self.levels - 1:
            expected = f"an integer type that holds {self.levels - 1}"
            raise ValueError(validation.invalid("dtype", expected, dtype))
        whole = values.astype(np.float64).clip(0, 1) * (self.levels - 1)
        return base.as_type(whole, dtype)
