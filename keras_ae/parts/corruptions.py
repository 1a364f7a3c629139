"""Corruptions C(x~ | x): what a denoising autoencoder has to undo."""

import abc

import tensorflow as tf

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.config import AutoConfig
from keras_ae.math import draws


class BaseCorruption(AutoConfig, abc.ABC):
    """Random damage to examples, drawn from a seed that is passed in."""

    kind = "corruption"

    @abc.abstractmethod
    def corrupt(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """A draw of C(x~ | x).

        Args:
            x: Values of any shape, float32.
            seed: int32 `[2]`, or that of rows, see `draws.RowSeed`; the same
                seed gives the same damage.

        Returns:
            x~, shape of `x`.
        """


@registry.register("gaussian_noise")
class GaussianNoise(BaseCorruption):
    """Adds independent normal noise to every value.

    Formula:
        x~ = x + stddev * eps,  eps ~ N(0, I)

    Args:
        stddev: Positive deviation of the noise. Defaults to 0.3.

    Example:
        >>> noisy = GaussianNoise(0.1).corrupt(tf.zeros([2, 3]), seed=[0, 0])
        >>> noisy.shape
        TensorShape([2, 3])
    """

    def __init__(self, stddev: float = 0.3):
        self.stddev = validation.check_number(
            "stddev", stddev, 0, open_low=True
        )

    def corrupt(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """See `BaseCorruption.corrupt`."""
        return draws.Normal(x, self.stddev).sample(seed=seed)


@registry.register("noise_levels")
class NoiseLevels(BaseCorruption):
    """Adds normal noise to every value, much to some examples and little to
    others: their deviations are spread evenly over orders of magnitude. A
    model that removes any of it generates by `DenoisingAutoencoder.anneal`.

    Formula:
        x~ = x + sigma * eps,  eps ~ N(0, I)
        log sigma ~ U(log low, log high), one for each example

    Args:
        low: Least deviation, positive. Defaults to 0.05.
        high: Largest, above `low`. Defaults to 1.

    Example:
        >>> levels = NoiseLevels(0.1, 10.0)
        >>> levels.corrupt(tf.zeros([2, 3]), seed=[0, 0]).shape
        TensorShape([2, 3])

    Reference: Song, Ermon, 2019. Generative Modeling by Estimating Gradients
        of the Data Distribution. NeurIPS. https://arxiv.org/abs/1907.05600
    """

    def __init__(self, low: float = 0.05, high: float = 1.0):
        self.low = validation.check_number("low", low, 0, open_low=True)
        self.high = validation.check_number(
            "high", high, self.low, open_low=True
        )

    def corrupt(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """See `BaseCorruption.corrupt`; examples are rows of the last axis of
        a batch."""
        which, noise = draws.split(seed, 2)
        by_rows = isinstance(seed, draws.RowSeed)
        batch = len(x.shape) + seed.axis + 1 if by_rows else 1
        rest = [1] * (len(x.shape) - batch)
        each = tf.concat([tf.shape(x)[:batch], tf.constant(rest, tf.int32)], 0)
        u = draws.uniform(each, which)
        sigma = self.low * (self.high / self.low) ** u
        return x + sigma * draws.normal(tf.shape(x), noise)


@registry.register("masking")
class Masking(BaseCorruption):
    """Sets values to zero, each with probability `rate`.

    Args:
        rate: Probability in [0, 1]. Defaults to 0.25.

    Example:
        >>> float(Masking(1.0).corrupt(tf.ones([1]), seed=[0, 0])[0])
        0.0

    Reference: Vincent, Larochelle, Bengio, Manzagol, 2008. Extracting and
        Composing Robust Features with Denoising Autoencoders. ICML.
    """

    def __init__(self, rate: float = 0.25):
        self.rate = validation.check_number("rate", rate, 0, 1)

    def corrupt(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """See `BaseCorruption.corrupt`."""
        u = draws.uniform(tf.shape(x), seed)
        return tf.where(u < self.rate, tf.zeros_like(x), x)


@registry.register("salt_and_pepper")
class SaltAndPepper(BaseCorruption):
    """Sets values to `low` or `high`, each with probability `rate / 2`.

    Args:
        rate: Probability in [0, 1] that a value is replaced. Defaults to
            0.25.
        low: Pepper. Defaults to 0.
        high: Salt, above `low`. Defaults to 1.

    Example:
        >>> salted = SaltAndPepper(1.0).corrupt(tf.fill([99], 0.5), [0, 0])
        >>> sorted(set(salted.numpy().tolist()))
        [0.0, 1.0]

    Reference: Vincent et al., 2010. Stacked Denoising Autoencoders. JMLR 11,
        section 4.1.
    """

    def __init__(self, rate: float = 0.25, low: float = 0.0, high: float = 1.0):
        self.rate = validation.check_number("rate", rate, 0, 1)
        self.low = validation.check_number("low", low)
        self.high = validation.check_number(
            "high", high, self.low, open_low=True
        )

    def corrupt(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """See `BaseCorruption.corrupt`."""
        u = draws.uniform(tf.shape(x), seed)
        grains = tf.where(u < self.rate / 2, self.low, self.high)
        return tf.where(u < self.rate, grains, x)


def get(identifier: str | dict | BaseCorruption) -> BaseCorruption:
    """A corruption by name, by `{name: arguments}`, or itself.

    Raises:
        ValueError: If the name is unknown.
        TypeError: If it is none of the three.
    """
    return registry.part(BaseCorruption, identifier)
