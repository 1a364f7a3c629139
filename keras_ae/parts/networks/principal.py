"""Networks that start at the principal subspace of examples."""

import numpy as np

from keras_ae.parts import heads
from keras_ae.parts.heads.location import BaseLocationScale
from keras_ae.parts.networks.distribution import DistributionNetwork


def start(
    encoder: DistributionNetwork,
    decoder: DistributionNetwork,
    rows: np.ndarray,
) -> None:
    """Start an encoder and a decoder with linear paths from examples.

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
        encoder, decoder: Built, with `linear_path=True`.
        rows: Examples `[N, ...]`; NaN counts as the mean of its column.

    Raises:
        ValueError: If a network has no linear path, or a head's first number
            is no mean.

    Reference: Tipping, Bishop, 1999. Probabilistic Principal Component
        Analysis. Journal of the Royal Statistical Society B 61. Large ones by
        Halko, Martinsson, Tropp, 2011. Finding structure with randomness.
        SIAM Review 53. https://arxiv.org/abs/0909.4061
    """
    if not (encoder.linear_path and decoder.linear_path):
        raise ValueError(
            "There is nothing to start at principal components. Expected an "
            "encoder and a decoder with linear_path=True. Received: "
            f"linear_path={encoder.linear_path} and {decoder.linear_path}"
        )
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
    return (
        pca.mean_,
        np.pad(pca.components_, ((0, missing), (0, 0))),
        np.pad(pca.explained_variance_, (0, missing)),
        float(pca.noise_variance_),
    )


def _deviation(head: heads.BaseHead) -> float | None:
    """The deviation of a head that has one before it saw examples."""
    if not isinstance(head, BaseLocationScale):
        return None
    scale = head.start if isinstance(head.start, float) else head.scale
    return scale * head.deviation if isinstance(scale, float) else None


def _set(
    network: DistributionNetwork, kernel: np.ndarray, bias: np.ndarray, of: dict
) -> None:
    """The linear map, and numbers of the head's parts, by the bias alone."""
    network.straight.kernel.assign(kernel)
    network.straight.bias.assign(bias)
    projection = network.projection
    projection.kernel.assign(np.zeros(projection.kernel.shape))
    sizes = network.widths
    parts = [
        np.broadcast_to(of.get(i, 0.0), size) for i, size in enumerate(sizes)
    ]
    projection.bias.assign(np.concatenate(parts))
