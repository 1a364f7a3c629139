"""One wording for every error about an argument or about data."""

import math
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
from typing import TypeVar

import keras
import numpy as np

from keras_ae.core import rows as rows_of
from keras_ae.core.types import ArrayLike

T = TypeVar("T")


def invalid(name: str, expected: str, value: object) -> str:
    """The message: which argument, what was expected, what came."""
    return (
        f"Invalid value for argument `{name}`. Expected {expected}. "
        f"Received: {name}={value!r}"
    )


def check_number(
    name: str,
    value: float,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """`value` as a float inside [low, high], ends left out where open."""
    left, right = "(" if open_low else "[", ")" if open_high else "]"
    expected = f"a number in {left}{low}, {high}{right}"
    if isinstance(value, bool) or not np.isscalar(value):
        raise TypeError(invalid(name, expected, value))
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(invalid(name, expected, value)) from None
    inside = low < number if open_low else low <= number
    inside = inside and (number < high if open_high else number <= high)
    if not inside or not math.isfinite(number):
        raise ValueError(invalid(name, expected, value))
    return number


def check_count(name: str, value: int, low: int = 1) -> int:
    """`value` as an int of at least `low`."""
    expected = f"an integer of at least {low}"
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(invalid(name, expected, value))
    if value < low:
        raise ValueError(invalid(name, expected, value))
    return int(value)


def check_in(name: str, value: T, allowed: Collection[T]) -> T:
    """`value` if it is one of `allowed`."""
    if value not in allowed:
        raise ValueError(invalid(name, f"one of {list(allowed)}", value))
    return value


def check_type(
    name: str, value: T, kinds: type | tuple[type, ...], hint: str = ""
) -> T:
    """`value` if it is an instance of `kinds`."""
    if not isinstance(value, kinds):
        kinds = kinds if isinstance(kinds, tuple) else (kinds,)
        names = " or ".join(f"`{k.__name__}`" for k in kinds)
        raise TypeError(invalid(name, names, value) + (f" {hint}" * bool(hint)))
    return value


def check_shape(name: str, shape: int | Sequence[int]) -> tuple[int, ...]:
    """An event shape as a tuple of positive ints; an int `n` means `(n,)`."""
    expected = "a positive integer or a tuple of positive integers"
    shape = (shape,) if isinstance(shape, (int, np.integer)) else shape
    if not isinstance(shape, (tuple, list)) or not shape:
        raise TypeError(invalid(name, expected, shape))
    for size in shape:
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)):
            raise TypeError(invalid(name, expected, shape))
        if size < 1:
            raise ValueError(invalid(name, expected, shape))
    return tuple(int(size) for size in shape)


def check_hidden(name: str, value: int | Sequence[int]) -> tuple[int, ...]:
    """Widths of hidden layers; an empty tuple is allowed."""
    return () if value in ((), []) else check_shape(name, value)


def check_labels(labels: Sequence, size: int) -> None:
    """Refuse labels that are not one for each of `size` examples."""
    if np.shape(labels) != (size,):
        expected = f"{size} labels, one for each example"
        raise ValueError(invalid("labels", expected, np.shape(labels)))


def check_data(
    name: str, value: ArrayLike, event_shape: tuple, holes: bool = False
) -> tuple[float, float]:
    """Rows of finite numbers with the event shape that a model was built for.

    The rows are looked at in parts of a few megabytes in the type that they
    have: nothing is copied, bytes stay bytes.

    Args:
        name: What the rows are, for messages: `"x"`.
        value: `[N, *event_shape]`, of any type of real numbers.
        event_shape: Shape of one row.
        holes: Whether NaN is allowed, for "not observed".

    Returns:
        The least and the greatest of all values, holes aside.

    Raises:
        ValueError: As `check_form`, and on NaN, infinite values or such as
            single precision does not reach.

    Example:
        >>> check_data("x", np.array([[0, 7], [255, 3]], "uint8"), (2,))
        (0.0, 255.0)
    """
    value = check_form(name, value, event_shape)
    low, high = limits(value, holes)
    if not (math.isfinite(low) and math.isfinite(high)):
        bad = np.concatenate(
            [start + _infinite(part, holes) for start, part in parts(value)]
        )
        if not len(bad):  # nothing but holes
            return 0.0, 0.0
        raise ValueError(
            f"`{name}` holds NaN or infinite values. Expected finite numbers. "
            f"Received: {len(bad)} such rows, the first at {bad[:5].tolist()}. "
            'Drop or fill them; a model made with missing="mask" takes NaN for '
            "what was not observed."
        )
    return low, high


