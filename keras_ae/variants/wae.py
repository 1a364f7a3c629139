"""The Wasserstein autoencoder."""

from typing import Any

import tensorflow as tf

from keras_ae.core import replicas
from keras_ae.core import validation
from keras_ae.core.registry import register
from keras_ae.math import aggregates
from keras_ae.math import discrepancies
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.parts import heads
from keras_ae.parts import networks
from keras_ae.parts import priors
from keras_ae.variants.vae import VAE


@register("wae")
class WAE(VAE):
    """Autoencoder whose codes, all together, are distributed like the prior.

    A VAE wants each posterior to resemble the prior, which costs what tells
    examples apart; here their mixture does, so that codes can be exact and
    new examples still come from the prior. How far the mixture is from it
    says the maximum mean discrepancy: WAE-MMD. A family: `SWAE` and `InfoVAE`
    build on it.

    Formula:
        z = f(x),  z' ~ p(z)
        loss = -log p(x|z) + strength * MMD(q(z), p(z))

    Args:
        strength: Weight of the discrepancy, a statistic of the batch; larger
            batches tell more. Defaults to 100.
        Other arguments: see `VAE`.

    Example:
        >>> model = WAE.create((8,), latent_dim=2, hidden=(16,), seed=0)
        >>> sorted(model.objective(np.zeros([32, 8], "float32")))
        ['discrepancy', 'reconstruction']

    Reference: Tolstikhin, Bousquet, Gelly, Schoelkopf, 2018. Wasserstein
        Auto-Encoders. ICLR. https://arxiv.org/abs/1711.01558
    """

    terms = {
        "reconstruction": "-log p(x|z), nats",
        "discrepancy": "MMD^2 of q(z) and p(z), without bias",
    }
    batch_statistics = frozenset({"discrepancy"})
    posterior_head = heads.Point

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        prior: str | dict | priors.BasePrior | None = None,
        *,
        strength: float = 100.0,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, prior, **kwargs)
        self.strength = validation.check_number("strength", strength, 0)

    def loss_terms(
        self, forward: Forward, moment: Moment
    ) -> dict[str, tf.Tensor]:
        """See `BaseAutoencoder.loss_terms`."""
        rank = len(self.encoder.event_shape)
        z = replicas.gather(forward.latent, -1 - rank)  # [(S,) N, event]
        lead = tf.shape(z)[: len(z.shape) - rank]
        drawn = self.p_z().sample(lead, seed=moment.seed())
        distance = self.discrepancy(
            aggregates.flat(z, rank), aggregates.flat(drawn, rank), moment
        )
        return super(VAE, self).loss_terms(forward, moment) | {
            "discrepancy": tf.reduce_mean(distance)
        }

    def loss_weights(
        self, moment: Moment, terms: dict[str, tf.Tensor]
    ) -> dict[str, Any]:
        """See `BaseAutoencoder.loss_weights`."""
        del moment, terms  # constant
        return {"discrepancy": self.strength}

    def discrepancy(
        self, z: tf.Tensor, drawn: tf.Tensor, moment: Moment
    ) -> tf.Tensor:
        """Distance of the laws of codes and of draws of the prior,
        `[(S,) N, d]` each: `[(S)]`."""
        del moment  # draws nothing
        return discrepancies.mmd(z, drawn)
