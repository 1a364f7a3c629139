"""Constraints on the KL: what a beta-VAE minimizes in its place."""

import abc

import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import registry
from keras_ae.core import replicas
from keras_ae.math import divergences
from keras_ae.parts import schedules
from keras_ae.parts.part import BasePart

tfd = tfp.distributions


class BaseConstraint(BasePart, abc.ABC):
    """A function of the KL that keeps it away from zero."""

    kind = "constraint"
    batch_statistics = frozenset({"constrained_kl"})

    @property
    def terms(self) -> dict[str, str]:
        """See `BasePart.terms`."""
        return {"constrained_kl": f"{self}, nats"}

    def divergence(
        self, posterior: tfd.Distribution, prior: tfd.Distribution, z: tf.Tensor
    ) -> tf.Tensor:
        """KL(q(z|x) || p(z)), `[(S,) B, k]`, in parts that add up along the
        last axis; by default one part.

        Args:
            posterior: q(z|x), batch `[B]`.
            prior: p(z), batch `[]`.
            z: Draws of the posterior, `[(S,) B, ...]`.
        """
        return divergences.kl_divergence(posterior, prior, z)[..., None]

    @abc.abstractmethod
    def __call__(self, kl: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """What is minimized instead of the KL, nats, `[]`.

        Args:
            kl: As from `divergence`, `[(S,) B, k]`.
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
        >>> float(FreeBits(0.5)(tf.zeros([5, 3]), 0))
        1.5

    Reference: Kingma et al., 2016. Improving Variational Inference with
        Inverse Autoregressive Flow, equation 15.
        https://arxiv.org/abs/1606.04934
    """

    def __init__(self, minimum: float | schedules.BaseSchedule = 0.1):
        self.minimum = schedules.get(minimum, "minimum")

    def divergence(
        self, posterior: tfd.Distribution, prior: tfd.Distribution, z: tf.Tensor
    ) -> tf.Tensor:
        """See `BaseConstraint.divergence`; one part a latent."""
        del z  # needs the closed form
        kl = divergences.kl_per_latent(posterior, prior)  # [B, ...]
        return tf.reshape(kl, [-1, kl.shape[1:].num_elements()])

    def __call__(self, kl: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """See `BaseConstraint`."""
        kl = replicas.mean(kl)
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
        >>> target = schedules.Linear(0.0, 25.0, 100)
        >>> float(Capacity(target)(tf.zeros([5, 1]), 20))
        5.0

    Reference: Burgess et al., 2018. Understanding disentangling in beta-VAE,
        equation 8. https://arxiv.org/abs/1804.03599
    """

    def __init__(self, target: float | schedules.BaseSchedule):
        self.target = schedules.get(target, "target")

    def __call__(self, kl: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """See `BaseConstraint`."""
        kl = tf.reduce_sum(kl, axis=-1)  # [(S,) B]
        kl = tf.reduce_mean(kl, axis=list(range(len(kl.shape) - 1)))
        return tf.abs(replicas.mean(kl) - self.target(step))


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
