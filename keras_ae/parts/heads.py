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
from keras_ae.core.types import Shape
from keras_ae.math import densities
from keras_ae.math import draws
from keras_ae.math import spherical

tfd = tfp.distributions

UNIT_SCALE = math.log(math.expm1(1.0))  # its softplus is 1
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
    #: In words, which values can be; empty where any finite number can.
    support = ""
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

    def inside(self, value: tf.Tensor) -> tf.Tensor:
        """Which values of `[B, ...]` lie in the support, bool; NaN does. As
        `check_support`, in a graph."""
        return tf.ones_like(value, tf.bool)

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
        return {0: mean} if self.activation in (None, "linear") else {}


@registry.register("gaussian")
class Gaussian(BaseHead):
    """Independent normals; the deviation learned, shared or fixed.

    With a fixed scale of 1 the negative log-likelihood is half the squared
    error plus a constant. Learned deviations pass through softplus.

    Formula:
        start = sqrt(mean of (x - mean(x))**2 + mean of (f(z) - mean(x))**2)

        for `start="data"`: the mean square, over rows x and values, of the
        error of an untrained decoder f at codes z ~ N(0, I) that know nothing
        of x. Of all deviations shared by the values it is the most likely:
        the derivative of n log(s) + S / (2 s**2) in s, where S is the sum of
        n squared errors, is 0 at s**2 = S / n.

    Which start is for what, as benchmarks/scale_start.py found for a shared
    deviation on two sets of images and a standardized table. None: longer
    trainings (there 4,000 to 6,000 steps), whose samples are as good as any.
    `"data"`: short ones (1,000 steps), where bound, error and samples of
    images are far better; after the long ones the bound is better on one set
    of images and worse on the other, and the table does not mind. A number
    well below the deviation of the data, 0.1: the best reconstructions, at
    the price of samples (most on the table) and, on the smallest set, of
    overfitting.

    Args:
        scale: `"learned"`: one deviation for each value, from the network.
            `"shared"`: one learned number for all values. A positive float:
            fixed. Defaults to `"learned"`.
        start: Where a deviation that is learned starts: a float, in units of
            the data; or `"data"`, set by `adapt`, before which it is as for
            None. Defaults to None: 1 for `"shared"`, log(2), the softplus of
            0, for `"learned"`.

    Raises:
        ValueError: If a number is not positive, a name unknown, or there is a
            start for a fixed scale.
        TypeError: If one is neither a number nor a name.

    Example:
        >>> head = Gaussian(scale=1.0)
        >>> normal = head(tf.zeros([2, 3]), rank=1)
        >>> float(normal.stddev()[0, 0])
        1.0
        >>> head = Gaussian("shared", start=0.1)
        >>> head.build((None, 3))
        >>> round(float(head.monitors()["scale"]), 6)
        0.1

    Reference: Kingma, Welling, 2014. Auto-Encoding Variational Bayes,
        appendix C.2. https://arxiv.org/abs/1312.6114
    """

    floor = 1e-5  # keeps the density bounded where data are constant

    def __init__(
        self,
        scale: str | float = "learned",
        start: str | float | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if isinstance(scale, str):
            validation.check_in("scale", scale, ("learned", "shared"))
        else:
            scale = validation.check_number("scale", scale, 0, open_low=True)
            if start is not None:
                expected = "None for a scale that is fixed"
                raise ValueError(validation.invalid("start", expected, start))
        if isinstance(start, str):
            validation.check_in("start", start, ("data",))
        elif start is not None:
            start = validation.check_number(
                "start", start, self.floor, open_low=True
            )
        self.scale = scale
        self.start = start
        self.parts = 2 if scale == "learned" else 1

    def build(self, input_shape: Shape) -> None:
        """Make the shared deviation, if it is one."""
        del input_shape  # one number whatever the event's shape
        if self.scale == "shared":
            number = isinstance(self.start, float)
            start = self._raw(self.start) if number else UNIT_SCALE
            self.raw_scale = self.add_weight(
                shape=(),
                initializer=keras.initializers.Constant(start),
                dtype="float32",
                name="raw_scale",
            )

    def _raw(self, scale: float) -> float:
        """The number that becomes a deviation, of at least 10 floors."""
        scale = max(scale, 10 * self.floor) - self.floor
        return scale + math.log(-math.expm1(-scale))  # softplus's inverse

    def starts(self) -> dict[int, float]:
        """See `BaseHead.starts`."""
        number = isinstance(self.start, float)
        learned = self.scale == "learned" and number
        return {1: self._raw(self.start)} if learned else {}

    def start_from(
        self, mean: np.ndarray, variance: np.ndarray
    ) -> dict[int, np.ndarray]:
        """See `BaseHead.start_from`.

        Where a learned deviation starts at a number, the mean stays too. While
        the deviation is far wider than the data, a decoder that says their
        mean has little to gain from its code, and may leave it unused.
        Deviations of their own start from one number as a shared one does:
        those of values that are constant in the rows would start at 0.
        """
        if isinstance(self.scale, float):
            return {0: mean}
        if self.start != "data":
            return {}
        raw = self._raw(math.sqrt(np.mean(variance)))
        if self.scale == "learned":
            return {0: mean, 1: np.full_like(mean, raw)}
        self.raw_scale.assign(raw)
        return {0: mean}

    def monitors(self) -> dict[str, tf.Tensor]:
        """`scale`: the shared deviation, in units of the data."""
        if self.scale != "shared":
            return {}
        raw = tf.convert_to_tensor(self.raw_scale)
        return {"scale": tf.nn.softplus(raw) + self.floor}

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

    support = "values in [0, 1]"

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

    def inside(self, value: tf.Tensor) -> tf.Tensor:
        """See `BaseHead.inside`."""
        return ~((value < 0) | (value > 1))

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

    support = "one-hot vectors along the last axis"

    def distribution(self, logits: tf.Tensor) -> tfd.Distribution:
        """See `BaseHead.distribution`."""
        return tfd.OneHotCategorical(logits=logits, dtype=tf.float32)

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
            _softplus(raw[..., 0]) + self.floor,
        )


def _softplus(x: tf.Tensor) -> tf.Tensor:
    """`tf.nn.softplus`, to the last bit, that LiteRT does not make infinite.

    LiteRT takes the logarithm of 1 + exp(x), which overflows from 89 on;
    concentrations of thousands are common. From 20 on softplus is x.
    """
    large = 20.0
    return tf.where(x > large, x, tf.nn.softplus(tf.minimum(x, large)))


def get(identifier: str | dict | BaseHead) -> BaseHead:
    """A head by name, by `{name: arguments}`, or itself.

    Example:
        >>> get({"gaussian": {"scale": 0.5}}).scale
        0.5
    """
    return registry.part(BaseHead, identifier)
