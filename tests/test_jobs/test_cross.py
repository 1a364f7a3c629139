"""Cross-conformal detection against its definition, and its false alarms."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold

from keras_ae import AnomalyDetector
from keras_ae.sklearn import CrossConformalDetector


class Distance(BaseEstimator):
    """From the mean of the rows that it saw, in tenths, so that some are
    equal."""

    def __init__(self, false_alarm_rate=None):
        self.false_alarm_rate = false_alarm_rate

    def fit(self, x):
        self.mean_ = x.mean(axis=0)
        return self

    def anomaly_score(self, x):
        return np.linalg.norm(x - self.mean_, axis=1).round(1)


def test_p_values_are_those_of_the_definition():
    rng = np.random.default_rng(0)
    x, new = rng.normal(size=(23, 3)), rng.normal(size=(40, 3))
    found = CrossConformalDetector(Distance(), folds=4).fit(x)
    counts, ties = np.ones(len(new)), 0
    order = KFold(4, shuffle=True, random_state=0).split(x)
    for kept, held in order:
        own = Distance().fit(x[kept])
        for row in held:
            score = own.anomaly_score(x[row : row + 1])
            counts += score >= own.anomaly_score(new)
            ties += (score == own.anomaly_score(new)).sum()
    assert ties
    np.testing.assert_allclose(found.p_value(new), counts / 24)
    expected = np.where(counts / 24 <= found.false_alarm_rate, -1, 1)
    np.testing.assert_array_equal(found.predict(new), expected)


def test_false_alarms_of_200_splits_are_as_many_as_stated():
    rng = np.random.default_rng(1)
    splits, rate, alarms = 200, 0.1, 0
    for seed in range(splits):
        x = rng.normal(size=(59, 2))
        found = CrossConformalDetector(
            Distance(), false_alarm_rate=rate, seed=seed
        )
        alarms += int(found.fit(x[:-20]).predict(x[-20:])[0] < 0)
    # One row of each split, so that they are independent. 4 of 40 ranks.
    low, high = scipy.stats.binom(splits, rate).interval(0.999)
    assert low <= alarms <= high


def test_a_table_too_small_for_one_split():
    x = np.random.default_rng(0).normal(size=(40, 3))
    quick = AnomalyDetector(scores="elbo", steps=10)
    with pytest.raises(ValueError, match="Too few held-out rows"):
        quick.fit(x)
    found = CrossConformalDetector(quick, folds=2).fit(x)
    assert [len(c) for c in found.calibrations_] == [20, 20]
    x[0] = 9.0
    assert found.predict(x)[0] == -1
    assert found.p_value(x)[0] == 1 / 41
    mean = np.mean([d.anomaly_score(x) for d in found.detectors_], axis=0)
    np.testing.assert_allclose(found.anomaly_score(x), mean)


@pytest.mark.parametrize(
    ("arguments", "rows", "message"),
    [
        ({"folds": 1}, 40, "`folds`"),
        ({"false_alarm_rate": 0.0}, 40, "false_alarm_rate"),
        ({}, 18, "Too few held-out rows"),
        ({"folds": 30}, 25, "Too few rows for 30 folds"),
    ],
)
def test_what_cannot_be_is_refused(arguments, rows, message):
    x = np.random.default_rng(0).normal(size=(rows, 3))
    with pytest.raises(ValueError, match=message):
        CrossConformalDetector(Distance(), **arguments).fit(x)


def test_a_long_series_is_refused():
    quick = AnomalyDetector(scores="reconstruction", steps=1)
    found = CrossConformalDetector(quick, folds=2)
    with pytest.raises(ValueError, match="long series"):
        found.fit(np.sin(np.arange(600) / 3))


def test_a_category_of_one_row_is_new_to_the_fold_that_holds_it_out():
    frame = pd.DataFrame(
        {"x": np.random.default_rng(0).normal(size=60), "kind": ["a", "b"] * 30}
    )
    frame.loc[7, "kind"] = "c"
    one = AnomalyDetector(scores="reconstruction", steps=1)
    own = CrossConformalDetector(one, folds=3, false_alarm_rate=0.1).fit(frame)
    held = np.concatenate(own.calibrations_)
    assert (held > 1e30).sum() == 1
    assert len(held) == 60
