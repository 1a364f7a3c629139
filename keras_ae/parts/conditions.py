"""Conditions: what a conditional variant knows beside the example."""

import abc

import numpy as np
import tensorflow as tf

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.config import AutoConfig
from keras_ae.core.types import Given


class BaseCondition(AutoConfig, abc.ABC):
    """Checks conditions and turns them into vectors for the networks."""

    kind = "condition"

    #: Length of the vector.
    size: int
    #: Shape of one condition as the user gives it.
    shape: tuple[int, ...]
    dtype = tf.float32

    def spec(self) -> tf.TensorSpec:
        """Signature of a batch of conditions."""
        return tf.TensorSpec((None, *self.shape), self.dtype, name="condition")

    def vector(self, condition: tf.Tensor) -> tf.Tensor:
        """Conditions `[B, ...]` as vectors `[B, size]`."""
        return tf.cast(condition, tf.float32)

    def check(self, name: str, condition: Given, rows: int) -> np.ndarray:
        """Conditions of `rows` examples; one alone is meant for all.

        Raises:
            ValueError: On another shape or number, or values not allowed.
        """
        value = np.asarray(condition)
        if value.shape == self.shape:
            value = np.repeat(value[None], rows, axis=0)
        if value.shape != (rows, *self.shape):
            raise ValueError(
                f"Invalid shape of `{name}`. Expected {self.expected()}, of "
                f"shape {(rows, *self.shape)}, or one for all, of shape "
                f"{self.shape}. Received: shape {value.shape}"
            )
        bad = np.flatnonzero(~self.allowed(value))
        if bad.size:
            raise ValueError(
                f"Invalid value in `{name}`. Expected {self.expected()}. "
                f"Received: {value[bad[0]]} in row {bad[0]}"
            )
        return value.astype(self.dtype.as_numpy_dtype)

    @abc.abstractmethod
    def expected(self) -> str:
        """What conditions are, in words."""

    @abc.abstractmethod
    def allowed(self, value: np.ndarray) -> np.ndarray:
        """Whether each condition `[B, ...]` is valid, bool `[B]`."""

    def inside(self, condition: tf.Tensor) -> tf.Tensor:
        """As `allowed`, in a graph."""
        return tf.math.is_finite(tf.cast(condition, tf.float32))


@registry.register("classes")
class Classes(BaseCondition):
    """One of several classes, given by its index, handed on as one-hot.

    Args:
        count: Number of classes; indices are 0 to `count - 1`.

    Example:
        >>> Classes(3).vector(tf.constant([2, 0])).numpy().tolist()
        [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """

    shape = ()
    dtype = tf.int32

    def __init__(self, count: int):
        self.count = self.size = validation.check_count("count", count)

    def vector(self, condition: tf.Tensor) -> tf.Tensor:
        """See `BaseCondition.vector`."""
        return tf.one_hot(tf.cast(condition, tf.int32), self.count)

    def expected(self) -> str:
        """See `BaseCondition.expected`."""
        return f"class indices, integers from 0 to {self.count - 1}"

    def allowed(self, value: np.ndarray) -> np.ndarray:
        """See `BaseCondition.allowed`."""
        return np.isin(value, np.arange(self.count))

    def inside(self, condition: tf.Tensor) -> tf.Tensor:
        """See `BaseCondition.inside`."""
        return (condition >= 0) & (condition < self.count)


@registry.register("some_classes")
class SomeClasses(Classes):
    """Classes that are known of some examples: -1 where not.

    Args:
        count: Number of classes; indices are 0 to `count - 1`.

    Example:
        >>> SomeClasses(2).vector(tf.constant([1, -1])).numpy().tolist()
        [[0.0, 1.0], [0.0, 0.0]]
    """

    def expected(self) -> str:
        """See `BaseCondition.expected`."""
        return f"{super().expected()}, or -1 for unknown"

    def allowed(self, value: np.ndarray) -> np.ndarray:
        """See `BaseCondition.allowed`."""
        return super().allowed(value) | (value == -1)

    def inside(self, condition: tf.Tensor) -> tf.Tensor:
        """See `BaseCondition.inside`."""
        return super().inside(condition) | (condition == -1)


@registry.register("vector")
class Vector(BaseCondition):
    """Any finite numbers: one-hot vectors, attributes, measurements.

    Args:
        size: Length of the vector.

    Example:
        >>> Vector(2).check("condition", [0.5, 1.0], rows=3).shape
        (3, 2)
    """

    def __init__(self, size: int):
        self.size = validation.check_count("size", size)
        self.shape = (self.size,)

    def expected(self) -> str:
        """See `BaseCondition.expected`."""
        return f"vectors of {self.size} finite numbers"

    def allowed(self, value: np.ndarray) -> np.ndarray:
        """See `BaseCondition.allowed`."""
        return np.isfinite(value).all(axis=-1)


def get(identifier: int | dict | BaseCondition) -> BaseCondition:
    """A condition by `{name: arguments}`, or itself; an integer is a number
    of classes.

    Raises:
        ValueError: If the number of classes is not positive.
        TypeError: If it is neither an integer nor a condition.

    Example:
        >>> get(10)
        Classes(count=10)
    """
    if isinstance(identifier, (int, np.integer)):
        return Classes(validation.check_count("condition", identifier))
    return registry.part(BaseCondition, identifier)
