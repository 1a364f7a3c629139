"""The anomaly detector: which rows are abnormal, and how sure that is."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import Self

import keras
import numpy as np
import scipy.stats
from sklearn.base import BaseEstimator
from sklearn.base import OutlierMixin
from sklearn.utils.validation import check_is_fitted

from keras_ae import spaces
from keras_ae.core import validation
from keras_ae.jobs import core_rows
from keras_ae.jobs import scores as kinds
from keras_ae.jobs import training
from keras_ae.jobs.intake import UNSEEN
from keras_ae.jobs.intake import Intake
from keras_ae.jobs.intake import checked
from keras_ae.jobs.intake import is_frame
from keras_ae.jobs.intake import is_numbers
from keras_ae.jobs.view import View
from keras_ae.math import conformal
from keras_ae.model.base import BaseAutoencoder
from keras_ae.spaces import frames

RATE = 0.05  # of false alarms, by default


class AnomalyDetector(OutlierMixin, BaseEstimator):
    """Finds abnormal rows, with a stated rate of false alarms.

    `fit` trains autoencoders on most of the rows, which should be normal but
    for a few, and looks at the others, held out, to learn how abnormal normal
    rows appear. A row is an anomaly if it appears more abnormal than all but
    a share of those. Three views are taken together by default: the evidence
    lower bound, what a denoising autoencoder cannot undo, and the distance to
    the nearest training rows in the code.

    A detector of scikit-learn, with its signs: `score_samples` and
    `decision_function` are higher for normal rows, `predict` is 1 for normal
    rows and -1 for anomalies. `anomaly_score` cannot be misread: in nats, the
    higher, the more abnormal. No answer about a row depends on other rows it
    is asked with, but for `predict(x, fdr=...)`.

    Data are rows of numbers (standardized within), data frames of any columns
    and with holes, images, windows of series `[N, length, channels]`, or one
    long series `[T]` or `[T, channels]`, of which every point gets a score,
    the mean over the windows that cover it; or a list of long series, whose
    points are answered one series after the other. Points of a series depend
    on each other, so that alarms are counted by stretches as long as a window:
    at most the stated share of normal ones holds a false alarm. A row with a
    category that no row of `fit` had is an anomaly, whatever the rate.

    Formula:
        anomaly_score(x) = mean over scores s of -log(share of held-out rows
            with a score of at least s(x)), or s(x) where s stands alone
        p_value(x) = (1 + #{held-out c: c >= anomaly_score(x)}) / (n + 1)

        of a long series the n held out are stretches as long as a window,
        each with the highest score in it

    Args:
        model: What takes the place of the models that it makes: an
            autoencoder of this package; or a space, such as
            `spaces.Series.from_series(x, length)`, of which it makes them.
            Defaults to None, a space that suits the data.
        scores: One score or several, by name, as `{name: arguments}` or as
            in `keras_ae.jobs.scores`: `"reconstruction"`, `"elbo"`,
            `"likelihood"`, `"distance"`, `"denoising"`. Defaults to elbo,
            denoising and distance, of one long series to denoising; of a
            given model to those that it has.
        false_alarm_rate: Share of normal rows that may be called anomalies.
            It takes the place of `contamination`: that would be a share of
            the training rows, which says nothing about new ones. Defaults to
            0.05; of a long series with too few stretches held out for that,
            to the least that they allow.
        calibration: Share of the rows that is held out, at least 1 / rate
            rows; where several scores are combined twice as many, since one
            half says how they compare. Of a long series its end, of several
            the end of each; or the last series, if ends would be shorter than
            a window. Defaults to 0.2.
        outliers: Whether a good part of the rows given to `fit` may be
            anomalies (outlier detection, without labels). Models then learn
            from the half of the rows that looks most normal; among the rows
            held out the anomalies stay, so that there are fewer false alarms
            than stated. Defaults to False: the rows are normal but for a few
            (novelty detection).
        features: A Keras model in front, such as a pretrained network for
            images, whose outputs are the rows of numbers. Defaults to none.
        steps: Training steps of 128 rows. Defaults to 3,000; to 0, the model
            as it is, for one that has taken steps since it was compiled. A
            given model that is not compiled may be trained or not: say 0, or
            compile it.
        seed: Integer for initial weights, the order and the split of rows.

    Attributes:
        intake_: What stands between data and models.
        views_: The scores with what they learned.
        long_: Whether it was fitted on a long series, or several.
        false_alarm_rate_: The rate that holds.
        offset_: `decision_function` is `score_samples` minus this.
        calibration_: Sorted anomaly scores of held-out rows, or of held-out
            stretches of a long series.
        models_: Autoencoders with what was learned, one for each score.

    Raises:
        ValueError: On arguments out of range; by `fit`, on fewer rows than
            the rate needs, rows that are all equal, and scores that the model
            has not.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(400, 4))
        >>> detector = keras_ae.AnomalyDetector(steps=20).fit(x)
        >>> detector.predict([[0, 0, 0, 0], [9, -9, 9, -9]]).tolist()
        [1, -1]
        >>> float(detector.p_value([[9, -9, 9, -9]])[0]) < 0.05
        True

    Reference: Bates, Candes, Lei, Romano, Sesia, 2023. Testing for Outliers
        with Conformal p-values. Annals of Statistics.
        https://arxiv.org/abs/2104.08279
    """

    def __init__(
        self,
        model: BaseAutoencoder | spaces.BaseSpace | None = None,
        *,
        scores: str | dict | kinds.BaseScore | Sequence | None = None,
        false_alarm_rate: float | None = None,
        calibration: float = 0.2,
        outliers: bool = False,
        features: keras.Model | None = None,
        steps: int | None = None,
        seed: int = 0,
    ):
        self.model = model
        self.scores = scores
        self.false_alarm_rate = false_alarm_rate
        self.calibration = calibration
        self.outliers = outliers
        self.features = features
        self.steps = steps
        self.seed = seed

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Learn what is normal.

        Args:
            X: Data as above, of normal rows but for a few.
            y: Not used.
        """
        del y
        inside = {"open_low": True, "open_high": True}
        share = validation.check_number(
            "calibration", self.calibration, 0, 1, **inside
        )
        if self.false_alarm_rate is not None:
            validation.check_number(
                "false_alarm_rate", self.false_alarm_rate, 0, 1, **inside
            )
        given = self.model if isinstance(self.model, BaseAutoencoder) else None
        space = self.model if given is None else given.space
        if space is not None:
            validation.check_type("model", space, spaces.BaseSpace)
        own = space is None and self.features is None
        x = checked(self, X, reset=True, columns=own and is_numbers(X))
        intake = Intake.of(x, space, self.features)
        masks = given is not None and given.missing == "mask"
        self.intake_ = intake._replace(masks=masks)
        self.long_ = self.intake_.is_long(x)
        scores = training.chosen(self.scores, given, self.long_)
        halves = 1 + (len(scores) > 1)
        train, *held = training.split(self.intake_, x, share, halves, self.seed)
        calm = np.zeros(held[-1].size)
        size = self._exchangeable(calm, held[-1]).size
        conformal.allowed(size, self._rate(size))
        ruler = held[0] if halves > 1 else None
        training.check_varied(train.rows)
        if validation.check_type("outliers", self.outliers, bool):
            if given is not None:
                raise ValueError(
                    "What a given model learns from is its owner's choice. "
                    "Expected outliers=False, or a detector that makes its "
                    f"own models. Received: a {type(given).__name__}"
                )
            train = core_rows.core(
                scores, self.intake_.space, train, ruler, self.seed
            )
        learned = training.models(
            scores, given, self.intake_.space, train.rows, self.steps, self.seed
        )
        self.views_ = [
            View.of(score, own, train, ruler)
            for score, own in zip(scores, learned, strict=True)
        ]
        found = self._abnormality(held[-1])
        self.calibration_ = np.sort(self._exchangeable(found, held[-1]))
        rate = self.false_alarm_rate_
        self.offset_ = -conformal.threshold(self.calibration_, rate)
        if self.false_alarm_rate is None and rate > RATE:
            warnings.warn(
                f"The rate of false alarms is {rate:.2g}, not {RATE:g}: of the "
                f"series {len(self.calibration_)} stretches as long as a "
                "window are held out. Give a longer one, shorter windows, or "
                "a larger share by `calibration`; or say `false_alarm_rate`.",
                stacklevel=2,
            )
        return self

    def anomaly_score(self, X: Any) -> np.ndarray:  # noqa: N803
        """How abnormal each row is, `[N]`: the higher, the more. In nats,
        but for a single score of squares or distances, which has the units
        of these."""
        return self._abnormality(self._part(X))

    def score_samples(self, X: Any) -> np.ndarray:  # noqa: N803
        """Minus `anomaly_score`: the higher, the more normal."""
        return -self.anomaly_score(X)

    def decision_function(self, X: Any) -> np.ndarray:  # noqa: N803
        """`score_samples` minus `offset_`: below 0 for anomalies."""
        return self.score_samples(X) - self.offset_

    def p_value(self, X: Any) -> np.ndarray:  # noqa: N803
        """Share of held-out rows, or stretches of a long series, that are at
        least as abnormal, `[N]`.

        Of normal rows at most a share `a` has a p-value of at most `a`, on
        average over sets of rows held out. The least is 1 / (n + 1).
        """
        return conformal.p_values(self.calibration_, self.anomaly_score(X))

    def predict(self, X: Any, fdr: float | None = None) -> np.ndarray:  # noqa: N803
        """1 for normal rows, -1 for anomalies, `[N]`.

        Args:
            X: Data.
            fdr: None: anomalies are rows of a p-value of at most
                `false_alarm_rate_`. Or the share of false alarms among all
                alarms that is allowed on average, over these rows together,
                by the method of Benjamini and Hochberg.
        """
        if fdr is None:
            return np.where(self.decision_function(X) < 0, -1, 1)
        fdr = validation.check_number("fdr", fdr, 0, 1, open_low=True)
        found = scipy.stats.false_discovery_control(self.p_value(X))
        return np.where(found <= fdr, -1, 1)

    def contributions(self, X: Any) -> Any:  # noqa: N803
        """Where a row is abnormal: what each value adds to its squared error.

        Of the score `"denoising"` or `"reconstruction"`, whose sum it is, the
        first that there is. Of an image a map of its pixels.

        Returns:
            `[N, columns]`, a data frame where the rows are one; of images
            and series an array of their shape.

        Raises:
            ValueError: If there is no such score, or features in front.
        """
        check_is_fitted(self)
        view = next(
            (v for v in self.views_ if isinstance(v.score, kinds.Additive)),
            None,
        )
        if view is None or self.features is not None:
            raise ValueError(
                "No score of the detector is a sum over the values of a row. "
                "Expected scores with 'denoising' or 'reconstruction', and no "
                f"`features`. Received: {[v.score for v in self.views_]}"
            )
        part = self._part(X)
        with view.learned.model() as model:
            found = kinds.parts(view.score, model, part.rows)
        space = self.intake_.space
        if isinstance(space, spaces.Table):
            return _by_column(space, found, part.unseen, X)
        if part.totals:
            return space.points(found, part.totals)
        return frames.form(found.reshape(np.shape(X)), X)

    @property
    def false_alarm_rate_(self) -> float:
        """The rate that was asked for, or the default."""
        check_is_fitted(self)
        return self._rate(len(self.calibration_))

    @property
    def models_(self) -> list[BaseAutoencoder]:
        """Autoencoders with what was learned, one for each score."""
        check_is_fitted(self)
        return [view.learned.copy() for view in self.views_]

    def save(self, folder: str | Path) -> None:
        """Write the fitted detector to a folder, whole or not at all; it
        holds its models as presets.

        Raises:
            PresetError: If a class is not one that could be loaded again.
        """
        check_is_fitted(self)
        from keras_ae.jobs import storage

        storage.save(self, folder)

    @classmethod
    def load(
        cls, folder: str | Path, features: keras.Model | None = None
    ) -> Self:
        """The detector that `save` wrote.

        Args:
            folder: Of `save`.
            features: The Keras model in front, if there was one: it is not
                part of the folder.

        Raises:
            PresetError: If files are missing, altered, or ask for classes
                that are not allowed.
        """
        from keras_ae.jobs import storage

        return storage.load(cls, folder, features)

    def export(self, folder: str | Path) -> None:
        """Write a SavedModel with the signature `score`: of `x`, rows
        `[N, ...]`, it gives `score`, the anomaly score; `p_value`; and
        `is_anomaly`. Compared with Python before it is put in place.

        Raises:
            ValueError: If the detector was fitted on a long series, whose
                points it calibrates, not windows.
            RuntimeError: If the file gives other numbers.
        """
        check_is_fitted(self)
        from keras_ae.jobs import storage

        storage.export(self, folder)

    def _part(self, x: Any) -> training.Part:
        """Data to be scored."""
        check_is_fitted(self)
        columns = self.features is None and self.intake_.mean is not None
        x = checked(self, x, False, columns)
        return training.asked(self.intake_, x, self.long_)

    def _rate(self, size: int) -> float:
        """The rate that is asked for, of so many scores held out."""
        if self.false_alarm_rate is not None:
            return self.false_alarm_rate
        return max(RATE, 1 / (size + 1)) if self.long_ else RATE

    def _exchangeable(
        self, found: np.ndarray, part: training.Part
    ) -> np.ndarray:
        """Scores held out that can be counted: those of rows; of a long
        series the highest of each stretch as long as a window."""
        if not self.long_:
            return found
        length = self.intake_.space.length
        each = np.split(found, np.cumsum(part.totals)[:-1])
        whole = [own[: len(own) // length * length] for own in each]
        return np.concatenate(whole).reshape(-1, length).max(axis=1)

    def _abnormality(self, part: training.Part) -> np.ndarray:
        found = np.mean(
            [view.values(part.rows) for view in self.views_], axis=0
        )
        if not part.totals:
            unseen = np.any(part.unseen, axis=-1)
            return np.where(unseen, UNSEEN, found.astype(np.float64))
        return self.intake_.space.points(found, part.totals)


def _by_column(
    table: spaces.Table,
    parts: np.ndarray,
    unseen: np.ndarray | bool,
    like: Any,
) -> Any:
    """Parts `[N, *shape]` as sums for each column, as a frame if the data
    are one."""
    order = [column for block in table.blocks for column in block]
    ends = np.cumsum([column.width for column in order])[:-1]
    sums = {
        column.name: own.sum(axis=1)
        for column, own in zip(
            order, np.split(parts, ends, axis=1), strict=True
        )
    }
    found = np.stack([sums[name] for name in table.names], axis=1)
    if not is_frame(like):
        return found
    import pandas as pd

    found = np.where(unseen, UNSEEN, found.astype(np.float64))
    return pd.DataFrame(found, getattr(like, "index", None), table.names)
