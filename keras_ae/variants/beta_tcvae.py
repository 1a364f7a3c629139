"""The total-correlation variational autoencoder."""

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


@register("beta-tcvae")
class BetaTCVAE(VAE):
    """VAE that weighs the dependence of the latents on each other alone.

    A large `beta` of a beta-VAE makes latents independent, and forgets the
    example. The KL is the sum of three parts: what codes tell of examples,
    how much the latents depend on each other, how far each one is from the
    prior. Here the second one is weighed by `beta`.

    Formula:
        KL(q(z|x) || p(z)) = I(x; z) + TC + sum_j KL(q(z_j) || p(z_j)),
        TC = KL(q(z) || prod_j q(z_j)),  on average
        loss = -log p(x|z) + I + beta * TC + the last

        q(z), the mean of q(z|x) over all examples, is estimated from the
        batch: the three are its statistics.

    Args:
        beta: Weight of the total correlation. Defaults to 6.0.
        examples: Examples of the training set, for estimates of q(z) without
            bias. By default the batch is taken for all of them, which moves
            the three parts by constants and makes a small difference to
            gradients.
        Other arguments: see `VAE`.

    Example:
        >>> model = BetaTCVAE.create((8,), 2, hidden=(16,), beta=4.0)
        >>> model.loss_weights(model.moment(), {})
        {'kl': 0.0, 'total_correlation': 4.0}

    Reference: Chen, Li, Grosse, Duvenaud, 2018. Isolating Sources of
        Disentanglement in Variational Autoencoders. NeurIPS.
        https://arxiv.org/abs/1802.04942
    """

    terms = {
        "reconstruction": "-log p(x|z), nats",
        "kl": "KL(q(z|x) || p(z)), nats, logged only",
        "mutual_information": "log q(z|x) - log q(z), nats",
        "total_correlation": "log q(z) - sum_j log q(z_j), nats",
        "dimension_kl": "sum_j log q(z_j) - log p(z), nats",
    }
    batch_statistics = frozenset(aggregates.Decomposition._fields)

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        prior: str | dict | priors.BasePrior | None = None,
        *,
        beta: float = 6.0,
        examples: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, prior, **kwargs)
        self.beta = validation.check_number("beta", beta, 0)
        if examples is not None:
            validation.check_count("examples", examples)
        self.examples = examples

    def loss_terms(
        self, forward: Forward, moment: Moment
    ) -> dict[str, tf.Tensor]:
        """See `BaseAutoencoder.loss_terms`."""
        parts = aggregates.decomposed_kl(
            forward.posterior, forward.prior, forward.latent, self.examples
        )
        return super().loss_terms(forward, moment) | {
            name: tf.reduce_mean(part) for name, part in parts._asdict().items()
        }

    def loss_weights(
        self, moment: Moment, terms: dict[str, tf.Tensor]
    ) -> dict[str, Any]:
        """See `BaseAutoencoder.loss_weights`."""
        del moment, terms  # constant
        return {"kl": 0.0, "total_correlation": self.beta}
