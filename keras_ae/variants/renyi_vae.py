"""The Renyi variational autoencoder."""

from typing import Any

import tensorflow as tf

from keras_ae.core import validation
from keras_ae.core.registry import register
from keras_ae.math import bounds
from keras_ae.parts import networks
from keras_ae.parts import priors
from keras_ae.variants.iwae import IWAE


@register("renyi-vae")
class RenyiVAE(IWAE):
    """VAE on a bound between the evidence lower bound and the IWAE's.

    The order alpha goes from 0, where the bound is the importance-weighted
    one, to 1, where it is the evidence lower bound: with it the posterior
    goes from covering all codes of an example to seeking the likeliest.

    Formula:
        w_k = p(x|z_k) p(z_k) / q(z_k|x),  z_k ~ q(z|x)
        loss = -log(mean_k w_k**(1 - alpha)) / (1 - alpha)

    Args:
        alpha: Order of the divergence, at least 0 and below 1. Defaults to
            0.5.
        samples: Draws K for each example. Defaults to 5.
        Other arguments: see `VAE`.

    Example:
        >>> model = RenyiVAE.create((8,), 2, hidden=(16,), alpha=0.5)
        >>> model.compile("adam")
        >>> history = model.fit(np.zeros([32, 8]), epochs=1, verbose=0)
        >>> sorted(history.history)
        ['bound', 'kl', 'loss', 'reconstruction', 'scale']

    Reference: Li, Turner, 2016. Renyi Divergence Variational Inference.
        NeurIPS. https://arxiv.org/abs/1602.02311
    """

    terms = IWAE.terms | {
        "bound": "-log(mean_k w_k**(1 - alpha)) / (1 - alpha), nats"
    }

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        prior: str | dict | priors.BasePrior | None = None,
        *,
        alpha: float = 0.5,
        samples: int = 5,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, prior, samples=samples, **kwargs)
        self.alpha = validation.check_number(
            "alpha", alpha, 0, 1, open_high=True
        )

    def bound(self, log_weights: tf.Tensor) -> tf.Tensor:
        """See `IWAE.bound`."""
        return bounds.importance_bound(log_weights, 1 - self.alpha)

    def path_share(self, log_weights: tf.Tensor) -> tf.Tensor:
        """See `IWAE.path_share`."""
        power = 1 - self.alpha
        shares = tf.nn.softmax(power * log_weights, axis=0)
        return self.alpha + power * shares
