"""Intake: from what users have to the rows that models are trained on."""

from typing import TYPE_CHECKING
from typing import Any
from typing import NamedTuple
from typing import Self

import keras
import numpy as np
import scipy.signal
import tensorflow as tf
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import validate_data

from keras_ae import spaces
from keras_ae.core import rows as rows_of
from keras_ae.core import validation
from keras_ae.spaces import frames
from keras_ae.spaces.series import are_arrays
from keras_ae.spaces.series import are_several

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

#: Deviations from the mean beyond which numbers go on as their logarithms.
LIMIT = 10.0
LONGEST = 1000  # points of a window whose length is chosen here
USUAL = 64  # points of a window where a series has no period
#: Rows of so many numbers or more, whose neighbours differ so little, squared
#: and relative to unrelated ones, are waves. Of 14 tables none is below 0.5,
#: images row by row are at 0.3, heart beats at 0.05.
WAVE = 32
SMOOTH = 0.1
HOLES = (
    "Expected numbers. With holes, fit a data frame that has some, or give the "
    "space of a complete one: spaces.Table.from_frame(df)."
)

#: Score of a category that was never seen, whose share is zero: beyond all
#: others, and finite in every file.
UNSEEN = float(np.finfo(np.float32).max)


class Intake(NamedTuple):
    """What stands between a user's data and a model, learned from the data.

    Columns of numbers are put at mean 0 and deviation 1. What lies more than
    10 deviations away is drawn in, so that no single value takes the training
    over; the order of values stays.

    Formula:
        z = (x - mean) / scale, where abs(z) <= 10;
        sign(z) 10 (1 + log(abs(z) / 10)) beyond

    Attributes:
        space: Of the models, which see what `rows` gives.
        mean: Of each column, float64; None where the space has units of its
            own.
        scale: Deviation of each column; 1 of those that are constant.
        features: A Keras model whose outputs are the columns, or None.
        masks: Whether a given model takes NaN for "not observed", whatever
            its space says.
    """

    space: spaces.BaseSpace
    mean: np.ndarray | None = None
    scale: np.ndarray | None = None
    features: keras.Model | None = None
    masks: bool = False

    @classmethod
    def of(
        cls,
        x: Any,
        space: spaces.BaseSpace | None = None,
        features: keras.Model | None = None,
    ) -> Self:
        """The intake of training data, once they are checked.

        Args:
            x: The data.
            space: What one example is, or None to see for itself.
            features: A Keras model in front, or None.

        Raises:
            ValueError: If data have no space that could be seen, or columns
                hold no number.
        """
        if features is None:
            space = space or _space(x)
        elif space is None:
            x = outputs(features, x)
        if space is not None:
            return cls(space, features=features)
        x = np.asarray(x, np.float64)
        empty = np.flatnonzero(np.isnan(x).all(axis=0)).tolist()
        if empty:
            raise ValueError(
                "Columns hold no number. Expected at least one in each. "
                f"Received: NaN alone in columns {empty}. Drop them."
            )
        found = StandardScaler().fit(x)
        return cls(
            spaces.Array(x.shape[1]), found.mean_, found.scale_, features
        )

    @property
    def holes(self) -> bool:
        """Whether NaN is "not observed"."""
        return self.masks or self.space.missing == "mask"

    def is_long(self, x: Any) -> bool:
        """Whether data are one long series, or several."""
        series = isinstance(self.space, spaces.Series)
        if not series or self.features is not None:
            return False
        return self.space.is_several(x) or self.space.is_long(x)

    def rows(self, x: Any) -> Any:
        """Rows `[N, ...]` of the space.

        Raises:
            ValueError: On data that do not fit.
        """
        if self.features is not None:
            x = outputs(self.features, x)
        if self.mean is None:
            rows = rows_of.held(self.space.rows("X", x))
            self.space.check("X", rows, self.holes)
            # Where there is one channel, its axis may be left out.
            alone = len(rows.shape) == len(self.space.shape)
            return rows[..., None] if alone else rows
        parts = (self._standard(part) for _, part in validation.parts(x))
        return np.concatenate([part.numpy() for part in parts])

    def tensor(self, x: tf.Tensor) -> tf.Tensor:
        """As `rows`, in a graph; of what `space.rows` gives, if it has units
        of its own."""
        if self.features is not None:
            x = _flat(self.features(x, training=False))
        return x if self.mean is None else self._standard(x)

    def back(self, rows: np.ndarray, like: Any = None) -> Any:
        """Rows of the space in the user's units: the inverse of `rows`.

        Raises:
            ValueError: If there are features in front.
        """
        if self.features is not None:
            raise ValueError(
                "There is no way back through `features`. Expected a detector "
                "or transformer without."
            )
        if self.mean is None:
            return self.space.array(rows, like=like)
        far = np.maximum(np.abs(rows), LIMIT).astype(np.float64)
        beyond = np.sign(rows) * LIMIT * np.exp(far / LIMIT - 1)
        z = np.where(far > LIMIT, beyond, rows)
        return z * self.scale + self.mean

    def _standard(self, x: Any) -> tf.Tensor:
        z = (tf.cast(x, tf.float64) - self.mean) / self.scale
        far = tf.maximum(tf.abs(z), LIMIT)
        beyond = tf.sign(z) * LIMIT * (1 + tf.math.log(far / LIMIT))
        return tf.cast(tf.where(far > LIMIT, beyond, z), tf.float32)


