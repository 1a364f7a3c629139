"""The combination importance-weighted autoencoder."""

from typing import Any

import tensorflow as tf

from keras_ae.core import validation
from keras_ae.core.registry import register
from keras_ae.math import bounds
from keras_ae.parts import networks
from keras_ae.parts import priors
from keras_ae.variants.iwae import IWAE


@register("ciwae")
class CIWAE(IWAE):
    """IWAE with a share of the VAE's bound, which guides the encoder.

    The tighter the bound, the less its gradient tells the encoder; a small
    share of the looser one helps it and hardly changes the decoder. With
    `beta=0` it is the IWAE, with `beta=1` the VAE.

    Formula:
        w_k = p(x|z_k) p(z_k) / q(z_k|x),  z_k ~ q(z|x)
        loss = -beta * mean_k log w_k - (1 - beta) * log(mean_k w_k)

    Args:
        beta: Share of the VAE's bound, in [0, 1]. Defaults to 0.05.
        samples: Draws K for each example. Defaults to 8.
        Other arguments: see `IWAE`.

    Example:
        >>> model = CIWAE.create((8,), 2, hidden=(16,), beta=0.5)
        >>> round(float(model.bound(tf.math.log([1.0, 4.0]))), 4)
        0.8047

    Reference: Rainforth et al., 2018. Tighter Variational Bounds are Not
        Necessarily Better, equation 10. ICML.
        https://arxiv.org/abs/1802.04537
    """

    terms = IWAE.terms | {
        "bound": "-beta * mean_k log w_k - (1 - beta) * log(mean_k w_k), nats"
    }

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        prior: str | dict | priors.BasePrior | None = None,
        *,
        beta: float = 0.05,
        samples: int = 8,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, prior, samples=samples, **kwargs)
        self.beta = validation.check_number("beta", beta, 0, 1)

    def bound(self, log_weights: tf.Tensor) -> tf.Tensor:
        """See `IWAE.bound`."""
        tight = bounds.importance_bound(log_weights)
        loose = tf.reduce_mean(log_weights, axis=0)
        return self.beta * loose + (1 - self.beta) * tight

    def path_share(self, log_weights: tf.Tensor) -> tf.Tensor:
        """See `IWAE.path_share`."""
        shares = super().path_share(log_weights)
        loose = self.beta / self.samples
        tight = (1 - self.beta) * shares
        return tf.math.divide_no_nan(loose + tight * shares, loose + tight)
