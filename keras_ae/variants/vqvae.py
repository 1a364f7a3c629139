"""The vector-quantized autoencoder."""

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import validation
from keras_ae.core.registry import register
from keras_ae.core.types import Rows
from keras_ae.core.types import Shapes
from keras_ae.math import densities
from keras_ae.math import quantization
from keras_ae.model import compiled
from keras_ae.model import export
from keras_ae.model.batch import Batch
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.model.batch import joined
from keras_ae.parts import code_priors
from keras_ae.parts import codebooks
from keras_ae.parts import networks
from keras_ae.variants.autoencoder import Autoencoder

tfd = tfp.distributions


GRADIENTS = {
    "straight_through": quantization.straight_through,
    "rotation": quantization.rotated,
}


@register("vqvae")
class VQVAE(Autoencoder):
    """Autoencoder whose code consists of vectors from a finite table.

    Each vector of the encoder's output, `[d]`, `[m, d]` or, with
    `network="strided"`, one a cell of a grid `[h, w, d]`, is replaced by the
    nearest code. The decoder's gradient passes to the encoder as if nothing
    had been replaced. Codes are integers; a prior over them learns at the
    side, without changing them, and then gives new examples.

    Formula:
        e = e_k,  k = argmin_k ||z - e_k||,  z = f(x)
        loss = -log p(x | e) + ||sg(z) - e||**2
               + commitment * ||z - sg(e)||**2,   sg: no gradient
               - log p(k),  with a prior
        With an EMA codebook, which learns without gradient, the second term
        is logged only; with `"finite_scalar"` the third is too.

    Args:
        codebook: A codebook, its name, or `{name: arguments}`. Defaults to
            `"ema"`.
        prior: One of `code_priors`, or its name, or None. Defaults to None.
        commitment: Weight of the commitment. Defaults to 0.25.
        gradient: Of the encoder, `"straight_through"` or `"rotation"`, see
            `quantization.rotated`. Defaults to the first.
        Other arguments: see `BaseAutoencoder`.

    Example:
        >>> model = VQVAE.create((8,), latent_dim=(4, 2), hidden=(16,))
        >>> model.codes(np.zeros([3, 8])).shape
        (3, 4)

    Reference: van den Oord et al., 2017. Neural Discrete Representation
        Learning. https://arxiv.org/abs/1711.00937
    """

    terms = Autoencoder.terms | {
        "codebook": "||sg(z) - e||^2",
        "commitment": "||z - sg(e)||^2",
        "perplexity": "codes in use, from 1 to the size of the table",
    }
    batch_statistics = frozenset({"perplexity"})

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        *,
        codebook: str | dict | codebooks.BaseCodebook = "ema",
        prior: str | dict | code_priors.BaseCodePrior | None = None,
        commitment: float = 0.25,
        gradient: str = "straight_through",
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, **kwargs)
        self.codebook = codebooks.get(codebook)
        self.prior = None if prior is None else code_priors.get(prior)
        self.gradient = validation.check_in("gradient", gradient, GRADIENTS)
        self.commitment = validation.check_number("commitment", commitment, 0)

    def build_parts(self, input_shape: Shapes) -> None:
        """See `BaseAutoencoder.build_parts`."""
        super().build_parts(input_shape)
        if not self.codebook.built:
            self.codebook.build((None, *self.encoder.event_shape))
        if self.prior is not None:
            self.prior.join(self.codebook, self.encoder.event_shape)

    def posterior(self, batch: Batch, moment: Moment) -> tfd.Distribution:
        """A point mass at the nearest codes, `[B, ..., d]`, with the gradient
        of the encoder's output."""
        return self._mass(self.quantized(batch, moment))

    def forward(self, batch: Batch, moment: Moment) -> Forward:
        """See `BaseAutoencoder.forward`; `extras` has what `quantized`
        gives."""
        extras = self.quantized(batch, moment)
        code = extras["quantized"]
        likelihood = self.likelihood(code, batch, moment)
        return Forward(
            batch,
            self._mass(extras),
            code,
            self.p_z(),
            self.observed(likelihood, batch),
            extras,
        )

    def loss_terms(
        self, forward: Forward, moment: Moment
    ) -> dict[str, tf.Tensor]:
        """See `BaseAutoencoder.loss_terms`."""
        z, code = forward.extras["z"], forward.extras["code"]
        return super().loss_terms(forward, moment) | {
            "codebook": quantization.squared_distance(
                tf.stop_gradient(z), code
            ),
            "commitment": quantization.squared_distance(
                z, tf.stop_gradient(code)
            ),
            "perplexity": quantization.perplexity(
                forward.extras["indices"], self.codebook.size
            ),
        }

    def loss_weights(
        self, moment: Moment, terms: dict[str, tf.Tensor]
    ) -> dict[str, Any]:
        """See `BaseAutoencoder.loss_weights`."""
        del moment, terms  # constant
        own = self.codebook.loss_weights(self.commitment)
        return own | {"perplexity": 0.0}

    def quantized(self, batch: Batch, moment: Moment) -> dict[str, tf.Tensor]:
        """The encoder's output `z`, the `indices` of its nearest codes, the
        codes, and these with the gradient of `z`."""
        z = self.codebook.bounded(super().posterior(batch, moment).mean())
        indices = self.codebook.indices(z)
        code = self.codebook.lookup(indices)
        return {
            "z": z,
            "indices": indices,
            "code": code,
            "quantized": GRADIENTS[self.gradient](z, code),
        }

    def codes(self, x: Rows, batch_size: int | None = None) -> np.ndarray:
        """Numbers of the codes of examples, int32 `[N, ...]`."""
        x = self.check_inputs(self.as_rows(x))
        return compiled.batched(self, self._codes, x, batch_size)

    def vectors(self, x: Rows, batch_size: int | None = None) -> np.ndarray:
        """What codes stand for, the encoder's output, `[N, ..., d]`."""
        return compiled.batched(self, self._vectors, x, batch_size)

    def export_endpoints(self) -> dict[str, tuple]:
        """See `BaseAutoencoder.export_endpoints`; adds `codes(x)`."""
        return super().export_endpoints() | {
            "codes": (
                export.honest(
                    self, lambda *x: {"codes": self._codes(joined(x))}
                ),
                self.input_specs(),
            )
        }

    def _vectors(self, x: Rows) -> tf.Tensor:
        return self.quantized(self.batch(x), self.moment())["z"]

    def _codes(self, x: Rows) -> tf.Tensor:
        return self.quantized(self.batch(x), self.moment())["indices"]

    def _mass(self, found: dict[str, tf.Tensor]) -> tfd.Distribution:
        mass = densities.PointMass(found["quantized"])
        rank = len(self.encoder.event_shape)
        return code_priors.CodeMass(mass, rank, found["indices"])
