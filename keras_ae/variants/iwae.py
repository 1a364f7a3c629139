"""The importance-weighted autoencoder."""

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import validation
from keras_ae.core.registry import register
from keras_ae.math import bounds
from keras_ae.model.batch import Batch
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.parts import networks
from keras_ae.parts import priors
from keras_ae.variants.vae import VAE

tfd = tfp.distributions

GRADIENTS = ("reparameterized", "doubly_reparameterized")


@register("iwae")
class IWAE(VAE):
    """VAE that maximizes a tighter bound, from several weighted draws.

    The bound rises with the number of draws K towards log p(x), which lets
    the posterior be less simple than the encoder's Gaussian. With K = 1 it is
    the VAE's bound, its KL estimated from the draw.

    Formula:
        w_k = p(x|z_k) p(z_k) / q(z_k|x),  z_k ~ q(z|x)
        loss = -log(mean_k w_k)

    Args:
        samples: Draws K for each example. Defaults to 5.
        gradient: `"reparameterized"`, or `"doubly_reparameterized"`: of the
            same mean and less variance for the encoder, the more draws the
            less. Defaults to the first.
        Other arguments: see `VAE`.

    Example:
        >>> model = IWAE.create((8,), 2, hidden=(16,), samples=5)
        >>> model.draw(model.encode(np.zeros([3, 8])), model.moment()).shape
        TensorShape([5, 3, 2])

    Reference: Burda, Grosse, Salakhutdinov, 2016. Importance Weighted
        Autoencoders. ICLR. https://arxiv.org/abs/1509.00519. Tucker, Lawson,
        Gu, Maddison, 2019. Doubly Reparameterized Gradient Estimators for
        Monte Carlo Objectives. https://arxiv.org/abs/1810.04152
    """

    terms = VAE.terms | {"bound": "-log(mean_k w_k), nats"}

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        prior: str | dict | priors.BasePrior | None = None,
        *,
        samples: int = 5,
        gradient: str = GRADIENTS[0],
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, prior, samples=samples, **kwargs)
        self.gradient = validation.check_in("gradient", gradient, GRADIENTS)

    def draw(self, posterior: tfd.Distribution, moment: Moment) -> tf.Tensor:
        """See `BaseAutoencoder.draw`; `[K, B, ...]` for every K."""
        return moment.sample(posterior, (self.samples,))

    def forward(self, batch: Batch, moment: Moment) -> Forward:
        """See `BaseAutoencoder.forward`; doubly reparameterized, the way
        through a draw is weighed by what it adds to the bound."""
        if self.gradient == "reparameterized":
            return super().forward(batch, moment)
        posterior, extras = self.posterior(batch, moment), {}
        z = bounds.scaled_gradient(
            self.draw(posterior, moment), lambda: extras["path"]
        )
        likelihood = self.observed(self.likelihood(z, batch, moment), batch)
        forward = Forward(
            batch,
            posterior,
            z,
            self.p_z(batch, moment),
            likelihood,
            extras,
        )
        extras["path"] = self.path_share(self.log_weights(forward))
        return forward

    def loss_terms(
        self, forward: Forward, moment: Moment
    ) -> dict[str, tf.Tensor]:
        """See `BaseAutoencoder.loss_terms`."""
        bounds_by_name = self.bound_terms(self.log_weights(forward))
        return super().loss_terms(forward, moment) | bounds_by_name

    def log_weights(self, forward: Forward) -> tf.Tensor:
        """Logarithms of the weights of the draws, `[K, B]`."""
        return bounds.importance_weights(
            forward.batch.target,
            forward.latent,
            forward.posterior,
            forward.likelihood,
            forward.prior,
            path_alone=self.gradient == "doubly_reparameterized",
        )

    def bound_terms(self, log_weights: tf.Tensor) -> dict[str, tf.Tensor]:
        """The terms made of the weights of the draws, `[K, B]`."""
        return {"bound": -self.bound(log_weights)}

    def bound(self, log_weights: tf.Tensor) -> tf.Tensor:
        """The bound, `[B]`, from the weights of the draws, `[K, B]`."""
        return bounds.importance_bound(log_weights)

    def path_share(self, log_weights: tf.Tensor) -> tf.Tensor:
        """Share of the gradient through the draws that a doubly
        reparameterized one keeps, `[K, B]`."""
        return tf.nn.softmax(log_weights, axis=0)

    def loss_weights(
        self, moment: Moment, terms: dict[str, tf.Tensor]
    ) -> dict[str, Any]:
        """See `BaseAutoencoder.loss_weights`."""
        del moment, terms  # constant
        return {"reconstruction": 0.0, "kl": 0.0}
