"""The Frechet distance between two sets of features."""

import numpy as np
from scipy import linalg

from keras_ae.core.types import ArrayLike


def distance(one: ArrayLike, other: ArrayLike) -> float:
    """Squared Frechet distance between normal laws with the moments of two
    sets of rows.

    Few rows look further apart than they are: compare distances of as many.

    Formula:
        ||m - n||^2 + tr(C + D - 2 (C D)^(1/2))

    Args:
        one, other: Features, `[N, d]` and `[M, d]`, more rows than columns.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 3))
        >>> round(distance(x, x + 2.0), 4)
        12.0

    Reference: Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter, 2017. GANs
        Trained by a Two Time-Scale Update Rule Converge to a Local Nash
        Equilibrium. https://arxiv.org/abs/1706.08500
    """
    (mean, covariance), (other_mean, other_covariance) = map(
        _moments, (one, other)
    )
    # The trace of a root is the sum of the roots of the eigenvalues.
    values = linalg.eigvals(covariance @ other_covariance).real
    root = np.sqrt(np.maximum(values, 0)).sum()
    traces = np.trace(covariance + other_covariance)
    return float(np.sum((mean - other_mean) ** 2) + traces - 2 * root)


def _moments(features: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of rows, in double precision."""
    features = np.asarray(features, np.float64)
    covariance = np.atleast_2d(np.cov(features, rowvar=False))
    return features.mean(axis=0), covariance
