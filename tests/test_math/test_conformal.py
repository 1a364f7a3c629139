"""Conformal p-values against their definition, and what they promise."""

import math

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from keras_ae.math import conformal


def drawn(size, seed=0):
    return np.random.default_rng(seed).normal(size=size).astype("float32")


def test_p_values_count_scores_that_are_as_high():
    calibration = np.sort(drawn(50).round(1))  # with ties
    scores = np.concatenate([calibration[:9], drawn(30, 1), [-9, 9]])
    expected = [(1 + (calibration >= s).sum()) / 51 for s in scores]
    assert conformal.p_values(calibration, scores).tolist() == expected


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.31])
def test_above_the_threshold_p_values_are_at_most_the_rate(rate):
    calibration = np.sort(drawn(99).round(1))
    scores = np.concatenate([calibration, drawn(500, 1)])
    alarm = scores > conformal.threshold(calibration, rate)
    p = conformal.p_values(calibration, scores)
    assert (alarm == (p <= rate + 1e-12)).all()


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.1])
def test_the_least_number_of_rows_has_one_alarm(rate):
    least = math.ceil(1 / rate - 1 - 1e-9)
    assert conformal.allowed(least, rate) == 1
    with pytest.raises(ValueError, match=f"at least {least}"):
        conformal.allowed(least - 1, rate)


def test_p_values_are_uniform_where_rows_are_exchangeable():
    rng = np.random.default_rng(0)
    pools = rng.normal(size=(2000, 20))
    p = [conformal.p_values(np.sort(r[1:]), r[:1])[0] for r in pools]
    counts = np.bincount(np.rint(np.array(p) * 20).astype(int), minlength=21)
    assert scipy.stats.chisquare(counts[1:]).pvalue > 1e-3


def test_surprise_at_a_score_of_the_sample_is_that_of_its_share():
    sample = drawn(40).round(1)
    found = conformal.surprise(tf.constant(sample), conformal.tail(sample))
    shares = [(sample >= s).sum() / 41 for s in sample]
    np.testing.assert_allclose(found, -np.log(shares), rtol=1e-5)


def test_surprise_keeps_the_order_of_scores_beyond_the_sample():
    sample = drawn(100)
    scores = np.linspace(sample.min(), 50, 300, dtype="float32")
    found = conformal.surprise(tf.constant(scores), conformal.tail(sample))
    assert (np.diff(found) > 0).all()


def test_surprise_of_scores_that_are_all_equal():
    known = conformal.tail(np.ones(20))
    found = conformal.surprise(tf.constant([0.0, 1.0, 2.0]), known).numpy()
    assert found[0] == found[1] < found[2] < np.inf
