"""Autoencoders of another package: a variant, a head and a prior."""

import tensorflow as tf
import tensorflow_probability as tfp

import keras_ae

tfd = tfp.distributions


@keras_ae.register("robust-vae")
class RobustVAE(keras_ae.VAE):
    """VAE that pays less for examples that it cannot explain.

    Formula:
        loss = cap * tanh(-log p(x|z) / cap) + KL(q(z|x) || p(z))

    Args:
        cap: Highest reconstruction term of an example, nats.
        Other arguments: see `VAE`.

    Example:
        >>> RobustVAE.create((8,), 2, cap=10.0).cap
        10.0

    Reference: Huber, 1964. Robust Estimation of a Location Parameter.
    """

    def __init__(self, *parts, cap: float = 100.0, **kwargs):
        super().__init__(*parts, **kwargs)
        check = keras_ae.validation.check_number
        self.cap = check("cap", cap, 0, open_low=True)

    def loss_terms(self, forward, moment):
        terms = super().loss_terms(forward, moment)
        bounded = self.cap * tf.tanh(terms["reconstruction"] / self.cap)
        return terms | {"reconstruction": bounded}


@keras_ae.register("logistic")
class Logistic(keras_ae.heads.BaseHead):
    """Large errors count by their size, small ones by their square."""

    def __init__(self, scale: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def distribution(self, loc):
        return tfd.Logistic(loc, self.scale)


@keras_ae.register("laplace")
class LaplacePrior(keras_ae.priors.BasePrior):
    """Codes with a few large numbers among small ones."""

    def distribution(self, encode):
        zeros = tf.zeros(self.event_shape)
        return tfd.Independent(tfd.Laplace(zeros, 1.0), len(self.event_shape))
