"""Priors that are fitted to codes after training, see `fit_sampler`."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.types import Shape
from keras_ae.core.types import Shapes
from keras_ae.math import draws
from keras_ae.parts import networks
from keras_ae.parts import priors

tfb = tfp.bijectors
tfd = tfp.distributions


@registry.register("fitted_mixture")
class FittedMixture(priors.BasePrior):
    """A mixture of normals with full covariances; no weight is trained.

    Formula:
        p(z) = sum_k share_k N(z; mean_k, L_k L_k^T)

    Args:
        components: Number of normals. Defaults to 10.

    Example:
        >>> prior = FittedMixture(components=2)
        >>> prior.build((None, 3))
        >>> prior.assign([0.5, 0.5], np.zeros([2, 3]), [np.eye(3), np.eye(3)])
        >>> prior.distribution().log_prob(tf.zeros([5, 3])).shape
        TensorShape([5])

    Reference: Ghosh, Sajjadi, Vergari, Black, Schoelkopf, 2020. From
        Variational to Deterministic Autoencoders, section 4.
        https://arxiv.org/abs/1903.12436
    """

    kind = "sampler"

    def __init__(self, components: int = 10, **kwargs: Any):
        super().__init__(**kwargs)
        self.components = validation.check_count("components", components)

    def build(
        self, code_shape: Shape, example_shape: Shapes | None = None
    ) -> None:
        """See `BasePrior.build`; equal standard normals."""
        count, size = self.components, math.prod(code_shape[1:])
        self.shares = _constant(self, "shares", np.full(count, 1 / count))
        self.means = _constant(self, "means", np.zeros([count, size]))
        factors = np.broadcast_to(np.eye(size), [count, size, size])
        self.factors = _constant(self, "factors", factors)
        super().build(code_shape, example_shape)

    def assign(
        self, shares: np.ndarray, means: np.ndarray, covariances: np.ndarray
    ) -> None:
        """Take the numbers of a mixture of flat codes.

        Args:
            shares: `[K]`, their sum is 1.
            means: `[K, d]`.
            covariances: `[K, d, d]`, positive definite.
        """
        self.shares.assign(shares)
        self.means.assign(means)
        self.factors.assign(np.linalg.cholesky(covariances))

    def distribution(self, encode: Any = None) -> tfd.Distribution:
        """See `BasePrior.distribution`."""
        del encode  # does not depend on data
        flat = tfd.MixtureSameFamily(
            tfd.Categorical(probs=tf.convert_to_tensor(self.shares)),
            tfd.MultivariateNormalTriL(
                tf.convert_to_tensor(self.means),
                tf.convert_to_tensor(self.factors),
            ),
        )
        if len(self.event_shape) == 1:
            return flat
        return tfd.TransformedDistribution(flat, tfb.Reshape(self.event_shape))


@registry.register("two_stage")
class TwoStage(priors.BasePrior):
    """Codes that a second autoencoder, of codes, generates.

    Drawn from, it has no density in closed form.

    Formula:
        z = location + scale * y,  y ~ p(y|u),  u ~ N(0, I)

    Args:
        decoder: `DistributionNetwork` from u to y, standardized flat codes.

    Reference: Dai, Wipf, 2019. Diagnosing and Enhancing VAE Models, section
        3. ICLR. https://arxiv.org/abs/1903.05789
    """

    kind = "sampler"

    def __init__(self, decoder: networks.DistributionNetwork, **kwargs: Any):
        super().__init__(**kwargs)
        self.decoder = validation.check_type(
            "decoder", decoder, networks.DistributionNetwork
        )

    def build(
        self, code_shape: Shape, example_shape: Shapes | None = None
    ) -> None:
        """See `BasePrior.build`."""
        (size,) = self.decoder.event_shape
        self.decoder.build((None, size))
        self.location = _constant(self, "location", np.zeros(size))
        self.scale = _constant(self, "scale", np.ones(size))
        super().build(code_shape, example_shape)

    def distribution(self, encode: Any = None) -> tfd.Distribution:
        """See `BasePrior.distribution`; it has draws alone."""
        del encode  # does not depend on data
        standardize = tfb.Shift(tf.convert_to_tensor(self.location))(
            tfb.Scale(tf.convert_to_tensor(self.scale))
        )
        flat = tfd.TransformedDistribution(
            _Generated(self.decoder), standardize
        )
        return tfd.TransformedDistribution(flat, tfb.Reshape(self.event_shape))


class _Generated(draws.Own):
    """y ~ p(y|u), u ~ N(0, I), which has no density in closed form."""

    def __init__(self, decoder: networks.DistributionNetwork):
        self._decoder = decoder
        super().__init__(reparameterized=True)

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape(self._decoder.event_shape)

    def _event_shape_tensor(self) -> tf.Tensor:
        return tf.constant(self._decoder.event_shape, tf.int32)

    def _batch_shape(self) -> tf.TensorShape:
        return tf.TensorShape([])

    def _batch_shape_tensor(self) -> tf.Tensor:
        return tf.zeros([0], tf.int32)

    def _sample_n(self, n: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        first, second = tf.unstack(
            tf.random.experimental.stateless_split(seed, 2)
        )
        u = draws.normal([n, *self._decoder.event_shape], first)
        return self._decoder(u).sample(seed=second)


def _constant(
    prior: priors.BasePrior, name: str, value: np.ndarray
) -> keras.Variable:
    """A float32 weight that is not trained."""
    return prior.add_weight(
        shape=np.shape(value),
        initializer=lambda shape, dtype: tf.constant(value, dtype, shape),
        trainable=False,
        dtype="float32",
        autocast=False,
        name=name,
    )
