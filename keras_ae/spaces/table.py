"""Tables: data frames of mixed columns, with holes."""

import collections
import warnings
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any
from typing import Self

import numpy as np
import tensorflow as tf

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.types import ArrayLike
from keras_ae.core.types import DType
from keras_ae.spaces import base
from keras_ae.spaces import columns as kinds
from keras_ae.spaces import filling
from keras_ae.spaces import frames
from keras_ae.spaces.labels import label

if TYPE_CHECKING:
    import pandas as pd


@registry.register("table")
class Table(base.BaseSpace):
    """Rows of a data frame: numbers, dates, categories, holes.

    Made by `Table.from_frame(df)`. A model of it takes data frames with the
    same columns, in any order, and gives data frames back, of pandas, with
    names, types, categories and order of training: `fit(df)`, `sample(n)`,
    `impute(df)`, `reconstruct(df)`; `embed(df)` keeps the index. Missing
    values are "not observed".

    A row is `[columns]`, NaN where a value is missing: places of categories,
    and numbers in the user's units, counted from the `origin` of their column.
    That is 0, but of dates, which are days since the first day, and of numbers
    more than 10,000 deviations away from 0: single precision, in which rows
    are served, holds neither a second of today nor their last digits. `rows`
    makes rows of a data frame, `array(tensor(rows))` a data frame of complete
    rows; a SavedModel takes rows. In the tensor numbers come first,
    standardized; then bits, grades, and each category as a one-hot vector.

    Numbers have a `KernelMixture` as likelihood, which takes any
    distribution: modes, frequent values, long tails. Others can be chosen.

    Args:
        columns: `Number`s and `Category`s, in the order of the data frame.

    Raises:
        ValueError: If there are none, or two of one name.

    Example:
        >>> import pandas as pd
        >>> df = pd.DataFrame(
        ...     {"age": [31, 44, 27, 60], "city": ["Bonn", None, "Ulm", "Ulm"]}
        ... )
        >>> table = Table.from_frame(df)
        >>> table.shape
        (2,)
        >>> vae = keras_ae.VAE.create(table, latent_dim=2, hidden=(8,), seed=0)
        >>> vae.impute(df).loc[1, "city"] in ("Bonn", "Ulm")
        True
        >>> vae.sample(3, seed=0).dtypes.equals(df.dtypes)
        True
        >>> rows = table.rows("df", df)
        >>> rows.tolist()
        [[31.0, 0.0], [44.0, nan], [27.0, 1.0], [60.0, 1.0]]
        >>> table.array(table.tensor(rows[2:])).values.tolist()
        [[27, 'Ulm'], [60, 'Ulm']]
    """

    missing = "mask"
    drawn = True

    def __init__(self, columns: Sequence[kinds.BaseColumn]):
        self.columns = [
            validation.check_type("columns", column, kinds.BaseColumn)
            for column in columns
        ]
        self.names = [column.name for column in self.columns]
        if not self.names or len({*self.names}) < len(self.names):
            expected = "at least one column, each with a name of its own"
            raise ValueError(
                validation.invalid("columns", expected, self.names)
            )
        self.blocks = _blocks(self.columns)

    @classmethod
    def from_frame(
        cls,
        frame: "pd.DataFrame",
        types: Mapping[str, str] | None = None,
        likelihoods: Mapping[str, Any] | None = None,
        kernels: int = 32,
    ) -> Self:
        """The space of a training set.

        Types are read from dtypes and values: dates; booleans, words and
        numbers of two values as categories, ordered ones as grades; whole
        numbers from 0 as counts, positive numbers, other numbers.

        Args:
            frame: A pandas data frame, or one of polars.
            types: Name of a column to `"real"`, `"positive"`, `"count"`,
                `"date"`, `"binary"`, `"categorical"` or `"ordinal"`, where
                what would be read is wrong; words for numbers, or for dates
                in ISO 8601, can be these.
            likelihoods: Name of a column of numbers to a head, its name or
                `{name: arguments}`, such as `"student_t"` or `"poisson"`.
            kernels: Most kernels of a column of numbers.

        Raises:
            TypeError: If it is no data frame.
            ValueError: On a column without two different values, values of
                several types, infinite ones, more than 1,000 categories; with
                the name of the column. On a name that cannot be saved.
        """
        frame = _pandas("frame", frame)
        types, likelihoods = (
            {label(name): value for name, value in (given or {}).items()}
            for given in (types, likelihoods)
        )
        names = [*map(label, frame.columns)]
        if len(frame) == 0 or not names:
            raise ValueError(
                "The data frame is empty. Expected rows and columns. Received: "
                f"shape {frame.shape}"
            )
        if len({*names}) < len(names):
            raise ValueError(
                "Columns have the same name. Expected names of their own. "
                f"Received: {[*{n for n in names if names.count(n) > 1}]}"
            )
        for name in (*types, *likelihoods):
            if name not in names:
                raise ValueError(registry.unknown("column", name, names))
        kernels = validation.check_count("kernels", kernels, 2)
        return cls(
            [
                kinds.learn(
                    frame.iloc[:, place].rename(name),
                    types.get(name),
                    likelihoods.get(name),
                    kernels,
                )
                for place, name in enumerate(names)
            ]
        )

    def __repr__(self) -> str:
        count = collections.Counter(column.type for column in self.columns)
        types = ", ".join(f"{n} {type}" for type, n in count.items())
        names = ", ".join(map(repr, self.names[:3]))
        names += ", ..." * (len(self.names) > 3)
        size = f"{len(self.names)} column{'s' * (len(self.names) > 1)}"
        return f"{type(self).__name__}({size}: {types}; {names})"

    @property
    def shape(self) -> tuple[int]:
        """Numbers in the tensor."""
        return (sum(column.width for column in self.columns),)

    @property
    def row_shape(self) -> tuple[int]:
        """Columns."""
        return (len(self.columns),)

    @property
    def likelihood(self) -> dict:
        """`Columns`, a block for each group of columns of one kind."""
        heads = [_head(block) for block in self.blocks]
        widths = [sum(c.width for c in block) for block in self.blocks]
        return {"columns": {"likelihoods": heads, "widths": widths}}

    def rows(self, name: str, data: Any) -> Any:
        """See `BaseSpace.rows`; of a data frame `[N, columns]`, float32.

        Raises:
            ValueError: If columns are missing or unknown, or a value does not
                fit its column.
            TypeError: On one row, as a dict or `pandas.Series`.

        Warns:
            UserWarning: Of rows without any value.
        """
        if isinstance(data, dict) or hasattr(data, "to_frame"):
            raise TypeError(
                f"`{name}` is no table. Expected a data frame. Received: "
                f"{type(data).__name__}. Of one row make pd.DataFrame([row])."
            )
        if not _is_frame(data):
            return data
        frame = self._ordered(name, data)
        found = [
            column.numbers(frame.iloc[:, place])
            for place, column in enumerate(self.columns)
        ]
        rows = np.stack(found, axis=1).astype(np.float32)
        self._warn_of_empty(name, rows, frame.index)
        return rows

    def known(self, name: str, data: Any) -> tuple["pd.DataFrame", np.ndarray]:
        """A data frame without the categories that the table does not have,
        holes in their places; and where they were, bool `[N, columns]`.

        Args:
            name: What the data are, for messages: `"x"`.
            data: A data frame.

        Raises:
            ValueError: If columns are missing or unknown.

        Example:
            >>> import pandas as pd
            >>> table = Table.from_frame(pd.DataFrame({"x": ["a", "b", "c"]}))
            >>> new = pd.DataFrame({"x": ["c", "d"]})
            >>> frame, unseen = table.known("x", new)
            >>> frame["x"].tolist(), unseen.tolist()
            (['c', nan], [[False], [True]])
        """
        frame = self._ordered(name, data)
        unseen = np.stack(
            [
                column.unseen(frame.iloc[:, place])
                for place, column in enumerate(self.columns)
            ],
            axis=1,
        )
        return frame.mask(unseen) if unseen.any() else frame, unseen

    def _ordered(self, name: str, data: Any) -> "pd.DataFrame":
        """The columns of the table, in its order."""
        frame = _pandas(name, data)
        given = [*map(label, frame.columns)]
        lacking = [n for n in self.names if n not in given]
        surplus = [n for n in given if n not in self.names]
        if lacking or surplus or len(given) > len(self.names):
            raise ValueError(
                f"`{name}` has other columns than the model. Expected "
                f"{self.names}, in any order. Missing: {lacking}. Unknown: "
                f"{surplus}. Rename or drop columns, or make a new model by "
                "Table.from_frame."
            )
        return frame.iloc[:, [given.index(own) for own in self.names]]

    def check(self, name: str, rows: ArrayLike, holes: bool = False) -> None:
        """Rows `[N, columns]`. See `BaseSpace.check`.

        Raises:
            ValueError: On another shape, infinite values, and numbers that are
                no places of categories.
        """
        rows = np.asarray(rows)
        validation.check_data(name, rows, self.row_shape, holes)
        for place, column in enumerate(self.columns):
            if isinstance(column, kinds.Category):
                own = rows[:, place]
                top = len(column.categories) - 1
                bad = (own < 0) | (own > top) | (own != np.rint(own))
                bad &= ~np.isnan(own)
                if bad.any():
                    raise ValueError(
                        f"`{name}` holds no category of the column "
                        f"{column.name!r}. Expected whole numbers in 0..{top}, "
                        f"places in {column.categories[:10]}, or a data frame. "
                        f"Received: {own[bad][0]} in row "
                        f"{np.flatnonzero(bad)[0]}"
                    )

    def _warn_of_empty(
        self, name: str, rows: np.ndarray, index: Sequence
    ) -> None:
        empty = np.flatnonzero(np.isnan(rows).all(axis=1))
        if empty.size:
            warnings.warn(
                f"`{name}` has {len(empty)} rows without any value, the first "
                f"at {[index[i] for i in empty[:5]]}. Nothing is learned from "
                "them, and what is said of them is said of any row.",
                UserWarning,
                stacklevel=3,
            )

    def tensor(self, rows: tf.Tensor) -> tf.Tensor:
        """See `BaseSpace.tensor`; NaN where a value is missing."""
        rows = tf.convert_to_tensor(rows)
        if not rows.shape.is_compatible_with((None, *self.row_shape)):
            raise ValueError(
                f"Invalid shape of a batch. Expected (B, {len(self.names)}), "
                f"the columns of a table. Received: shape {tuple(rows.shape)}"
            )
        rows = tf.cast(rows, tf.float32)
        places = {name: place for place, name in enumerate(self.names)}
        parts = []
        for block in self.blocks:
            own = tf.gather(rows, [places[c.name] for c in block], axis=1)
            if isinstance(block[0], kinds.Number):
                center = np.float32([c.center for c in block])
                scale = np.float32([c.scale for c in block])
                own = (own - center) / scale
            elif block[0].type == "categorical":
                own = _one_hot(own[:, 0], block[0].width)
            parts.append(own)
        return tf.concat(parts, axis=1)

    def features(self, x: tf.Tensor) -> tf.Tensor:
        """See `BaseSpace.features`; numbers as shares of the training set
        that lie below, spread to a deviation of 1."""
        widths = [sum(c.width for c in block) for block in self.blocks]
        parts = zip(tf.split(x, widths, axis=-1), self.blocks, strict=True)
        return tf.concat([_spread(*part) for part in parts], axis=-1)

    def array(
        self, values: np.ndarray, dtype: DType = None, like: Any = None
    ) -> Any:
        """See `BaseSpace.array`; a data frame, or rows where the question
        was rows. Categories are the likeliest ones.

        Args:
            values: `[..., *shape]`.
            dtype: Of rows, a NumPy type.
            like: Data frame or rows that were asked about, or None.

        Returns:
            A data frame with the index of `like`; a list of them of values
            with an axis more; or an array `[..., columns]`.
        """
        values = np.asarray(values, np.float64)
        rows = np.empty((*values.shape[:-1], len(self.columns)))
        places = {name: place for place, name in enumerate(self.names)}
        start = 0
        for block in self.blocks:
            for column in block:
                own = values[..., start : start + column.width]
                rows[..., places[column.name]] = _number(own, column)
                start += column.width
        if like is not None and not _is_frame(like):
            return base.as_type(rows, dtype or np.float32)
        if rows.ndim > 2:
            return [self._frame(part, like) for part in rows]
        return self._frame(rows, like)

    def filled(self, values: np.ndarray, like: Any) -> Any:
        """See `BaseSpace.filled`."""
        answer = self.array(values, like=like)
        if isinstance(answer, np.ndarray):
            return np.where(np.isnan(like), answer, like)
        parts = answer if isinstance(answer, list) else [answer]
        given = self._ordered("x", like)
        for part in parts:
            for place in range(len(self.names)):
                pair = given.iloc[:, place], part.iloc[:, place]
                part.isetitem(place, filling.filled(*pair))
        return answer

    def codes(self, values: np.ndarray, like: Any) -> Any:
        """See `BaseSpace.codes`; a data frame with the index of one."""
        if not _is_frame(like):
            return values
        import pandas as pd

        flat = values.reshape(len(values), -1)
        names = [f"z{number}" for number in range(flat.shape[1])]
        return pd.DataFrame(flat, _pandas("x", like).index, names)

    def _frame(self, rows: np.ndarray, like: Any) -> "pd.DataFrame":
        import pandas as pd

        found = pd.DataFrame(
            {
                column.name: column.values(own)
                for column, own in zip(self.columns, rows.T, strict=True)
            }
        )
        if like is not None:
            given = self._ordered("x", like)
            found.index, found.columns = given.index, given.columns
        return found


