"""The sliced Wasserstein autoencoder."""

from typing import Any

import tensorflow as tf

from keras_ae.core import validation
from keras_ae.core.registry import register
from keras_ae.math import discrepancies
from keras_ae.model.batch import Moment
from keras_ae.parts import networks
from keras_ae.parts import priors
from keras_ae.variants.wae import WAE


@register("swae")
class SWAE(WAE):
    """WAE whose codes are compared with the prior along random lines.

    On a line two samples are compared by sorting them, which needs no kernel
    and no width. Samples of equal laws are still a little apart, the less the
    larger the batch.

    Formula:
        z = f(x),  z' ~ p(z),  theta_l uniform on the sphere
        loss = -log p(x|z) + strength * mean_l W2(theta_l z, theta_l z')^2

    Args:
        slices: Lines at each step. Defaults to 50.
        strength: Weight of the discrepancy. Defaults to 10.
        Other arguments: see `WAE`.

    Example:
        >>> model = SWAE.create((8,), latent_dim=2, hidden=(16,), slices=20)
        >>> model.sample(4, seed=0).shape
        (4, 8)

    Reference: Kolouri, Pope, Martin, Rohde, 2019. Sliced Wasserstein
        Auto-Encoders. ICLR. https://arxiv.org/abs/1804.01947
    """

    terms = WAE.terms | {
        "discrepancy": "sliced 2-Wasserstein distance of q(z) and p(z), squared"
    }

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        prior: str | dict | priors.BasePrior | None = None,
        *,
        slices: int = 50,
        strength: float = 10.0,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, prior, strength=strength, **kwargs)
        self.slices = validation.check_count("slices", slices)

    def discrepancy(
        self, z: tf.Tensor, drawn: tf.Tensor, moment: Moment
    ) -> tf.Tensor:
        """See `WAE.discrepancy`."""
        return discrepancies.sliced_wasserstein(
            z, drawn, moment.seed(), self.slices
        )
