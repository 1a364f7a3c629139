"""Sparsity: what is done to a code, and what a code costs."""

import abc
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import registry
from keras_ae.core import replicas
from keras_ae.core import validation
from keras_ae.parts.part import BasePart

if TYPE_CHECKING:
    from keras_ae.model.base import BaseAutoencoder

tfd = tfp.distributions


class BaseSparsity(BasePart, abc.ABC):
    """A change of the code, a penalty on it, or both."""

    kind = "sparsity"

    def check_shape(self, event_shape: tuple[int, ...]) -> None:
        """Raise `ValueError` if codes of this shape cannot be sparse so."""
        del event_shape  # any shape

    def code(self, h: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The code that the decoder sees, from the encoder's numbers
        `[B, ..., d]`."""
        del training  # the same in training and evaluation
        return h

    def penalty(self, h: tf.Tensor) -> tf.Tensor:
        """Cost of codes `[B, ..., d]` in nats: `[B]`, or a scalar for a
        `batch_statistics`."""
        return tf.zeros(tf.shape(h)[:1])  # costs nothing

    def adapt(self, model: "BaseAutoencoder", x: np.ndarray) -> None:
        """See `BasePart.adapt`. An encoder of one layer starts to read from
        the mean of the examples, and a decoder of one layer to write what is
        read, as the encoder's transpose. Without, most units are never among
        the largest, and what is never kept never learns.

        Reference: Gao et al., 2024. Scaling and Evaluating Sparse
            Autoencoders. https://arxiv.org/abs/2406.04093
        """
        if model.encoder.body.weights:
            return
        reads = model.encoder.projection
        mean = x.reshape(len(x), -1).mean(axis=0, dtype=np.float64)
        reads.bias.assign(-mean @ reads.kernel)
        if model.decoder.tied or model.decoder.body.weights:
            return
        writes = model.decoder.projection.kernel
        if writes.shape == reads.kernel.shape[::-1]:
            writes.assign(tf.transpose(reads.kernel))


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

    def penalty(self, h: tf.Tensor) -> tf.Tensor:
        """See `BaseSparsity.penalty`."""
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

    def penalty(self, h: tf.Tensor) -> tf.Tensor:
        """See `BaseSparsity.penalty`."""
        mean = tf.clip_by_value(replicas.mean(h), self.margin, 1 - self.margin)
        wanted = tfd.Bernoulli(probs=self.rho)
        return tf.reduce_sum(
            tfd.kl_divergence(wanted, tfd.Bernoulli(probs=mean))
        )


@registry.register("top_k")
class TopK(BaseSparsity):
    """Keeps the `k` largest values along the last axis, sets the others to 0.

    Nothing is penalized: the k-sparse autoencoder. The gradient reaches only
    the values that are kept.

    Call the model's `adapt` before `fit`, or many units never learn.

    Args:
        k: Values to keep, at most the length of a code. Defaults to 10.
        alpha: Factor of `k` outside training, at least 1, for codes that are
            easier to classify. Defaults to 1.

    Example:
        >>> TopK(1).code(tf.constant([[1.0, 3.0, 2.0]])).numpy().tolist()
        [[0.0, 3.0, 0.0]]

    Reference: Makhzani, Frey, 2013. k-Sparse Autoencoders, algorithm 1.
        https://arxiv.org/abs/1312.5663
    """

    def __init__(self, k: int = 10, alpha: float = 1.0):
        self.k = validation.check_count("k", k)
        self.alpha = validation.check_number("alpha", alpha, 1)

    def kept(self, training: bool) -> int:
        """How many values are kept."""
        return self.k if training else round(self.alpha * self.k)

    def check_shape(self, event_shape: tuple[int, ...]) -> None:
        """See `BaseSparsity.check_shape`."""
        kept = self.kept(training=False)
        if kept > event_shape[-1]:
            expected = f"at most the length of a code, {event_shape[-1]}"
            raise ValueError(validation.invalid("alpha * k", expected, kept))

    def code(self, h: tf.Tensor, training: bool = False) -> tf.Tensor:
        """See `BaseSparsity.code`."""
        _, largest = tf.math.top_k(h, self.kept(training))  # [B, ..., kept]
        among = tf.one_hot(largest, h.shape[-1], dtype=h.dtype)
        return h * tf.reduce_sum(among, axis=-2)


def get(identifier: str | dict | BaseSparsity) -> BaseSparsity:
    """A sparsity by name, by `{name: arguments}`, or itself.

    Raises:
        ValueError: If the name is unknown.
        TypeError: If it is none of the three.
    """
    return registry.part(BaseSparsity, identifier)
