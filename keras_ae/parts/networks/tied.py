"""A projection with the weights of another one."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_ae.core.types import Shapes


class Transposed(keras.Layer):
    """Writes along what a dense layer reads, plus a bias of its own.

    Args:
        units: Values of an output.
        bias_initializer: As of a dense layer. Defaults to zeros.
    """

    def __init__(
        self,
        units: int,
        bias_initializer: str | dict | Callable = "zeros",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self._kernel: Callable | None = None

    def build(self, input_shape: Shapes) -> None:
        """Make the bias."""
        self.features = input_shape[-1]
        self.bias = self.add_weight(
            shape=(self.units,), initializer=self.bias_initializer, name="bias"
        )

    def tie(self, dense: keras.layers.Dense) -> None:
        """Share the kernel of a layer. It remains that layer's alone, which
        saves it: a function is not tracked."""
        self._kernel = lambda: dense.kernel

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """`[..., code]` to `[..., units]`."""
        if self._kernel is None:
            raise ValueError(
                "A tied network has no weights until its model is built. "
                "Call `build` of the model, or make it by `create`."
            )
        kernel = keras.ops.convert_to_tensor(self._kernel())
        return keras.ops.matmul(inputs, keras.ops.transpose(kernel)) + self.bias
