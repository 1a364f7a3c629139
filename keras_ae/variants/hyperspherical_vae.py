"""The hyperspherical variational autoencoder."""

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core.registry import register
from keras_ae.math import spherical
from keras_ae.model.batch import Batch
from keras_ae.model.batch import Moment
from keras_ae.parts import heads
from keras_ae.parts import networks
from keras_ae.parts import priors
from keras_ae.variants.vae import VAE

tfd = tfp.distributions


@register("hyperspherical-vae")
class HypersphericalVAE(VAE):
    """VAE whose codes are unit vectors, uniform on the sphere a priori.

    A normal prior pulls all codes to the origin, which has no place for
    them in more than a few dimensions; a sphere has no center. The decoder
    looks at the direction of a code alone: `predict` decodes the mean
    direction, whatever the length of the posterior's mean, and what lies
    between two codes is decoded as if on the sphere. Opposite its mean
    direction a posterior has density 0: `log_likelihood` needs many samples
    for a model whose reconstructions hardly depend on the code.

    Formula:
        q(z|x) = C(kappa) (1 + <mu(x), z>)**kappa(x),  |z| = 1
        loss = -log p(x|z) + KL(q(z|x) || uniform)

    Args:
        prior: Defaults to `"hyperspherical_uniform"`.
        Other arguments: see `VAE`.

    Example:
        >>> vae = HypersphericalVAE.create((8,), latent_dim=3, hidden=(16,))
        >>> vae.prior.distribution(vae.encode).event_shape
        TensorShape([3])

    Reference: Davidson et al., 2018. Hyperspherical Variational
        Auto-Encoders. https://arxiv.org/abs/1804.00891 (with von Mises-Fisher
        posteriors; here as De Cao, Aziz, 2020. The Power Spherical
        distribution. https://arxiv.org/abs/2006.04437)
    """

    posterior_head = heads.PowerSpherical

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        prior: str | dict | priors.BasePrior = "hyperspherical_uniform",
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, prior, **kwargs)

    def likelihood(
        self, z: tf.Tensor, batch: Batch, moment: Moment
    ) -> tfd.Distribution:
        """See `BaseAutoencoder.likelihood`."""
        direction = spherical.direction(tf.cast(z, tf.float32))
        return super().likelihood(direction, batch, moment)