def checked(
    estimator: "BaseEstimator",
    x: Any,
    reset: bool,
    columns: bool,
    holes: bool = False,
) -> Any:
    """Data as scikit-learn checks them: numbers in rows and columns, arrays or
    frames, become an array; others are left to their spaces.

    Args:
        estimator: Gets `n_features_in_`, and of a frame `feature_names_in_`.
        x: Whatever a user has.
        reset: Whether to learn these, or compare.
        columns: Whether data are to be numbers in rows and columns, or a
            frame.
        holes: Whether NaN is allowed.

    Raises:
        ValueError: On data that do not fit, in scikit-learn's words.
        TypeError: On sparse matrices.
    """
    x = rows_of.unmasked(x)
    if isinstance(x, tuple) or isinstance(x, list) and not are_arrays(x):
        x = np.asarray(x)
    if columns and (not reset or not is_frame(x) or is_numbers(x, holes)):
        try:
            return validate_data(
                estimator,
                x,
                reset=reset,
                ensure_all_finite="allow-nan" if holes else True,
                ensure_min_samples=2 if reset else 1,
            )
        except ValueError as error:
            first, *more = str(error).splitlines()
            if "NaN" not in first or not more:
                raise
            raise ValueError(f"{first} {HOLES}") from None
    if is_frame(x):
        validate_data(estimator, x, reset=reset, skip_check_array=True)
    return x


def is_frame(x: Any) -> bool:
    """Whether data are a data frame, of pandas or another."""
    return hasattr(x, "columns") and hasattr(x, "shape")


def is_numbers(x: Any, holes: bool = False) -> bool:
    """Whether data are rows and columns of numbers, and complete if they are a
    frame, unless there may be holes."""
    if are_several(x):
        return False
    if not is_frame(x):
        ndim = x.ndim if hasattr(x, "ndim") else np.asarray(x).ndim
        return ndim in (0, 2)
    import pandas as pd

    frame = frames.to_pandas(x)
    types = map(pd.api.types.is_numeric_dtype, frame.dtypes)
    return all(types) and (holes or not frame.isna().to_numpy().any())


def outputs(features: keras.Model, x: Any) -> np.ndarray:
    """Outputs of a Keras model, `[N, columns]`."""
    return _flat(features.predict(np.asarray(x), verbose=0)).numpy()


def period(series: np.ndarray) -> int:
    """Points of the period of a series `[T]` or `[T, channels]`: the first of
    the high peaks of its autocorrelation, in at most a tenth of the series;
    64 where there is none, or fewer in a short series.

    Example:
        >>> period(np.sin(np.arange(500) * 0.25))
        25
    """
    values = np.asarray(series, np.float64).reshape(len(series), -1)
    values = values - values.mean(axis=0)
    longest = min(LONGEST, len(values) // 10)
    total = sum(
        scipy.signal.correlate(own, own, "full", "fft")[len(own) - 1 :]
        for own in values.T
    )
    total = total[: longest + 1] / np.arange(len(values), 0, -1)[: longest + 1]
    peaks, _ = scipy.signal.find_peaks(total, height=0.1 * total[0])
    if not len(peaks):
        return max(2, min(USUAL, longest))
    high = total[peaks] >= 0.9 * total[peaks].max()
    return max(2, int(peaks[np.argmax(high)]))


def is_waves(x: np.ndarray) -> bool:
    """Whether rows are curves of one unit, not columns of several.

    Formula:
        mean (z_t - z_{t-1})^2 / (2 mean z_t^2) < 0.1, z: standardized columns

    Example:
        >>> t = np.arange(100)
        >>> bool(is_waves(np.sin(0.1 * t + t[:, None])))
        True
        >>> bool(is_waves(np.random.default_rng(0).normal(size=(100, 100))))
        False

    Reference: von Neumann, 1941. Distribution of the Ratio of the Mean Square
        Successive Difference to the Variance.
    """
    if x.shape[1] < WAVE:
        return False
    z = StandardScaler().fit_transform(x)
    return np.mean(np.diff(z, axis=1) ** 2) < SMOOTH * 2 * np.mean(z**2)


def _space(x: Any) -> spaces.BaseSpace | None:
    """What one example of data is; None for rows of numbers."""
    if is_frame(x) and not is_numbers(x):
        return spaces.Table.from_frame(x)
    if are_several(x):
        length = min(period(max(x, key=len)), *map(len, x))
        return spaces.Series.from_series(x, length)
    shape = np.shape(x)
    bytes_ = getattr(x, "dtype", None) == np.uint8
    if len(shape) == 1:
        return spaces.Series.from_series(x, period(x))
    if len(shape) == 4 or len(shape) == 3 and bytes_:
        return spaces.Image(*shape[1:])
    if len(shape) == 3:
        return spaces.Series.from_series(x, shape[1])
    if len(shape) == 2:
        waves = not is_frame(x) and is_waves(np.asarray(x))
        return spaces.Series.from_series(x, shape[1]) if waves else None
    raise ValueError(
        "The shape of the data does not say what one example is. Expected "
        "rows of numbers [N, columns], a data frame, images [N, height, "
        "width, channels], windows [N, length, channels], one long series [T] "
        f"or a list of such. Received: shape {shape}. Give the space as "
        "`model`."
    )


def _flat(values: tf.Tensor) -> tf.Tensor:
    values = tf.convert_to_tensor(values)
    return tf.reshape(values, [tf.shape(values)[0], -1])
