"""How well a dictionary found directions that are known."""

import numpy as np
import scipy.optimize

from keras_ae.core import validation
from keras_ae.core.types import ArrayLike


def recovery(
    found: ArrayLike,
    known: ArrayLike,
    codes: ArrayLike,
    known_codes: ArrayLike,
) -> dict[str, float]:
    """Agreement of a learned dictionary with the one that made the data.

    Args:
        found: Learned directions, `[m, d]`, of any length.
        known: True directions, `[k, d]`.
        codes: Learned codes of examples, `[N, m]`.
        known_codes: True codes of the same examples, `[N, k]`.

    Returns:
        `mcc`: mean absolute cosine of the best one-to-one pairs.
        `uniqueness`: share of learned directions in use whose nearest true
        one is nearest to no other.
        `f1`: mean over the pairs of the F1 of "this unit is in use" as a
        detector of "this direction is there". All from 0 to 1.

    Raises:
        ValueError: If shapes do not fit.

    Example:
        >>> directions, codes = np.eye(3), np.eye(3)
        >>> recovery(directions, directions[::-1], codes, codes[:, ::-1])
        {'mcc': 1.0, 'uniqueness': 1.0, 'f1': 1.0}

    Reference: O'Neill et al., 2024. Compute Optimal Inference and Provable
        Amortisation Gap in Sparse Autoencoders.
        https://arxiv.org/abs/2411.13117
    """
    found, known = (np.asarray(a, np.float64) for a in (found, known))
    active = np.asarray(codes) != 0
    present = np.asarray(known_codes) != 0
    sizes = (active.shape[0], len(found)), (active.shape[0], len(known))
    if (active.shape, present.shape) != sizes or found.shape[1:] != (
        known.shape[1:]
    ):
        received = found.shape, known.shape, active.shape, present.shape
        expected = "[m, d], [k, d], [N, m] and [N, k]"
        raise ValueError(validation.invalid("shapes", expected, received))
    cosines = np.abs(_unit(found) @ _unit(known).T)  # [m, k]
    pairs = scipy.optimize.linear_sum_assignment(cosines, maximize=True)
    used = active.any(axis=0)
    nearest = cosines[used].argmax(axis=1)
    alone = np.bincount(nearest, minlength=len(known))[nearest] == 1
    both = (active[:, pairs[0]] & present[:, pairs[1]]).sum(axis=0)
    either = active.sum(axis=0)[pairs[0]] + present.sum(axis=0)[pairs[1]]
    return {
        "mcc": float(cosines[pairs].mean()),
        "uniqueness": float(alone.mean()) if alone.size else 0.0,
        "f1": float(np.mean(2 * both / np.maximum(either, 1))),
    }


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)
