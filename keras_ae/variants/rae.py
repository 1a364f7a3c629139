"""The regularized autoencoder."""

from typing import Any

import tensorflow as tf

from keras_ae.core import validation
from keras_ae.core.registry import register
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.parts import networks
from keras_ae.parts import penalties
from keras_ae.variants.autoencoder import Autoencoder


@register("rae")
class RAE(Autoencoder):
    """Autoencoder whose decoder is smooth, instead of trained on noise.

    The noise of a VAE makes its decoder smooth; the same is had by saying so,
    with exact codes, kept from flying apart by their length. New examples
    come from any law that is fitted to the codes afterwards.

    Formula:
        z = f(x)
        loss = -log p(x|z) + code_strength * ||z||^2 / 2
               + strength * penalty(g)

    Args:
        penalty: `"weight_decay"`, `"gradient_penalty"`, `"spectral_norm"`, or
            one of `penalties`; on the decoder alone. Defaults to the first.
        strength: Weight of the penalty. Defaults to 0.001.
        code_strength: Weight of the length of codes. Defaults to 0.1.
        Other arguments: see `Autoencoder`.

    Example:
        >>> model = RAE.create((8,), 2, hidden=(16,), penalty="spectral_norm")
        >>> sorted(model.objective(np.zeros([4, 8], "float32")))
        ['code', 'penalty', 'reconstruction']

    Reference: Ghosh, Sajjadi, Vergari, Black, Schoelkopf, 2020. From
        Variational to Deterministic Autoencoders, equation 11. ICLR.
        https://arxiv.org/abs/1903.12436
    """

    terms = Autoencoder.terms | {
        "code": "||z||^2 / 2, unweighted",
        "penalty": "penalty(g), unweighted",
    }

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        *,
        penalty: str | dict | penalties.BasePenalty = "weight_decay",
        strength: float = 0.001,
        code_strength: float = 0.1,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, **kwargs)
        self.penalty = penalties.get(penalty)
        self.strength = validation.check_number("strength", strength, 0)
        self.code_strength = validation.check_number(
            "code_strength", code_strength, 0
        )

    def loss_terms(
        self, forward: Forward, moment: Moment
    ) -> dict[str, tf.Tensor]:
        """See `BaseAutoencoder.loss_terms`."""
        z, batch = forward.latent, forward.batch

        def decode(z: tf.Tensor) -> tf.Tensor:
            return self.likelihood(z, batch, moment).mean()

        penalty = self.penalty.cost(
            self.decoder, decode, tf.stop_gradient(z), moment
        )
        axes = list(range(1, len(z.shape)))
        return super().loss_terms(forward, moment) | {
            "code": tf.reduce_sum(z**2, axes) / 2,
            "penalty": penalty,
        }

    def loss_weights(
        self, moment: Moment, terms: dict[str, tf.Tensor]
    ) -> dict[str, Any]:
        """See `BaseAutoencoder.loss_weights`."""
        del moment, terms  # constant
        return {"code": self.code_strength, "penalty": self.strength}

    @classmethod
    def create_bodies(
        cls, *network: Any, options: dict, **settings: Any
    ) -> tuple:
        """See `BaseAutoencoder.create_bodies`; the penalty has a say in it."""
        bodies = super().create_bodies(*network, options=options, **settings)
        encoder, decoder = bodies
        penalty = penalties.get(options.get("penalty", "weight_decay"))
        return encoder, penalty.body(decoder)
