"""The factorizing variational autoencoder."""

from typing import Any

import tensorflow as tf

from keras_ae.core import replicas
from keras_ae.core.registry import register
from keras_ae.math import adversarial
from keras_ae.math import aggregates
from keras_ae.math import draws
from keras_ae.model.batch import Batch
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.model.batch import Player
from keras_ae.variants.adversarial import BaseAdversarial


@register("factor-vae")
class FactorVAE(BaseAdversarial):
    """VAE whose latents are made independent by a discriminator.

    The discriminator tells codes from codes whose latents come from
    different examples. Its logit is the logarithm of the ratio of their
    densities, and the mean of that is the total correlation, which the
    encoder minimizes. `BetaTCVAE` estimates the same without a second player.

    Formula:
        z' = latents of z, each in an order of its own: from prod_j q(z_j)
        model:          -log p(x|z) + KL(q(z|x) || p(z))
                        + strength * logit D(z)
        discriminator:  -log D(z) - log(1 - D(z'))

    Args:
        strength: Weight of the total correlation, gamma in the paper.
            Defaults to 10.0.
        Other arguments: see `BaseAdversarial`.

    Example:
        >>> model = FactorVAE.create((8,), latent_dim=2, hidden=(16,))
        >>> model.compile(discriminator_optimizer=keras.optimizers.Adam(1e-4))
        >>> [player.terms[-1] for player in model.players()]
        ['total_correlation', 'discriminator']

    Reference: Kim, Mnih, 2018. Disentangling by Factorising. ICML.
        https://arxiv.org/abs/1802.05983
    """

    terms = {
        "reconstruction": "-log p(x|z), nats",
        "kl": "KL(q(z|x) || p(z)), nats",
        "total_correlation": "log D(z) - log(1 - D(z)), nats",
        "discriminator": "cross-entropy of codes against permuted, nats",
    }
    batch_statistics = frozenset({"discriminator"})

    def forward(self, batch: Batch, moment: Moment) -> Forward:
        """See `BaseAutoencoder.forward`; `extras` has the logits of codes
        and of permuted codes."""
        forward = super().forward(batch, moment)
        rows = -1 - len(self.encoder.event_shape)
        z = replicas.gather(forward.latent, rows)  # [(S,) N, event]
        order = draws.uniform(tf.shape(z), moment.seed())
        permuted = aggregates.permuted(z, order, rows)
        extras = {
            "codes": self.logits(forward.latent, moment),
            "permuted": self.logits(permuted, moment),
        }
        return forward._replace(extras=extras)

    def loss_terms(
        self, forward: Forward, moment: Moment
    ) -> dict[str, tf.Tensor]:
        """See `BaseAutoencoder.loss_terms`."""
        codes, permuted = forward.extras["codes"], forward.extras["permuted"]
        everyone = replicas.gather(codes, -1)
        loss = adversarial.discriminator_loss(everyone, permuted)
        return super().loss_terms(forward, moment) | {
            "total_correlation": codes,
            "discriminator": tf.reduce_mean(loss),
        }

    def loss_weights(
        self, moment: Moment, terms: dict[str, tf.Tensor]
    ) -> dict[str, Any]:
        """See `BaseAutoencoder.loss_weights`."""
        del moment, terms  # constant
        return {"total_correlation": self.strength}

    def players(self) -> tuple[Player, ...]:
        """The model, and the discriminator."""
        return (
            self.model_player("reconstruction", "kl", "total_correlation"),
            self.discriminator_player("discriminator"),
        )
