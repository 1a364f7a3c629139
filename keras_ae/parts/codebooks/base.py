"""What every codebook is: vectors with numbers."""

import abc

import keras
import tensorflow as tf

from keras_ae.core.types import Shape
from keras_ae.parts.part import BasePart


class BaseCodebook(BasePart, keras.Layer, abc.ABC):
    """`size` vectors by number, and which of them stands for another vector."""

    kind = "codebook"

    #: How many numbers there are; known once it is built.
    size: int
    #: Weight of the codebook term: whether vectors learn by gradient.
    weight = 1.0

    def index_shape(self, code_shape: Shape) -> tuple[int, ...]:
        """Shape of the numbers of one code: one for each vector along the
        last axis."""
        return tuple(code_shape[:-1])

    def bounded(self, z: tf.Tensor) -> tf.Tensor:
        """What of the encoder's output `[..., d]` is replaced by a code."""
        return z

    @abc.abstractmethod
    def indices(self, z: tf.Tensor) -> tf.Tensor:
        """Numbers of the nearest codes: `[..., d]` to int32 `[...]`."""

    @abc.abstractmethod
    def lookup(self, indices: tf.Tensor) -> tf.Tensor:
        """The codes of numbers: `[...]` to `[..., d]`."""

    def loss_weights(self, commitment: float) -> dict[str, float]:
        """Factors of its terms, where the variant asks for a commitment."""
        return {"codebook": self.weight, "commitment": commitment}
