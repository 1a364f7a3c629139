"""Heads of the levels of images."""

import math
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.math import discrete
from keras_ae.parts.heads.base import Range
from keras_ae.parts.heads.location import BaseLocationScale

tfd = tfp.distributions


@registry.register("discretized_logistic")
class DiscretizedLogistic(BaseLocationScale):
    """Levels of images: a logistic distribution, or a mixture of some, cut
    into bins.

    Values are in [0, 1], the levels evenly apart; what a logistic has beyond
    the ends counts to the first and the last. The negative log-likelihood is
    that of whole numbers: divided by the number of values and log(2), it is
    bits per dimension.

    Formula:
        p(k) = sum_c w_c (sigmoid((k + 1/2 - m_c) / s_c)
                          - sigmoid((k - 1/2 - m_c) / s_c))

    Args:
        levels: How many, at least 2. Defaults to 256.
        components: Of the mixture, for each value. Defaults to 1.
        Other arguments: see `Gaussian`, in units of [0, 1].

    Example:
        >>> head = DiscretizedLogistic(levels=4, scale=0.1)
        >>> head = head(tf.constant([[0.3]]), rank=1)
        >>> p = [float(head.prob([[k / 3]])[0]) for k in range(4)]
        >>> round(sum(p), 6), p.index(max(p))
        (1.0, 1)

    Reference: Salimans, Karpathy, Chen, Kingma, 2017. PixelCNN++, section
        2.1. https://arxiv.org/abs/1701.05517
    """

    deviation = math.pi / math.sqrt(3)
    range = Range("discretized logistic", "values in [0, 1]", 0, 1)

    def __init__(
        self,
        scale: str | float = "learned",
        start: str | float | None = None,
        levels: int = 256,
        components: int = 1,
        **kwargs: Any,
    ):
        super().__init__(scale, start, **kwargs)
        self.levels = validation.check_count("levels", levels, 2)
        self.step = 1 / (levels - 1)
        self.components = validation.check_count("components", components)
        if components > 1:
            self.parts = components * (self.parts + 1)

    def starts(self) -> dict[int, float]:
        """See `BaseHead.starts`; the components start side by side."""
        if self.components == 1:
            return super().starts()
        places = np.linspace(0, 1, 2 * self.components + 1)[1::2]
        found = dict(enumerate(places.tolist()))
        for part, raw in super().starts().items():
            first = part * self.components
            found |= {first + c: raw for c in range(self.components)}
        return found

    def start_from(
        self, mean: np.ndarray, variance: np.ndarray
    ) -> dict[int, np.ndarray]:
        """See `BaseHead.start_from`; a mixture stays as it is."""
        if self.components > 1:
            return {}
        return super().start_from(mean, variance)

    def distribution(
        self, loc: tf.Tensor, *parts: tf.Tensor
    ) -> tfd.Distribution:
        """See `BaseHead.distribution`."""
        count = self.components
        if count == 1:
            return super().distribution(loc, *parts)
        parts = (loc, *parts)
        groups = [
            tf.stack(parts[first : first + count], axis=-1)
            for first in range(0, len(parts), count)
        ]
        *location, logits = groups
        return tfd.MixtureSameFamily(
            tfd.Categorical(logits=logits), super().distribution(*location)
        )

    def family(self, loc: tf.Tensor, scale: tf.Tensor) -> tfd.Distribution:
        """See `BaseLocationScale.family`."""
        return discrete.DiscretizedLogistic(loc, scale, self.levels)
