"""Codes that are paid for."""

import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import registry
from keras_ae.core import replicas
from keras_ae.core import validation
from keras_ae.parts.sparsity.base import BaseSparsity

tfd = tfp.distributions


@registry.register("l1")
class L1(BaseSparsity):
    """Sum of absolute values: a Laplace prior on the code.

    With the weight `lambda`, the penalty is the negative logarithm of a
    Laplace density of scale 1 / lambda, up to a constant of the code.

    Formula:
        penalty(h) = sum(abs(h))
        lambda * penalty(h) = -log p(h) + d * log(lambda / 2),
        p(h) = prod(lambda / 2 * exp(-lambda * abs(h)))

    Example:
        >>> L1().penalty(tf.constant([[1.0, -2.0]])).numpy().tolist()
        [3.0]
    """

    def penalty(
        self, h: tf.Tensor, before: tf.Tensor | None = None
    ) -> tf.Tensor:
        """See `BaseSparsity.penalty`."""
        del before
        return tf.reduce_sum(tf.abs(h), axis=list(range(1, len(h.shape))))


@registry.register("kl_to_rho")
class KLToRho(BaseSparsity):
    """Pulls the mean activation of every unit towards a small `rho`.

    Activations have to lie between 0 and 1, so the code is the sigmoid of
    the encoder's numbers: leave the encoder's own output linear. The mean is
    that of the batch.

    Formula:
        h = sigmoid(a)
        penalty = sum_j KL(Bernoulli(rho) || Bernoulli(mean_batch(h_j)))

    Args:
        rho: Wanted mean activation, in (0, 1). Defaults to 0.05.

    Example:
        >>> round(float(KLToRho(0.5).penalty(tf.fill([4, 3], 0.5))), 6)
        0.0

    Reference: Lee, Ekanadham, Ng, 2008. Sparse Deep Belief Net Model for
        Visual Area V2. NeurIPS. Ng, 2011. Sparse Autoencoder, CS294A notes.
    """

    batch_statistics = frozenset({"sparsity"})
    margin = 1e-6  # keeps the divergence finite for units that are silent

    def __init__(self, rho: float = 0.05):
        self.rho = validation.check_number(
            "rho", rho, 0, 1, open_low=True, open_high=True
        )

    def code(self, h: tf.Tensor, training: bool = False) -> tf.Tensor:
        """See `BaseSparsity.code`."""
        del training  # the same in training and evaluation
        return tf.sigmoid(h)

    def penalty(
        self, h: tf.Tensor, before: tf.Tensor | None = None
    ) -> tf.Tensor:
        """See `BaseSparsity.penalty`."""
        del before
        mean = tf.clip_by_value(replicas.mean(h), self.margin, 1 - self.margin)
        wanted = tfd.Bernoulli(probs=self.rho)
        return tf.reduce_sum(
            tfd.kl_divergence(wanted, tfd.Bernoulli(probs=mean))
        )
