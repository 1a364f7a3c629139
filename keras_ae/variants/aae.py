"""The adversarial autoencoder."""

from typing import Any

import tensorflow as tf

from keras_ae.core.registry import register
from keras_ae.math import adversarial
from keras_ae.model.batch import Batch
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.model.batch import Player
from keras_ae.parts import heads
from keras_ae.variants.adversarial import BaseAdversarial
from keras_ae.variants.vae import VAE


@register("aae")
class AAE(BaseAdversarial):
    """Autoencoder whose codes a discriminator cannot tell from the prior.

    The discriminator learns to tell draws of the prior from codes, the
    encoder to pass: all codes together are then distributed like the prior,
    of which draws must be known, not the density. `WAE` does the same by a
    distance, without a second player.

    Formula:
        z = f(x),  z' ~ p(z)
        model:          -log p(x|z) - strength * log D(z)
        discriminator:  -log D(z') - log(1 - D(z))

        The paper takes the two terms of the model in turn.

    Args:
        strength: Weight of `adversarial`. Defaults to 10.0.
        Other arguments: see `BaseAdversarial`.

    Example:
        >>> model = AAE.create((8,), latent_dim=2, hidden=(16,), seed=0)
        >>> model.sample(4, seed=0).shape
        (4, 8)

    Reference: Makhzani, Shlens, Jaitly, Goodfellow, Frey, 2016. Adversarial
        Autoencoders. https://arxiv.org/abs/1511.05644
    """

    terms = {
        "reconstruction": "-log p(x|z), nats",
        "adversarial": "-log D of codes, nats",
        "discriminator": "cross-entropy of the prior against codes, nats",
        "accuracy": "share that the discriminator tells right, logged only",
    }
    posterior_head = heads.Point

    def forward(self, batch: Batch, moment: Moment) -> Forward:
        """See `BaseAutoencoder.forward`; `extras` has the logits of draws of
        the prior and of codes."""
        forward = super().forward(batch, moment)
        drawn = self.codes_of_prior(forward, moment)
        extras = {
            "prior": self.logits(drawn, moment),
            "codes": self.logits(forward.latent, moment),
        }
        return forward._replace(extras=extras)

    def loss_terms(
        self, forward: Forward, moment: Moment
    ) -> dict[str, tf.Tensor]:
        """See `BaseAutoencoder.loss_terms`; the KL is the discriminator's
        business."""
        prior, codes = forward.extras["prior"], forward.extras["codes"]
        terms = super(VAE, self).loss_terms(forward, moment)
        return terms | {
            "adversarial": adversarial.generator_loss(codes),
            "discriminator": adversarial.discriminator_loss(prior, codes),
            "accuracy": adversarial.accuracy(prior, codes),
        }

    def loss_weights(
        self, moment: Moment, terms: dict[str, tf.Tensor]
    ) -> dict[str, Any]:
        """See `BaseAutoencoder.loss_weights`."""
        del moment, terms  # constant
        return {"adversarial": self.strength, "accuracy": 0.0}

    def players(self) -> tuple[Player, ...]:
        """The model, and the discriminator."""
        return (
            self.model_player("reconstruction", "adversarial"),
            self.discriminator_player("discriminator"),
        )
