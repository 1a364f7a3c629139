"""The VAE whose likelihood a discriminator learns."""

import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import validation
from keras_ae.core.registry import register
from keras_ae.math import adversarial
from keras_ae.model.base import Player
from keras_ae.parts import networks
from keras_ae.variants.adversarial import BaseAdversarial

tfd = tfp.distributions


@register("vae-gan")
class VAEGAN(BaseAdversarial):
    """VAE that compares images by the features of a discriminator.

    Errors of single pixels, which blur, give way to errors of what the
    discriminator sees, which it learns while it tells real images from
    decoded ones. Three players take a step on each batch.

    Formula:
        feature = -log N(d(x); d(x~), I),  d: body of the discriminator,
                  x~: decoded from z ~ q(z|x);  x_p: from z ~ p(z)
        encoder:        feature + KL(q(z|x) || p(z))
        decoder:        feature + strength * adversarial,
                        adversarial = -mean(log D(x~), log D(x_p))
        discriminator:  -log D(x) - mean(log(1 - D(x~)), log(1 - D(x_p)))

    Args:
        strength: Weight of `adversarial`, 1 / gamma in the paper. Defaults to
            10.0.
        Other arguments: see `BaseAdversarial`.

    Example:
        >>> model = VAEGAN.create((8,), latent_dim=2, hidden=(16,))
        >>> model.compile(discriminator_optimizer=keras.optimizers.Adam(1e-4))
        >>> [len(player.variables) for player in model.players()]
        [4, 4, 4]

    Reference: Larsen, Sonderby, Larochelle, Winther, 2016. Autoencoding
        beyond pixels using a learned similarity metric. ICML, algorithm 1.
        https://arxiv.org/abs/1512.09300
    """

    terms = {
        "kl": "KL(q(z|x) || p(z)), nats",
        "feature": "-log p(d(x)|z), unit scale, nats",
        "reconstruction": "-log p(x|z), nats, logged only",
        "adversarial": "-log D of decoded images, nats",
        "discriminator": "cross-entropy of real against decoded, nats",
        "accuracy": "share that the discriminator tells right, logged only",
    }
    more_optimizers = ("decoder_optimizer", "discriminator_optimizer")

    def __init__(
        self,
        encoder: Any,
        decoder: Any,
        discriminator: Any,
        prior: Any = None,
        *,
        strength: float = 10.0,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, discriminator, prior, **kwargs)
        self.strength = validation.check_number("strength", strength, 0)

    def discriminator_shape(self, input_shape: Any) -> Any:
        """See `BaseAdversarial.discriminator_shape`."""
        return input_shape

    def loss_weights(self, step: tf.Tensor) -> dict[str, Any]:
        """See `BaseAutoencoder.loss_weights`."""
        del step  # constant
        return {
            "reconstruction": 0.0,
            "adversarial": self.strength,
            "accuracy": 0.0,
        }

    def players(self) -> tuple[Player, ...]:
        """Encoder (with the prior), decoder, discriminator."""
        encoder = [
            *self.encoder.trainable_variables,
            *self.prior.trainable_variables,
        ]
        decoder = self.decoder.trainable_variables
        return (
            Player(self.encoder_terms, encoder, self.optimizer),
            Player(self.decoder_terms, decoder, self.decoder_optimizer),
            self.discriminator_player(),
        )

    def encoder_terms(
        self, x: Any, target: tf.Tensor, training: bool
    ) -> dict[str, tf.Tensor]:
        """The terms that the encoder minimizes."""
        forward = self.forward(x, training)
        decoded = forward.likelihood.mean()
        return self.loss_terms(forward, target, training) | {
            "feature": self.feature(decoded, target, training)
        }

    def decoder_terms(
        self, x: Any, target: tf.Tensor, training: bool
    ) -> dict[str, tf.Tensor]:
        """The terms that the decoder minimizes."""
        decoded, sampled = self.decoded(x, training)

        def loss(fake: tf.Tensor) -> tf.Tensor:
            return adversarial.generator_loss(self.logits(fake, training))

        return {
            "feature": self.feature(decoded, target, training),
            "adversarial": (loss(decoded) + loss(sampled)) / 2,
        }

    def discriminator_terms(
        self, x: Any, target: tf.Tensor, training: bool
    ) -> dict[str, tf.Tensor]:
        """See `BaseAdversarial.discriminator_terms`."""
        real = self.logits(target, training)
        decoded, sampled = (
            self.logits(fake, training) for fake in self.decoded(x, training)
        )

        def mean(function: Callable) -> tf.Tensor:
            return (function(real, decoded) + function(real, sampled)) / 2

        return {
            "discriminator": mean(adversarial.discriminator_loss),
            "accuracy": mean(adversarial.accuracy),
        }

    def decoded(self, x: Any, training: bool) -> tuple[tf.Tensor, tf.Tensor]:
        """Images decoded from codes of `x`, and as many from the prior,
        `[(S,) B, ...]`."""
        forward = self.forward(x, training)
        prior = self.prior.distribution(self.encode)
        z = prior.sample(
            tf.shape(forward.latent)[: -len(self.encoder.event_shape)],
            seed=self.next_seed(),
        )
        sampled = self.decode_given(z, x, training)
        return forward.likelihood.mean(), sampled.mean()

    def features(self, value: tf.Tensor, training: bool) -> tf.Tensor:
        """What the discriminator's body sees in images `[(S,) B, ...]`,
        `[(S,) B, f]`."""
        lead = tf.shape(value)[: -len(self.decoder.event_shape)]
        rows = tf.reshape(value, [-1, *self.decoder.event_shape])
        seen = self.discriminator.body(rows, training=training)
        seen = tf.cast(seen, tf.float32)  # densities in single precision
        length = math.prod(seen.shape[1:])
        return tf.reshape(seen, tf.concat([lead, [length]], axis=0))

    def feature(
        self, decoded: tf.Tensor, target: tf.Tensor, training: bool
    ) -> tf.Tensor:
        """-log p(d(x)|z): a Gaussian of unit scale on the features."""
        normal = tfd.Normal(self.features(decoded, training), 1.0)
        log_density = normal.log_prob(self.features(target, training))
        return -tf.reduce_sum(log_density, axis=-1)

    @classmethod
    def create_discriminator(
        cls,
        network: str,
        input_shape: tuple,
        latent_shape: tuple,
        **settings: Any,
    ) -> keras.Model:
        """See `BaseAdversarial.create_discriminator`; like the encoder's."""
        body, _ = networks.pair(network, input_shape, latent_shape, **settings)
        return body
