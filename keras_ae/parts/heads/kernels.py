"""The head of numbers of any distribution: fixed kernels, learned weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.parts.heads.base import BaseHead

tfd = tfp.distributions


@registry.register("kernel_mixture")
class KernelMixture(BaseHead):
    """Numbers that have several modes, atoms or long tails.

    A mixture of Gaussians that stay where they are; the network gives their
    weights, by a softmax. Narrow kernels are values that many examples have.

    Formula:
        p(x) = sum_k softmax(logits)_k N(x; center_k, scale_k)

    Args:
        centers: Of the kernels of each value, `[values, kernels]`.
        scales: Their deviations, positive, of the same shape; 0 for kernels
            that a value has not.

    Raises:
        ValueError: If the shapes differ, or a value has no kernel.

    Example:
        >>> head = KernelMixture([[0.0, 10.0]], [[0.1, 1.0]])
        >>> mixture = head(tf.math.log([[0.8, 0.2]]), rank=1)
        >>> round(float(mixture.mean()[0, 0]), 4)
        2.0

    Reference: Ambrogioni, Guclu, van Gerven, Maris, 2017. The Kernel Mixture
        Network. https://arxiv.org/abs/1705.07111
    """

    def __init__(
        self,
        centers: Sequence[Sequence[float]],
        scales: Sequence[Sequence[float]],
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.centers = np.asarray(centers, np.float64).tolist()
        self.scales = np.asarray(scales, np.float64).tolist()
        center, scale = np.array(self.centers), np.array(self.scales)
        finite = np.isfinite(center).all() and np.isfinite(scale).all()
        fits = center.ndim == 2 and center.shape == scale.shape
        if not fits or not finite or not ((scale >= 0).all()):
            expected = "finite numbers of the shape of `centers`, at least 0"
            raise ValueError(validation.invalid("scales", expected, scales))
        if not (scale > 0).any(axis=1).all():
            expected = "at least one positive number for each value"
            raise ValueError(validation.invalid("scales", expected, scales))

    def sizes(self, width: int) -> tuple[int, ...]:
        """See `BaseHead.sizes`; one part, the logits of all kernels."""
        if width != len(self.centers):
            expected = f"a last axis of length {len(self.centers)}"
            raise ValueError(validation.invalid("width", expected, width))
        return (width * len(self.centers[0]),)

    def distribution(self, logits: tf.Tensor) -> tfd.Distribution:
        """See `BaseHead.distribution`."""
        lead = tf.shape(logits)[:-1]
        logits = tf.reshape(
            logits, tf.concat([lead, np.shape(self.centers)], 0)
        )
        return mixture(logits, self.centers, self.scales)


class _Mixture(tfd.MixtureSameFamily):
    """`tfd.MixtureSameFamily` of numbers, whose mean keeps its static shape:
    TFP's loses an axis of length 1 where the batch is of any size."""

    def _mean(self) -> tf.Tensor:
        weights = self.mixture_distribution.probs_parameter()
        return tf.reduce_sum(weights * self.components_distribution.mean(), -1)


def mixture(
    logits: tf.Tensor, centers: Sequence, scales: Sequence
) -> tfd.MixtureSameFamily:
    """Gaussian kernels `[values, kernels]` by logits of the last two axes."""
    scale = np.asarray(scales, np.float32)
    there = scale > 0
    return _Mixture(
        tfd.Categorical(tf.where(there, logits, logits.dtype.min / 2)),
        tfd.Normal(np.asarray(centers, np.float32), np.where(there, scale, 1)),
    )
