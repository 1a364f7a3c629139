"""Codebooks that are tables, and how they learn."""

import abc
import math
from typing import TYPE_CHECKING
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ae.core import registry
from keras_ae.core import replicas
from keras_ae.core import validation
from keras_ae.core.types import Shape
from keras_ae.math import draws
from keras_ae.math import quantization
from keras_ae.parts.codebooks.base import BaseCodebook

if TYPE_CHECKING:
    from keras_ae.model.base import BaseAutoencoder
    from keras_ae.model.batch import Forward
    from keras_ae.model.batch import Moment


class BaseTable(BaseCodebook):
    """A table of `size` vectors, and which of them are in use.

    Usage is a running count of assignments, 1 for a code that is used as
    often as all others. A code below `restart` is dead: at each batch it is
    replaced by an encoder output, drawn at random, until one is in use.
    Before training no code is, so the table starts from the first batch.

    Args:
        size: Number of codes. Defaults to 512.
        decay: Factor of the running counts, in [0, 1). Defaults to 0.99.
        restart: Usage below which a code is dead; 0 for no restarts.
            Defaults to 0.1.
    """

    def __init__(
        self,
        size: int = 512,
        *,
        decay: float = 0.99,
        restart: float = 0.1,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.size = validation.check_count("size", size)
        self.decay = validation.check_number(
            "decay", decay, 0, 1, open_high=True
        )
        self.restart = validation.check_number("restart", restart, 0)

    def build(self, input_shape: Shape) -> None:
        """Make the table for vectors along the last axis."""
        self.table = self.add_weight(
            shape=(self.size, input_shape[-1]),
            initializer=keras.initializers.RandomUniform(
                -1 / self.size, 1 / self.size
            ),
            trainable=self.weight > 0,
            dtype="float32",
            autocast=False,
            name="table",
        )
        self.usage = self.add_weight(
            shape=(self.size,),
            initializer="zeros",
            trainable=False,
            dtype="float32",
            autocast=False,
            name="usage",
        )
        self.built = True

    def indices(self, z: tf.Tensor) -> tf.Tensor:
        """See `BaseCodebook.indices`."""
        return quantization.nearest_code(z, tf.convert_to_tensor(self.table))

    def lookup(self, indices: tf.Tensor) -> tf.Tensor:
        """See `BaseCodebook.lookup`."""
        return tf.gather(tf.convert_to_tensor(self.table), indices)

    def after_step(self, forward: "Forward", moment: "Moment") -> None:
        """See `BasePart.after_step`; `forward.extras` has encoder outputs `z`
        and their `indices`."""
        extras = forward.extras
        self.update(extras["z"], extras["indices"], moment.seed())

    def adapt(self, model: "BaseAutoencoder", x: np.ndarray) -> None:
        """See `BasePart.adapt`; codes start as the centers of clusters of
        encoder outputs, found by k-means."""
        self.start_from(some_vectors(model, x, self.size))

    def start_from(self, vectors: np.ndarray) -> np.ndarray:
        """Start at centers of clusters; what they leave of `[N, d]`."""
        if not len(vectors):
            return vectors
        count = min(self.size, len(np.unique(vectors, axis=0)))
        from sklearn.cluster import KMeans  # a second, for few users

        clusters = KMeans(count, n_init=1, random_state=0).fit(vectors)
        table = self.table.numpy()
        table[:count] = clusters.cluster_centers_
        self.table.assign(table)
        self.usage.assign(np.arange(self.size) < count)
        return vectors - table[clusters.labels_]

    def update(self, z: tf.Tensor, indices: tf.Tensor, seed: tf.Tensor) -> None:
        """Count, learn and restart, from the vectors of one training batch.

        Args:
            z: Encoder outputs, `[..., d]`.
            indices: Their codes, `[...]`.
            seed: For the choice of replacements, int32 `[2]`.
        """
        if not self.trainable:
            return
        rows = tf.stop_gradient(tf.reshape(z, [-1, z.shape[-1]]))
        table = tf.convert_to_tensor(self.table)
        averaged, usage = quantization.ema_update(
            table,
            tf.convert_to_tensor(self.usage),
            rows,
            tf.reshape(indices, [-1]),
            self.decay,
        )
        offset, count = replicas.place(tf.shape(rows)[0])
        shares = draws.uniform([self.size], seed)
        drawn = tf.cast(shares * tf.cast(count, tf.float32), tf.int32)
        dead = usage < self.restart
        table = self.learned(table, averaged)
        self.table.assign(
            tf.where(dead[:, None], _rows(rows, drawn - offset), table)
        )
        self.usage.assign(usage)

    @abc.abstractmethod
    def learned(self, table: tf.Tensor, averaged: tf.Tensor) -> tf.Tensor:
        """The table after a batch, from the one before and from the running
        means of assigned vectors; both `[K, d]`."""


def some_vectors(
    model: "BaseAutoencoder", x: np.ndarray, size: int
) -> np.ndarray:
    """Encoder outputs of examples, `[N, d]`, a few for each of `size` codes;
    none where the model is told something beside examples."""
    shape = model.encoder.event_shape
    if model.given is not None:
        return np.zeros([0, shape[-1]])
    rows = math.ceil(64 * size / math.prod(shape[:-1]))
    found = [
        model.quantized(model.batch_of(x[i : i + 256]), model.moment())["z"]
        for i in range(0, min(rows, len(x)), 256)
    ]
    return np.concatenate(found).reshape(-1, shape[-1])


def _rows(rows: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    """Rows by number; one that is another replica's comes from there."""
    if replicas.count() == 1:
        return tf.gather(rows, numbers)
    size = tf.shape(rows)[0]
    here = (numbers >= 0) & (numbers < size)
    taken = tf.gather(rows, tf.clip_by_value(numbers, 0, size - 1))
    return replicas.total(tf.where(here[:, None], taken, 0.0))


@registry.register("gradient")
class GradientCodebook(BaseTable):
    """Codes pulled to the encoder's outputs by the optimizer.

    Args: see `BaseTable`.

    Reference: van den Oord et al., 2017. Neural Discrete Representation
        Learning, equation 3. https://arxiv.org/abs/1711.00937
    """

    def learned(self, table: tf.Tensor, averaged: tf.Tensor) -> tf.Tensor:
        """See `BaseTable.learned`."""
        del averaged  # the optimizer's business
        return table


@registry.register("ema")
class EMACodebook(BaseTable):
    """Codes that are running means of the vectors assigned to them.

    Args: see `BaseTable`.

    Reference: van den Oord et al., 2017. Neural Discrete Representation
        Learning, appendix A.1. https://arxiv.org/abs/1711.00937
    """

    weight = 0.0

    def learned(self, table: tf.Tensor, averaged: tf.Tensor) -> tf.Tensor:
        """See `BaseTable.learned`."""
        del table  # replaced
        return averaged
