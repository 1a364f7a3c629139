"""Heads of bits, classes and levels."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.types import Shape
from keras_ae.math import densities
from keras_ae.parts.heads.base import RARE
from keras_ae.parts.heads.base import BaseHead

tfd = tfp.distributions


@registry.register("bernoulli")
class Bernoulli(BaseHead):
    """Independent bits by their logits; the mean is the sigmoid.

    The negative log-likelihood is the binary cross-entropy, also of grey
    levels in [0, 1] (then no longer the logarithm of a probability).
    """

    def distribution(self, logits: tf.Tensor) -> tfd.Distribution:
        """See `BaseHead.distribution`."""
        return densities.Bernoulli(logits=logits, dtype=tf.float32)

    def start_from(
        self, mean: np.ndarray, variance: np.ndarray
    ) -> dict[int, np.ndarray]:
        """See `BaseHead.start_from`; means are kept inside 0.001..0.999, as
        in the published code of Burda et al., 2016."""
        del variance  # follows from the mean
        p = np.clip(mean, RARE, 1 - RARE)
        return {0: np.log(p) - np.log1p(-p)}

    def check_support(self, name: str, value: np.ndarray) -> None:
        """Values in [0, 1]."""
        low, high = float(np.min(value)), float(np.max(value))
        if low < 0 or high > 1:
            raise ValueError(
                f"`{name}` lies outside the support of a Bernoulli "
                "likelihood. Expected values in [0, 1]. Received: values in "
                f"[{low:g}, {high:g}]. Divide pixels of 0..255 by 255, or use "
                "a Gaussian likelihood."
            )


@registry.register("categorical")
class Categorical(BaseHead):
    """One-hot vectors along the last axis; the mean is the softmax.

    The negative log-likelihood is the cross-entropy. Integer data become
    one-hot with `keras.utils.to_categorical`.
    """

    def distribution(self, logits: tf.Tensor) -> tfd.Distribution:
        """See `BaseHead.distribution`."""
        return tfd.OneHotCategorical(logits=logits, dtype=tf.float32)

    def start_from(
        self, mean: np.ndarray, variance: np.ndarray
    ) -> dict[int, np.ndarray]:
        """See `BaseHead.start_from`; shares are at least 0.001."""
        del variance  # follows from the mean
        return {0: np.log(np.maximum(mean, RARE))}

    def check_support(self, name: str, value: np.ndarray) -> None:
        """Non-negative values that sum to one along the last axis."""
        sums = np.sum(value, axis=-1)
        if np.min(value) < 0 or not np.allclose(sums, 1, atol=1e-4):
            raise ValueError(
                f"`{name}` lies outside the support of a categorical "
                "likelihood. Expected one-hot vectors along the last axis. "
                f"Received: sums in [{sums.min():g}, {sums.max():g}]. Encode "
                "integers with keras.utils.to_categorical."
            )
