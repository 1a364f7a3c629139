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
