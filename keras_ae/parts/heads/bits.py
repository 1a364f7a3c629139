"""The head of bits that depend on each other beside the code."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ae.core import registry
from keras_ae.core.types import Shape
from keras_ae.math import autoregressive
from keras_ae.parts.heads.base import BaseHead
from keras_ae.parts.heads.base import Range
from keras_ae.parts.heads.categories import Bernoulli


@registry.register("autoregressive_bernoulli")
class AutoregressiveBernoulli(BaseHead):
    """Bits, each of which is also told those before it.

    For tables whose columns determine each other, such as categories spread
    over several bits, which a code alone can say only by logits without end.
    The last axis runs fastest. The weights between bits, D * D of them, are
    the same for all codes, and start at zero: as `Bernoulli`.

    The mean of a bit, what `reconstruct` gives, is its probability at the
    means of those before. It and draws take as many steps as there are bits,
    a log-probability one. Holes are refused: what was not observed cannot be
    left out of a sum in which later bits ask for it.

    Formula:
        logit P(x_j = 1 | x_1 .. x_(j-1), z)
            = logits_j(z) + sum_(i<j) x_i kernel_ij

    Args:
        kernel_regularizer: Of the weights between bits, as Keras layers take
            it; its cost is the term `regularization`. A normal prior of
            deviation 1 for N examples is `keras.regularizers.L2(0.5 / N)`.
            Defaults to None.

    Example:
        >>> head = AutoregressiveBernoulli()
        >>> head.build((None, 2))
        >>> _ = head.kernel.assign([[0.0, 60.0], [0.0, 0.0]])
        >>> pair = head(tf.constant([[0.0, -30.0]]), rank=1)
        >>> bits = pair.sample(100, seed=(0, 0)).numpy()
        >>> bool((bits[..., 0] == bits[..., 1]).all())
        True

    Reference: Frey, 1998. Graphical Models for Machine Learning and Digital
        Communication. MIT Press. Beside a code: Chen et al., 2017.
        Variational Lossy Autoencoder. https://arxiv.org/abs/1611.02731
    """

    range = Range("autoregressive Bernoulli", "bits: 0 or 1", 0, 1, whole=True)
    step = 1.0
    holes = False

    def __init__(self, kernel_regularizer: Any = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape: Shape) -> None:
        """Make the weights between bits."""
        size = int(np.prod(input_shape[1:]))
        self.kernel = self.add_weight(
            shape=(size, size),
            initializer="zeros",
            regularizer=self.kernel_regularizer,
            dtype="float32",
            name="kernel",
        )

    def call(
        self, *parts: tf.Tensor, rank: int, exposure: tf.Tensor | None = None
    ) -> autoregressive.Bits:
        """See `BaseHead.call`; of examples as a whole."""
        del exposure
        later = np.triu(np.ones(self.kernel.shape, np.float32), 1)
        return autoregressive.Bits(parts[0], self.kernel * later, rank)

    def distribution(self, *parts: tf.Tensor) -> autoregressive.Bits:
        """See `BaseHead.distribution`."""
        return self.call(*parts, rank=len(parts[0].shape) - 1)

    def start_from(
        self, mean: np.ndarray, variance: np.ndarray
    ) -> dict[int, np.ndarray]:
        """See `BaseHead.start_from`."""
        return Bernoulli.start_from(self, mean, variance)
