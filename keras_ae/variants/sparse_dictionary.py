"""The sparse dictionary."""

import itertools
import math
from collections.abc import Sequence
from typing import Any
from typing import Self

import keras
import tensorflow as tf

from keras_ae.core import replicas
from keras_ae.core import validation
from keras_ae.core.registry import register
from keras_ae.core.types import Rows
from keras_ae.core.types import Shapes
from keras_ae.math import sparse
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.parts import networks
from keras_ae.parts import sparsity as sparsities
from keras_ae.variants.sparse import SparseAutoencoder


@register("sparse-dictionary")
class SparseDictionary(SparseAutoencoder):
    """Sparse autoencoder whose examples are sums of a few unit vectors.

    Of many directions, more than an example has values, each example needs
    few: they are what the data are made of. The decoder is one layer, whose
    directions keep length 1; units that were silent for long learn to give
    what the others miss.

    Formula:
        x ~ sum_j h_j d_j + b,  |d_j| = 1,  h = code(f(x))
        loss = -log p(x|h) + strength * penalty(h)
               + sum_m -log p(x | h_1 .. h_m)                 for m in `nested`
               + auxiliary * -log p(x | sg(h) + h_silent),  sg: no gradient

    Args:
        sparsity: As of `SparseAutoencoder`. Defaults to `JumpReLU()`.
        nested: Numbers of first units that have to do alone, each larger than
            the one before: a Matryoshka dictionary, general directions first.
            Defaults to none.
        auxiliary: Weight of what silent units learn. Defaults to 1/32.
        patience: Steps without use after which a unit is silent. Defaults to
            1000.
        Other arguments: see `SparseAutoencoder`.

    Example:
        >>> model = SparseDictionary.create((8,), 32, sparsity="gated")
        >>> model.decoder.projection.kernel.shape
        TensorShape([32, 8])

    Reference: Gao et al., 2024. Scaling and Evaluating Sparse Autoencoders.
        https://arxiv.org/abs/2406.04093. Bussmann et al., 2025. Learning
        Multi-Level Features with Matryoshka Sparse Autoencoders.
        https://arxiv.org/abs/2503.17547
    """

    terms = SparseAutoencoder.terms | {
        "auxiliary": "-log p(x | sg(h) + h_silent), 0 where none is silent",
        "active": "units in use",
        "explained": "share of the variance about the mean, in the batch",
        "silent": "share of units without use for `patience` steps",
    }
    batch_statistics = frozenset({"explained", "silent"})

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        *,
        sparsity: str | dict | sparsities.BaseSparsity | None = None,
        nested: int | Sequence[int] = (),
        auxiliary: float = 1 / 32,
        patience: int = 1000,
        **kwargs: Any,
    ):
        sparsity = "jump_relu" if sparsity is None else sparsity
        super().__init__(encoder, decoder, sparsity=sparsity, **kwargs)
        units = math.prod(encoder.event_shape)
        self.nested = validation.check_hidden("nested", nested)
        ends = [0, *self.nested, units]
        if any(a >= b for a, b in itertools.pairwise(ends)):
            expected = f"rising numbers of units, below all {units}"
            raise ValueError(validation.invalid("nested", expected, nested))
        if self.nested:
            line = "sum_m -log p(x | h_1 .. h_m), nats"
            self.terms = self.terms | {"nested": line}
        self.auxiliary = validation.check_number("auxiliary", auxiliary, 0)
        self.patience = validation.check_count("patience", patience)

    def build_parts(self, input_shape: Shapes) -> None:
        """See `BaseAutoencoder.build_parts`; an encoder of one layer starts
        to read along the directions."""
        super().build_parts(input_shape)
        if self.decoder.body.weights or self.decoder.tied:
            expected = 'a decoder of one layer, such as network="linear" makes'
            raise ValueError(
                validation.invalid("decoder", expected, self.decoder.body.name)
            )
        unit = keras.constraints.UnitNorm(axis=1)
        kernel = self.decoder.projection.kernel
        kernel.constraint = unit
        kernel.assign(unit(kernel))
        reads = self.encoder.projection.kernel
        if reads.shape == kernel.shape[::-1]:
            reads.assign(tf.transpose(kernel))
        self.silence = self.add_weight(
            shape=self.encoder.event_shape,
            initializer="zeros",
            trainable=False,
            dtype="float32",
            name="silence",
        )

    def loss_terms(
        self, forward: Forward, moment: Moment
    ) -> dict[str, tf.Tensor]:
        """See `BaseAutoencoder.loss_terms`."""
        h, x = forward.latent, forward.batch.target
        decode = forward.extras["decode"]
        silent = tf.convert_to_tensor(self.silence) >= self.patience
        # A unit that is in use again is in h.
        spare = tf.where(
            silent & (h == 0), tf.nn.relu(forward.extras["before"]), 0.0
        )
        most = min(spare.shape[-1], math.prod(self.decoder.event_shape) // 2)
        spare = sparse.largest(spare, max(1, most))
        missed = -decode(tf.stop_gradient(h) + spare).log_prob(x)
        own = {
            "auxiliary": tf.where(tf.reduce_any(silent), missed, 0.0),
            "active": tf.math.count_nonzero(h, axis=-1, dtype=tf.float32),
            "explained": sparse.explained_variance(
                x, forward.likelihood.mean(), forward.batch.mask
            ),
            "silent": tf.reduce_mean(tf.cast(silent, tf.float32)),
        }
        if self.nested:
            first = tf.sequence_mask(self.nested, h.shape[-1], h.dtype)
            parts = decode(h * first[:, None])  # [M, B]
            own["nested"] = -tf.reduce_sum(parts.log_prob(x), axis=0)
        return super().loss_terms(forward, moment) | own

    def loss_weights(
        self, moment: Moment, terms: dict[str, tf.Tensor]
    ) -> dict[str, Any]:
        """See `BaseAutoencoder.loss_weights`."""
        logged = dict.fromkeys(("active", "explained", "silent"), 0.0)
        own = logged | {"auxiliary": self.auxiliary}
        return super().loss_weights(moment, terms) | own

    def after_step(self, forward: Forward, moment: Moment) -> None:
        """See `BaseAutoencoder.after_step`; counts steps without use."""
        super().after_step(forward, moment)
        used = replicas.total(
            tf.math.count_nonzero(forward.latent, axis=0, dtype=tf.float32)
        )
        self.silence.assign(tf.where(used > 0, 0.0, self.silence + 1))

    @classmethod
    def create(
        cls,
        *args: Any,
        network: str | None = None,
        hidden: Sequence[int] | None = None,
        **kwargs: Any,
    ) -> Self:
        """See `BaseAutoencoder.create`.

        Args:
            network: That of the encoder. Defaults to `"linear"`, or to
                `"mlp"` where there are `hidden` widths.
            hidden: Widths of the encoder's hidden layers. Defaults to none.
        """
        network = network or ("mlp" if hidden else "linear")
        return super().create(*args, network=network, hidden=hidden, **kwargs)

    @classmethod
    def create_bodies(
        cls, network: str, *shapes: tuple, options: dict, **settings: Any
    ) -> tuple:
        """See `BaseAutoencoder.create_bodies`; the decoder is one layer."""
        encoder, _ = networks.pair(network, *shapes, **settings)
        settings |= {"hidden": None}
        return encoder, networks.pair("linear", *shapes, **settings)[1]

    @classmethod
    def contract_case(cls) -> tuple[dict[str, Any], Rows]:
        """See `BaseAutoencoder.contract_case`."""
        arguments, x = super().contract_case()
        return arguments | {"latent_dim": 12, "hidden": ()}, x
