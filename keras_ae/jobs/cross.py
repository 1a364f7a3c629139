"""Cross-conformal detection: where rows are few, all of them are held out."""

from typing import Any
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.base import OutlierMixin
from sklearn.base import clone
from sklearn.model_selection import KFold
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples
from sklearn.utils.validation import check_is_fitted

from keras_ae.core import validation
from keras_ae.jobs.anomaly import RATE
from keras_ae.jobs.anomaly import AnomalyDetector
from keras_ae.jobs.intake import checked
from keras_ae.jobs.intake import is_numbers
from keras_ae.math import conformal

#: So that a p-value of exactly the rate is an alarm, whatever rounding does.
ROUNDING = 1e-9


class CrossConformalDetector(OutlierMixin, BaseEstimator):
    """Finds abnormal rows, with a rate of false alarms known from all rows.

    `AnomalyDetector` holds out a share of the rows to say how abnormal normal
    ones appear; of a hundred rows that leaves too few. This one trains several
    detectors, each without one fold of the rows, so that each row is held out
    once. It takes as many times as long.

    A p-value of at most `a` comes to normal rows about as often as `a`, and
    never more often than about `2a`.

    Formula:
        anomaly_score(x) = mean_k s_k(x)
        p_value(x) = (1 + sum_k #{c in fold k: s_k(c) >= s_k(x)}) / (n + 1)

        s_k the anomaly score of the detector that never saw fold k

    Args:
        detector: What is trained on the folds; its `false_alarm_rate` is not
            used. Defaults to `AnomalyDetector()`.
        folds: How many. Defaults to 5.
        false_alarm_rate: Share of normal rows that may be called anomalies.
            Defaults to 0.05.
        seed: Integer for the folds.

    Attributes:
        detectors_: Those of the folds.
        numbers_: Whether rows are columns of numbers alone.
        calibrations_: Sorted anomaly scores of each fold.
        offset_: `decision_function` is `score_samples` minus this.

    Raises:
        ValueError: On numbers out of range; by `fit`, on fewer rows than the
            rate or the folds need, and on one long series, whose points are
            not exchangeable.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(60, 4))
        >>> quick = keras_ae.AnomalyDetector(scores="elbo", steps=20)
        >>> found = CrossConformalDetector(quick, folds=2).fit(x)
        >>> found.predict([[0, 0, 0, 0], [9, -9, 9, -9]]).tolist()
        [1, -1]

    Reference: Vovk, 2015. Cross-Conformal Predictors. Annals of Mathematics
        and Artificial Intelligence 74. https://arxiv.org/abs/1208.0806.
        Barber, Candes, Ramdas, Tibshirani, 2021. Predictive Inference with the
        Jackknife+ (for the factor of 2). https://arxiv.org/abs/1905.02928
    """

    def __init__(
        self,
        detector: AnomalyDetector | None = None,
        *,
        folds: int = 5,
        false_alarm_rate: float = RATE,
        seed: int = 0,
    ):
        self.detector = detector
        self.folds = folds
        self.false_alarm_rate = false_alarm_rate
        self.seed = seed

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Learn what is normal.

        Args:
            X: Rows of whatever the detector takes, of normal ones but for a
                few.
            y: Not used.
        """
        del y
        rate = validation.check_number(
            "false_alarm_rate",
            self.false_alarm_rate,
            0,
            1,
            open_low=True,
            open_high=True,
        )
        folds = validation.check_count("folds", self.folds, 2)
        one = AnomalyDetector() if self.detector is None else self.detector
        # What is allowed at all: its own threshold is not used.
        own = clone(one).set_params(false_alarm_rate=0.5)
        plain = isinstance(one, AnomalyDetector) and one.model is None
        plain = plain and one.features is None and is_numbers(X)
        x = checked(self, X, reset=True, columns=plain)
        self.numbers_, size = plain, _num_samples(x)
        conformal.allowed(size, rate)
        if size < folds:
            raise ValueError(
                f"Too few rows for {folds} folds. Expected one in each. "
                f"Received: {size}"
            )
        self.detectors_, self.calibrations_ = [], []
        order = KFold(folds, shuffle=True, random_state=self.seed)
        for kept, held in order.split(np.empty(size)):
            detector = clone(own).fit(_safe_indexing(x, kept))
            if getattr(detector, "long_", False):
                raise ValueError(
                    "Points of one long series are not exchangeable. Expected "
                    "rows, or windows. Received: a long series. "
                    "AnomalyDetector takes it as it is."
                )
            found = detector.anomaly_score(_safe_indexing(x, held))
            self.detectors_.append(detector)
            self.calibrations_.append(np.sort(found))
        self.offset_ = float(np.log(rate)) + ROUNDING
        return self

    def anomaly_score(self, X: Any) -> np.ndarray:  # noqa: N803
        """How abnormal each row is, `[N]`: the higher, the more; the mean of
        the detectors' scores."""
        return np.mean(self._scores(X), axis=0)

    def p_value(self, X: Any) -> np.ndarray:  # noqa: N803
        """Share of all rows of `fit` that are at least as abnormal, each by
        the detector that did not see it, `[N]`."""
        scores, held = self._scores(X), self.calibrations_
        counts = [
            conformal.at_least(own, found)
            for own, found in zip(held, scores, strict=True)
        ]
        return (1 + np.sum(counts, axis=0)) / (1 + sum(map(len, held)))

    def score_samples(self, X: Any) -> np.ndarray:  # noqa: N803
        """The logarithm of `p_value`: the higher, the more normal. Rows beyond
        all others share the lowest; `anomaly_score` tells them apart."""
        return np.log(self.p_value(X))

    def decision_function(self, X: Any) -> np.ndarray:  # noqa: N803
        """`score_samples` minus `offset_`: below 0 for anomalies."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """1 for normal rows, -1 for anomalies, of a p-value of at most
        `false_alarm_rate`, `[N]`."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def _scores(self, x: Any) -> list[np.ndarray]:
        check_is_fitted(self)
        x = checked(self, x, reset=False, columns=self.numbers_)
        return [detector.anomaly_score(x) for detector in self.detectors_]
