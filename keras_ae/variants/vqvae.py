"""The vector-quantized autoencoder."""

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import validation
from keras_ae.core.registry import register
from keras_ae.math import quantization
from keras_ae.model import compiled
from keras_ae.model.base import Forward
from keras_ae.parts import codebooks
from keras_ae.variants.autoencoder import Autoencoder

tfd = tfp.distributions


@register("vqvae")
class VQVAE(Autoencoder):
    """Autoencoder whose code consists of vectors from a finite table.

    Each vector of the encoder's output, `[d]`, `[m, d]` or, with
    `network="conv"`, one a cell of a grid `[h, w, d]`, is replaced by the
    nearest code. The decoder's gradient passes to the encoder as if nothing
    had been replaced. There is no prior: codes are integers for a model of
    sequences to learn.

    Formula:
        e = e_k,  k = argmin_k ||z - e_k||,  z = f(x)
        loss = -log p(x | e) + ||sg(z) - e||**2
               + commitment * ||z - sg(e)||**2,   sg: no gradient
        With an EMA codebook, which learns without gradient, the second term
        is logged only.

    Args:
        codebook: A codebook, its name, or `{name: arguments}`. Defaults to
            `"ema"`.
        commitment: Weight of the commitment. Defaults to 0.25.
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
        encoder: Any,
        decoder: Any,
        *,
        codebook: Any = "ema",
        commitment: float = 0.25,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, **kwargs)
        self.codebook = codebooks.get(codebook)
        self.commitment = validation.check_number("commitment", commitment, 0)

    def build_parts(self, input_shape: Any) -> None:
        """See `BaseAutoencoder.build_parts`."""
        super().build_parts(input_shape)
        if not self.codebook.built:
            self.codebook.build((None, *self.encoder.event_shape))

    def encode(self, x: Any, training: bool = False) -> tfd.Distribution:
        """A point mass at the nearest codes, `[B, ..., d]`, with the gradient
        of the encoder's output."""
        code = self.quantized(super().encode(x, training=training).mean())
        rank = len(self.encoder.event_shape)
        return tfd.Independent(tfd.Deterministic(code), rank)

    def forward(self, x: Any, training: bool = False) -> Forward:
        """The posterior is the encoder's output, the latent its codes."""
        posterior = super().encode(x, training=training)
        code = self.quantized(posterior.mean())
        return Forward(x, posterior, code, self.decode(code, training=training))

    def loss_terms(
        self, forward: Forward, target: tf.Tensor, training: bool
    ) -> dict[str, tf.Tensor]:
        """See `BaseAutoencoder.loss_terms`; an EMA codebook learns here."""
        z = forward.posterior.mean()
        indices = self.codebook.indices(z)
        code = self.codebook.lookup(indices)
        if training:
            self.codebook.update(z, indices, self.next_seed())
        return super().loss_terms(forward, target, training) | {
            "codebook": quantization.squared_distance(
                tf.stop_gradient(z), code
            ),
            "commitment": quantization.squared_distance(
                z, tf.stop_gradient(code)
            ),
            "perplexity": quantization.perplexity(indices, self.codebook.size),
        }

    def loss_weights(self, step: tf.Tensor) -> dict[str, Any]:
        """See `BaseAutoencoder.loss_weights`."""
        return super().loss_weights(step) | {
            "codebook": self.codebook.weight,
            "commitment": self.commitment,
            "perplexity": 0.0,
        }

    def codes(self, x: Any, batch_size: int | None = None) -> np.ndarray:
        """Numbers of the codes of examples, int32 `[N, ...]`."""
        x = self.check_inputs(x)
        return compiled.batched(self, "codes", self._codes, x, batch_size)

    def export_endpoints(self) -> dict[str, tuple]:
        """See `BaseAutoencoder.export_endpoints`; adds `codes(x)`."""
        return super().export_endpoints() | {
            "codes": (lambda x: {"codes": self._codes(x)}, self.input_specs())
        }

    def quantized(self, z: tf.Tensor) -> tf.Tensor:
        """The nearest codes of `z`, with the gradient of `z`."""
        code = self.codebook.lookup(self.codebook.indices(z))
        return quantization.straight_through(z, code)

    def _codes(self, x: Any) -> tf.Tensor:
        return self.codebook.indices(super().encode(x).mean())