def check_form(
    name: str, value: ArrayLike, event_shape: tuple
) -> np.ndarray | rows_of.SparseRows:
    """Rows `[N, *event_shape]` of numbers, as they are kept in memory.

    Args:
        name: What the rows are, for messages: `"x"`.
        value: The rows.
        event_shape: Shape of one row.

    Raises:
        ValueError: On no rows, another shape, and what are no numbers.
        TypeError: On what is no array.
    """
    value = rows_of.held(value)
    expected = f"an array of shape ({', '.join(map(str, ('N', *event_shape)))})"
    if not value.shape:
        raise TypeError(
            f"`{name}` is no array. Expected {expected}. Received: "
            f"{type(value.item()).__name__}. Of a file, `keras_ae.data.load` "
            "makes rows."
        )
    if value.shape[1:] != tuple(event_shape):
        raise ValueError(
            f"Invalid shape of `{name}`. Expected {expected}. Received: "
            f"shape {value.shape}. Reshape the data, or create the model with "
            "the shape of one example."
        )
    if len(value) == 0:
        raise ValueError(
            f"`{name}` is empty. Expected {expected} with N of at least 1. "
            f"Received: shape {value.shape}"
        )
    if value.dtype.kind in "OSUMmcT":
        raise ValueError(
            f"`{name}` does not hold real numbers. Expected {expected} of "
            f"integers or floats. Received: dtype {value.dtype}. Encode text "
            "and dates as numbers; then convert by astype('float32')."
        )
    return value


#: Bytes that a check looks at together.
PART = 1 << 22


def parts(
    value: np.ndarray | rows_of.SparseRows,
) -> Iterator[tuple[int, np.ndarray]]:
    """Consecutive rows of at most `PART` bytes, views where the rows are an
    array, each with the number of its first row; a larger row is a part of
    its own.

    Example:
        >>> [start for start, rows in parts(np.zeros([3, PART // 4], "int16"))]
        [0, 2]
    """
    size = max(1, PART // max(1, value[:1].nbytes))
    for start in range(0, len(value), size):
        yield start, np.asarray(value[start : start + size])


def limits(value: np.ndarray, holes: bool = False) -> tuple[float, float]:
    """The least and the greatest value, as single precision has them; NaN
    where there is one, unless it is a hole.

    Example:
        >>> limits(np.array([[-1e39, 2.0]]))
        (-inf, 2.0)
    """
    least, most = (np.fmin, np.fmax) if holes else (np.minimum, np.maximum)
    ends = np.array(
        [
            (least.reduce(p, axis=None), most.reduce(p, axis=None))
            for _, p in parts(value)
        ]
    )
    low, high = least.reduce(ends[:, 0]), most.reduce(ends[:, 1])
    with np.errstate(over="ignore"):
        if not np.isfinite(np.float32([low, high])).all():
            low, high = np.float32(low), np.float32(high)
    return float(low), float(high)


def _infinite(rows: np.ndarray, holes: bool) -> np.ndarray:
    """Numbers of the rows that are not finite in single precision."""
    with np.errstate(over="ignore"):
        single = rows.reshape(len(rows), -1).astype(np.float32)
    finite = np.isfinite(single) | (holes & np.isnan(single))
    return np.flatnonzero(~finite.all(axis=1))


def is_array(value: object) -> bool:
    """True for rows in memory: arrays, tensors, data frames, lists of them."""
    leaves = keras.tree.flatten(value)
    return bool(leaves) and all(
        np.isscalar(leaf) or hasattr(leaf, "__array__") for leaf in leaves
    )
