"""Codes of which the largest numbers stay."""

from typing import TYPE_CHECKING
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ae.core import registry
from keras_ae.core import replicas
from keras_ae.core import validation
from keras_ae.core.types import Shape
from keras_ae.math import sparse
from keras_ae.parts.sparsity.base import BaseSparsity

if TYPE_CHECKING:
    from keras_ae.model.batch import Forward
    from keras_ae.model.batch import Moment


@registry.register("top_k")
class TopK(BaseSparsity):
    """Keeps the `k` largest values along the last axis, sets the others to 0.

    Nothing is penalized: the k-sparse autoencoder. The gradient reaches only
    the values that are kept.

    Call the model's `adapt` before `fit`, or many units never learn.

    Args:
        k: Values to keep, at most the length of a code. Defaults to 10.
        alpha: Factor of `k` outside training, at least 1, for codes that are
            easier to classify. Defaults to 1.

    Example:
        >>> TopK(1).code(tf.constant([[1.0, 3.0, 2.0]])).numpy().tolist()
        [[0.0, 3.0, 0.0]]

    Reference: Makhzani, Frey, 2013. k-Sparse Autoencoders, algorithm 1.
        https://arxiv.org/abs/1312.5663
    """

    def __init__(self, k: int = 10, alpha: float = 1.0):
        self.k = validation.check_count("k", k)
        self.alpha = validation.check_number("alpha", alpha, 1)

    def kept(self, training: bool) -> int:
        """How many values are kept."""
        return self.k if training else round(self.alpha * self.k)

    def check_shape(self, event_shape: tuple[int, ...]) -> None:
        """See `BaseSparsity.check_shape`."""
        kept = self.kept(training=False)
        if kept > event_shape[-1]:
            expected = f"at most the length of a code, {event_shape[-1]}"
            raise ValueError(validation.invalid("alpha * k", expected, kept))

    def code(self, h: tf.Tensor, training: bool = False) -> tf.Tensor:
        """See `BaseSparsity.code`."""
        return sparse.largest(h, self.kept(training))


@registry.register("batch_top_k")
class BatchTopK(BaseSparsity, keras.Layer):
    """Keeps the largest positive values of a batch, `k` an example on average.

    Examples that need more units get them from those that need fewer. The
    batch decides in training alone: outside, a code keeps what is above a
    threshold, the running mean of the least value that training kept.

    Formula:
        h = relu(a) where a is among the k * B largest of the batch, else 0
        outside training: h = a where a >= threshold, else 0

    Args:
        k: Values to keep, on average. Defaults to 10.
        decay: Factor of the running threshold, in [0, 1). Defaults to 0.99.

    Example:
        >>> part = BatchTopK(1)
        >>> a = tf.constant([[3.0, 2.0], [1.0, -1.0]])
        >>> part.code(a, training=True).numpy().tolist()
        [[3.0, 2.0], [0.0, 0.0]]

    Reference: Bussmann, Leask, Nanda, 2024. BatchTopK Sparse Autoencoders.
        https://arxiv.org/abs/2412.06410
    """

    def __init__(self, k: int = 10, decay: float = 0.99, **kwargs: Any):
        super().__init__(**kwargs | {"dtype": "float32"})
        self.k = validation.check_count("k", k)
        self.decay = validation.check_number(
            "decay", decay, 0, 1, open_high=True
        )

    def build(self, code_shape: Shape) -> None:
        """See `BaseSparsity.build`; a threshold, 0 before training."""
        del code_shape  # one number whatever the shape
        if self.built:
            return
        self.threshold = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="threshold"
        )
        self.built = True

    def check_shape(self, event_shape: tuple[int, ...]) -> None:
        """See `BaseSparsity.check_shape`."""
        if self.k > event_shape[-1]:
            expected = f"at most the length of a code, {event_shape[-1]}"
            raise ValueError(validation.invalid("k", expected, self.k))

    def code(self, h: tf.Tensor, training: bool = False) -> tf.Tensor:
        """See `BaseSparsity.code`."""
        positive = tf.nn.relu(h)
        if training:
            every = replicas.gather(tf.stop_gradient(positive))
            count = self.k * (tf.size(every) // every.shape[-1])
            least = tf.math.top_k(tf.reshape(every, [-1]), count)[0][-1]
        else:
            least = tf.convert_to_tensor(self.threshold)
        return tf.where(positive >= least, positive, 0.0)

    def after_step(self, forward: "Forward", moment: "Moment") -> None:
        """See `BasePart.after_step`; the threshold follows the batch."""
        del moment
        h = replicas.gather(forward.latent)
        least = tf.reduce_min(tf.where(h > 0, h, np.inf))
        old = tf.convert_to_tensor(self.threshold)
        first = old == 0
        new = tf.where(
            first, least, self.decay * old + (1 - self.decay) * least
        )
        self.threshold.assign(tf.where(tf.math.is_finite(least), new, old))
