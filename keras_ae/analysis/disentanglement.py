"""Disentanglement: whether each number of a code stands for one factor.

All scores are 1 at best. `codes` are `[N, d]`; `factors` are `[N, k]`, what
made each example, each value one of a few, as numbers or words.
"""

from typing import Any
from typing import NamedTuple

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import mutual_info_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from keras_ae.core import validation

BINS = 20  # of equal width, into which a number of a code is sorted
DEAD = 1e-10  # least variance of a number of the code that is in use


class DCI(NamedTuple):
    """Three scores of one matrix of importances.

    Attributes:
        disentanglement: Whether a number of the code tells of one factor.
        completeness: Whether a factor is told by one number of the code.
        informativeness: Share of test rows whose factor is told right.
    """

    disentanglement: float
    completeness: float
    informativeness: float


def mutual_information(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Mutual information of each number of the code, in 20 bins, with each
    factor, `[d, k]`, nats."""
    codes, factors = _checked(codes, factors)
    bins = [_binned(column) for column in codes.T]
    return np.array(
        [[mutual_info_score(b, v) for v in factors.T] for b in bins]
    )


def mutual_information_gap(codes: np.ndarray, factors: np.ndarray) -> float:
    """MIG: by how much the best number of the code tells more of a factor
    than the next best.

    Formula:
        mean_k (I(z_1st, v_k) - I(z_2nd, v_k)) / H(v_k)

    Example:
        >>> factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        >>> mutual_information_gap(factors.astype(float), factors)
        1.0

    Reference: Chen, Li, Grosse, Duvenaud, 2018. Isolating Sources of
        Disentanglement in Variational Autoencoders, section 4.1.
        https://arxiv.org/abs/1802.04942
    """
    factors = _checked(codes, factors)[1]
    best = -np.sort(-mutual_information(codes, factors), axis=0)
    entropy = np.array([mutual_info_score(v, v) for v in factors.T])
    return float(np.mean((best[0] - best[1]) / entropy))


def modularity(codes: np.ndarray, factors: np.ndarray) -> float:
    """Whether each number of the code tells of one factor alone.

    Numbers that tell of none are left out.

    Formula:
        1 - mean_j sum_{k not best} I(z_j, v_k)^2 / (max_k I(z_j, v_k)^2 (K-1))

    Example:
        >>> factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        >>> modularity(factors @ [[1.0, 1.0], [2.0, 0.0]], factors)
        0.5

    Reference: Ridgeway, Mozer, 2018. Learning Deep Disentangled Embeddings
        With the F-Statistic Loss, section 3. https://arxiv.org/abs/1802.05312
    """
    shared = mutual_information(codes, factors)
    best = shared.max(axis=1)
    shared, best = shared[best > 1e-9], best[best > 1e-9]
    if not len(best):
        return 0.0
    rest = np.sum(shared**2, axis=1) - best**2
    return float(np.mean(1 - rest / (best**2 * (shared.shape[1] - 1))))


def dci(codes: np.ndarray, factors: np.ndarray, seed: int = 0) -> DCI:
    """Disentanglement, completeness and informativeness.

    A random forest tells each factor from the code; half of the rows test it.

    Formula:
        R[j, k]: importance of z_j for v_k
        disentanglement = sum_j rho_j (1 - H(R[j] / sum R[j]) / log K)
        completeness    = mean_k (1 - H(R[:, k] / sum R[:, k]) / log d)
        rho_j = sum R[j] / sum R

    Reference: Eastwood, Williams, 2018. A Framework for the Quantitative
        Evaluation of Disentangled Representations. ICLR.
    """
    codes, factors = _checked(codes, factors)
    train, test = _halves(len(codes), seed)
    importances, right = [], []
    for factor in factors.T:
        forest = RandomForestClassifier(
            50, max_features=None, random_state=seed
        )
        forest.fit(codes[train], factor[train])
        importances.append(forest.feature_importances_)
        right.append(forest.score(codes[test], factor[test]))
    found = np.stack(importances, axis=1)  # [d, k]
    # Constant codes are of no importance for any factor.
    shares = found.sum(axis=1) / (found.sum() or 1.0)
    return DCI(
        float(np.sum(shares * _purity(found))),
        float(np.mean(_purity(found.T))),
        float(np.mean(right)),
    )


def sap(codes: np.ndarray, factors: np.ndarray, seed: int = 0) -> float:
    """Separated attribute predictability: by how much the best number of the
    code alone tells a factor better than the next best.

    Linear classifiers, each of one number; half of the rows test them.

    Formula:
        mean_k (accuracy_1st - accuracy_2nd)

    Reference: Kumar, Sattigeri, Balakrishnan, 2018. Variational Inference of
        Disentangled Latent Concepts from Unlabeled Observations, section 3.
        https://arxiv.org/abs/1711.00848
    """
    codes, factors = _checked(codes, factors)
    codes = StandardScaler().fit_transform(codes)
    train, test = _halves(len(codes), seed)

    def accuracy(column: np.ndarray, factor: np.ndarray) -> float:
        machine = LinearSVC(C=0.01, class_weight="balanced", random_state=seed)
        machine.fit(column[train, None], factor[train])
        return machine.score(column[test, None], factor[test])

    found = np.array([[accuracy(z, v) for v in factors.T] for z in codes.T])
    best = -np.sort(-found, axis=0)
    return float(np.mean(best[0] - best[1]))


def factor_vae_score(
    codes: np.ndarray,
    factors: np.ndarray,
    seed: int = 0,
    batches: int = 800,
    size: int = 64,
) -> float:
    """Whether the number of the code that varies least says which factor was
    held fixed.

    Each batch has rows of one value of one factor, drawn with replacement.
    Half of the batches vote for what each number of the code stands for; of
    the other half the share is counted that is told right.

    Args:
        codes: `[N, d]`; numbers that never vary are left out.
        factors: `[N, k]`.
        seed: Integer for the draws.
        batches: How many. Defaults to 800.
        size: Rows of each. Defaults to 64.

    Reference: Kim, Mnih, 2018. Disentangling by Factorising, section 4.
        https://arxiv.org/abs/1802.05983
    """
    codes, factors = _checked(codes, factors)
    codes = codes[:, codes.var(axis=0) > DEAD]
    if not codes.shape[1]:
        return 0.0
    codes = codes / codes.std(axis=0)
    rng = np.random.default_rng(seed)
    rows = [
        [np.flatnonzero(factor == value) for value in np.unique(factor)]
        for factor in factors.T
    ]
    held = rng.integers(factors.shape[1], size=batches)
    least = np.empty(batches, int)
    for number, factor in enumerate(held):
        chosen = rows[factor][rng.integers(len(rows[factor]))]
        batch = codes[rng.choice(chosen, size)]
        least[number] = np.argmin(batch.var(axis=0))
    votes = np.zeros([codes.shape[1], factors.shape[1]], int)
    half = batches // 2
    np.add.at(votes, (least[:half], held[:half]), 1)
    return float(np.mean(votes.argmax(axis=1)[least[half:]] == held[half:]))


def _checked(codes: Any, factors: Any) -> tuple[np.ndarray, np.ndarray]:
    """Codes as float64 `[N, d]`, factors as integers `[N, k]`."""
    codes, factors = np.asarray(codes, np.float64), np.asarray(factors)
    codes = codes.reshape(len(codes), -1)
    fits = factors.ndim == 2 and len(factors) == len(codes)
    if not fits or factors.shape[1] < 2 or codes.shape[1] < 2:
        expected = f"at least 2 of each of {len(codes)} rows, [N, k], and codes"
        received = f"factors {factors.shape}, codes {codes.shape}"
        raise ValueError(validation.invalid("factors", expected, received))
    found = [np.unique(v, return_inverse=True)[1] for v in factors.T]
    for number, column in enumerate(found):
        if not 1 < column.max() + 1 <= len(column) / 2:
            expected = f"some values of factor {number}, each of several rows"
            received = f"{column.max() + 1} values of {len(column)} rows"
            raise ValueError(validation.invalid("factors", expected, received))
    return codes, np.stack(found, axis=1)


def _binned(column: np.ndarray) -> np.ndarray:
    return np.digitize(column, np.histogram_bin_edges(column, BINS)[:-1])


def _halves(size: int, seed: int) -> list[np.ndarray]:
    return train_test_split(np.arange(size), test_size=0.5, random_state=seed)


def _purity(shares: np.ndarray) -> np.ndarray:
    """1 less the entropy of each row over its largest: 1 where one number has
    all, 0 where all are equal or 0."""
    total = shares.sum(axis=1, keepdims=True)
    equal = np.full_like(shares, 1 / shares.shape[1])
    p = np.where(total > 0, shares / np.where(total > 0, total, 1), equal)
    logs = np.log(np.where(p > 0, p, 1))
    return 1 + np.sum(p * logs, axis=1) / np.log(shares.shape[1])
