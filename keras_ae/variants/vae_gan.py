"""The VAE whose likelihood a discriminator learns."""

import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core.registry import register
from keras_ae.core.types import Shapes
from keras_ae.math import adversarial
from keras_ae.model.batch import Batch
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.model.batch import Player
from keras_ae.parts import heads
from keras_ae.parts import networks
from keras_ae.variants.adversarial import BaseAdversarial

tfd = tfp.distributions


@register("vae-gan")
class VAEGAN(BaseAdversarial):
    """VAE that compares images by the features of a discriminator.

    Errors of single pixels, which blur, give way to errors of what the
    discriminator sees, which it learns while it tells real images from
    decoded ones. Three players take a step on each batch, on one pass.

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
    #: Its means are images. No scale: the reconstruction is not trained on.
    likelihood_head = heads.Bernoulli
    more_optimizers = ("decoder_optimizer", "discriminator_optimizer")

    def discriminator_shape(self, input_shape: Shapes) -> Shapes:
        """See `BaseAdversarial.discriminator_shape`."""
        del input_shape  # which may hold that of a condition
        return (None, *self.decoder.event_shape)

    def forward(self, batch: Batch, moment: Moment) -> Forward:
        """See `BaseAutoencoder.forward`; `extras` has features and logits of
        real, decoded and sampled images."""
        forward = super().forward(batch, moment)
        z = self.codes_of_prior(forward, moment)
        sampled = self.likelihood(z, batch, moment).mean()
        decoded = forward.likelihood.mean()
        if batch.mask is not None:  # holes are alike in all of them
            sampled, decoded = (
                tf.where(batch.mask, image, 0.0) for image in (sampled, decoded)
            )
        extras = {
            name: self.judged(image, moment)
            for name, image in (
                ("real", batch.target),
                ("decoded", decoded),
                ("sampled", sampled),
            )
        }
        return forward._replace(extras=extras)

    def loss_terms(
        self, forward: Forward, moment: Moment
    ) -> dict[str, tf.Tensor]:
        """See `BaseAutoencoder.loss_terms`."""
        features, real = forward.extras["real"]
        seen, decoded = forward.extras["decoded"]
        _, sampled = forward.extras["sampled"]

        def mean(function: Callable, *before: tf.Tensor) -> tf.Tensor:
            return (function(*before, decoded) + function(*before, sampled)) / 2

        normal = tfd.Independent(tfd.Normal(seen, 1.0), 1)
        return super().loss_terms(forward, moment) | {
            "feature": -normal.log_prob(features),
            "adversarial": mean(adversarial.generator_loss),
            "discriminator": mean(adversarial.discriminator_loss, real),
            "accuracy": mean(adversarial.accuracy, real),
        }

    def loss_weights(
        self, moment: Moment, terms: dict[str, tf.Tensor]
    ) -> dict[str, Any]:
        """See `BaseAutoencoder.loss_weights`."""
        del moment, terms  # constant
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
        return (
            Player(("kl", "feature"), encoder, self.optimizer),
            Player(
                ("feature", "adversarial"),
                self.decoder.trainable_variables,
                self.decoder_optimizer,
            ),
            self.discriminator_player("discriminator"),
        )

    def judged(
        self, value: tf.Tensor, moment: Moment
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """What the discriminator sees in images `[(S,) B, ...]`: features
        `[(S,) B, f]`, and logits that they are real, `[(S,) B]`."""
        event = self.decoder.event_shape
        lead = networks.sizes(value)[: -len(event)]
        rows = tf.reshape(value, [-1, *event])
        seen = self.discriminator.features(rows, moment.training)
        judgement = self.discriminator.from_features(seen, lead)
        features = tf.cast(seen, tf.float32)  # densities in single precision
        length = math.prod(features.shape[1:])
        return (
            tf.reshape(features, [*lead, length]),
            judgement.distribution.logits[..., 0],
        )

    @classmethod
    def create_discriminator(
        cls,
        network: str,
        input_shape: tuple,
        latent_shape: tuple,
        **settings: Any,
    ) -> keras.Model:
        """See `BaseAdversarial.create_discriminator`; like the encoder's,
        but without a grid: it has one thing to say."""
        shapes = input_shape, latent_shape[-1:]
        return networks.pair(network, *shapes, **settings)[0]
