"""The masked autoencoder."""

import math
from typing import Any

import tensorflow as tf

from keras_ae.core import validation
from keras_ae.core.registry import register
from keras_ae.math import densities
from keras_ae.math import patches
from keras_ae.model.batch import Batch
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.parts import networks
from keras_ae.variants.autoencoder import Autoencoder


@register("masked")
class MaskedAutoencoder(Autoencoder):
    """Autoencoder that sees a few patches of an example and tells the others.

    What is hidden cannot be copied: it has to be understood from the rest. A
    patch is a square of an image, a stretch of a series or of any row of
    numbers, channels together. `network="transformer"` reads patches.

    Formula:
        loss = -log p(x_hidden | f(x_seen)) * all / hidden

        where all and hidden count patches.

    Args:
        rate: Share of the patches that are hidden, in (0, 1); at least one
            is, and one is not. Defaults to 0.75.
        patch: Places of a side of a patch. Defaults to 4.
        Other arguments: see `Autoencoder`.

    Example:
        >>> model = MaskedAutoencoder.create(
        ...     (8, 8, 1), 4, network="transformer", hidden=(16,), patch=2
        ... )
        >>> model.objective(np.zeros([3, 8, 8, 1], "f"))["reconstruction"].shape
        TensorShape([3])

    Reference: He, Chen, Xie, Li, Dollar, Girshick, 2022. Masked Autoencoders
        Are Scalable Vision Learners. CVPR. https://arxiv.org/abs/2111.06377
    """

    terms = {"reconstruction": "-log p(x_hidden|h) * all / hidden, nats"}

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        *,
        rate: float = 0.75,
        patch: int = 4,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, **kwargs)
        self.rate = validation.check_number(
            "rate", rate, 0, 1, open_low=True, open_high=True
        )
        self.patch = validation.check_count("patch", patch)

    def forward(self, batch: Batch, moment: Moment) -> Forward:
        """Hide, encode, decode; the likelihood is that of what is hidden,
        `extras` has which values that are."""
        shape = self.space.shape
        grid = patches.grid(shape, self.patch)
        count = math.prod(grid)
        seed = moment.seed(rank=1)
        chosen = patches.chosen(batch.size, count, self.rate, seed)
        hidden = patches.spread(chosen, shape, self.patch)
        seen = batch._replace(x=tf.where(hidden, 0.0, batch.x))
        forward = super().forward(seen, moment)
        return forward._replace(
            batch=batch,
            likelihood=densities.masked(forward.likelihood, hidden),
            extras={
                "hidden": hidden,
                "scale": count / patches.number(count, self.rate),
            },
        )

    def loss_terms(
        self, forward: Forward, moment: Moment
    ) -> dict[str, tf.Tensor]:
        """See `BaseAutoencoder.loss_terms`."""
        terms = super().loss_terms(forward, moment)
        scale = forward.extras["scale"]
        return terms | {"reconstruction": scale * terms["reconstruction"]}
