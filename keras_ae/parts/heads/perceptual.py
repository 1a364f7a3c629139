"""Heads that compare what is seen, not numbers: no likelihoods."""

import abc
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.types import Shape
from keras_ae.math import perceptual
from keras_ae.parts.heads.base import BaseHead
from keras_ae.parts.heads.base import Range
from keras_ae.parts.heads.categories import Bernoulli


class BasePerceptual(BaseHead):
    """A cost in nats in the place of -log p(x|z), of a decoded example.

    The term `reconstruction` is that cost. It is the negative logarithm of no
    density: the constant is not known, so that bounds are bounds on nothing,
    and `evaluation.log_likelihood` refuses. Scores rank examples as ever.

    Args:
        activation: `"sigmoid"`: examples lie in [0, 1]. None: they are any
            numbers. Defaults to `"sigmoid"`.
    """

    normalized = False
    holes = False

    def __init__(self, activation: str | None = "sigmoid", **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = validation.check_in(
            "activation", activation, ("sigmoid", None)
        )
        if activation is not None:
            words = "values in [0, 1]"
            self.range = Range("perceptual", words, 0, 1)

    @abc.abstractmethod
    def cost(self, x: tf.Tensor, decoded: tf.Tensor) -> tf.Tensor:
        """Nats, `[N]`, of examples and what was decoded in their place, both
        `[N, ...]`."""

    def call(
        self, *parts: tf.Tensor, rank: int, exposure: tf.Tensor | None = None
    ) -> perceptual.Energy:
        """See `BaseHead.call`; of examples as a whole."""
        del exposure
        function = keras.activations.get(self.activation)
        return perceptual.Energy(function(parts[0]), rank, self.cost)

    def distribution(self, *parts: tf.Tensor) -> perceptual.Energy:
        """See `BaseHead.distribution`."""
        return self.call(*parts, rank=len(parts[0].shape) - 1)

    def start_from(
        self, mean: np.ndarray, variance: np.ndarray
    ) -> dict[int, np.ndarray]:
        """See `BaseHead.start_from`."""
        if self.activation is None:
            return {0: mean}
        return Bernoulli.start_from(self, mean, variance)


@registry.register("ms_ssim")
class MSSSIM(BasePerceptual):
    """Images that look alike: structure counts, at several scales.

    A small shift of brightness or contrast costs little, a lost edge much,
    where a Gaussian likelihood minds both alike, and blurs. A reconstruction
    term, no likelihood: see `BasePerceptual`.

    As many scales as images have room for, at most five: a side of 11 pixels
    has one, 22 two, 44 three, 88 four, 176 five.

    Formula:
        cost = strength * (1 - MS-SSIM(x, sigmoid(decoded)))

    Args:
        strength: Nats of an image that has nothing in common with the decoded
            one. Defaults to None, the number of its values.

    Raises:
        ValueError: If `strength` is not positive; when it is built, if
            examples are no images, or have a side below 11 pixels.

    Example:
        >>> images = keras_ae.spaces.Image(16, 16)
        >>> vae = keras_ae.VAE.create(images, 2, likelihood="ms_ssim")
        >>> x = np.random.default_rng(0).random([3, 16, 16, 1])
        >>> bool((vae.score_samples(x) > -2 * 16**2).all())
        True

    Reference: Snell et al., 2017. Learning to Generate Images with Perceptual
        Similarity Metrics. ICIP. https://arxiv.org/abs/1511.06409. Wang,
        Simoncelli, Bovik, 2003. Multiscale Structural Similarity for Image
        Quality Assessment.
    """

    fixed = ("activation",)

    def __init__(self, strength: float | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if strength is not None:
            strength = validation.check_number(
                "strength", strength, 0, open_low=True
            )
        self.strength = strength

    def build(self, input_shape: Shape) -> None:
        """See that there is room for a scale."""
        shape = tuple(input_shape[1:])
        if len(shape) != 3 or not perceptual.most_levels(*shape[:2]):
            expected = (
                "images (height, width, channels) of at least "
                f"{perceptual.WINDOW} pixels a side, for 'ms_ssim'"
            )
            raise ValueError(validation.invalid("event_shape", expected, shape))

    def cost(self, x: tf.Tensor, decoded: tf.Tensor) -> tf.Tensor:
        """See `BasePerceptual.cost`."""
        _, height, width, channels = decoded.shape
        levels = perceptual.most_levels(height, width)
        strength = self.strength or float(height * width * channels)
        return strength * (1 - perceptual.ms_ssim(x, decoded, levels))


@registry.register("features")
class Features(BasePerceptual):
    """Examples that a given network sees alike.

    Errors count as far as the features of a network change by them: the
    layers of a classifier of images, for example. The network is not trained.
    With `VAEGAN` one is learned beside. A reconstruction term, no likelihood:
    see `BasePerceptual`; the half of a squared distance is -log N(f(x);
    f(decoded), I) of features, but for a constant.

    Formula:
        cost = strength * sum_i (f_i(x) - f_i(decoded))**2

    Args:
        network: Keras model of examples `[B, ...]`, whose outputs, one or
            several, are the features. What it expects of pixels, such as a
            mean to subtract, is its own first layer. It is made untrainable.
        strength: Nats of a squared distance of 1. Defaults to 0.5.
        activation: See `BasePerceptual`.

    Raises:
        TypeError: If the network is no Keras layer.
        ValueError: If `strength` is not positive, or `activation` unknown;
            when it is built, if the network does not take such examples.

    Example:
        >>> network = keras.Sequential(
        ...     [keras.layers.Conv2D(4, 3), keras.layers.Flatten()]
        ... )
        >>> head = keras_ae.heads.Features(network)
        >>> vae = keras_ae.VAE.create((8, 8, 1), 2, likelihood=head)
        >>> vae.score_samples(np.zeros([3, 8, 8, 1])).shape
        (3,)

    Reference: Hou, Shen, Sun, Qiu, 2017. Deep Feature Consistent Variational
        Autoencoder. WACV. https://arxiv.org/abs/1610.00291
    """

    def __init__(
        self,
        network: keras.Layer,
        strength: float = 0.5,
        activation: str | None = "sigmoid",
        **kwargs: Any,
    ):
        super().__init__(activation, **kwargs)
        self.network = validation.check_type("network", network, keras.Layer)
        self.network.trainable = False
        self.strength = validation.check_number(
            "strength", strength, 0, open_low=True
        )

    def build(self, input_shape: Shape) -> None:
        """Build the network."""
        if not self.network.built:
            self.network.build(input_shape)
        self.network.compute_output_shape(input_shape)  # it fits, or raises

    def cost(self, x: tf.Tensor, decoded: tf.Tensor) -> tf.Tensor:
        """See `BasePerceptual.cost`."""
        squares = [
            tf.reduce_sum((a - b) ** 2, axis=range(1, len(a.shape)))
            for a, b in zip(self.seen(x), self.seen(decoded), strict=True)
        ]
        return self.strength * tf.add_n(squares)

    def seen(self, x: tf.Tensor) -> list[tf.Tensor]:
        """The features of examples `[N, ...]`, in single precision."""
        found = keras.tree.flatten(self.network(x, training=False))
        return [tf.cast(features, tf.float32) for features in found]
