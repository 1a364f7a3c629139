"""The information-maximizing variational autoencoder."""

from typing import Any

import tensorflow as tf

from keras_ae.core import validation
from keras_ae.core.registry import register
from keras_ae.math import divergences
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.parts import heads
from keras_ae.parts import networks
from keras_ae.parts import priors
from keras_ae.variants.wae import WAE


@register("info-vae")
class InfoVAE(WAE):
    """VAE that says how much codes tell of examples apart from their law.

    The KL of a VAE holds both: the information of the code, which one wants,
    and the distance of all codes from the prior. `alpha` takes the first out
    of the loss, and `strength` weighs the second. With `alpha=0` and
    `strength=1` it is the VAE, with `alpha=1` the MMD-VAE, a `WAE` with noise.

    Formula:
        loss = -log p(x|z) + (1 - alpha) * KL(q(z|x) || p(z))
               + (alpha + strength - 1) * MMD(q(z), p(z))

    Args:
        alpha: Share of the information that is free, in [0, 1]. Defaults to
            0.5.
        strength: Weight of the law of all codes, at least 1. Defaults to 100.
        Other arguments: see `VAE`.

    Example:
        >>> model = InfoVAE.create((8,), 2, hidden=(16,), alpha=0.25)
        >>> model.loss_weights(model.moment(), {})
        {'kl': 0.75, 'discrepancy': 99.25}

    Reference: Zhao, Song, Ermon, 2019. InfoVAE: Balancing Learning and
        Inference in Variational Autoencoders, equation 6. AAAI.
        https://arxiv.org/abs/1706.02262
    """

    terms = WAE.terms | {"kl": "KL(q(z|x) || p(z)), nats"}
    posterior_head = heads.Gaussian

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        prior: str | dict | priors.BasePrior | None = None,
        *,
        alpha: float = 0.5,
        strength: float = 100.0,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, prior, strength=strength, **kwargs)
        validation.check_number("strength", strength, 1)
        self.alpha = validation.check_number("alpha", alpha, 0, 1)

    def loss_terms(
        self, forward: Forward, moment: Moment
    ) -> dict[str, tf.Tensor]:
        """See `BaseAutoencoder.loss_terms`."""
        return super().loss_terms(forward, moment) | {
            "kl": divergences.kl_divergence(
                forward.posterior, forward.prior, forward.latent
            )
        }

    def loss_weights(
        self, moment: Moment, terms: dict[str, tf.Tensor]
    ) -> dict[str, Any]:
        """See `BaseAutoencoder.loss_weights`."""
        del moment, terms  # constant
        return {
            "kl": 1 - self.alpha,
            "discrepancy": self.alpha + self.strength - 1,
        }
