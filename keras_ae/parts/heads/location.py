"""Heads of a location and a scale."""

import abc
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
from keras_ae.parts.heads.base import Range

tfd = tfp.distributions

UNIT_SCALE = math.log(math.expm1(1.0))  # its softplus is 1
TINY = float(np.finfo(np.float32).tiny)


class BaseLocationScale(BaseHead):
    """A location for each value; the scale learned, shared or fixed.

    Learned scales pass through softplus.

    Args:
        scale: `"learned"`: one scale for each value, from the network.
            `"shared"`: one learned number for all values. A positive float:
            fixed. Defaults to `"learned"`.
        start: Where a scale that is learned starts, see `Gaussian`: a float,
            in units of the data; or `"data"`, set by `adapt`, before which it
            is as for None. Defaults to None: 1 for `"shared"`, log(2), the
            softplus of 0, for `"learned"`.

    Raises:
        ValueError: If a number is not positive, a name unknown, or there is a
            start for a fixed scale.
        TypeError: If one is neither a number nor a name.
    """

    floor = 1e-5  # keeps the density bounded where data are constant
    deviation = 1.0  # standard deviation where the scale is 1

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
            # The limits of single precision.
            scale = validation.check_number("scale", scale, 1e-37, 1e37)
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
        """Make the shared scale, if it is one."""
        del input_shape  # one number whatever the event's shape
        if self.scale == "shared":
            number = isinstance(self.start, float)
            start = float(self._raw(self.start)) if number else UNIT_SCALE
            self.raw_scale = self.add_weight(
                shape=(),
                initializer=keras.initializers.Constant(start),
                dtype="float32",
                name="raw_scale",
            )

    def _raw(self, scale: float | np.ndarray) -> np.float64 | np.ndarray:
        """The number that becomes a scale, of at least 10 floors."""
        scale = np.maximum(scale, 10 * self.floor) - self.floor
        return scale + np.log(-np.expm1(-scale))  # softplus's inverse

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
        deviation = math.sqrt(np.mean(variance))
        raw = self._raw(deviation / self.deviation)
        if self.scale == "learned":
            return {0: mean, 1: np.full_like(mean, raw)}
        self.raw_scale.assign(raw)
        return {0: mean}

    def of_deviation(
        self, deviation: float | np.ndarray
    ) -> dict[int, np.ndarray]:
        """See `BaseHead.of_deviation`; a start that is a number stays."""
        known = isinstance(self.start, float)
        scale = self.start if known else deviation / self.deviation
        if self.scale == "learned":
            return {1: self._raw(scale)}
        if self.scale == "shared":
            self.raw_scale.assign(self._raw(scale))
        return {}

    def monitors(self) -> dict[str, tf.Tensor]:
        """`scale`: the shared one, in units of the data."""
        if self.scale != "shared":
            return {}
        raw = tf.convert_to_tensor(self.raw_scale)
        return {"scale": tf.nn.softplus(raw) + self.floor}

    def distribution(
        self, loc: tf.Tensor, raw: tf.Tensor | None = None
    ) -> tfd.Distribution:
        """See `BaseHead.distribution`."""
        return self.family(loc, self.scales(raw))

    def scales(self, raw: tf.Tensor | None = None) -> tf.Tensor:
        """The scale, from the network's numbers where each value has one."""
        if isinstance(self.scale, float):
            return tf.constant(self.scale)
        if self.scale == "shared":
            raw = tf.convert_to_tensor(self.raw_scale)
        return tf.nn.softplus(raw) + self.floor

    @abc.abstractmethod
    def family(self, loc: tf.Tensor, scale: tf.Tensor) -> tfd.Distribution:
        """The distribution of a location and a scale, float32."""


@registry.register("gaussian")
class Gaussian(BaseLocationScale):
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

    #: Deviations from zero whose squares, 1e32, add up over a million values
    #: to a number of single precision.
    farthest = 1e16

    def family(self, loc: tf.Tensor, scale: tf.Tensor) -> tfd.Distribution:
        """See `BaseLocationScale.family`."""
        return draws.Normal(loc, scale)

    def check_support(self, name: str, value: np.ndarray) -> None:
        """Any number whose density is one: at most 1e16 deviations from 0."""
        fixed = isinstance(self.scale, float)
        scale = self.scale if fixed else self.floor
        low = float(np.fmin.reduce(value, axis=None))
        high = float(np.fmax.reduce(value, axis=None))
        if max(-low, high) > self.farthest * scale:
            largest = self.farthest * scale
            raise ValueError(
                f"The density of `{name}` under a Gaussian likelihood of "
                f"deviation {scale:g} leaves single precision. Expected "
                f"values in [{-largest:g}, {largest:g}]. Received: values in "
                f"[{low:g}, {high:g}]. Standardize the data, or use a larger "
                "scale."
            )


@registry.register("laplace")
class Laplace(BaseLocationScale):
    """Independent Laplace distributions: errors count by their size.

    With a fixed scale of 1 the negative log-likelihood is the absolute error
    plus log(2); the location is the median. Arguments: see `Gaussian`.

    Example:
        >>> laplace = Laplace(scale=1.0)(tf.zeros([1, 1]), rank=1)
        >>> round(float(laplace.log_prob([[3.0]])[0] + 3 + np.log(2)), 5)
        0.0
    """

    deviation = math.sqrt(2)

    def family(self, loc: tf.Tensor, scale: tf.Tensor) -> tfd.Distribution:
        """See `BaseLocationScale.family`."""
        return draws.Laplace(loc, scale)


