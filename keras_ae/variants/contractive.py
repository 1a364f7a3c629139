"""The contractive autoencoder."""

import math
from typing import Any

import keras
import tensorflow as tf

from keras_ae.core import validation
from keras_ae.core.registry import register
from keras_ae.math import jacobians
from keras_ae.model.batch import Batch
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.parts import networks
from keras_ae.variants.autoencoder import Autoencoder


@register("contractive")
class ContractiveAutoencoder(Autoencoder):
    """Autoencoder whose code hardly moves when the input moves a little.

    The penalty wants the code constant, the reconstruction wants it to tell
    examples apart: what remains sensitive are the directions along which data
    vary, the tangent plane of their manifold.

    The exact penalty costs about as much as a training step, whatever the
    length of the code, for encoders of one dense layer (with any elementwise
    activation of the code) and for linear codes on one hidden dense layer.
    For other encoders its cost grows with the length of the code; `probes`
    then estimates it at a fixed cost.

    Formula:
        loss = -log p(x | f(x)) + strength * ||d f(x) / d x||_F^2

    Args:
        strength: Non-negative weight of the penalty. Defaults to 0.1.
        probes: Random projections for an unbiased estimate of the penalty,
            or None for the exact one. Defaults to None.
        Other arguments: see `Autoencoder`.

    Example:
        >>> from keras_ae.heads import Point
        >>> model = ContractiveAutoencoder.create(
        ...     (8,), 16, network="linear", posterior=Point("sigmoid")
        ... )
        >>> model.compile("adam")
        >>> x = np.zeros([2, 8])
        >>> sorted(model.evaluate(x, verbose=0, return_dict=True))
        ['contraction', 'loss', 'reconstruction']

    Reference: Rifai, Vincent, Muller, Glorot, Bengio, 2011. Contractive
        Auto-Encoders: Explicit Invariance During Feature Extraction. ICML.
    """

    terms = Autoencoder.terms | {
        "contraction": "||d f(x) / d x||_F^2, unweighted"
    }

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        *,
        strength: float = 0.1,
        probes: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, **kwargs)
        self.strength = validation.check_number("strength", strength, 0)
        if probes is not None:
            validation.check_count("probes", probes)
        self.probes = probes

    def loss_terms(
        self, forward: Forward, moment: Moment
    ) -> dict[str, tf.Tensor]:
        """See `BaseAutoencoder.loss_terms`."""
        return super().loss_terms(forward, moment) | {
            "contraction": self._contraction(forward.batch, moment)
        }

    def loss_weights(
        self, moment: Moment, terms: dict[str, tf.Tensor]
    ) -> dict[str, Any]:
        """See `BaseAutoencoder.loss_weights`."""
        del moment, terms  # constant
        return {"contraction": self.strength}

    def contraction(
        self, x: tf.Tensor, moment: Moment | None = None
    ) -> tf.Tensor:
        """||d f(x) / d x||_F^2 of each example, `[B]`, in the cheapest form
        that the encoder allows; f without dropout, x as the encoder reads
        it."""
        return self._contraction(self.batch(x), moment or self.moment())

    def _contraction(self, batch: Batch, moment: Moment) -> tf.Tensor:
        x = self.space.features(batch.x)

        def code(rows: tf.Tensor) -> tf.Tensor:
            copies = tf.reshape(rows, [-1, tf.shape(x)[0], *x.shape[1:]])
            codes = self.code(self.encoder(self.told(copies, batch)))
            return tf.reshape(codes, [-1, *self.encoder.event_shape])

        if self.probes is not None:
            seed = moment.seed(rank=1)  # signs [probes, B, code]
            return jacobians.frobenius_hutchinson(code, x, seed, self.probes)
        size = x.shape[1:].num_elements()
        stack = networks.dense_stack(self.encoder, size)
        linear_code = stack and stack[-1][1] is keras.activations.linear
        if len(stack) == 1 or (len(stack) == 2 and linear_code):
            layer, activation = stack[0]
            # Terms are in single precision, of whatever type the weights are.
            kernels = [tf.cast(dense.kernel, x.dtype) for dense, _ in stack]
            a = tf.matmul(tf.reshape(x, [-1, size]), kernels[0])
            if layer.use_bias:
                a += tf.cast(layer.bias, x.dtype)
            return jacobians.frobenius_dense(
                kernels, [jacobians.slope(activation, a)]
            )
        outputs = math.prod(self.encoder.event_shape)
        return jacobians.frobenius_exact(code, x, outputs)
