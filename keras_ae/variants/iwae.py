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
    the VAE's bound, its KL estimated from the draw. A mean of several such
    bounds, of M groups of draws, tells the encoder more.

    Formula:
        w_mk = p(x|z_mk) p(z_mk) / q(z_mk|x),  z_mk ~ q(z|x)
        loss = -mean_m log(mean_k w_mk)

    Args:
        samples: Draws K in a group. Defaults to 5.
        groups: Number M of groups for each example. Defaults to 1.
        gradient: `"reparameterized"`, or `"doubly_reparameterized"`: of the
            same mean and less variance for the encoder, the more draws the
            less. Defaults to the first.
        Other arguments: see `VAE`.

    Example:
        >>> model = IWAE.create((8,), 2, hidden=(16,), samples=5)
        >>> model.draw(model.encode(np.zeros([3, 8])), model.moment()).shape
        TensorShape([5, 3, 2])

    Reference: Burda, Grosse, Salakhutdinov, 2016. Importance Weighted
        Autoencoders. ICLR. https://arxiv.org/abs/1509.00519. Rainforth et
        al., 2018. Tighter Variational Bounds are Not Necessarily Better,
        equation 9. ICML. https://arxiv.org/abs/1802.04537. Tucker, Lawson,
        Gu, Maddison, 2019. Doubly Reparameterized Gradient Estimators for
        Monte Carlo Objectives. https://arxiv.org/abs/1810.04152
    """

    terms = VAE.terms | {"bound": "-mean_m log(mean_k w_mk), nats"}

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        prior: str | dict | priors.BasePrior | None = None,
        *,
        samples: int = 5,
        groups: int = 1,
        gradient: str = GRADIENTS[0],
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, prior, samples=samples, **kwargs)
        self.groups = validation.check_count("groups", groups)
        self.gradient = validation.check_in("gradient", gradient, GRADIENTS)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """See `VAE.sample_shape`; one axis always."""
        return (self.groups * self.samples,)

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
        log_weights = self.log_weights(forward)
        shares = self.path_share(self.in_groups(log_weights))
        extras["path"] = tf.reshape(shares, tf.shape(log_weights))
        return forward

    def loss_terms(
        self, forward: Forward, moment: Moment
    ) -> dict[str, tf.Tensor]:
        """See `BaseAutoencoder.loss_terms`."""
        bounds_by_name = self.bound_terms(self.log_weights(forward))
        return super().loss_terms(forward, moment) | bounds_by_name

    def log_weights(self, forward: Forward) -> tf.Tensor:
        """Logarithms of the weights of the draws, `[M * K, B]`."""
        return bounds.importance_weights(
            forward.batch.target,
            forward.latent,
            forward.posterior,
            forward.likelihood,
            forward.prior,
            path_alone=self.gradient == "doubly_reparameterized",
        )

    def bound_terms(self, log_weights: tf.Tensor) -> dict[str, tf.Tensor]:
        """The terms made of the weights of the draws, `[M * K, B]`."""
        grouped = self.bound(self.in_groups(log_weights))  # [M, B]
        return {"bound": -tf.reduce_mean(grouped, axis=0)}

    def bound(self, log_weights: tf.Tensor) -> tf.Tensor:
        """The bounds `[...]` from the weights of their draws, `[K, ...]`."""
        return bounds.importance_bound(log_weights)

    def path_share(self, log_weights: tf.Tensor) -> tf.Tensor:
        """Share of the gradient through the draws, `[K, ...]`, that a doubly
        reparameterized one keeps."""
        return tf.nn.softmax(log_weights, axis=0)

    def in_groups(self, values: tf.Tensor) -> tf.Tensor:
        """`[M * K, B]` as `[K, M, B]`."""
        batch = tf.shape(values)[1]
        return tf.reshape(values, [self.samples, self.groups, batch])

    def loss_weights(
        self, moment: Moment, terms: dict[str, tf.Tensor]
    ) -> dict[str, Any]:
        """See `BaseAutoencoder.loss_weights`."""
        del moment, terms  # constant
        return {"reconstruction": 0.0, "kl": 0.0}
