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
from keras_ae.math import discrete
from keras_ae.math import draws
from keras_ae.parts.heads.base import RARE
from keras_ae.parts.heads.base import BaseHead
from keras_ae.parts.heads.base import Range

tfd = tfp.distributions


@registry.register("bernoulli")
class Bernoulli(BaseHead):
    """Independent bits by their logits; the mean is the sigmoid.

    The negative log-likelihood is the binary cross-entropy, also of grey
    levels in [0, 1] (then no longer the logarithm of a probability).
    """

    range = Range(
        "Bernoulli",
        "values in [0, 1]",
        0,
        1,
        advice="Divide pixels of 0..255 by 255, or use a Gaussian likelihood.",
    )

    step = 1.0

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


@registry.register("categorical")
class Categorical(BaseHead):
    """One-hot vectors along the last axis; the mean is the softmax.

    The negative log-likelihood is the cross-entropy. Integer data become
    one-hot with `keras.utils.to_categorical`.
    """

    support = "one-hot vectors along the last axis"
    step = 1.0

    def distribution(self, logits: tf.Tensor) -> tfd.Distribution:
        """See `BaseHead.distribution`."""
        return draws.OneHot(logits=logits, dtype=tf.float32)

    def start_from(
        self, mean: np.ndarray, variance: np.ndarray
    ) -> dict[int, np.ndarray]:
        """See `BaseHead.start_from`; shares are at least 0.001."""
        del variance  # follows from the mean
        return {0: np.log(np.maximum(mean, RARE))}

    def inside(self, value: tf.Tensor) -> tf.Tensor:
        """See `BaseHead.inside`."""
        off = tf.abs(tf.reduce_sum(value, -1, keepdims=True) - 1)
        return ~((value < 0) | (off > 1e-4))

    def check_support(self, name: str, value: np.ndarray) -> None:
        """Non-negative values that sum to one along the last axis."""
        sums = np.sum(value, axis=-1)
        if (value < 0).any() or (np.abs(sums - 1) > 1e-4).any():
            least = np.fmin.reduce(sums, axis=None)
            most = np.fmax.reduce(sums, axis=None)
            raise ValueError(
                f"`{name}` lies outside the support of a categorical "
                "likelihood. Expected one-hot vectors along the last axis. "
                f"Received: sums in [{least:g}, {most:g}]. Encode "
                "integers with keras.utils.to_categorical."
            )


@registry.register("continuous_bernoulli")
class ContinuousBernoulli(BaseHead):
    """Values in [0, 1] by their logits, with the constant that a Bernoulli's
    cross-entropy of grey levels lacks to be a density.

    Example:
        >>> flat = ContinuousBernoulli()(tf.zeros([1, 1]), rank=1)
        >>> float(flat.mean()[0, 0]), float(flat.log_prob([[0.3]])[0])
        (0.5, 0.0)

    Reference: Loaiza-Ganem, Cunningham, 2019. The continuous Bernoulli.
        NeurIPS. https://arxiv.org/abs/1907.06845
    """

    range = Range("continuous Bernoulli", "values in [0, 1]", 0, 1)

    def distribution(self, logits: tf.Tensor) -> tfd.Distribution:
        """See `BaseHead.distribution`."""
        return tfd.ContinuousBernoulli(logits)


@registry.register("ordinal")
class Ordinal(BaseHead):
    """Grades 0, 1, ..., levels - 1 by cumulative logits.

    The network gives each value a place on a line; cutpoints, learned and the
    same for all values, divide it into grades. The mean is the expected
    grade.

    Formula:
        P(x <= k) = sigmoid(cutpoint_k - place)

    Args:
        levels: Number of grades, at least 2.

    Example:
        >>> head = Ordinal(levels=3)
        >>> head.build((None, 1))
        >>> grades = head(tf.zeros([1, 1]), rank=1)
        >>> round(float(grades.mean()[0, 0]), 2)
        1.0

    Reference: McCullagh, 1980. Regression models for ordinal data. Journal of
        the Royal Statistical Society B 42. Nazabal, Olmos, Ghahramani,
        Valera, 2020. Handling incomplete heterogeneous data using VAEs.
        https://arxiv.org/abs/1807.03653
    """

    floor = 1e-3  # least distance of cutpoints
    step = 1.0

    def __init__(self, levels: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.levels = validation.check_count("levels", levels, 2)
        grades = f"grades 0..{levels - 1}, whole numbers"
        self.range = Range("ordinal", grades, 0, levels - 1, whole=True)

    def build(self, input_shape: Shape) -> None:
        """Make the cutpoints, 1 apart, around 0."""
        del input_shape  # the same for all values
        middle = (self.levels - 2) / 2
        self.first = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(-middle),
            dtype="float32",
            name="first",
        )
        self.raw_gaps = self.add_weight(
            shape=(self.levels - 2,),
            initializer=keras.initializers.Constant(np.log(np.expm1(1.0))),
            dtype="float32",
            name="raw_gaps",
        )

    def distribution(self, place: tf.Tensor) -> tfd.Distribution:
        """See `BaseHead.distribution`."""
        gaps = tf.nn.softplus(tf.convert_to_tensor(self.raw_gaps)) + self.floor
        first = tf.convert_to_tensor(self.first)[None]
        cutpoints = tf.cumsum(tf.concat([first, gaps], 0))
        return discrete.graded(cutpoints, place)
