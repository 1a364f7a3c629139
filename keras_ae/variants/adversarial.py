"""Variants with a discriminator: a second player with its own optimizer."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_ae.core import validation
from keras_ae.core.types import Shapes
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.model.batch import Player
from keras_ae.model.training.optimizers import Optimizers
from keras_ae.parts import networks
from keras_ae.parts import priors
from keras_ae.variants.vae import VAE


class BaseAdversarial(Optimizers, VAE):
    """A VAE and a discriminator that take steps in turn on each batch.

    The discriminator judges codes; a variant whose discriminator judges
    examples overrides `discriminator_shape` and `create_discriminator`. What
    encoder and decoder are `given`, the discriminator is not told.

    Args:
        discriminator: `DistributionNetwork` with a `"bernoulli"` head and
            `event_shape` 1: whether what it sees is real.
        strength: Weight of what the discriminator says in the model's loss.
            Defaults to 10.0.
        Other arguments: see `VAE`.
    """

    more_optimizers = ("discriminator_optimizer",)

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        discriminator: networks.DistributionNetwork,
        prior: str | dict | priors.BasePrior | None = None,
        *,
        strength: float = 10.0,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, prior, **kwargs)
        self.discriminator = validation.check_type(
            "discriminator", discriminator, networks.DistributionNetwork
        )
        self.strength = validation.check_number("strength", strength, 0)

    def build_parts(self, input_shape: Shapes) -> None:
        """See `BaseAutoencoder.build_parts`."""
        super().build_parts(input_shape)
        self.discriminator.build(self.discriminator_shape(input_shape))

    def discriminator_shape(self, input_shape: Shapes) -> Shapes:
        """Shape of what the discriminator sees, with batch axis."""
        del input_shape  # codes
        return (None, *self.encoder.event_shape)

    def logits(self, z: tf.Tensor, moment: Moment) -> tf.Tensor:
        """Logits of the discriminator that codes are real, `[(S,) B]`."""
        judgement = self.discriminator(z, training=moment.training)
        return judgement.distribution.logits[..., 0]

    def codes_of_prior(self, forward: Forward, moment: Moment) -> tf.Tensor:
        """As many codes from the prior as from the posterior,
        `[(S,) B, ...]`."""
        rank = len(self.encoder.event_shape)
        rows = tf.shape(forward.batch.x)[:1]
        prior = self.p_z()  # of which every example may count
        draws = [
            prior.sample(rows, seed=moment.seed(rank))
            for _ in range(self.samples)
        ]
        return draws[0] if self.samples == 1 else tf.stack(draws)

    def model_player(self, *terms: str) -> Player:
        """All but the discriminator as a player who minimizes `terms`."""
        variables = [
            *self.encoder.trainable_variables,
            *self.decoder.trainable_variables,
            *self.prior.trainable_variables,
        ]
        return Player(terms, variables, self.optimizer)

    def discriminator_player(self, *terms: str) -> Player:
        """The discriminator as a player who minimizes `terms`."""
        return Player(
            terms,
            self.discriminator.trainable_variables,
            self.discriminator_optimizer,
        )

    @classmethod
    def create_bodies(
        cls,
        network: str,
        input_shape: tuple,
        latent_shape: tuple,
        *,
        options: dict,
        **settings: Any,
    ) -> tuple:
        """See `BaseAutoencoder.create_bodies`."""
        if "discriminator" not in options:
            alone = settings | {"condition": None}
            body = cls.create_discriminator(
                network, input_shape, latent_shape, **alone
            )
            options["discriminator"] = networks.DistributionNetwork(
                body, "bernoulli", 1
            )
        return super().create_bodies(
            network, input_shape, latent_shape, options=options, **settings
        )

    @classmethod
    def create_discriminator(
        cls,
        network: str,
        input_shape: tuple,
        latent_shape: tuple,
        hidden: Sequence[int] | None,
        **settings: Any,
    ) -> keras.Model:
        """The discriminator's body for `create`."""
        del network, input_shape  # codes have no axes to convolve over
        default = networks.get("mlp").hidden
        widths = validation.check_hidden("hidden", hidden or default)
        return networks.mlp(latent_shape, widths, **settings)
