"""The hierarchical variational autoencoder."""

from typing import Any

import tensorflow as tf

from keras_ae.core import validation
from keras_ae.core.registry import register
from keras_ae.math import chains
from keras_ae.model.batch import Batch
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.parts import heads
from keras_ae.parts import networks
from keras_ae.parts import priors
from keras_ae.variants.vae import VAE


@register("hierarchical-vae")
class HierarchicalVAE(VAE):
    """VAE whose code has levels, inferred as they generate: from the top down.

    The prior of a level depends on those above. Its posterior is that prior,
    once drawn, times what the encoder says of the level from the example: the
    two agree wherever the example says nothing. The decoder reads all levels.
    They are blocks of one code along its last axis: networks are of any kind.
    With `network="conv"` encoder and decoder are residual convolutions, and
    where the code is a grid, as `(4, 4, 12)`, so is each level.

    Formula:
        z = (z_1, .., z_L), top first
        q(z_1|x) = N(encoder_1(x))
        q(z_l|x, above) ~ p(z_l|above) * N(z_l; encoder_l(x)),  normalized
        loss = -log p(x|z) + sum_l kl_l
        kl_l = KL(q(z_l|x, above) || p(z_l|above)),  above ~ q

    Args:
        prior: `Hierarchical`, or `{"hierarchical": {"levels": [...]}}`, whose
            `top` is the prior of the top level. Defaults to two levels.
        Other arguments: see `VAE`.

    Example:
        >>> model = HierarchicalVAE.create((8,), latent_dim=4, hidden=(16,))
        >>> sorted(model.objective(np.zeros([3, 8], "float32")))
        ['kl', 'kl_1', 'kl_2', 'reconstruction']
        >>> images = keras_ae.spaces.Image(8, 8)
        >>> model = HierarchicalVAE.create(
        ...     images, (4, 4, 3), network="conv", hidden=(4,),
        ...     prior={"hierarchical": {"levels": [1, 2]}},
        ... )
        >>> model.objective(np.zeros([3, 8, 8, 1]))["kl_2"].shape
        TensorShape([3])

    Reference: Sonderby et al., 2016. Ladder Variational Autoencoders.
        NeurIPS. https://arxiv.org/abs/1602.02282
    """

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        prior: str | dict | priors.BasePrior | None = None,
        **kwargs: Any,
    ):
        prior = "hierarchical" if prior is None else prior
        super().__init__(encoder, decoder, prior, **kwargs)
        validation.check_type("prior", self.prior, priors.Hierarchical)
        validation.check_type("posterior", encoder.head, heads.Gaussian)
        count = len(self.prior.sizes(encoder.event_shape))
        self.levels = [f"kl_{i + 1}" for i in range(count)]
        line = "KL(q || p) of a level given those above, nats"
        self.terms = self.terms | dict.fromkeys(self.levels, line)

    def posterior(self, batch: Batch, moment: Moment) -> chains.Chain:
        """See `BaseAutoencoder.posterior`."""
        said = super().posterior(batch, moment)
        return self.prior.times(said)

    def loss_terms(
        self, forward: Forward, moment: Moment
    ) -> dict[str, tf.Tensor]:
        """See `BaseAutoencoder.loss_terms`."""
        own = chains.divergences(
            forward.posterior, forward.prior, forward.latent
        )
        terms = super().loss_terms(forward, moment) | {"kl": tf.add_n(own)}
        return terms | dict(zip(self.levels, own, strict=True))

    def loss_weights(
        self, moment: Moment, terms: dict[str, tf.Tensor]
    ) -> dict[str, Any]:
        """See `BaseAutoencoder.loss_weights`; `kl` is the sum of the levels."""
        del moment, terms  # constant
        return dict.fromkeys(self.levels, 0.0)
