"""What every sparsity is: a change of the code, a price of it, or both."""

import abc
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from keras_ae.core.types import Shape
from keras_ae.parts.part import BasePart

if TYPE_CHECKING:
    from keras_ae.model.base import BaseAutoencoder


class BaseSparsity(BasePart, abc.ABC):
    """A change of the code, a penalty on it, or both."""

    kind = "sparsity"

    def build(self, code_shape: Shape) -> None:
        """Make what is learned, if anything is, for codes of a shape."""
        del code_shape

    def check_shape(self, event_shape: tuple[int, ...]) -> None:
        """Raise `ValueError` if codes of this shape cannot be sparse so."""
        del event_shape  # any shape

    def code(self, h: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The code that the decoder sees, from the encoder's numbers
        `[B, ..., d]`."""
        del training  # the same in training and evaluation
        return h

    def penalty(
        self, h: tf.Tensor, before: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Cost of codes in nats.

        Args:
            h: Codes, `[B, ..., d]`.
            before: The encoder's numbers that they were made of, likewise;
                for penalties that look at them.

        Returns:
            `[B]`, or a scalar for a `batch_statistics`.
        """
        del before
        return tf.zeros(tf.shape(h)[:1])  # costs nothing

    def adapt(self, model: "BaseAutoencoder", x: np.ndarray) -> None:
        """See `BasePart.adapt`. An encoder of one layer starts to read from
        the mean of the examples, and a decoder of one layer to write what is
        read, as the encoder's transpose. Without, most units are never among
        the largest, and what is never kept never learns.

        Reference: Gao et al., 2024. Scaling and Evaluating Sparse
            Autoencoders. https://arxiv.org/abs/2406.04093
        """
        if model.encoder.body.weights:
            return
        reads = model.encoder.projection
        seen = model.batch_of(x).x
        seen = np.asarray(model.space.features(seen)).reshape(len(x), -1)
        mean = seen.mean(axis=0, dtype=np.float64)
        reads.bias.assign(-mean @ reads.kernel)
        if model.decoder.tied or model.decoder.body.weights:
            return
        writes = model.decoder.projection.kernel
        if writes.shape == reads.kernel.shape[::-1]:
            writes.assign(tf.transpose(reads.kernel))
