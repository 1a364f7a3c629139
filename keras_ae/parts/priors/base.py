"""What every prior is."""

import abc
from collections.abc import Callable
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core.types import Shape
from keras_ae.core.types import Shapes
from keras_ae.parts.part import BasePart

if TYPE_CHECKING:
    from keras_ae.model.base import BaseAutoencoder

tfd = tfp.distributions


class BasePrior(BasePart, keras.Layer, abc.ABC):
    """p(z): a layer that owns weights, if any, and makes a distribution.

    A prior is built on the shapes of codes and of examples, with a batch axis
    in front. It is not called; `distribution` is.
    """

    kind = "prior"

    def build(
        self, code_shape: Shape, example_shape: Shapes | None = None
    ) -> None:
        """Remember the shape of one code; make the weights."""
        del example_shape  # only priors over examples look at it
        self.event_shape = tuple(code_shape[1:])
        self.built = True

    @abc.abstractmethod
    def distribution(
        self, encode: Callable[[tf.Tensor], tfd.Distribution]
    ) -> tfd.Distribution:
        """p(z), batch shape `[]`.

        Args:
            encode: The model's encoder, for priors made of posteriors.
        """

    def among(
        self, x: tf.Tensor, encode: Callable[[tf.Tensor], tfd.Distribution]
    ) -> tfd.Distribution:
        """p(z) for training on examples `[B, ...]`: batch shape `[]`, or
        `[B]` where an example may not count for itself."""
        del x
        return self.distribution(encode)


def single(example_shape: Shapes | None) -> tuple:
    """The shape of one example, where examples are single tensors.

    Raises:
        ValueError: Where they are not, or nothing is known of them.
    """
    if not example_shape or isinstance(example_shape[0], (list, tuple)):
        raise ValueError(
            "Examples of a prior are single tensors. Expected the shape of "
            f"such examples. Received: {example_shape}. Use it in a VAE "
            "without conditions."
        )
    return tuple(example_shape[1:])


def some(x: np.ndarray, count: int, model: "BaseAutoencoder") -> np.ndarray:
    """Rows of `x`, drawn without replacement by a seed of the model."""
    order = tf.random.experimental.stateless_shuffle(
        tf.range(len(x)), model.next_seed()
    )
    return x[order[:count].numpy()]
