"""Conformal p-values: how rare a score is among those of held-out rows."""

import math

import numpy as np
import tensorflow as tf

TAIL = 0.1  # share of the scores that say how the tail falls


def p_values(calibration: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Share of calibration scores that are at least as high, itself counted.

    Where a row is exchangeable with the calibration rows, and their scores
    come from a function that none of them had a part in, p is at most `a`
    with a probability of at most `a`, for any `a`.

    Formula:
        p(s) = (1 + #{i: c_i >= s}) / (n + 1)

    Args:
        calibration: Scores `[n]` of held-out rows, sorted; the higher, the
            more abnormal.
        scores: `[...]`.

    Returns:
        `[...]`, float64 in (0, 1].

    Example:
        >>> p_values(np.array([1.0, 2.0, 3.0]), np.array([0.0, 2.5, 9.0]))
        array([1.  , 0.5 , 0.25])

    Reference: Vovk, Gammerman, Shafer, 2005. Algorithmic Learning in a Random
        World, section 2.2. Bates, Candes, Lei, Romano, Sesia, 2023. Testing
        for Outliers with Conformal p-values. https://arxiv.org/abs/2104.08279
    """
    return (1 + at_least(calibration, scores)) / (1 + len(calibration))


def at_least(calibration: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """How many calibration scores, sorted, are at least as high, `[...]`.

    Example:
        >>> at_least(np.array([1.0, 2.0, 2.0]), np.array([2.0, 9.0])).tolist()
        [2, 0]
    """
    below = np.searchsorted(calibration, scores, side="left")
    return len(calibration) - below


def threshold(calibration: np.ndarray, rate: float) -> float:
    """The score above which p-values are at most `rate`.

    Args:
        calibration: Scores `[n]` of held-out rows, sorted.
        rate: Share of false alarms in (0, 1).

    Raises:
        ValueError: If there are fewer than 1 / rate - 1 rows: then no p-value
            is as low.

    Example:
        >>> threshold(np.arange(1.0, 20.0), 0.1)
        18.0
    """
    return float(calibration[-allowed(len(calibration), rate)])


def allowed(size: int, rate: float) -> int:
    """How many of `size` held-out rows may lie at or above the threshold.

    Raises:
        ValueError: If none may.
    """
    found = math.floor(rate * (size + 1) + 1e-9)  # 0.1 * 20 is 2
    if found < 1:
        raise ValueError(
            f"Too few held-out rows for a false-alarm rate of {rate:g}. "
            f"Expected at least {math.ceil(1 / rate - 1 - 1e-9)}. Received: "
            f"{size}. Give more rows, hold out a larger share by "
            "`calibration`, or ask for a higher rate."
        )
    return found


def tail(scores: np.ndarray) -> dict[str, np.ndarray]:
    """What `surprise` has to know of a sample of scores.

    Args:
        scores: `[n]`, in any order.

    Returns:
        `score`, the different ones, sorted; their `surprise`; `scale`, by
        which the highest tenth exceeds the scores below it on average.
    """
    scores = np.sort(np.asarray(scores, np.float32))
    different, first = np.unique(scores, return_index=True)
    high = max(1, round(TAIL * len(scores)))
    border = scores[-high - 1] if len(scores) > high else scores[0]
    scale = np.mean(scores[-high:] - border)
    # Where the highest are all equal, the smallest step that counts.
    least = 1e-6 * max(1.0, abs(float(scores[-1])))
    at_least = len(scores) - first
    return {
        "score": different,
        "surprise": np.float32(np.log((len(scores) + 1) / at_least)),
        "scale": np.float32(max(scale, least)),
    }


def surprise(scores: tf.Tensor, known: dict[str, tf.Tensor]) -> tf.Tensor:
    """Surprise at scores, in nats: minus the logarithm of the share of a
    sample that is as high; it goes on beyond the highest, so that the order
    of scores stays.

    Formula:
        surprise(c_i) = log((n + 1) / #{j: c_j >= c_i}), linear in between;
        log(n + 1) + log(1 + (s - max(c)) / scale) beyond max(c)

    Args:
        scores: `[B]`; the higher, the more abnormal.
        known: What `tail` said of a sample.

    Returns:
        `[B]`.

    Example:
        >>> known = tail(np.array([1.0, 2.0, 3.0]))
        >>> surprise(tf.constant([0.0, 1.0, 3.0]), known).numpy().round(2)
        array([0.29, 0.29, 1.39], dtype=float32)
    """
    score, height = known["score"], known["surprise"]
    last = tf.shape(score)[0] - 1
    right = tf.clip_by_value(tf.searchsorted(score, scores), 0, last)
    left = tf.maximum(right - 1, 0)
    low, high = tf.gather(score, left), tf.gather(score, right)
    share = tf.math.divide_no_nan(scores - low, high - low)
    share = tf.clip_by_value(share, 0.0, 1.0)
    inside = tf.gather(height, left)
    inside += share * (tf.gather(height, right) - inside)
    beyond = tf.maximum(scores - score[-1], 0.0)
    return inside + tf.math.log1p(beyond / known["scale"])
