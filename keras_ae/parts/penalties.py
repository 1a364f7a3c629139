"""Penalties on a decoder: what keeps it smooth."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import keras
import tensorflow as tf

from keras_ae.core import registry
from keras_ae.math import jacobians
from keras_ae.parts.networks import DistributionNetwork
from keras_ae.parts.part import BasePart

if TYPE_CHECKING:
    from keras_ae.model.batch import Moment


class BasePenalty(BasePart):
    """What a decoder costs that is not smooth, or a change that makes it so;
    it knows nothing of the encoder."""

    kind = "penalty"

    def body(self, body: keras.Layer) -> keras.Layer:
        """The decoder's body, as `create` shall use it."""
        return body

    def cost(
        self,
        decoder: DistributionNetwork,
        decode: Callable[[tf.Tensor], tf.Tensor],
        z: tf.Tensor,
        moment: "Moment",
    ) -> tf.Tensor:
        """Cost of the decoder at codes, `[B]`; none by default.

        Args:
            decoder: The decoder.
            decode: Codes `[B, ...]` to means of p(x|z), `[B, ...]`.
            z: Codes `[B, ...]`, constants.
            moment: For draws.
        """
        del decoder, decode, moment
        return tf.zeros(tf.shape(z)[:1])


@registry.register("weight_decay")
class WeightDecay(BasePenalty):
    """The squares of the decoder's weights, without its biases; RAE-L2.

    Formula:
        ||W||_F^2, summed over kernels that are trained

    Reference: Ghosh, Sajjadi, Vergari, Black, Schoelkopf, 2020. From
        Variational to Deterministic Autoencoders, section 3. ICLR.
        https://arxiv.org/abs/1903.12436
    """

    def cost(
        self,
        decoder: DistributionNetwork,
        decode: Callable[[tf.Tensor], tf.Tensor],
        z: tf.Tensor,
        moment: "Moment",
    ) -> tf.Tensor:
        """See `BasePenalty.cost`; the same at all codes.

        Raises:
            ValueError: If the decoder has no kernels, as one that is tied.
        """
        del decode, moment  # of the weights alone
        squares = [
            tf.reduce_sum(tf.cast(weight, tf.float32) ** 2)
            for weight in decoder.trainable_weights
            if weight.path.endswith("kernel")
        ]
        if not squares and decoder.trainable:
            raise ValueError(
                "A decoder without kernels of its own has no weights to "
                "decay. Expected one that is not tied to the encoder. "
                f"Received: {decoder.name!r}. Use GradientPenalty()."
            )
        return tf.fill(tf.shape(z)[:1], sum(squares, tf.constant(0.0)))


@registry.register("gradient_penalty")
class GradientPenalty(BasePenalty):
    """How much a reconstruction moves when its code does; RAE-GP.

    Estimated from one random projection of the outputs, without bias.

    Formula:
        ||d g(z) / d z||_F^2,  g(z): mean of p(x|z)

    Reference: Ghosh, Sajjadi, Vergari, Black, Schoelkopf, 2020. From
        Variational to Deterministic Autoencoders, section 3. ICLR.
        https://arxiv.org/abs/1903.12436
    """

    def cost(
        self,
        decoder: DistributionNetwork,
        decode: Callable[[tf.Tensor], tf.Tensor],
        z: tf.Tensor,
        moment: "Moment",
    ) -> tf.Tensor:
        """See `BasePenalty.cost`."""
        del decoder  # what it says
        seed = moment.seed(rank=1)  # signs [1, B, values]
        return jacobians.frobenius_hutchinson(decode, z, seed)


@registry.register("spectral_norm")
class SpectralNorm(BasePenalty):
    """Nothing is penalized: layers of the decoder that `create` makes have
    largest singular value 1, but for the last one; RAE-SN.

    Formula:
        W / sigma_max(W), by one step of power iteration a training step

    Reference: Miyato, Kataoka, Koyama, Yoshida, 2018. Spectral Normalization
        for Generative Adversarial Networks. https://arxiv.org/abs/1802.05957
    """

    def body(self, body: keras.Layer) -> keras.Layer:
        """See `BasePenalty.body`.

        Raises:
            TypeError: If the body is not made of layers.
        """
        if not isinstance(body, (keras.Sequential, keras.Model)):
            raise TypeError(
                "Spectral norms are those of layers. Expected a decoder that "
                "is a Keras model of layers. Received: "
                f"{type(body).__name__}"
            )

        def normalized(layer: keras.Layer) -> keras.Layer:
            copy = type(layer).from_config(layer.get_config())
            if not hasattr(layer, "kernel"):
                return copy
            return keras.layers.SpectralNormalization(copy)

        return keras.models.clone_model(body, clone_function=normalized)


def get(identifier: str | dict | BasePenalty) -> BasePenalty:
    """A penalty by name, by `{name: arguments}`, or itself.

    Example:
        >>> get("gradient_penalty")
        GradientPenalty()
    """
    return registry.part(BasePenalty, identifier)