def _blocks(columns: Sequence[kinds.BaseColumn]) -> list[list]:
    """Columns that share a head: numbers with kernels, those of a likelihood,
    bits, grades of as many levels; each category is alone."""
    found: dict[Any, list] = {}
    for column in columns:
        if isinstance(column, kinds.Number):
            key = (0, repr(column.likelihood))
        elif column.type == "binary":
            key = (1, "")
        elif column.type == "ordinal":
            key = (2, f"{len(column.categories):04d}")
        else:
            key = (3, column.name)
        found.setdefault(key, []).append(column)
    ranks = sorted({key[0] for key in found})
    return [
        block
        for rank in ranks
        for key, block in found.items()
        if key[0] == rank
    ]


def _head(block: list) -> Any:
    """The likelihood of a block, as `heads.get` takes it."""
    first = block[0]
    if isinstance(first, kinds.Category):
        levels = {"levels": len(first.categories)}
        return {
            "binary": "bernoulli",
            "ordinal": {"ordinal": levels},
            "categorical": "categorical",
        }[first.type]
    if first.likelihood is not None:
        return first.likelihood
    centers, scales, _ = _kernels(block)
    return {
        "kernel_mixture": {
            "centers": centers.tolist(),
            "scales": scales.tolist(),
        }
    }


