"""The importance-weighted autoencoder."""

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core.registry import register
from keras_ae.math import bounds
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.parts import networks
from keras_ae.parts import priors
from keras_ae.variants.vae import VAE

tfd = tfp.distributions


@register("iwae")
class IWAE(VAE):
    """VAE that maximizes a tighter bound, from several weighted draws.

    The bound rises with the number of draws K towards log p(x), which lets
    the posterior be less simple than the encoder's Gaussian. With K = 1 it is
    the VAE's bound, its KL estimated from the draw.

    Formula:
        w_k = p(x|z_k) p(z_k) / q(z_k|x),  z_k ~ q(z|x)
        loss = -log(mean_k w_k)

    Args:
        samples: Draws K for each example. Defaults to 5.
        Other arguments: see `VAE`.

    Example:
        >>> model = IWAE.create((8,), 2, hidden=(16,), samples=5)
        >>> model.draw(model.encode(np.zeros([3, 8])), model.moment()).shape
        TensorShape([5, 3, 2])

    Reference: Burda, Grosse, Salakhutdinov, 2016. Importance Weighted
        Autoencoders. ICLR. https://arxiv.org/abs/1509.00519
    """

    terms = VAE.terms | {"bound": "-log(mean_k w_k), nats"}

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        prior: str | dict | priors.BasePrior | None = None,
        *,
        samples: int = 5,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, prior, samples=samples, **kwargs)

    def draw(self, posterior: tfd.Distribution, moment: Moment) -> tf.Tensor:
        """See `BaseAutoencoder.draw`; `[K, B, ...]` for every K."""
        return moment.sample(posterior, (self.samples,))

    def loss_terms(
        self, forward: Forward, moment: Moment
    ) -> dict[str, tf.Tensor]:
        """See `BaseAutoencoder.loss_terms`."""
        bound = self.bound(self.log_weights(forward))
        return super().loss_terms(forward, moment) | {"bound": -bound}

    def log_weights(self, forward: Forward) -> tf.Tensor:
        """Logarithms of the weights of the draws, `[K, B]`."""
        return bounds.importance_weights(
            forward.batch.target,
            forward.latent,
            forward.posterior,
            forward.likelihood,
            forward.prior,
        )

    def bound(self, log_weights: tf.Tensor) -> tf.Tensor:
        """The bound, `[B]`, from the weights of the draws, `[K, B]`."""
        return bounds.importance_bound(log_weights)

    def loss_weights(
        self, moment: Moment, terms: dict[str, tf.Tensor]
    ) -> dict[str, Any]:
        """See `BaseAutoencoder.loss_weights`."""
        del moment, terms  # constant
        return {"reconstruction": 0.0, "kl": 0.0}
