"""The variational autoencoder."""

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import validation
from keras_ae.core.registry import register
from keras_ae.core.types import Shapes
from keras_ae.math import divergences
from keras_ae.model.base import BaseAutoencoder
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.parts import heads
from keras_ae.parts import networks
from keras_ae.parts import priors

tfd = tfp.distributions


@register("vae")
class VAE(BaseAutoencoder):
    """Autoencoder that maximizes the evidence lower bound of log p(x).

    The encoder gives a posterior q(z|x), the decoder a likelihood p(x|z), a
    prior p(z) closes the model: codes become comparable with the prior, and
    new examples come from it. A family: variants build on it.

    Formula:
        z = mean(x) + stddev(x) * eps,  eps ~ N(0, I)
        loss = -log p(x|z) + KL(q(z|x) || p(z)) >= -log p(x), on average

    Args:
        prior: A prior or its name. Defaults to `"standard_normal"`.
        samples: Draws of z for each example in the objective. Defaults to 1.
        Other arguments: see `BaseAutoencoder`.

    Example:
        >>> vae = VAE.create((8,), latent_dim=2, hidden=(16,), seed=0)
        >>> vae.compile("adam")
        >>> history = vae.fit(np.zeros([32, 8]), epochs=1, verbose=0)
        >>> sorted(history.history)
        ['kl', 'loss', 'reconstruction', 'scale']
        >>> vae.sample(4, seed=0).shape
        (4, 8)

    Reference: Kingma, Welling, 2014. Auto-Encoding Variational Bayes. ICLR.
        https://arxiv.org/abs/1312.6114
    """

    terms = {
        "reconstruction": "-log p(x|z), nats",
        "kl": "KL(q(z|x) || p(z)), nats",
    }
    posterior_head = heads.Gaussian

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        prior: str | dict | priors.BasePrior | None = None,
        *,
        samples: int = 1,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, **kwargs)
        self.prior = priors.get("standard_normal" if prior is None else prior)
        self.samples = validation.check_count("samples", samples)

    def build_parts(self, input_shape: Shapes) -> None:
        """See `BaseAutoencoder.build_parts`."""
        super().build_parts(input_shape)
        if not self.prior.built:
            self.prior.build((None, *self.encoder.event_shape), input_shape)

    def draw(self, posterior: tfd.Distribution, moment: Moment) -> tf.Tensor:
        """See `BaseAutoencoder.draw`."""
        return moment.sample(posterior, self.sample_shape)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Axes in front of what `draw` gives: one if there are several."""
        return () if self.samples == 1 else (self.samples,)

    def loss_terms(
        self, forward: Forward, moment: Moment
    ) -> dict[str, tf.Tensor]:
        """See `BaseAutoencoder.loss_terms`."""
        return super().loss_terms(forward, moment) | {
            "kl": divergences.kl_divergence(
                forward.posterior, forward.prior, forward.latent
            )
        }
