"""Networks beside a linear map that starts at the principal subspace."""

import math
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_ae.core import registry
from keras_ae.core.types import Shapes
from keras_ae.core.types import Tree
from keras_ae.parts import heads
from keras_ae.parts.heads.location import BaseLocationScale
from keras_ae.parts.networks.distribution import DistributionNetwork


@registry.register("principal_network")
class PrincipalNetwork(DistributionNetwork):
    """A network beside one linear map, from its input to the location.

    The head's first numbers are the sum of both. The map starts at zero;
    `start` puts it where principal component analysis has it. For flat codes:
    input or event is a vector. Its kernel is kept times the root of the number
    of inputs, and the projection of the body of an encoder times that of how
    many features there are for an output, so that a step of an optimizer such
    as Adam, which moves each number alike, does not move a sum of thousands of
    them far from there.

    Raises:
        ValueError: If neither is, or the head has no number for each value.
    """

    def build(self, input_shape: Shapes) -> None:
        """See `DistributionNetwork.build`."""
        if self.built:
            return
        super().build(input_shape)
        inputs = self._input_shapes[0][1:]
        if len(inputs) > 1 and len(self.event_shape) > 1:
            raise ValueError(
                "A linear path is one dense map, from all values to a code. "
                "Expected a flat code, `latent_dim=32`, for linear_path=True. "
                f"Received: {inputs} to {self.event_shape}"
            )
        width = self.event_shape[-1]
        if self.head.sizes(width)[0] != width:
            raise ValueError(
                "A linear path adds to a location. Expected a head whose "
                "first numbers are one for each value, for linear_path=True. "
                f"Received: {self.head!r}"
            )
        self.line = keras.layers.Dense(
            math.prod(self.event_shape),
            kernel_initializer="zeros",
            name="line",
            dtype=self.dtype_policy,
        )
        self.line.build((None, math.prod(inputs)))

    @property
    def started(self) -> bool:
        """Whether the map is not zero any more."""
        return bool(self.line.kernel.numpy().any())

    def adapt(self, rows: np.ndarray) -> None:
        """See `DistributionNetwork.adapt`; a map that was set stays, and all
        with it."""
        if not self.built or not self.started:
            super().adapt(rows)

    def features(self, inputs: Tree, training: bool = False) -> tuple:
        """What body and map make of inputs, `[rows, ...]`."""
        first = inputs[0] if isinstance(inputs, (list, tuple)) else inputs
        length = math.prod(self._input_shapes[0][1:])
        line = self.line(tf.reshape(first, [-1, length]) / math.sqrt(length))
        features = super().features(inputs, training)
        ratio = features.shape[-1] / self.line.units
        return features / math.sqrt(max(ratio, 1.0)), line

    def numbers(self, features: tuple, lead: Sequence) -> list[tf.Tensor]:
        """See `DistributionNetwork.numbers`."""
        features, line = features
        parts = super().numbers(features, lead)
        line = tf.cast(line, tf.float32)
        parts[0] += tf.reshape(line, [*lead, *self.event_shape])
        return parts


def start(
    encoder: PrincipalNetwork,
    decoder: PrincipalNetwork,
    rows: np.ndarray,
) -> None:
    """Start an encoder and a decoder from examples.

    The maps are those of principal component analysis, the projections of the
    bodies start at zero. With a code that is a point, the model then is
    principal component analysis, of codes of mean 0 and variance 1. With a
    Gaussian code it is probabilistic principal component analysis where it is
    most likely, its posterior the true one, so that the evidence lower bound
    is the log-likelihood: of all that is linear, none is better. A deviation
    of the decoder that is fixed, or starts at a number, is kept, and the maps
    are the best for it. Done once: what was trained stays.

    Formula:
        x = W z + mean + sigma eps,  z, eps ~ N(0, I)
        W = U sqrt(L - sigma**2),  sigma**2 = mean of the other eigenvalues
        z | x ~ N(W' (x - mean) / L, sigma**2 / L)

        U, L: leading eigenvectors and eigenvalues of the covariance of x. For
        a point, sigma is 0 in W and in z; the decoder's deviation is then the
        root of the mean squared error.

    Args:
        encoder, decoder: Built.
        rows: Examples `[N, ...]`; NaN counts as the mean of its column.

    Raises:
        ValueError: If a head's first number is no mean.

    Reference: Tipping, Bishop, 1999. Probabilistic Principal Component
        Analysis. Journal of the Royal Statistical Society B 61. Large ones by
        Halko, Martinsson, Tropp, 2011. Finding structure with randomness.
        SIAM Review 53. https://arxiv.org/abs/0909.4061
    """
    if encoder.started or decoder.started:
        return
    mean, directions, variances, noise = _components(
        rows.reshape(len(rows), -1), encoder.event_shape[0]
    )
    others = rows[0].size - len(variances)
    point = isinstance(encoder.head, heads.Point)
    if point:
        gain = np.sqrt(variances)
        total = variances
        error = noise * others / rows[0].size
    else:
        known = _deviation(decoder.head)
        noise = noise if known is None else known**2
        gain = np.sqrt(np.maximum(variances - noise, 0))
        total = gain**2 + noise
        error = noise
    safe = np.where(total > 0, total, 1)
    reads = directions.T * (gain / safe)  # [D, d]
    spread = np.sqrt(np.where(total > 0, noise / safe, 1))
    _set(encoder, reads, -mean @ reads, encoder.head.of_deviation(spread))
    found = decoder.head.of_deviation(np.sqrt(error))
    _set(decoder, gain[:, None] * directions, mean, found)


def _components(rows: np.ndarray, count: int) -> tuple:
    """Mean `[D]`, directions `[count, D]` and variances `[count]` along them,
    zero where there are fewer, and the mean variance along all others."""
    from sklearn.decomposition import PCA  # a second, for few users

    holes = np.isnan(rows)
    if holes.any():
        seen = np.maximum((~holes).sum(axis=0), 1)
        rows = np.where(holes, np.nansum(rows, axis=0) / seen, rows)
    found = min(count, *rows.shape)
    pca = PCA(found, random_state=0).fit(rows)
    missing = count - found
    # Not scikit-learn's, which of fewer rows than values is the mean over the
    # directions that the rows span.
    total = rows.var(axis=0, dtype=np.float64).sum()
    total *= len(rows) / max(len(rows) - 1, 1)
    rest = max(total - pca.explained_variance_.sum(), 0.0)
    return (
        pca.mean_,
        np.pad(pca.components_, ((0, missing), (0, 0))),
        np.pad(pca.explained_variance_, (0, missing)),
        float(rest / max(rows.shape[1] - found, 1)),
    )


def _deviation(head: heads.BaseHead) -> float | None:
    """The deviation of a head that has one before it saw examples."""
    if not isinstance(head, BaseLocationScale):
        return None
    scale = head.start if isinstance(head.start, float) else head.scale
    return scale * head.deviation if isinstance(scale, float) else None


def _set(
    network: PrincipalNetwork, matrix: np.ndarray, bias: np.ndarray, of: dict
) -> None:
    """The linear map, and numbers of the head's parts, by the bias alone."""
    network.line.kernel.assign(matrix * math.sqrt(len(matrix)))
    network.line.bias.assign(bias)
    projection = network.projection
    projection.kernel.assign(np.zeros(projection.kernel.shape))
    sizes = network.widths
    parts = [
        np.broadcast_to(of.get(i, 0.0), size) for i, size in enumerate(sizes)
    ]
    projection.bias.assign(np.concatenate(parts))
