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
from keras_ae.spaces import blocks
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
        self.blocks = blocks.grouped(self.columns)

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
        heads = [blocks.head(block) for block in self.blocks]
        widths = [sum(c.width for c in block) for block in self.blocks]
        return {"columns": {"likelihoods": heads, "widths": widths}}

    def named(self, likelihood: Any) -> Any:
        """See `BaseSpace.named`; columns that are told others are blocks of
        their own, in the order of the data frame."""
        found = super().named(likelihood)
        asked = found.get("columns") if isinstance(found, dict) else None
        if not isinstance(asked, dict) or not asked.get("hidden"):
            return found
        columns = [column for block in self.blocks for column in block]
        alone = {
            "likelihoods": [blocks.head([column]) for column in columns],
            "widths": [column.width for column in columns],
            "order": [self.names.index(column.name) for column in columns],
        }
        return {"columns": alone | likelihood["columns"]}

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
                own = blocks.one_hot(own[:, 0], block[0].width)
            parts.append(own)
        return tf.concat(parts, axis=1)

    def features(self, x: tf.Tensor) -> tf.Tensor:
        """See `BaseSpace.features`; numbers as shares of the training set
        that lie below, spread to a deviation of 1."""
        widths = [sum(c.width for c in block) for block in self.blocks]
        parts = zip(tf.split(x, widths, axis=-1), self.blocks, strict=True)
        return tf.concat([blocks.spread(*part) for part in parts], axis=-1)

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
                rows[..., places[column.name]] = blocks.number(own, column)
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


def _is_frame(data: Any) -> bool:
    return hasattr(data, "columns") and hasattr(data, "shape")


def _pandas(name: str, frame: Any) -> "pd.DataFrame":
    """A data frame as one of pandas."""
    if not _is_frame(frame):
        expected = "a data frame of pandas or polars"
        raise TypeError(validation.invalid(name, expected, type(frame)))
    return frames.to_pandas(frame)
