"""Series: heart beats of a file, and waves that are made."""

import math

import numpy as np

from keras_ae.core import validation
from keras_ae.zoo.datasets import files

NORMAL = 2335  # of ECG5000, the first ones
PERIODS = (50, 35)  # points
#: What is done to values, given those of twice the frequency.
_ANOMALIES = (
    lambda x, faster, rng: x + 3 * rng.choice([-1, 1], x.shape),
    lambda x, faster, rng: np.broadcast_to(x[:1], x.shape),
    lambda x, faster, rng: x + rng.normal(size=x.shape),
    lambda x, faster, rng: faster,
    lambda x, faster, rng: x + 2,
)


def ecg5000() -> tuple:
    """Heart beats of 140 points; normal ones for training, labels 1 for
    abnormal ones."""
    with np.load(files.found("ecg5000")) as file:
        x, y = file["x"], file["anomaly"].astype(np.int64)
    return (x[:NORMAL], y[:NORMAL]), (x[NORMAL:], y[NORMAL:])


def waves(n: int, anomalies: int = 0, seed: int = 0) -> tuple:
    """A long series of two waves with noise, and where it is abnormal.

    Periods are 50 and 35 points, amplitudes 1, the noise has a deviation of
    0.1. Anomalies are evenly many of five kinds, 10 to 50 points long, a
    random one in each of as many equal parts of the series, in both channels:
    a spike of 3 at each point of random sign, a flat line, noise of deviation
    1, twice the frequency, and a shift by 2.

    Args:
        n: Points, at least 100 for each anomaly.
        anomalies: How many. Defaults to 0.
        seed: Integer; the same series for the same seed.

    Returns:
        float32 `[n, 2]`, and int64 `[n]`, 1 where it is abnormal.

    Raises:
        ValueError: If there are too few points.

    Example:
        >>> x, y = waves(1000, anomalies=5)
        >>> x.shape, int(np.diff(y, prepend=0).clip(0).sum())
        ((1000, 2), 5)
    """
    anomalies = validation.check_count("anomalies", anomalies, 0)
    n = validation.check_count("n", n, max(1, 100 * anomalies))
    rng = np.random.default_rng(validation.check_count("seed", seed, 0))
    angle = math.tau * (np.arange(n)[:, None] / PERIODS + rng.random(2))
    noise = rng.normal(0, 0.1, (n, 2))
    x, y = np.sin(angle) + noise, np.zeros(n, np.int64)
    part = n // max(anomalies, 1)
    for number in range(anomalies):
        size = int(rng.integers(10, 51))
        # Ten points at least from one to the next.
        start = number * part + int(rng.integers(0, part - size - 9))
        at = slice(start, start + size)
        spoil = _ANOMALIES[number % len(_ANOMALIES)]
        x[at] = spoil(x[at], noise[at] + np.sin(2 * angle[at]), rng)
        y[at] = 1
    return x.astype(np.float32), y
