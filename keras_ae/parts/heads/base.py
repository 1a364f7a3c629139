"""What every head is: from the numbers of a network to a distribution."""

import abc
import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core.config import AutoConfig

tfd = tfp.distributions

RARE = 1e-3  # least probability of an outcome that starts from data


class BaseHead(AutoConfig, keras.Layer, abc.ABC):
    """Turns `parts` tensors of the event's shape into a distribution.

    A head is the last step of a `DistributionNetwork`, which projects its
    body's output to `parts` numbers per value, in float32. The result has the
    event's axes reinterpreted: batch shape `[(S,) B]`, event shape that of
    one example.
    """

    kind = "head"

    parts = 1
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

    def call(self, *parts: tf.Tensor, rank: int) -> tfd.Distribution:
        """Distribution over events of `rank` axes."""
        distribution = self.distribution(*parts)
        own = len(distribution.event_shape)
        return tfd.Independent(distribution, rank - own)

    def check_support(self, name: str, value: np.ndarray) -> None:
        """Raise `ValueError` if data lie outside the support."""
        del name, value  # any finite number is inside

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
            variance: Squared error to expect at first, the same shape: the
                variance of the data about `mean`, and that of what an
                untrained network says about it.

        Returns:
            Number of a part -> the bias, shaped like `mean`, at which the
            distribution's mean is `mean`. Parts that are not named stay.
        """
        del mean, variance  # by default nothing starts from data
        return {}

    def monitors(self) -> dict[str, tf.Tensor]:
        """Name -> scalar worth a look during training, to be logged."""
        return {}


def check_range(
    name: str,
    value: np.ndarray,
    likelihood: str,
    expected: str,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    open_low: bool = False,
    whole: bool = False,
    advice: str = "Use a likelihood whose support has such values.",
) -> None:
    """Refuse data outside [low, high], or that are not whole numbers.

    Holes, NaN, are passed over.

    Raises:
        ValueError: With the range that came.
    """
    least, most = float(np.nanmin(value)), float(np.nanmax(value))
    inside = (least > low if open_low else least >= low) and most <= high
    fractions = ""
    if inside and whole and (np.rint(value) != value)[~np.isnan(value)].any():
        inside, fractions = False, ", not all whole"
    if not inside:
        raise ValueError(
            f"`{name}` lies outside the support of a {likelihood} likelihood. "
            f"Expected {expected}. Received: values in [{least:g}, {most:g}]"
            f"{fractions}. {advice}"
        )
