"""The variational autoencoder of classes."""

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import validation
from keras_ae.core.registry import register
from keras_ae.math import quantization
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.parts import heads
from keras_ae.parts import networks
from keras_ae.parts import priors
from keras_ae.parts import schedules
from keras_ae.variants.vae import VAE

tfd = tfp.distributions

#: Of the softmax, while training: soft at first, then nearly classes.
ANNEALED = {"linear": {"start": 1.0, "end": 0.5, "steps": 10_000}}


@register("categorical-vae")
class CategoricalVAE(VAE):
    """VAE whose code is a class, or several of them.

    With `latent_dim=(8, 10)` it is eight numerals of ten values. A draw of a
    class has no gradient. In training the largest of the perturbed logits
    gives way to their softmax, whose gradient is that of the logits; the lower
    its temperature, the nearer to classes, and the larger the variance of the
    gradient. Everywhere else codes are drawn as classes, so that `evaluate`
    gives the bound. `embed` gives the classes' probabilities. Of a prior whose
    KL has no closed form the KL is that of the classes drawn, in training too;
    its gradient is that of the softmax, as if it had been drawn.

    Formula:
        z = softmax((logits(x) + g) / temperature),  g ~ Gumbel(0, 1)
        loss = -log p(x|z) + sum_m KL(q(z_m|x) || uniform)

    Args:
        prior: Defaults to `"uniform_categorical"`.
        temperature: Above 0, a number or a schedule of optimizer steps.
            Defaults to one that falls from 1 to 0.5 in 10,000 steps.
        Other arguments: see `VAE`.

    Example:
        >>> vae = CategoricalVAE.create((8,), latent_dim=(2, 5), seed=0)
        >>> vae.embed(np.zeros([1, 8])).sum(axis=-1).round(4).tolist()
        [[1.0, 1.0]]

    Reference: Jang, Gu, Poole, 2017. Categorical Reparameterization with
        Gumbel-Softmax. ICLR. https://arxiv.org/abs/1611.01144 (the same by
        Maddison, Mnih, Teh, 2017. The Concrete Distribution.
        https://arxiv.org/abs/1611.00712)
    """

    posterior_head = heads.Categorical

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        prior: str | dict | priors.BasePrior = "uniform_categorical",
        *,
        temperature: float | dict | schedules.BaseSchedule | None = None,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, prior, **kwargs)
        self.temperature = schedules.get(
            ANNEALED if temperature is None else temperature, "temperature"
        )
        if np.min(self.temperature([0, 2**30])) <= 0:
            expected = "a number or schedule above 0"
            raise ValueError(
                validation.invalid("temperature", expected, temperature)
            )

    def draw(self, posterior: tfd.Distribution, moment: Moment) -> tf.Tensor:
        """See `VAE.draw`; soft in training."""
        if not moment.training:
            return super().draw(posterior, moment)
        seed = moment.seed(len(posterior.event_shape))
        scores = posterior.distribution.perturbed(self.sample_shape, seed)
        return tf.nn.softmax(scores / self.temperature(moment.step))

    def loss_terms(
        self, forward: Forward, moment: Moment
    ) -> dict[str, tf.Tensor]:
        """See `BaseAutoencoder.loss_terms`; laws of classes have no
        probabilities of soft draws."""
        z = forward.latent
        drawn = tf.one_hot(tf.argmax(z, axis=-1), z.shape[-1])
        drawn = quantization.straight_through(z, drawn)
        return super().loss_terms(forward._replace(latent=drawn), moment)
