"""Names for the types that signatures share."""

from collections.abc import Sequence
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf


class HasArray(Protocol):
    """What NumPy makes an array of: a data frame, a variable."""

    def __array__(self) -> np.ndarray:
        """Its values."""


#: Numbers along axes: an array, a tensor, a data frame, nested lists.
ArrayLike = np.ndarray | tf.Tensor | HasArray | Sequence
#: Examples `[N, ...]`, or `(examples, conditions)`.
Rows = ArrayLike | tuple[ArrayLike, ArrayLike]
#: What a model is told: a class or a vector for all rows, or one for each.
Given = int | ArrayLike
#: Arrays or tensors, alone or in tuples, lists and dicts.
Tree = ArrayLike | dict
#: A shape with its batch axis, which is None.
Shape = Sequence[int | None] | tf.TensorShape
#: The shape of a network's input, or those of its inputs.
Shapes = Shape | Sequence[Shape]
#: A NumPy type or its name; None for what is there.
DType = str | type | np.dtype | None
#: A Keras optimizer, its name, or its config.
Optimizer = str | dict | keras.Optimizer
#: What Keras tells a callback.
Logs = dict[str, float] | None
#: What a JSON file holds.
Json = dict | list | str | float | bool | None
