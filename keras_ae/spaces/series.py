"""Series: windows of them, or long ones that are cut into windows."""

from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import Self

import numpy as np
import tensorflow as tf

from keras_ae.core import registry
from keras_ae.core import rows as rows_of
from keras_ae.core import validation
from keras_ae.core.types import ArrayLike
from keras_ae.core.types import DType
from keras_ae.core.types import Shape
from keras_ae.spaces import base
from keras_ae.spaces import frames
from keras_ae.spaces import scales


@registry.register("series")
class Series(base.BaseSpace):
    """Windows of a series, each channel of mean 0 and deviation 1 inside.

    The shape says what data are, arrays and data frames alike:

    - `[N, length, channels]`, or `[N, length]` of one channel: windows.
    - `[T, channels]`, or `[T]` of one channel: one long series.
    - a list of long series, each of a length of its own.

    A long series is cut into windows of `length` points that begin at points
    0, `stride`, 2 `stride` and so on; one more, if need be, ends at the last
    point, so that each point is in a window. There is a code and a score for
    each window; reconstructed and imputed values come back as one long
    series, at each point the mean over the windows that cover it, with index
    and columns where it was a data frame of pandas; of a list, as a list. No
    window goes from one series to the next.

    Models see, draw and score scaled values: `encode`, `decode` and exported
    files speak of these; what comes back as numbers is in the user's units.
    The natural likelihood is Gaussian with one learned deviation; for rare
    large errors ask for `likelihood="student_t"`.

    Formula:
        tensor = (value - mean) / scale

    Args:
        length: Points of a window, at least 2. For series with a period,
            about one or two periods.
        channels: Numbers at each point. Defaults to 1.
        mean: Of each channel, or one for all. Defaults to 0.
        scale: Deviation of each channel, or one for all. Defaults to 1.
        stride: Points from one window of a long series to the next, at most
            `length`. Defaults to 1: every window there is, as views, without
            a copy; `length // 2` trains on fewer.
        names: Of the channels, or None, the default. Data frames are then
            taken with these columns, in any order.

    Raises:
        ValueError: If a number is out of range, or not one for each channel.
        TypeError: If one is no number.

    Example:
        >>> space = Series(4, mean=20.0, scale=4.0, stride=3)
        >>> series = np.arange(9.0)
        >>> space.rows("x", series)[..., 0].tolist()
        [[0.0, 1.0, 2.0, 3.0], [3.0, 4.0, 5.0, 6.0], [5.0, 6.0, 7.0, 8.0]]
        >>> x = space.tensor(space.rows("x", series))
        >>> x.shape, float(x[0, 0, 0])
        (TensorShape([3, 4, 1]), -5.0)
        >>> space.array(x.numpy(), like=series).tolist()
        [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    """

    likelihood = {"gaussian": {"scale": "shared", "start": "data"}}

    def __init__(
        self,
        length: int,
        channels: int = 1,
        mean: float | Sequence[float] = 0.0,
        scale: float | Sequence[float] = 1.0,
        stride: int = 1,
        names: Sequence[str] | None = None,
    ):
        self.length = validation.check_count("length", length, 2)
        self.channels = validation.check_count("channels", channels)
        self.mean = self._of_each("mean", mean)
        self.scale = self._of_each("scale", scale, 0, open_low=True)
        self.stride = self._check_stride(stride)
        self.names = None if names is None else [*names]
        if names is not None and len({*names}) != self.channels:
            expected = f"a name for each of {self.channels} channels"
            raise ValueError(validation.invalid("names", expected, names))

    @classmethod
    def from_series(cls, x: Any, length: int, stride: int = 1) -> Self:
        """The space of data, with mean and deviation of each channel, and the
        names of the columns of a data frame.

        Channels are counted in `x`; of `[N, length]` there is one. NaN is
        left out; channels that are constant have scale 1.

        Args:
            x: A long series, a list of such, or windows, as above.
            length: Points of a window.
            stride: See `Series`.

        Raises:
            ValueError: If `x` is none of them, holds no number in a channel,
                or one whose mean is too far from 0 for single precision.

        Example:
            >>> x = np.array([[1.0, 7.0], [1.0, 7.0], [4.0, 7.0], [4.0, 7.0]])
            >>> space = Series.from_series(x, length=3)
            >>> space.channels, space.mean, space.scale
            (2, [2.5, 7.0], [1.5, 1.0])
        """
        x = rows_of.unmasked(x)
        several = are_several(x, length)
        one = x[0] if several else x
        values = frames.numbers("x", one)
        many = values.ndim == 3 or (
            values.ndim == 2
            and (
                several or values.shape[1] != length or hasattr(one, "columns")
            )
        )
        named = many and hasattr(one, "columns")
        names = [str(name) for name in one.columns] if named else None
        space = cls(
            length, values.shape[-1] if many else 1, stride=stride, names=names
        )
        parts = [
            frames.numbers("x", space._ordered("x", part))
            for part in (x if several else [x])
        ]
        for part in parts:
            space.check("x", space.rows("x", part), holes=True)
        points = [part.reshape(-1, space.channels) for part in parts]
        found = scales.standard("x", np.concatenate(points))
        return cls(length, space.channels, *found, stride, names)

    @property
    def shape(self) -> tuple[int, int]:
        """Length, channels."""
        return self.length, self.channels

    def sized(self, sides: tuple[int, ...]) -> dict[str, Any]:
        """See `BaseSpace.sized`."""
        return {"length": sides[0]}

    def rows(self, name: str, data: Any) -> Any:
        """Windows of what data are. See `BaseSpace.rows`.

        Raises:
            ValueError: If a series is shorter than a window, or a column of a
                data frame is not numeric, missing or not known.
        """
        if not isinstance(data, list) and not hasattr(data, "__array__"):
            return data
        if self.is_several(data):
            parts = enumerate(data)
            found = [self.rows(f"{name}[{i}]", part) for i, part in parts]
            return np.concatenate(found)
        values = frames.numbers(name, self._ordered(name, data))
        if not self.is_long(values):
            return values
        frames.check_times(name, data)
        return self.windows(values)

    def is_long(self, data: ArrayLike) -> bool:
        """Whether data are one long series: `[T, channels]`, or `[T]`."""
        shape = np.shape(data)
        return shape[1:] == (self.channels,) or (
            self.channels == 1 and len(shape) == 1
        )

    def is_several(self, data: Any) -> bool:
        """Whether data are a list of long series."""
        return are_several(data, self.length) and all(map(self.is_long, data))

    def windows(self, series: ArrayLike, stride: int | None = None) -> Any:
        """The windows of a long series.

        Args:
            series: `[T, channels]`, or `[T]` of one channel.
            stride: Points from one to the next. Defaults to the space's.

        Returns:
            `[N, length, channels]`; not to be written to.

        Raises:
            ValueError: On another shape, or a series shorter than a window.
        """
        values = frames.numbers("series", series)
        if not self.is_long(values):
            raise ValueError(
                "Invalid shape of `series`. Expected a long one, (T, "
                f"{self.channels}). Received: shape {values.shape}"
            )
        starts = self._starts(len(values), stride)
        values = values.reshape(len(values), self.channels)
        every = np.lib.stride_tricks.sliding_window_view(values, self.shape)
        every = every[:, 0]
        return every if len(starts) == len(every) else every[starts]

    def points(
        self,
        values: ArrayLike,
        total: int | Sequence[int],
        stride: int | None = None,
    ) -> np.ndarray:
        """Values of windows as values of the points of the series: the mean
        over all windows that cover the point.

        Formula:
            point[t] = mean of values[n, s] over n, s with start[n] + s == t

        Args:
            values: Of each step of each window, `[N, length, ...]`, or of
                each window, `[N]`, such as scores; windows in their order.
            total: Points of the series; or of each of several.
            stride: As the series was cut. Defaults to the space's.

        Returns:
            `[total, ...]`, float64; of several series one after the other.

        Raises:
            ValueError: If these are not as many windows as the series has.

        Example:
            >>> Series(2).points([[1.0, 2.0], [4.0, 8.0]], total=3).tolist()
            [1.0, 3.0, 8.0]
        """
        if np.ndim(total):
            parts = self._parts(np.asarray(values), total, stride)
            each = zip(parts, total, strict=True)
            return np.concatenate([self.points(*of, stride) for of in each])
        values, starts = np.asarray(values), self._starts(total, stride)
        if values.ndim == 1:
            values = np.repeat(values[:, None], self.length, axis=1)
        if values.shape[:2] != (len(starts), self.length):
            raise ValueError(
                "Invalid shape of `values`. Expected "
                f"({len(starts)}, {self.length}, ...), of the windows of a "
                f"series of {total} points. Received: shape {values.shape}"
            )
        sums = np.zeros((total, *values.shape[2:]))
        counts = np.zeros((total, *[1] * (values.ndim - 2)))
        for step in range(self.length):  # no two windows share a start
            sums[starts + step] += values[:, step]
            counts[starts + step] += 1
        return sums / counts

    def check(self, name: str, rows: ArrayLike, holes: bool = False) -> None:
        """Windows of finite numbers. See `BaseSpace.check`."""
        rows = np.asarray(rows)
        if rows.shape[1:] != self.shape and not self._lacks_axis(rows.shape):
            one = self.channels == 1
            raise ValueError(
                f"Invalid shape of `{name}`. Expected windows (N, "
                f"{self.length}, {self.channels})"
                f"{f' or (N, {self.length})' * one}; or, but for `encode`, a "
                f"long series (T, {self.channels}){' or (T,)' * one}. "
                f"Received: shape {rows.shape}"
            )
        validation.check_data(name, rows, rows.shape[1:], holes)

    def tensor(self, rows: tf.Tensor) -> tf.Tensor:
        """`[B, length, channels]`, scaled. See `BaseSpace.tensor`."""
        rows = tf.convert_to_tensor(rows)
        if self._lacks_axis(rows.shape):
            rows = rows[..., None]
        values = tf.cast(self.check_static(rows), tf.float32)
        # A product gives the same bits eagerly and in graphs.
        steps = np.float32(1 / np.asarray(self.scale))
        return (values - np.float32(self.mean)) * steps

    def array(
        self, values: np.ndarray, dtype: DType = None, like: Any = None
    ) -> Any:
        """Values in the user's units and form. See `BaseSpace.array`.

        Args:
            values: `[..., N, length, channels]`.
            dtype: A NumPy type. Defaults to that of `values`, or to double
                precision where `like` has it.
            like: The windows, the long series, or the list of such, that
                were asked about.

        Returns:
            An array or data frame of the shape of `like`; of several draws,
            `[draws, N, length, channels]`, an array or list of such. Of a
            list of series, a list with that of each. Without `like` an array
            of the shape of `values`.

        Raises:
            ValueError: If `like` has another number of windows, and on NaN,
                where whole numbers are asked for.
        """
        values = np.asarray(values)
        if self.is_several(like):
            each = self._each(values, like)
            return [self.array(part, dtype, own) for part, own in each]
        exact = values * np.asarray(self.scale) + np.asarray(self.mean)
        if like is None:
            return base.as_type(exact, dtype or values.dtype)
        ordered = self._ordered("like", like)
        own = frames.numbers("like", ordered)
        dtype = dtype or np.result_type(values, own)
        draws = exact if exact.ndim > 3 else exact[None]
        if self.is_long(own):
            draws = [self.points(draw, len(own)) for draw in draws]
        found = [
            frames.form(base.as_type(draw, dtype).reshape(own.shape), ordered)
            for draw in draws
        ]
        if ordered is not like:
            found = [part[like.columns] for part in found]
        if exact.ndim == 3:
            return found[0]
        return np.stack(found) if isinstance(found[0], np.ndarray) else found

    def filled(self, values: np.ndarray, like: Any) -> Any:
        """See `BaseSpace.filled`."""
        if self.is_several(like):
            each = self._each(values, like)
            return [self.filled(part, own) for part, own in each]
        found = self.array(values, like=like)
        own = frames.numbers("like", like)
        if not hasattr(like, "iloc"):
            return np.where(np.isnan(own), found, own)
        parts = found if isinstance(found, list) else [found]
        parts = [part.where(np.isnan(own), own) for part in parts]
        if like.ndim == 1 and like.notna().all():
            parts = [like.copy() for _ in parts]
        elif like.ndim == 2:
            whole = like.columns[like.notna().all()]
            for part in parts:
                part[whole] = like[whole]
        return parts if isinstance(found, list) else parts[0]

    def _ordered(self, name: str, data: Any) -> Any:
        """A data frame with its columns as the channels are; others as they
        are."""
        if self.names is None or not hasattr(data, "columns"):
            return data
        found = [str(column) for column in data.columns]
        if found == self.names:
            return data
        if sorted(found) != sorted(self.names):
            raise ValueError(
                f"The columns of `{name}` are not the channels of the series. "
                f"Expected {self.names}, in any order. Received: {found}. "
                "Rename or choose them."
            )
        return data.iloc[:, [found.index(own) for own in self.names]]

    def _parts(
        self,
        values: np.ndarray,
        totals: Sequence[int],
        stride: int | None = None,
        axis: int = 0,
    ) -> list[np.ndarray]:
        """Values of windows, for each of several series of so many points."""
        counts = [len(self._starts(total, stride)) for total in totals]
        return np.split(values, np.cumsum(counts)[:-1], axis)

    def _each(self, values: np.ndarray, series: list) -> Iterator[tuple]:
        """Values of the windows `[..., N, length, channels]` of each of
        several series, and the series."""
        parts = self._parts(values, [*map(len, series)], axis=-3)
        return zip(parts, series, strict=True)

    def _of_each(self, name: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        """`value` as one number for each channel."""
        values = [value] * self.channels if np.isscalar(value) else [*value]
        if len(values) != self.channels:
            expected = f"a number, or one for each of {self.channels} channels"
            raise ValueError(validation.invalid(name, expected, value))
        return [
            validation.check_number(name, v, *args, **kwargs) for v in values
        ]

    def _check_stride(self, stride: int) -> int:
        if validation.check_count("stride", stride) > self.length:
            expected = f"at most length={self.length}, or points are left out"
            raise ValueError(validation.invalid("stride", expected, stride))
        return int(stride)

    def _starts(self, total: int, stride: int | None) -> np.ndarray:
        """First points of the windows of `total` points."""
        stride = self.stride if stride is None else self._check_stride(stride)
        last = total - self.length
        if last < 0:
            raise ValueError(
                "The series is shorter than a window. Expected at least "
                f"length={self.length} points. Received: {total} points. Use "
                "a shorter window."
            )
        starts = np.arange(0, last + 1, stride)
        return starts if starts[-1] == last else np.append(starts, last)

    def _lacks_axis(self, shape: Shape) -> bool:
        one = self.channels == 1 and len(shape) == 2
        return one and shape[1] in (None, self.length)


def are_several(data: Any, length: int | None = None) -> bool:
    """Whether data are a list of series of several lengths; or, where that of
    a window is known, of another length.

    Example:
        >>> series = [np.zeros(9), np.zeros(9)]
        >>> are_several(series), are_several(series, length=4)
        (False, True)
    """
    if not are_arrays(data):
        return False
    if any(hasattr(part, "columns") for part in data):
        return True  # frames have names, which rows have not
    return len({length, *map(len, data)} - {None}) > 1


def are_arrays(data: Any) -> bool:
    """Whether data are a list of arrays or data frames."""
    return isinstance(data, list) and all(
        getattr(part, "shape", ()) for part in data
    )
