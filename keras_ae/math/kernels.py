"""Gaussian kernels that cover the values of a sample."""

import numpy as np

_NARROW = 0.02  # most of the deviation of a kernel that is one value's own
_LEAST = 1e-6


def fit(
    values: np.ndarray, size: int
) -> tuple[list[float], list[float], list[float], list[float]]:
    """Kernels of equal shares of a sample; frequent values have their own.

    Where there are no more different values than kernels each has a narrow
    one. Else values that more than a share of 1 / size have get narrow ones,
    and the others are cut into parts of equal numbers: a kernel lies at the
    mean of its part, as wide as makes the sum of neighbours flat.

    Args:
        values: Finite numbers `[N]`, standardized.
        size: Most kernels.

    Returns:
        Centers, deviations and shares of the kernels, centers rising; and 1 for
        those that are one value's own, 0 for the others.

    Example:
        >>> centers, scales, weights, own = fit(np.array([0.0, 1, 1, 1]), 8)
        >>> centers, scales, weights
        ([0.0, 1.0], [0.02, 0.02], [0.25, 0.75])
    """
    found, counts = np.unique(values, return_counts=True)
    own = np.full(len(found), len(found) <= size)
    own |= counts > len(values) / size
    centers = [*found[own]]
    weights = [*counts[own] / len(values)]
    gaps = np.diff(found, prepend=-np.inf, append=np.inf)
    nearest = np.minimum(gaps[:-1], gaps[1:])[own]
    scales = [*np.clip(nearest / 5, _LEAST, _NARROW)]
    owned = [1.0] * len(centers)
    rest = np.sort(values[~np.isin(values, found[own])])
    parts = min(max(size - len(centers), 1), len(rest))
    for part in np.array_split(rest, parts) if parts else ():
        centers.append(part.mean())
        weights.append(len(part) / len(values))
        # Equal numbers over a width have a deviation of width / sqrt(12);
        # half the width is flat when added to the neighbours'.
        scales.append(max(np.sqrt(3) * part.std(), 1e-3))
        owned.append(0.0)
    order = np.argsort(centers)
    return tuple(
        [float(f"{np.asarray(v)[i]:.7g}") for i in order]
        for v in (centers, scales, weights, owned)
    )
