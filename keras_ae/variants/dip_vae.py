"""The disentangled inferred prior variational autoencoder."""

from typing import Any

import tensorflow as tf

from keras_ae.core import validation
from keras_ae.core.registry import register
from keras_ae.math import aggregates
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.parts import networks
from keras_ae.parts import priors
from keras_ae.variants.vae import VAE


@register("dip-vae")
class DIPVAE(VAE):
    """VAE whose latents are uncorrelated and of variance one.

    The law of all codes should factorize like the prior; its covariance is
    the part of that which is easily had. Of the codes (DIP-VAE-II) or of the
    means of posteriors alone (DIP-VAE-I), whose variance the KL leaves free.

    Formula:
        C = Cov_x E[z|x] + E_x Cov[z|x],  for "means" the first alone
        loss = -log p(x|z) + KL(q(z|x) || p(z))
               + off_diagonal * sum_{i != j} C_ij^2
               + diagonal * sum_i (C_ii - 1)^2

    Args:
        covariance_of: `"codes"` or `"means"`. Defaults to `"codes"`.
        off_diagonal: Weight of the covariances. Defaults to 10.0.
        diagonal: Weight of the variances' distance from one. Defaults to
            10.0; the paper takes ten times `off_diagonal` for `"means"`.
        Other arguments: see `VAE`.

    Example:
        >>> model = DIPVAE.create((8,), 2, hidden=(16,), seed=0)
        >>> sorted(model.objective(np.zeros([32, 8], "float32")))
        ['diagonal', 'kl', 'off_diagonal', 'reconstruction']

    Reference: Kumar, Sattigeri, Balakrishnan, 2018. Variational Inference of
        Disentangled Latent Concepts from Unlabeled Observations, equations 6
        and 7. ICLR. https://arxiv.org/abs/1711.00848
    """

    terms = VAE.terms | {
        "off_diagonal": "sum of squared covariances of latents",
        "diagonal": "sum of squared distances of their variances from 1",
    }
    batch_statistics = frozenset({"off_diagonal", "diagonal"})

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        prior: str | dict | priors.BasePrior | None = None,
        *,
        covariance_of: str = "codes",
        off_diagonal: float = 10.0,
        diagonal: float = 10.0,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, prior, **kwargs)
        self.covariance_of = validation.check_in(
            "covariance_of", covariance_of, ("codes", "means")
        )
        self.off_diagonal = validation.check_number(
            "off_diagonal", off_diagonal, 0
        )
        self.diagonal = validation.check_number("diagonal", diagonal, 0)

    def loss_terms(
        self, forward: Forward, moment: Moment
    ) -> dict[str, tf.Tensor]:
        """See `BaseAutoencoder.loss_terms`."""
        covariance = aggregates.covariance(
            forward.posterior, means_alone=self.covariance_of == "means"
        )
        off_diagonal, diagonal = aggregates.from_identity(covariance)
        return super().loss_terms(forward, moment) | {
            "off_diagonal": off_diagonal,
            "diagonal": diagonal,
        }

    def loss_weights(
        self, moment: Moment, terms: dict[str, tf.Tensor]
    ) -> dict[str, Any]:
        """See `BaseAutoencoder.loss_weights`."""
        del moment, terms  # constant
        return {"off_diagonal": self.off_diagonal, "diagonal": self.diagonal}
