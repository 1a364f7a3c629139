"""The partially importance-weighted autoencoder."""

from typing import Any

import tensorflow as tf

from keras_ae.core.registry import register
from keras_ae.model.batch import Player
from keras_ae.model.training.optimizers import Optimizers
from keras_ae.parts import networks
from keras_ae.parts import priors
from keras_ae.variants.iwae import IWAE


@register("piwae")
class PIWAE(Optimizers, IWAE):
    """IWAE whose encoder learns from a looser bound than its decoder.

    Many draws make the decoder's bound tight, and drown what the encoder is
    told in noise. So the decoder learns from the bound of all draws, and the
    encoder, on the same pass, from the mean of the bounds of groups of them.
    With one group both are the IWAE's; with one draw in a group the encoder
    learns as the VAE's.

    Formula:
        w_mk = p(x|z_mk) p(z_mk) / q(z_mk|x),  z_mk ~ q(z|x)
        decoder, prior:  -log(mean_mk w_mk)
        encoder:         -mean_m log(mean_k w_mk)

    Args:
        groups: Number M of groups. Defaults to 8.
        samples: Draws K in a group. Defaults to 8.
        Other arguments: see `IWAE`.

    Example:
        >>> model = PIWAE.create((8,), 2, hidden=(16,), groups=3, samples=5)
        >>> model.draw(model.encode(np.zeros([4, 8])), model.moment()).shape
        TensorShape([15, 4, 2])

    Reference: Rainforth et al., 2018. Tighter Variational Bounds are Not
        Necessarily Better, section 6. ICML. https://arxiv.org/abs/1802.04537
    """

    terms = IWAE.terms | {
        "bound": "-log(mean_mk w_mk), nats",
        "grouped_bound": "-mean_m log(mean_k w_mk), nats",
    }
    more_optimizers = ("decoder_optimizer",)

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        prior: str | dict | priors.BasePrior | None = None,
        *,
        groups: int = 8,
        samples: int = 8,
        **kwargs: Any,
    ):
        super().__init__(
            encoder,
            decoder,
            prior,
            samples=samples,
            groups=groups,
            **kwargs,
        )

    def players(self) -> tuple[Player, ...]:
        """The encoder; the decoder with the prior."""
        decoder = [
            *self.decoder.trainable_variables,
            *self.prior.trainable_variables,
        ]
        encoder = self.encoder.trainable_variables
        return (
            Player(("grouped_bound",), encoder, self.optimizer),
            Player(("bound",), decoder, self.decoder_optimizer),
        )

    def bound_terms(self, log_weights: tf.Tensor) -> dict[str, tf.Tensor]:
        """See `IWAE.bound_terms`."""
        grouped = super().bound_terms(log_weights)["bound"]
        return {"bound": -self.bound(log_weights), "grouped_bound": grouped}
