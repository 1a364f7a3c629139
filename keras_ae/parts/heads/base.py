"""What every head is: from the numbers of a network to a distribution."""

import abc
import math
from typing import Any
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core.config import AutoConfig

tfd = tfp.distributions

RARE = 1e-3  # least probability of an outcome that starts from data


class Range(NamedTuple):
    """Values that a likelihood can have.

    Attributes:
        likelihood: Its name in messages.
        words: What the values are.
        low: Least value.
        high: Greatest value.
        open_low: Whether values are above `low`.
        whole: Whether they are whole numbers.
        advice: What to do with others.
    """

    likelihood: str
    words: str
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    whole: bool = False
    advice: str = "Use a likelihood whose support has such values."

    def inside(self, value: tf.Tensor) -> tf.Tensor:
        """Which values are in the range, bool; NaN, a hole, is."""
        low = value <= self.low if self.open_low else value < self.low
        outside = low | (value > self.high)
        if self.whole:
            outside |= tf.abs(value - tf.round(value)) > 0
        return ~outside

    def check(self, name: str, value: np.ndarray) -> None:
        """Raise `ValueError` if a value is not in the range."""
        least = float(np.fmin.reduce(value, axis=None))
        most = float(np.fmax.reduce(value, axis=None))
        low = least <= self.low if self.open_low else least < self.low
        fractions = self.whole and (np.abs(value - np.rint(value)) > 0).any()
        if low or most > self.high or fractions:
            raise ValueError(
                f"`{name}` lies outside the support of a {self.likelihood} "
                f"likelihood. Expected {self.words}. Received: values in "
                f"[{least:g}, {most:g}]{', not all whole' * bool(fractions)}. "
                f"{self.advice}"
            )


class BaseHead(AutoConfig, keras.Layer, abc.ABC):
    """Turns `parts` tensors of the event's shape into a distribution.

    A head is the last step of a `DistributionNetwork`, which projects its
    body's output to `parts` numbers per value, in float32. The result has the
    event's axes reinterpreted: batch shape `[(S,) B]`, event shape that of
    one example.
    """

    kind = "head"

    parts = 1
    #: Which values can be; None for any finite number.
    range: Range | None = None
    #: Whether what it gives is a distribution, not a cost in its place.
    normalized = True
    #: Whether values that were not observed can be left out.
    holes = True
    #: How far apart values are that have probabilities; None: a density.
    step: float | None = None
    #: Where the head's own deviation starts; `"data"`: from the examples.
    start: str | float | None = None

    def __init__(self, **kwargs: Any):
        # Probabilities are in single precision whatever the networks use.
        super().__init__(**kwargs | {"dtype": "float32"})

    def sizes(self, width: int) -> tuple[int, ...]:
        """Lengths of the parts' last axes, for events whose last axis has
        length `width`."""
        return (width,) * self.parts

    @abc.abstractmethod
    def distribution(self, *parts: tf.Tensor) -> tfd.Distribution:
        """The distribution, each value independent, not yet `Independent`."""

    def exposed(
        self, exposure: tf.Tensor, *parts: tf.Tensor
    ) -> tfd.Distribution:
        """`distribution`, where it is known how much was observed of each
        example: how many counts in all. By default that does not matter.

        Args:
            exposure: `[B, 1]`, from 0.
            *parts: As `distribution` takes them, `[(S...,) B, ...]`.
        """
        del exposure
        return self.distribution(*parts)

    def call(
        self,
        *parts: tf.Tensor,
        rank: int,
        exposure: tf.Tensor | None = None,
    ) -> tfd.Distribution:
        """Distribution over events of `rank` axes; see `exposed`."""
        if exposure is None:
            distribution = self.distribution(*parts)
        else:
            distribution = self.exposed(exposure, *parts)
        own = len(distribution.event_shape)
        return tfd.Independent(distribution, rank - own)

    def code(self, distribution: tfd.Distribution) -> tf.Tensor:
        """What stands for a distribution that `call` made: its mean."""
        return distribution.mean()

    def check_support(self, name: str, value: np.ndarray) -> None:
        """Raise `ValueError` if data lie outside the support; holes, NaN, do
        not."""
        if self.range is not None:
            self.range.check(name, value)

    @property
    def support(self) -> str:
        """In words, which values can be; empty where any finite number can."""
        return "" if self.range is None else self.range.words

    def inside(self, value: tf.Tensor) -> tf.Tensor:
        """Which values of `[B, ...]` lie in the support, bool; NaN does. As
        `check_support`, in a graph."""
        if self.range is None:
            return tf.ones_like(value, tf.bool)
        return self.range.inside(value)

    def starts(self) -> dict[int, float]:
        """Number of a part -> what its bias in the projection starts at; 0
        for parts that are not named."""
        return {}

    def start_from(
        self, mean: np.ndarray, variance: np.ndarray
    ) -> dict[int, np.ndarray]:
        """Start at the moments of data; for `DistributionNetwork.adapt`.

        Sets the head's own weights, if any of them start from data.

        Args:
            mean: Of each value, shape that of one example, or of its last
                axis where the projection's bias is the same at all places.
            variance: Squared error to expect at first, the same shape, in
                units of the first part: what `in_own_units` makes of the
                variance of the data, and the mean square of what an untrained
                network says.

        Returns:
            Number of a part -> the bias, shaped like `mean`, at which the
            distribution's mean is `mean`. Parts that are not named stay.
        """
        del mean, variance  # by default nothing starts from data
        return {}

    def in_own_units(
        self, mean: np.ndarray, variance: np.ndarray
    ) -> np.ndarray:
        """The variance of data about their mean, in the units of the first
        part; by default those are the data's."""
        del mean
        return variance

    def of_deviation(
        self, deviation: float | np.ndarray
    ) -> dict[int, np.ndarray]:
        """Start with a mean that is the network's first number, and with a
        deviation; for `networks.principal`.

        Sets the head's own weights, if the deviation is one of them.

        Args:
            deviation: Of all values, or of each along the last axis.

        Returns:
            Number of a part -> what it has to be.

        Raises:
            ValueError: If the first number is no mean.
        """
        raise ValueError(
            "Principal components are a start for means alone. Expected a "
            "head such as 'gaussian' or 'point', for linear_path=True. "
            f"Received: {self!r}"
        )

    def monitors(self) -> dict[str, tf.Tensor]:
        """Name -> scalar worth a look during training, to be logged."""
        return {}
