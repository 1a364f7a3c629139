"""Distributions of whole numbers that TFP lacks, or has in another form."""

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.math import draws

tfd = tfp.distributions
tfm = tfp.math
properties = tfp.util.ParameterProperties

_LARGE = 20.0  # from here on softplus is its argument, or 0


class _Scalar(tfd.Distribution):
    """A distribution of single numbers whose draws have no gradient.

    Args:
        dtype: Of the numbers.
        parameters: Arguments of the subclass, by which TFP slices it.
    """

    def __init__(self, dtype: tf.DType, parameters: dict[str, Any]):
        super().__init__(
            dtype=dtype,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=type(self).__name__,
        )

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape([])

    def _event_shape_tensor(self) -> tf.Tensor:
        return tf.constant([], tf.int32)


class DiscretizedLogistic(_Scalar):
    """Levels in [0, 1]: a logistic distribution cut into equal bins.

    Formula:
        p(k) = sigmoid(b) - sigmoid(a)

        where a and b are the ends of bin k, standardized; the end bins are
        open.

    Args:
        loc: Locations, in units of [0, 1].
        scale: Scales in the same units, positive.
        levels: Number of levels, k / (levels - 1).

    Example:
        >>> d = DiscretizedLogistic(0.0, 0.1, levels=2)
        >>> round(float(d.prob(0.0)), 5) == round(float(tf.sigmoid(5.0)), 5)
        True
    """

    def __init__(self, loc: tf.Tensor, scale: tf.Tensor, levels: int):
        parameters = dict(locals())
        self.loc = tf.convert_to_tensor(loc)
        self.scale = tf.convert_to_tensor(scale)
        self.levels = levels
        super().__init__(self.loc.dtype, parameters)

    @classmethod
    def _parameter_properties(cls, dtype: Any, num_classes: Any = None) -> dict:
        return {
            "loc": properties(),
            "scale": properties(),
            "levels": properties(
                event_ndims=None, shape_fn=None, specifies_shape=False
            ),
        }

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        top = self.levels - 1
        x = tf.round(x * top) / top
        half = 0.5 / top
        low = (x - half - self.loc) / self.scale
        high = (x + half - self.loc) / self.scale
        inside = _log_interval(low, high, 2 * half / self.scale)
        open_end = tf.where(
            x <= half,
            tf.math.log_sigmoid(high),
            tf.math.log_sigmoid(-low),
        )
        return tf.where((x > half) & (x < 1 - half), inside, open_end)

    def _sample_n(self, n: tf.Tensor, seed: Any = None) -> tf.Tensor:
        logistic = tfd.Logistic(self.loc, self.scale)
        top = self.levels - 1
        values = tf.clip_by_value(logistic.sample(n, seed=seed), 0.0, 1.0)
        return tf.round(values * top) / top

    def _mean(self) -> tf.Tensor:
        # That of the logistic, clipped to [0, 1]: the integral over [0, 1] of
        # sigmoid((loc - t) / scale), scale times a difference of softplus.
        above = self.loc / self.scale
        width = 1 / self.scale
        below = above - width
        wide = tf.math.log1p(
            tf.sigmoid(below) * tf.math.expm1(tf.minimum(width, _LARGE))
        )
        narrow = tf.nn.softplus(above) - tf.nn.softplus(below)
        return self.scale * tf.where(width < _LARGE, wide, narrow)

    def _mode(self) -> tf.Tensor:
        top = self.levels - 1
        return tf.round(tf.clip_by_value(self.loc, 0.0, 1.0) * top) / top


def graded(cutpoints: tf.Tensor, place: tf.Tensor) -> tfd.FiniteDiscrete:
    """Grades 0, 1, ... by a place on a line that cutpoints divide.

    Formula:
        P(x <= k) = sigmoid(cutpoint_k - place)

    Args:
        cutpoints: Ascending, `[K - 1]`.
        place: `[...]`.

    Example:
        >>> grades = graded(tf.constant([-1.0, 1.0]), tf.zeros([1]))
        >>> round(float(grades.mean()[0]), 5)
        1.0

    Reference: McCullagh, 1980. Regression models for ordinal data. Journal of
        the Royal Statistical Society B 42.
    """
    above = cutpoints - place[..., None]
    between = _log_interval(
        above[..., :-1], above[..., 1:], cutpoints[1:] - cutpoints[:-1]
    )
    logits = tf.concat(
        [
            tf.math.log_sigmoid(above[..., :1]),
            between,
            tf.math.log_sigmoid(-above[..., -1:]),
        ],
        axis=-1,
    )
    grades = tf.range(logits.shape[-1], dtype=logits.dtype)
    return tfd.FiniteDiscrete(grades, logits=logits)


