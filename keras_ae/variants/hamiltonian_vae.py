"""The Hamiltonian variational autoencoder."""

import math
from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import validation
from keras_ae.core.registry import register
from keras_ae.core.types import Shapes
from keras_ae.math import draws
from keras_ae.math import hamiltonian
from keras_ae.model.batch import Batch
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.parts import networks
from keras_ae.parts import priors
from keras_ae.variants.vae import VAE

tfd = tfp.distributions


@register("hamiltonian-vae")
class HamiltonianVAE(VAE):
    """VAE whose codes move towards where the model says that they belong.

    The encoder says where a code starts; a few steps of Hamiltonian dynamics
    take it up the gradient of log p(x, z). They know the model itself, which
    the encoder only learns to approximate, and keep volumes, so that the
    bound stays one.

    Formula:
        z_0 ~ q(z|x),  r_0 ~ N(0, I),  (z, r) = K leapfrog steps
        U(z) = -log p(x|z) - log p(z)
        kl = log q(z_0|x) + log N(r_0) - log p(z) - log N(r)
        loss = -log p(x|z) + kl >= -log p(x), on average

    Args:
        steps: Leapfrog steps K, each as dear as a gradient of the decoder.
            Defaults to 3.
        step_size: Length of a step at first; one for each number of a code is
            learned. Defaults to 0.1.
        heat: Inverse temperature at which the momentum starts, in (0, 1];
            1: it is not cooled. Defaults to 0.3.
        Other arguments: see `VAE`.

    Example:
        >>> model = HamiltonianVAE.create((8,), 2, hidden=(16,), seed=0)
        >>> sorted(model.objective(np.zeros([4, 8], "float32")))
        ['kl', 'reconstruction']

    Reference: Caterini, Doucet, Sejdinovic, 2018. Hamiltonian Variational
        Auto-Encoder. NeurIPS. https://arxiv.org/abs/1805.11328
    """

    terms = VAE.terms | {"kl": "of places and momenta, nats, on average"}

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        prior: str | dict | priors.BasePrior | None = None,
        *,
        steps: int = 3,
        step_size: float = 0.1,
        heat: float = 0.3,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, prior, **kwargs)
        self.steps = validation.check_count("steps", steps)
        self.step_size = validation.check_number(
            "step_size", step_size, 0, open_low=True
        )
        self.heat = validation.check_number("heat", heat, 0, 1, open_low=True)

    def build_parts(self, input_shape: Shapes) -> None:
        """See `BaseAutoencoder.build_parts`."""
        super().build_parts(input_shape)
        self.log_step = self.add_weight(
            shape=self.encoder.event_shape,
            initializer=keras.initializers.Constant(math.log(self.step_size)),
            dtype="float32",
            name="log_step",
        )

    def forward(self, batch: Batch, moment: Moment) -> Forward:
        """See `BaseAutoencoder.forward`; `extras` has what is paid for the
        way, `path`."""
        posterior, prior = (
            self.posterior(batch, moment),
            self.p_z(batch, moment),
        )
        first = self.draw(posterior, moment)
        law = tfd.Independent(
            draws.Normal(tf.zeros_like(first), 1.0),
            len(self.encoder.event_shape),
        )
        start = moment.sample(law)

        def energy(z: tf.Tensor) -> tf.Tensor:
            likelihood = self.observed(self.likelihood(z, batch, moment), batch)
            return -likelihood.log_prob(batch.target) - prior.log_prob(z)

        z, end = hamiltonian.leapfrog(
            first,
            start / self.heat**0.5,
            lambda z: tfp.math.value_and_gradient(energy, z)[1],
            tf.exp(tf.convert_to_tensor(self.log_step)),
            hamiltonian.cooling(self.heat, self.steps),
        )
        path = posterior.log_prob(first) + law.log_prob(start)
        extras = {"path": path - law.log_prob(end)}
        likelihood = self.observed(self.likelihood(z, batch, moment), batch)
        return Forward(batch, posterior, z, prior, likelihood, extras)

    def loss_terms(
        self, forward: Forward, moment: Moment
    ) -> dict[str, tf.Tensor]:
        """See `BaseAutoencoder.loss_terms`."""
        kl = forward.extras["path"] - forward.prior.log_prob(forward.latent)
        return super().loss_terms(forward, moment) | {"kl": kl}
