"""The missing-data importance-weighted autoencoder."""

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core.registry import register
from keras_ae.core.types import Rows
from keras_ae.core.types import Shapes
from keras_ae.model.batch import Batch
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.parts import mechanisms
from keras_ae.parts import networks
from keras_ae.parts import priors
from keras_ae.variants.iwae import IWAE

tfd = tfp.distributions


@register("miwae")
class MIWAE(IWAE):
    """IWAE of examples with holes: the bound is that of what was observed.

    NaN in an example means "not observed". The encoder sees a learned number
    in each hole, the likelihood leaves it out, and `impute` fills it. That is
    right where holes do not depend on what they hide. Where they do, a
    mechanism models them: not-MIWAE.

    Formula:
        w_k = p(x_obs|z_k) p(z_k) / q(z_k|x_obs) * p(s|x_obs, x_k),
              z_k ~ q(z|x_obs), x_k ~ p(x_mis|z_k)
        loss = -log(mean_k w_k) >= -log p(x_obs, s), on average

        the last factor of w_k, and s, where there is a mechanism p(s|x)

    Args:
        samples: Draws K for each example. Defaults to 20.
        mechanism: A mechanism as in `mechanisms.get`, such as
            `"self_masking"`, for likelihoods whose draws are differentiable
            (Gaussian, Student-t); or None, the default.
        missing: As in `BaseAutoencoder`. Defaults to `"mask"`.
        Other arguments: see `VAE`.

    Raises:
        ValueError: If there is a mechanism where holes are refused.

    Example:
        >>> model = MIWAE.create((3,), 2, hidden=(8,), likelihood="gaussian")
        >>> model.compile("adam")
        >>> x = np.array([[0.5, np.nan, 1.0]] * 32)
        >>> history = model.fit(x, epochs=1, verbose=0)
        >>> model.impute(x, samples=1000).shape
        (32, 3)

    Reference: Mattei, Frellsen, 2019. MIWAE: Deep Generative Modelling and
        Imputation of Incomplete Data Sets. ICML.
        https://arxiv.org/abs/1812.02633. Ipsen, Mattei, Frellsen, 2021.
        not-MIWAE. https://arxiv.org/abs/2006.12871
    """

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        prior: str | dict | priors.BasePrior | None = None,
        *,
        samples: int = 20,
        mechanism: str | dict | mechanisms.BaseMechanism | None = None,
        missing: str = "mask",
        **kwargs: Any,
    ):
        super().__init__(
            encoder, decoder, prior, samples=samples, missing=missing, **kwargs
        )
        if mechanism is not None:
            mechanism = mechanisms.get(mechanism)
        self.mechanism = mechanism
        if mechanism is not None and self.missing != "mask":
            raise ValueError(
                "A mechanism models holes, and this model refuses them. "
                'Expected missing="mask". Received: missing='
                f"{self.missing!r}, mechanism={mechanism!r}"
            )
        if mechanism is not None and self.gradient != "reparameterized":
            raise ValueError(
                "What a mechanism sees is drawn from codes too. Expected "
                f'gradient="reparameterized". Received: {self.gradient!r}'
            )

    def build_parts(self, input_shape: Shapes) -> None:
        """See `BaseAutoencoder.build_parts`."""
        super().build_parts(input_shape)
        if self.missing == "mask":
            self.fill = self.add_weight(
                shape=self.space.shape,
                initializer="zeros",
                dtype="float32",
                autocast=False,
                name="fill",
            )
        if self.mechanism is not None and not self.mechanism.built:
            self.mechanism.build((None, *self.space.shape))

    def posterior(self, batch: Batch, moment: Moment) -> tfd.Distribution:
        """See `BaseAutoencoder.posterior`; a learned number in holes."""
        if batch.seen is not None:
            x = tf.where(batch.seen, batch.x, tf.convert_to_tensor(self.fill))
            batch = batch._replace(x=x)
        return super().posterior(batch, moment)

    def forward(self, batch: Batch, moment: Moment) -> Forward:
        """See `BaseAutoencoder.forward`; a mechanism sees the holes `filled`
        by draws of p(x|z)."""
        if self.mechanism is None:
            return super().forward(batch, moment)
        posterior = self.posterior(batch, moment)
        z = self.draw(posterior, moment)
        likelihood = self.likelihood(z, batch, moment)
        _check_differentiable(likelihood)
        drawn = moment.sample(likelihood)
        extras = {"filled": tf.where(batch.mask, batch.target, drawn)}
        likelihood = self.observed(likelihood, batch)
        return Forward(
            batch,
            posterior,
            z,
            self.p_z(batch, moment),
            likelihood,
            extras,
        )

    def log_weights(self, forward: Forward) -> tf.Tensor:
        """See `IWAE.log_weights`."""
        log_weights = super().log_weights(forward)
        if self.mechanism is None:
            return log_weights
        filled, seen = forward.extras["filled"], forward.batch.mask
        return log_weights + self.mechanism.log_prob(filled, seen)

    def loss_weights(
        self, moment: Moment, terms: dict[str, tf.Tensor]
    ) -> dict[str, Any]:
        """See `BaseAutoencoder.loss_weights`; the bound has it all."""
        own = {} if self.mechanism is None else {"mechanism": 0.0}
        return super().loss_weights(moment, terms) | own

    @classmethod
    def contract_case(cls) -> tuple[dict[str, Any], Rows]:
        """See `BaseAutoencoder.contract_case`; a value in four is a hole."""
        options, x = super().contract_case()
        holes = np.random.default_rng(1).uniform(size=x.shape) < 0.25
        return options, np.where(holes, np.float32(np.nan), x)


def _check_differentiable(likelihood: tfd.Distribution) -> None:
    if likelihood.reparameterization_type != tfd.FULLY_REPARAMETERIZED:
        raise ValueError(
            "A mechanism learns from draws of the likelihood. Expected a "
            "likelihood whose draws are differentiable, such as "
            f'"gaussian" or "student_t". Received: {likelihood.name}'
        )
