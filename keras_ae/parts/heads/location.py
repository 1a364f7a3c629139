"""Heads of a location and a scale."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.types import Shape
from keras_ae.math import draws
from keras_ae.parts.heads.base import BaseHead

tfd = tfp.distributions

UNIT_SCALE = math.log(math.expm1(1.0))  # its softplus is 1


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
