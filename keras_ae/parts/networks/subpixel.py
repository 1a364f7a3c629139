"""Finer grids out of features."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.config import AutoConfig
from keras_ae.core.types import Shape


@registry.register("sub_pixel")
class SubPixel(AutoConfig, keras.Layer):
    """Depth to space, for any number of sides.

    The features of a place become those of `prod(factors)` finer places.

    Args:
        factors: What each side is multiplied by.

    Example:
        >>> x = tf.constant([[[0, 1, 2, 3], [4, 5, 6, 7]]])  # [1, 2, 4]
        >>> SubPixel((2,))(x)[0].numpy().tolist()
        [[0, 1], [2, 3], [4, 5], [6, 7]]

    Reference: Shi et al., 2016. https://arxiv.org/abs/1609.05158
    """

    def __init__(self, factors: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        self.factors = validation.check_shape("factors", factors)

    def compute_output_shape(self, input_shape: Shape) -> tuple:
        """`[B, n * f, ..., features / prod(f)]`."""
        batch, *sides, features = input_shape
        sides = [
            None if n is None else n * f
            for n, f in zip(sides, self.factors, strict=True)
        ]
        return (batch, *sides, features // math.prod(self.factors))

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """`[B, n, ..., f * features]` to `[B, n * f, ..., features]`."""
        ops, x = keras.ops, inputs
        for axis, factor in enumerate(self.factors, start=1):
            if factor == 1:
                continue
            shape = list(ops.shape(x))
            features = shape.pop() // factor
            x = ops.reshape(x, [-1, *shape[1:], factor, features])
            x = ops.moveaxis(x, -2, axis + 1)
            shape[axis] = shape[axis] * factor
            x = ops.reshape(x, [-1, *shape[1:], features])
        return x
