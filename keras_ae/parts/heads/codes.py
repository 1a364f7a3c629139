"""Heads that are made for codes: points and directions."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import registry
from keras_ae.math import densities
from keras_ae.math import spherical
from keras_ae.parts.heads.base import BaseHead

tfd = tfp.distributions


@registry.register("point")
class Point(BaseHead):
    """A point mass: the head of deterministic codes.

    Args:
        activation: Name of a Keras activation of each value, or None for a
            linear code. With `network="linear"`, `Point("tanh")` makes the
            one-layer code tanh(Wx + b).

    Example:
        >>> head = Point("sigmoid")
        >>> float(head(tf.zeros([1, 1]), rank=1).mean()[0, 0])
        0.5
    """

    def __init__(self, activation: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = activation
        self._function = keras.activations.get(activation)

    def distribution(self, loc: tf.Tensor) -> tfd.Distribution:
        """See `BaseHead.distribution`."""
        return densities.PointMass(self._function(loc))

    def start_from(
        self, mean: np.ndarray, variance: np.ndarray
    ) -> dict[int, np.ndarray]:
        """See `BaseHead.start_from`; where there is no activation."""
        del variance  # a point has none
        return {0: mean} if self.linear else {}

    def of_deviation(
        self, deviation: float | np.ndarray
    ) -> dict[int, np.ndarray]:
        """See `BaseHead.of_deviation`; a point has none."""
        return {} if self.linear else super().of_deviation(deviation)

    @property
    def linear(self) -> bool:
        """Whether there is no activation."""
        return self.activation in (None, "linear")


@registry.register("power_spherical")
class PowerSpherical(BaseHead):
    """Unit vectors along the last axis, spread around a mean direction.

    Projected to `d` numbers, normalized to the direction, and one, which
    passes through softplus to a concentration of at least 1, as in the
    reference's experiments.

    Reference: De Cao, Aziz, 2020. The Power Spherical distribution.
        https://arxiv.org/abs/2006.04437
    """

    floor = 1.0  # below it the posterior gives up its direction

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_jit = False  # XLA has no kernel for gamma draws

    def sizes(self, width: int) -> tuple[int, ...]:
        """See `BaseHead.sizes`."""
        if width < 2:
            raise ValueError(
                "A sphere has at least two dimensions. Expected events with "
                f"a last axis of at least 2. Received: {width}"
            )
        return (width, 1)

    def distribution(
        self, direction: tf.Tensor, raw: tf.Tensor
    ) -> tfd.Distribution:
        """See `BaseHead.distribution`."""
        return spherical.PowerSpherical(
            spherical.direction(direction),
            _softplus(raw[..., 0]) + self.floor,
        )


def _softplus(x: tf.Tensor) -> tf.Tensor:
    """`tf.nn.softplus`, to the last bit, that LiteRT does not make infinite.

    LiteRT takes the logarithm of 1 + exp(x), which overflows from 89 on;
    concentrations of thousands are common. From 20 on softplus is x.
    """
    large = 20.0
    return tf.where(x > large, x, tf.nn.softplus(tf.minimum(x, large)))