def _kernels(block: list) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centers, deviations and shares `[columns, kernels]`, 0 where a column
    has fewer."""
    most = max(len(c.centers) for c in block)
    return tuple(
        np.array([[*part, *[0.0] * (most - len(part))] for part in parts])
        for parts in zip(
            *((c.centers, c.scales, c.weights) for c in block), strict=True
        )
    )


def _spread(values: tf.Tensor, block: list) -> tf.Tensor:
    """What networks read of the values `[B, columns]` of a block."""
    if (
        not isinstance(block[0], kinds.Number)
        or block[0].likelihood is not None
    ):
        return values
    centers, scales, weights = _kernels(block)
    there = scales > 0
    distance = values[..., None] - np.float32(centers)
    below = _below(distance / np.float32(np.where(there, scales, 1)))
    share = tf.reduce_sum(below * np.float32(weights * there), axis=-1)
    return (share - 0.5) * np.float32(np.sqrt(12))


# erf(t) = t * P(t**2) / Q(t**2), the quotient that Eigen and XLA compute in
# single precision; highest powers first. From `_FLAT` on it is 1.
_ERF_P = (2.2905065e-4, 3.408291e-3, 5.0955695e-2, 1.8520832e-1, 1.1283791)
_ERF_Q = (-1.1791603e-7, 2.3547966e-5, 1.0179625e-3, 1.407047e-2)
_ERF_Q += (1.1098505e-1, 4.9746925e-1, 1.0)
_FLAT = 3.832506856900711


def _below(distance: tf.Tensor) -> tf.Tensor:
    """The standard normal's share below, within 2e-7, in operations that all
    formats of export have: ONNX has no `Erfc`, LiteRT no `Erf` either."""
    t = tf.clip_by_value(distance * np.float32(np.sqrt(0.5)), -_FLAT, _FLAT)
    over, under = (tf.math.polyval([*p], t * t) for p in (_ERF_P, _ERF_Q))
    return 0.5 + 0.5 * (t * over / under)


def _one_hot(places: tf.Tensor, width: int) -> tf.Tensor:
    """Places `[B]` as one-hot vectors; NaN all along for NaN."""
    missing = tf.math.is_nan(places)
    known = tf.cast(tf.where(missing, 0.0, places), tf.int32)
    return tf.where(missing[:, None], np.nan, tf.one_hot(known, width))


def _number(values: np.ndarray, column: kinds.BaseColumn) -> np.ndarray:
    """A column's number from its part of the tensor, `[..., width]`."""
    if isinstance(column, kinds.Number):
        return values[..., 0] * column.scale + column.center
    if column.type == "categorical":
        return values.argmax(axis=-1)
    return np.rint(values[..., 0])


def _is_frame(data: Any) -> bool:
    return hasattr(data, "columns") and hasattr(data, "shape")


def _pandas(name: str, frame: Any) -> "pd.DataFrame":
    """A data frame as one of pandas."""
    if not _is_frame(frame):
        expected = "a data frame of pandas or polars"
        raise TypeError(validation.invalid(name, expected, type(frame)))
    return frames.to_pandas(frame)
