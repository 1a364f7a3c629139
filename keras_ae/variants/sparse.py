"""The sparse autoencoder."""

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import validation
from keras_ae.core.registry import register
from keras_ae.core.types import Shapes
from keras_ae.math import densities
from keras_ae.model.batch import Batch
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.parts import networks
from keras_ae.parts import sparsity as sparsities
from keras_ae.variants.autoencoder import Autoencoder

tfd = tfp.distributions


@register("sparse")
class SparseAutoencoder(Autoencoder):
    """Autoencoder whose code has few units active for any example.

    A code longer than the input can still not copy it if only a few of its
    units may be used at once. Sparsity is a penalty (`L1`, `KLToRho`), a rule
    (`TopK`, `BatchTopK`), or both (`JumpReLU`, `Gated`). A family:
    `SparseDictionary` builds on it.

    Formula:
        h = code(f(x))
        loss = -log p(x | h) + strength * penalty(h)

    Args:
        sparsity: One of `sparsity`, or its name (`"l1"`, `"kl_to_rho"`,
            `"top_k"`, ...). Defaults to `L1()`.
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
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        *,
        sparsity: str | dict | sparsities.BaseSparsity | None = None,
        strength: float = 0.1,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, **kwargs)
        self.sparsity = sparsities.get("l1" if sparsity is None else sparsity)
        self.strength = validation.check_number("strength", strength, 0)
        self.sparsity.check_shape(self.encoder.event_shape)

    def build_parts(self, input_shape: Shapes) -> None:
        """See `BaseAutoencoder.build_parts`."""
        super().build_parts(input_shape)
        self.sparsity.build((None, *self.encoder.event_shape))

    def posterior(self, batch: Batch, moment: Moment) -> tfd.Distribution:
        """See `BaseAutoencoder.posterior`."""
        before = super().posterior(batch, moment).mean()
        return self._mass(self.sparsity.code(before, moment.training))

    def forward(self, batch: Batch, moment: Moment) -> Forward:
        """See `BaseAutoencoder.forward`; `extras` has the encoder's numbers
        `before` they become codes, and a function to `decode` other codes."""
        before = super().posterior(batch, moment).mean()
        code = self.sparsity.code(before, moment.training)

        def decode(code: tf.Tensor) -> tfd.Distribution:
            return self.observed(self.likelihood(code, batch, moment), batch)

        extras = {"before": before, "decode": decode}
        posterior = self._mass(code)
        return Forward(batch, posterior, code, None, decode(code), extras)

    def loss_terms(
        self, forward: Forward, moment: Moment
    ) -> dict[str, tf.Tensor]:
        """See `BaseAutoencoder.loss_terms`."""
        penalty = self.sparsity.penalty(
            forward.latent, forward.extras["before"]
        )
        return super().loss_terms(forward, moment) | {"sparsity": penalty}

    def loss_weights(
        self, moment: Moment, terms: dict[str, tf.Tensor]
    ) -> dict[str, Any]:
        """See `BaseAutoencoder.loss_weights`."""
        del moment, terms  # constant
        return {"sparsity": self.strength}

    def _mass(self, code: tf.Tensor) -> tfd.Distribution:
        rank = len(self.encoder.event_shape)
        return tfd.Independent(densities.PointMass(code), rank)