def _log_interval(
    low: tf.Tensor, high: tf.Tensor, width: tf.Tensor
) -> tf.Tensor:
    """log(sigmoid(high) - sigmoid(low)), `width` being high - low.

    Formula:
        sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(a - b))

    No difference of near numbers is taken: the logarithm is finite and
    precise however narrow or far away the interval.
    """
    tiny = 1e-3  # below, log(1 - exp(-w)) is log(w) - w / 2 to the last bit
    wide = tfm.log1mexp(tf.maximum(width, tiny))
    narrow = tf.math.log(tf.minimum(width, tiny)) - width / 2
    return (
        tf.math.log_sigmoid(high)
        + tf.math.log_sigmoid(-low)
        + tf.where(width > tiny, wide, narrow)
    )


class Multinomial(tfd.Multinomial):
    """`tfd.Multinomial` whose log-probability is given the total of the
    counts that are scored; the distribution's own is that of draws.

    Example:
        >>> words = Multinomial(1.0, logits=tf.zeros([1, 2]))
        >>> float(words.prob([[1.0, 1.0]])[0])
        0.5
    """

    def _log_prob(self, counts: tf.Tensor) -> tf.Tensor:
        logits = tf.math.log_softmax(self.logits)
        ways = tf.math.lgamma(1 + tf.reduce_sum(counts, axis=-1))
        ways -= tf.reduce_sum(tf.math.lgamma(1 + counts), axis=-1)
        return ways + tf.reduce_sum(
            tf.math.multiply_no_nan(logits, counts), axis=-1
        )


class ZeroInflated(_Scalar):
    """Whole numbers, some of which were lost and read 0.

    Not `tfd.Inflated`, whose logits are half those of the probability.

    Formula:
        p(0) = s + (1 - s) p'(0),  p(k) = (1 - s) p'(k),  s = sigmoid(logits)

    Args:
        distribution: p', of whole numbers from 0.
        logits: Of the share that is lost.

    Example:
        >>> d = ZeroInflated(tfd.Poisson(1.0), tf.constant(0.0))
        >>> float(d.mean())
        0.5
    """

    def __init__(self, distribution: tfd.Distribution, logits: tf.Tensor):
        parameters = dict(locals())
        self.distribution = distribution
        self.logits = tf.convert_to_tensor(logits)
        super().__init__(distribution.dtype, parameters)

    @classmethod
    def _parameter_properties(cls, dtype: Any, num_classes: Any = None) -> dict:
        return {
            "distribution": tfp.util.BatchedComponentProperties(),
            "logits": properties(),
        }

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        kept = tf.math.log_sigmoid(-self.logits)
        kept += self.distribution.log_prob(x)
        zero = tfm.log_add_exp(tf.math.log_sigmoid(self.logits), kept)
        return tf.where(x == 0, zero, kept)

    def _sample_n(self, n: tf.Tensor, seed: Any = None) -> tf.Tensor:
        seeds = draws.split(seed, 2)
        values = self.distribution.sample(n, seed=seeds[0])
        lost = tfd.Bernoulli(logits=self.logits, dtype=tf.bool)
        return tf.where(lost.sample(n, seed=seeds[1]), 0.0, values)

    def _mean(self) -> tf.Tensor:
        return tf.sigmoid(-self.logits) * self.distribution.mean()

    def _variance(self) -> tf.Tensor:
        kept, mean = tf.sigmoid(-self.logits), self.distribution.mean()
        within = self.distribution.variance()
        return kept * (within + tf.sigmoid(self.logits) * mean**2)
