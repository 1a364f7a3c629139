"""The beta-VAE: a weight on the KL."""

from typing import Any

import tensorflow as tf

from keras_ae.core.registry import register
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.parts import constraints
from keras_ae.parts import networks
from keras_ae.parts import priors
from keras_ae.parts import schedules
from keras_ae.variants.vae import VAE


@register("beta-vae")
class BetaVAE(VAE):
    """VAE whose KL is weighted by `beta`, constant or scheduled.

    Above 1 it presses the code into fewer, more independent units, at last
    into none (collapse); near 0 the code is hardly compressed and no longer
    resembles the prior. A schedule starts low and rises. A constraint puts
    another function of the KL in its place: `FreeBits` leaves every unit a
    minimum, `Capacity` holds the whole at a target.

    Formula:
        loss = -log p(x|z) + beta(step) * KL(q(z|x) || p(z))
        loss = -log p(x|z) + beta(step) * constraint(KL, step)

    Args:
        beta: Non-negative number or schedule. Defaults to 4.0.
        constraint: `constraints.FreeBits`, `constraints.Capacity` or their
            names; the term `constrained_kl` is then minimized, and `kl` only
            logged. Defaults to None.
        Other arguments: see `VAE`.

    Example:
        >>> beta = keras_ae.schedules.Linear(0.0, 4.0, steps=100)
        >>> model = BetaVAE.create((8,), 2, hidden=(16,), beta=beta)
        >>> float(model.beta(50))
        2.0

    Reference: Higgins et al., 2017. beta-VAE: Learning Basic Visual Concepts
        with a Constrained Variational Framework. ICLR.
        https://openreview.net/forum?id=Sy2fzU9gl
    """

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        prior: str | dict | priors.BasePrior | None = None,
        *,
        beta: float | schedules.BaseSchedule = 4.0,
        constraint: str | dict | constraints.BaseConstraint | None = None,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, prior, **kwargs)
        self.beta = schedules.get(beta, "beta")
        self.constraint = None
        if constraint is not None:
            self.constraint = constraints.get(constraint)

    def loss_terms(
        self, forward: Forward, moment: Moment
    ) -> dict[str, tf.Tensor]:
        """See `BaseAutoencoder.loss_terms`."""
        if self.constraint is None:
            return super().loss_terms(forward, moment)
        terms = super(VAE, self).loss_terms(forward, moment)
        kl = self.constraint.divergence(
            forward.posterior, forward.prior, forward.latent
        )
        return terms | {
            "kl": tf.reduce_sum(kl, axis=-1),
            "constrained_kl": self.constraint(kl, moment.step),
        }

    def loss_weights(
        self, moment: Moment, terms: dict[str, tf.Tensor]
    ) -> dict[str, Any]:
        """See `BaseAutoencoder.loss_weights`."""
        del terms  # of the step alone
        beta = self.beta(moment.step)
        if self.constraint is None:
            return {"kl": beta}
        return {"kl": 0.0, "constrained_kl": beta}
