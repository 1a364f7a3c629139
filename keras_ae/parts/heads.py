"""Heads: from the numbers of a network to a distribution."""

import abc
import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.config import AutoConfig
from keras_ae.math import densities
from keras_ae.math import draws
from keras_ae.math import spherical

tfd = tfp.distributions

UNIT_SCALE = math.log(math.expm1(1.0))  # its softplus is 1


class BaseHead(AutoConfig, keras.Layer, abc.ABC):
    """Turns `parts` tensors of the event's shape into a distribution.

    A head is the last step of a `DistributionNetwork`, which projects its
    body's output to `parts` numbers per value, in float32. The result has the
    event's axes reinterpreted: batch shape `[(S,) B]`, event shape that of
    one example.
    """

    kind = "head"

    parts = 1

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
        return tfd.Deterministic(self._function(loc))


@registry.register("gaussian")
class Gaussian(BaseHead):
    """Independent normals; the deviation learned, shared or fixed.

    With a fixed scale of 1 the negative log-likelihood is half the squared
    error plus a constant. Learned deviations pass through softplus.

    Args:
        scale: `"learned"`: one deviation for each value, from the network.
            `"shared"`: one learned number for all values. A positive float:
            fixed. Defaults to `"learned"`.

    Example:
        >>> head = Gaussian(scale=1.0)
        >>> normal = head(tf.zeros([2, 3]), rank=1)
        >>> float(normal.stddev()[0, 0])
        1.0

    Reference: Kingma, Welling, 2014. Auto-Encoding Variational Bayes,
        appendix C.2. https://arxiv.org/abs/1312.6114
    """

    floor = 1e-5  # keeps the density bounded where data are constant

    def __init__(self, scale: str | float = "learned", **kwargs: Any):
        super().__init__(**kwargs)
        if isinstance(scale, str):
            validation.check_in("scale", scale, ("learned", "shared"))
        else:
            scale = validation.check_number("scale", scale, 0, open_low=True)
        self.scale = scale
        self.parts = 2 if scale == "learned" else 1

    def build(self, input_shape: Any) -> None:
        """Make the shared deviation, if it is one; it starts at 1."""
        del input_shape  # one number whatever the event's shape
        if self.scale == "shared":
            self.raw_scale = self.add_weight(
                shape=(),
                initializer=keras.initializers.Constant(UNIT_SCALE),
                dtype="float32",
                name="raw_scale",
            )

    def distribution(
        self, loc: tf.Tensor, raw: tf.Tensor | None = None
    ) -> tfd.Distribution:
        """See `BaseHead.distribution`."""
        if isinstance(self.scale, float):
            return draws.Normal(loc, self.scale)
        if self.scale == "shared":
            raw = tf.convert_to_tensor(self.raw_scale)
        return draws.Normal(loc, tf.nn.softplus(raw) + self.floor)


@registry.register("bernoulli")
class Bernoulli(BaseHead):
    """Independent bits by their logits; the mean is the sigmoid.

    The negative log-likelihood is the binary cross-entropy, also of grey
    levels in [0, 1] (then no longer the logarithm of a probability).
    """

    def distribution(self, logits: tf.Tensor) -> tfd.Distribution:
        """See `BaseHead.distribution`."""
        return densities.Bernoulli(logits=logits, dtype=tf.float32)

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
            tf.math.l2_normalize(direction, axis=-1),
            tf.nn.softplus(raw[..., 0]) + self.floor,
        )


def get(identifier: str | dict | BaseHead) -> BaseHead:
    """A head by name, by `{name: arguments}`, or itself.

    Example:
        >>> get({"gaussian": {"scale": 0.5}}).scale
        0.5
    """
    return registry.part(BaseHead, identifier)
