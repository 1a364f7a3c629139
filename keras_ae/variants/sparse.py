"""The sparse autoencoder."""

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import validation
from keras_ae.core.registry import register
from keras_ae.model.base import Forward
from keras_ae.parts import sparsity as sparsities
from keras_ae.variants.autoencoder import Autoencoder

tfd = tfp.distributions


@register("sparse")
class SparseAutoencoder(Autoencoder):
    """Autoencoder whose code has few units active for any example.

    A code longer than the input can still not copy it if only a few of its
    units may be used at once. Sparsity is a penalty (`L1`, `KLToRho`) or a
    rule (`TopK`).

    Formula:
        h = code(f(x))
        loss = -log p(x | h) + strength * penalty(h)

    Args:
        sparsity: `L1`, `KLToRho`, `TopK`, or a name (`"l1"`, `"kl_to_rho"`,
            `"top_k"`). Defaults to `L1()`.
        strength: Non-negative weight of the penalty. Defaults to 0.1.
        Other arguments: see `Autoencoder`.

    Example:
        >>> from keras_ae.sparsity import TopK
        >>> model = SparseAutoencoder.create((8,), 32, sparsity=TopK(4))
        >>> int((model.embed(np.ones([1, 8])) != 0).sum())
        4

    Reference: Ng, 2011. Sparse Autoencoder, CS294A notes. Makhzani, Frey,
        2013. k-Sparse Autoencoders. https://arxiv.org/abs/1312.5663
    """

    terms = Autoencoder.terms | {"sparsity": "penalty(h), nats, unweighted"}

    def __init__(
        self,
        encoder: Any,
        decoder: Any,
        *,
        sparsity: Any = None,
        strength: float = 0.1,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, **kwargs)
        self.sparsity = sparsities.get("l1" if sparsity is None else sparsity)
        self.strength = validation.check_number("strength", strength, 0)
        self.sparsity.check_shape(self.encoder.event_shape)
        if self.sparsity.batch_statistic:
            self.batch_statistics = self.batch_statistics | {"sparsity"}

    def encode(self, x: Any, training: bool = False) -> tfd.Distribution:
        """See `BaseAutoencoder.encode`."""
        h = super().encode(x, training=training).mean()
        rank = len(self.encoder.event_shape)
        code = self.sparsity.code(h, training)
        return tfd.Independent(tfd.Deterministic(code), rank)

    def adapt_parts(self, x: Any) -> None:
        """See `BaseAutoencoder.adapt_parts`. An encoder of one layer starts
        to read from the mean of the examples, and a decoder of one layer to
        write what is read, as the encoder's transpose. Without, most units
        are never among the largest, and what is never kept never learns.

        Reference: Gao et al., 2024. Scaling and Evaluating Sparse
            Autoencoders. https://arxiv.org/abs/2406.04093
        """
        if self.encoder.body.weights:
            return
        reads = self.encoder.projection
        mean = x.reshape(len(x), -1).mean(axis=0, dtype=np.float64)
        reads.bias.assign(-mean @ reads.kernel)
        if self.decoder.tied or self.decoder.body.weights:
            return
        writes = self.decoder.projection.kernel
        if writes.shape == reads.kernel.shape[::-1]:
            writes.assign(tf.transpose(reads.kernel))

    def loss_terms(
        self, forward: Forward, target: tf.Tensor, training: bool
    ) -> dict[str, tf.Tensor]:
        """See `BaseAutoencoder.loss_terms`."""
        return super().loss_terms(forward, target, training) | {
            "sparsity": self.sparsity.penalty(forward.latent)
        }

    def loss_weights(self, step: tf.Tensor) -> dict[str, Any]:
        """See `BaseAutoencoder.loss_weights`."""
        return {"sparsity": self.strength}
