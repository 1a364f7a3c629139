"""Constraints on the KL: what a beta-VAE minimizes in its place."""

import abc

import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import registry
from keras_ae.core.config import AutoConfig
from keras_ae.math import divergences
from keras_ae.parts import schedules

tfd = tfp.distributions


class BaseConstraint(AutoConfig, abc.ABC):
    """A function of the KL that keeps it away from zero."""

    kind = "constraint"

    @abc.abstractmethod
    def __call__(
        self,
        posterior: tfd.Distribution,
        prior: tfd.Distribution,
        z: tf.Tensor,
        step: tf.Tensor,
    ) -> tf.Tensor:
        """What is minimized instead of KL(q(z|x) || p(z)), nats, `[]`.

        Args:
            posterior: q(z|x), batch `[B]`.
            prior: p(z), batch `[]`.
            z: Draws of the posterior, `[(S,) B, ...]`.
            step: Optimizer steps taken.
        """


@registry.register("free_bits")
class FreeBits(BaseConstraint):
    """Every latent may spend a minimum of nats without being charged.

    A latent below the minimum has no gradient from the KL, so that it is not
    pushed into collapse. Needs a prior that factorizes over the latents.

    Formula:
        sum_j max(minimum(step), mean_b KL_bj)

    Args:
        minimum: Nats a latent, a number or schedule. Defaults to 0.1.

    Example:
        >>> q = tfd.Independent(tfd.Normal(tf.zeros([5, 3]), 1.0), 1)
        >>> p = tfd.Independent(tfd.Normal(tf.zeros([3]), 1.0), 1)
        >>> float(FreeBits(0.5)(q, p, q.mean(), 0))
        1.5

    Reference: Kingma et al., 2016. Improving Variational Inference with
        Inverse Autoregressive Flow, equation 15.
        https://arxiv.org/abs/1606.04934
    """

    def __init__(self, minimum: float | schedules.BaseSchedule = 0.1):
        self.minimum = schedules.get(minimum, "minimum")

    def __call__(
        self,
        posterior: tfd.Distribution,
        prior: tfd.Distribution,
        z: tf.Tensor,
        step: tf.Tensor,
    ) -> tf.Tensor:
        """See `BaseConstraint`."""
        del z  # needs the closed form
        kl = divergences.kl_per_latent(posterior, prior)  # [B, d]
        kl = tf.reduce_mean(kl, axis=0)
        return tf.reduce_sum(tf.maximum(kl, self.minimum(step)))


@registry.register("capacity")
class Capacity(BaseConstraint):
    """The KL is held at a target, which usually rises during training.

    The weight that the paper calls gamma is the model's `beta`, often large.

    Formula:
        |mean_b KL_b - target(step)|

    Args:
        target: Nats, a number or schedule.

    Example:
        >>> q = tfd.Independent(tfd.Normal(tf.zeros([5, 3]), 1.0), 1)
        >>> p = tfd.Independent(tfd.Normal(tf.zeros([3]), 1.0), 1)
        >>> target = schedules.Linear(0.0, 25.0, 100)
        >>> float(Capacity(target)(q, p, q.mean(), 20))
        5.0

    Reference: Burgess et al., 2018. Understanding disentangling in beta-VAE,
        equation 8. https://arxiv.org/abs/1804.03599
    """

    def __init__(self, target: float | schedules.BaseSchedule):
        self.target = schedules.get(target, "target")

    def __call__(
        self,
        posterior: tfd.Distribution,
        prior: tfd.Distribution,
        z: tf.Tensor,
        step: tf.Tensor,
    ) -> tf.Tensor:
        """See `BaseConstraint`."""
        kl = divergences.kl_divergence(posterior, prior, z)
        return tf.abs(tf.reduce_mean(kl) - self.target(step))


def get(identifier: str | dict | BaseConstraint) -> BaseConstraint:
    """A constraint by name, by `{name: arguments}`, or itself.

    Raises:
        ValueError: If the name is unknown.
        TypeError: If it is none of the three.

    Example:
        >>> get({"free_bits": {"minimum": 0.5}})
        FreeBits(minimum=Constant(constant=0.5))
    """
    return registry.part(BaseConstraint, identifier)