@registry.register("student_t")
class StudentT(BaseLocationScale):
    """Independent Student-t distributions: outliers cost a logarithm.

    Args:
        df: Degrees of freedom, above 2: a positive float, fixed;
            `"learned"`, one number for all values that starts at 5; or
            `"each"`, one for each value, from the network, above 3, so that
            three moments exist whatever it says. Defaults to `"learned"`.
        Other arguments: see `Gaussian`; the scale is not the deviation, which
            is `scale * sqrt(df / (df - 2))`.

    Raises:
        ValueError: If `df` is not above 2 or an unknown name.

    Example:
        >>> t = StudentT(df=4.0, scale=1.0)(tf.zeros([1, 1]), rank=1)
        >>> round(float(t.stddev()[0, 0]) ** 2, 5)
        2.0

    Reference: Takahashi, Iwata, Yamanaka, Yamada, Yagi, 2018. Student-t
        Variational Autoencoder for Robust Density Estimation. IJCAI. `"each"`:
        Mattei, Frellsen, 2019. MIWAE, appendix.
        https://arxiv.org/abs/1812.02633
    """

    least = 2.0  # below it there is no variance
    least_each = 3.0
    first = 5.0

    def __init__(
        self,
        scale: str | float = "learned",
        start: str | float | None = None,
        df: str | float = "learned",
        **kwargs: Any,
    ):
        super().__init__(scale, start, **kwargs)
        if isinstance(df, str):
            validation.check_in("df", df, ("learned", "each"))
        else:
            df = validation.check_number("df", df, self.least, open_low=True)
        self.df = df
        self.parts += df == "each"
        freedom = self.first if isinstance(df, str) else df
        self.deviation = math.sqrt(freedom / (freedom - self.least))

    def build(self, input_shape: Shape) -> None:
        """Make what all values share."""
        super().build(input_shape)
        if self.df == "learned":
            start = math.log(math.expm1(self.first - self.least))
            self.raw_df = self.add_weight(
                shape=(),
                initializer=keras.initializers.Constant(start),
                dtype="float32",
                name="raw_df",
            )

    def starts(self) -> dict[int, float]:
        """See `BaseHead.starts`."""
        if self.df != "each":
            return super().starts()
        raw = math.log(math.expm1(self.first - self.least_each))
        return super().starts() | {self.parts - 1: raw}

    def distribution(self, loc: tf.Tensor, *raw: tf.Tensor) -> tfd.Distribution:
        """See `BaseHead.distribution`."""
        if self.df != "each":
            return super().distribution(loc, *raw)
        *raw, free = raw
        df = self.least_each + tf.nn.softplus(free)
        return draws.StudentT(df, loc, self.scales(*raw))

    def family(self, loc: tf.Tensor, scale: tf.Tensor) -> tfd.Distribution:
        """See `BaseLocationScale.family`."""
        df = self._shared_df() if self.df == "learned" else self.df
        return draws.StudentT(df, loc, scale)

    def monitors(self) -> dict[str, tf.Tensor]:
        """`df`: learned degrees of freedom; and a shared scale."""
        if self.df != "learned":
            return super().monitors()
        return super().monitors() | {"df": self._shared_df()}

    def _shared_df(self) -> tf.Tensor:
        raw = tf.convert_to_tensor(self.raw_df)
        return self.least + tf.nn.softplus(raw) + self.floor


@registry.register("log_normal")
class LogNormal(BaseLocationScale):
    """Independent log-normal distributions: positive values whose logarithm
    is normal.

    Location and scale are those of the logarithm, so that the density of a
    value that is a thousand times larger is wider by as much. Arguments: see
    `Gaussian`, in units of the logarithm.

    Formula:
        start = sqrt(mean of log(1 + variance / mean**2) + mean of f(z)**2)

        for `start="data"`, and the bias log(mean) - scale**2 / 2: the moments
        of the data, and how far an untrained decoder f strays from its bias.

    Example:
        >>> head = LogNormal(scale=0.5)(tf.math.log([[3.0]]), rank=1)
        >>> round(float(head.mean()[0, 0]), 4)  # 3 exp(0.5**2 / 2)
        3.3994
    """

    range = Range("log-normal", "positive values", low=0, open_low=True)
    of_deviation = BaseHead.of_deviation  # the location is that of logarithms

    def in_own_units(
        self, mean: np.ndarray, variance: np.ndarray
    ) -> np.ndarray:
        """See `BaseHead.in_own_units`; of the logarithm."""
        return np.log1p(variance / np.maximum(mean, TINY) ** 2)

    def start_from(
        self, mean: np.ndarray, variance: np.ndarray
    ) -> dict[int, np.ndarray]:
        """See `BaseHead.start_from`."""
        fixed = isinstance(self.scale, float)
        square = self.scale**2 if fixed else np.mean(variance)
        loc = np.log(np.maximum(mean, TINY)) - square / 2
        return super().start_from(loc, variance)

    def family(self, loc: tf.Tensor, scale: tf.Tensor) -> tfd.Distribution:
        """See `BaseLocationScale.family`."""
        return tfd.LogNormal(loc, scale)
