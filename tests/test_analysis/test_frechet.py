"""Tests of the Frechet distance against its closed forms."""

import numpy as np
import pytest

from keras_ae.analysis import frechet


def test_distance_in_two_dimensions():
    """There tr((C D)^(1/2)) = sqrt(tr(C D) + 2 sqrt(det(C D)))."""
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(30, 2)) @ rng.normal(size=(2, 2)) for _ in "xy")
    c, d = np.cov(x.T), np.cov(y.T)
    root = np.sqrt(np.trace(c @ d) + 2 * np.sqrt(np.linalg.det(c @ d)))
    shift = np.sum((x.mean(axis=0) - y.mean(axis=0)) ** 2)
    expected = shift + np.trace(c + d) - 2 * root
    assert frechet.distance(x, y) == pytest.approx(expected, rel=1e-6)


def test_distance_of_independent_features():
    """The shift and the differences of the deviations, squared."""
    # Columns of a Hadamard matrix but the first: no mean, no covariance.
    signs = np.array([[1.0]])
    for _ in range(3):
        signs = np.block([[signs, signs], [signs, -signs]])
    x, (a, b) = signs[:, 1:6], np.random.default_rng(0).uniform(1, 2, (2, 5))
    deviation = x.std(axis=0, ddof=1)
    expected = 5 + np.sum((deviation * (a - b)) ** 2)
    found = frechet.distance(a * x, b * x + 1)
    assert found == pytest.approx(expected, rel=1e-6)


def test_distance_of_one_feature_is_that_of_means_and_deviations():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 1)), rng.normal(2, 3, size=(40, 1))
    shift, spread = x.mean() - y.mean(), x.std(ddof=1) - y.std(ddof=1)
    expected = shift**2 + spread**2
    assert frechet.distance(x, y) == pytest.approx(expected, rel=1e-9)
