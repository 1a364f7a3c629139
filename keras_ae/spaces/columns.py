"""Columns of a table: what a user's values are as numbers, and the way back.

pandas is imported where it is used: who has no data frames needs no pandas.
"""

import abc
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any
from typing import Self

import numpy as np

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.config import AutoConfig
from keras_ae.math import kernels
from keras_ae.spaces import cells
from keras_ae.spaces import dates
from keras_ae.spaces import scales
from keras_ae.spaces.labels import Label
from keras_ae.spaces.labels import label

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = ("real", "positive", "count", "date")
CATEGORIES = ("binary", "categorical", "ordinal")
#: What pandas infers of numbers in a column of objects.
OBJECTS = ("integer", "floating", "mixed-integer-float")
MOST_CATEGORIES = 1000
NAMES = 20  # words, none of them twice, that are not yet taken for names
SINGLE = np.finfo(np.float32)
FAR = 1e4  # deviations from 0 where single precision would lose digits


class BaseColumn(AutoConfig, abc.ABC):
    """One column: its name, its type, and what it came as.

    `numbers` makes float64 of a user's values, NaN where one is missing;
    `values` is the way back.
    """

    kind = "column"

    name: Label
    type: str
    dtype: str
    #: Numbers in the tensor.
    width = 1

    @abc.abstractmethod
    def numbers(self, values: "pd.Series") -> np.ndarray:
        """A user's values as float64 `[N]`, NaN for those that are missing.

        Raises:
            ValueError: With the column and the first value that does not fit.
        """

    @abc.abstractmethod
    def values(self, numbers: np.ndarray) -> "pd.Series":
        """Numbers `[N]` as values of the column's own type."""

    def unseen(self, values: "pd.Series") -> np.ndarray:
        """Which of a user's values no row of training could have had: of
        categories those that are none; of numbers none, the default. Bool
        `[N]`."""
        return np.zeros(len(values), bool)

    def __repr__(self) -> str:
        known = f"name={self.name!r}, type={self.type!r}, ..."
        return f"{type(self).__name__}({known})"

    def refuse(
        self, values: "pd.Series", bad: np.ndarray, expected: str, advice: str
    ) -> None:
        """Raise `ValueError` where `bad`, bool `[N]`, is true anywhere."""
        if bad.any():
            place = int(np.flatnonzero(bad)[0])
            value = values.iloc[place]
            value = value.item() if isinstance(value, np.generic) else value
            raise ValueError(
                f"The column {self.name!r} holds a value that does not fit. "
                f"Expected {expected}. Received: {value!r} in row "
                f"{values.index[place]!r}, {int(bad.sum())} such rows. {advice}"
            )


@registry.register("number")
class Number(BaseColumn):
    """Numbers: measurements, amounts, counts, dates.

    Args:
        name: Of the column.
        type: `"real"`, `"positive"`, `"count"` (whole, from 0) or `"date"`,
            days since the origin, itself a day counted from 1970 on.
        dtype: Name of the pandas type in which values come back.
        words: Whether they are numbers or dates as words.
        origin: Subtracted on the host, in double precision.
        center: Subtracted in the graph, from what the origin leaves.
        scale: Divided by after that.
        low: Least value seen, after the origin.
        high: Greatest value seen.
        decimals: Places behind the point that the values have, or None.
        step: Of which all values are multiples, counted from the least one
            seen, or None.
        likelihood: A head, its name or `{name: arguments}`; None for a
            `KernelMixture` of the three that follow.
        centers: Of the kernels, in units of the scale.
        scales: Deviations of the kernels.
        weights: Shares of the values.
        owned: 1 for kernels that are one value's own, else 0.

    Example:
        >>> import pandas as pd
        >>> column = Number.learn(pd.Series([3.0, 5.0, np.nan], name="age"))
        >>> column.type, column.low, column.high
        ('count', 3.0, 5.0)
        >>> column.values(np.array([4.2, 9.0])).tolist()
        [4.0, 5.0]
    """

    def __init__(
        self,
        name: Label,
        type: str,
        dtype: str,
        *,
        words: bool = False,
        origin: float = 0.0,
        center: float = 0.0,
        scale: float = 1.0,
        low: float,
        high: float,
        decimals: int | None = None,
        step: float | None = None,
        likelihood: Any = None,
        centers: Sequence[float] = (),
        scales: Sequence[float] = (),
        weights: Sequence[float] = (),
        owned: Sequence[float] = (),
    ):
        self.name = label(name)
        self.type = validation.check_in("type", type, NUMBERS)
        self.dtype, self.words = dtype, words
        self.origin, self.center, self.scale = origin, center, scale
        self.low, self.high = low, high
        self.decimals, self.step = decimals, step
        self.likelihood = likelihood
        self.centers, self.scales = [*centers], [*scales]
        self.weights, self.owned = [*weights], [*owned]

    @classmethod
    def learn(
        cls,
        values: "pd.Series",
        type: str | None = None,
        likelihood: Any = None,
        size: int = 32,
    ) -> Self:
        """From the values of a training set.

        Args:
            values: Numbers or dates, or words for such, at least two
                different ones.
            type: See the class; None to read it from the values.
            likelihood: See the class.
            size: Most kernels.

        Raises:
            ValueError: If a value does not fit the type.
        """
        from pandas.api import types as kinds

        name = values.name
        if type is None and kinds.is_datetime64_any_dtype(values.dtype):
            type = "date"
        blank = cls(name, type or "real", str(values.dtype), low=0, high=0)
        numbers = blank.numbers(values)
        if hasattr(values, "cat"):
            raise ValueError(cells.fixed(name, blank.type))
        seen = numbers[~np.isnan(numbers)]
        if type is None:
            whole = bool((seen == np.rint(seen)).all())
            type = "positive" if seen.min() > 0 else "real"
            type = "count" if whole and seen.min() >= 0 else type
        if type == "date" or abs(seen.mean()) > FAR * seen.std():
            blank.origin = float(np.floor(seen.min()))
        blank.type = type  # by which it refuses what does not fit
        seen = blank.numbers(values)[~np.isnan(numbers)]
        center, scale = float(seen.mean()), float(seen.std())
        if scale < SINGLE.tiny:
            raise ValueError(
                f"The column {name!r} holds numbers too close together for "
                "single precision. Expected a deviation of at least "
                f"{SINGLE.tiny:.2g}. Received: {scale:.2g}. Choose a smaller "
                "unit."
            )
        if likelihood is not None:
            center, scale = scales.supported(likelihood, center, scale)
        if type == "date":
            decimals, step = None, dates.step(seen)
        else:
            decimals = cells.decimals(seen)
            parts = None if decimals is None else 10.0**decimals
            step = None if parts is None else cells.step(seen, parts)
        found: tuple = ((), (), (), ())
        if likelihood is None:
            found = kernels.fit((seen - center) / scale, size)
        return cls(
            name,
            type,
            str(values.dtype),
            words=kinds.infer_dtype(values) == "string",
            origin=blank.origin,
            center=center,
            scale=scale,
            low=float(seen.min()),
            high=float(seen.max()),
            decimals=decimals,
            step=step,
            likelihood=likelihood,
            centers=found[0],
            scales=found[1],
            weights=found[2],
            owned=found[3],
        )

    def numbers(self, values: "pd.Series") -> np.ndarray:
        """See `BaseColumn.numbers`."""
        import pandas as pd

        if self.type == "date":
            return dates.days(self, values)
        known = values.notna().to_numpy()
        strange = known & (values.dtype.kind in "mM")
        self.refuse(values, strange, f"type {self.type}", "Convert them.")
        numbers = pd.to_numeric(values, errors="coerce")
        bad = np.full(len(values), numbers.dtype.kind == "c")
        advice = cells.conversion(self.name, "complex")
        self.refuse(values, bad, "real numbers", advice)
        numbers = numbers.to_numpy(np.float64, na_value=np.nan)
        lost = np.isnan(numbers) & known
        self.refuse(values, lost, "numbers", "Correct it, or leave it empty.")
        infinite = np.isinf(numbers)
        self.refuse(values, infinite, "finite numbers", "Leave it empty.")
        far = np.abs(numbers - self.origin) > SINGLE.max
        expected = f"numbers of single precision, up to {SINGLE.max:.2g}"
        self.refuse(values, far, expected, "Choose a larger unit.")
        if self.type in ("positive", "count"):
            positive = self.type == "positive"
            bad = numbers <= 0 if positive else numbers < 0
            if not positive:
                bad |= np.abs(numbers - np.rint(numbers)) > 0
            expected = "positive numbers" if positive else "counts: 0, 1, ..."
            advice = f"Or make the column one of another type: {NUMBERS}."
            self.refuse(values, bad, expected, advice)
        return numbers - self.origin

    def values(self, numbers: np.ndarray) -> "pd.Series":
        """See `BaseColumn.values`; inside the range that was seen, and with
        as many decimals, or on the same steps."""
        import pandas as pd

        numbers = np.clip(numbers, self.low, self.high)
        if self.centers:
            numbers = self._snapped(numbers)
        if self.step is not None:
            steps = np.rint((numbers - self.low) / self.step)
            numbers = self.low + steps * self.step
        if self.decimals is not None:
            numbers = np.round(numbers, self.decimals)
        if self.type == "date":
            found = dates.made(self, numbers)
        else:
            found = pd.Series(numbers + self.origin)
            if self.decimals == 0 and (self.words or self.dtype == "object"):
                found = found.astype("int64")
        found = found.astype(str) if self.words else found
        return found.astype(self.dtype)

    def _snapped(self, numbers: np.ndarray) -> np.ndarray:
        """Values that many examples have, where they are nearly reached."""
        centers = np.array(self.centers) * self.scale + self.center
        near = np.abs(numbers[:, None] - centers).argmin(axis=1)
        reach = 4 * np.array(self.scales)[near] * self.scale
        close = np.abs(numbers - centers[near]) <= reach
        owned = np.array(self.owned)[near] > 0
        return np.where(owned & close, centers[near], numbers)


@registry.register("category")
class Category(BaseColumn):
    """One of several values: words, classes, grades, yes or no.

    Args:
        name: Of the column.
        type: `"binary"`, `"categorical"` or `"ordinal"`.
        dtype: Name of the pandas type in which values come back.
        categories: The values, in order.
        levels: Of the dtype `"category"`, in order: the categories, and those
            that no row of the training set has. Defaults to the categories.
        ordered: Whether the levels are. Defaults to what the type says.

    Example:
        >>> import pandas as pd
        >>> column = Category.learn(pd.Series(["b", "a", None, "c"], name="x"))
        >>> column.type, column.categories
        ('categorical', ['a', 'b', 'c'])
        >>> column.numbers(pd.Series(["c", None])).tolist()
        [2.0, nan]
    """

    def __init__(
        self,
        name: Label,
        type: str,
        dtype: str,
        categories: Sequence[Any],
        *,
        levels: Sequence[Any] | None = None,
        ordered: bool | None = None,
    ):
        self.name = label(name)
        self.type = validation.check_in("type", type, CATEGORIES)
        self.dtype = dtype
        self.categories = [*categories]
        self.levels = None if levels is None else [*levels]
        self.ordered = type == "ordinal" if ordered is None else ordered
        self.width = len(self.categories) if type == "categorical" else 1

    @classmethod
    def learn(cls, values: "pd.Series", type: str | None = None) -> Self:
        """From the values of a training set.

        Args:
            values: Words, numbers, booleans or a categorical.
            type: See the class; None to read it from the values.

        Raises:
            ValueError: On values of several types, or too many categories.
        """
        name = values.name
        own = getattr(values, "cat", None)
        found = values.dropna().unique() if own is None else own.categories
        found = [v.item() if isinstance(v, np.generic) else v for v in found]
        levels = None if own is None else found
        if own is not None:
            there = {*values.cat.codes}
            found = [v for place, v in enumerate(found) if place in there]
        examples = {cells.kind(v): v for v in reversed(found)}
        kinds = sorted(examples)
        if len(kinds) > 1:
            raise ValueError(
                f"The column {name!r} holds values of several types. Expected "
                f"one. Received: {kinds}, for example "
                f"{[examples[kind] for kind in kinds]}. "
                "Convert the column, for example by astype(str)."
            )
        if kinds and kinds[0] not in cells.SAVED:
            raise ValueError(cells.unsaved(name, kinds[0]))
        if kinds == ["number"] and not np.isfinite(found).all():
            raise ValueError(
                f"The column {name!r} holds infinite values. Expected finite "
                f"numbers. Received: {found}. Leave them empty."
            )
        if len(found) > MOST_CATEGORIES:
            raise ValueError(
                f"The column {name!r} has too many categories. Expected at "
                f"most {MOST_CATEGORIES}. Received: {len(found)}. Drop the "
                "column if it names the rows; else merge rare categories."
            )
        if kinds == ["str"] and NAMES < len(found) == values.notna().sum():
            warnings.warn(
                f"The column {name!r} has another word in each of its rows. "
                "Expected categories that rows share. If it names the rows, "
                "drop it, or make it the index.",
                UserWarning,
                stacklevel=4,
            )
        if own is None:
            found = sorted(found)
        ordered = own is not None and bool(own.ordered)
        if type is None:
            type = "ordinal" if ordered else "categorical"
            type = "binary" if len(found) == 2 else type
        return cls(
            name,
            type,
            str(values.dtype),
            found,
            levels=levels,
            ordered=ordered,
        )

    def numbers(self, values: "pd.Series") -> np.ndarray:
        """See `BaseColumn.numbers`; places of the categories."""
        places = self._places(values)
        shown = f"one of {self.categories[:10]}"
        more = len(self.categories) - 10
        shown += f" and {more} more" * (more > 0)
        advice = "A category that training has not seen has no meaning."
        self.refuse(values, places < 0, shown, advice)
        return places

    def unseen(self, values: "pd.Series") -> np.ndarray:
        """See `BaseColumn.unseen`."""
        return self._places(values) < 0

    def values(self, numbers: np.ndarray) -> "pd.Series":
        """See `BaseColumn.values`."""
        import pandas as pd

        top = len(self.categories) - 1
        places = np.rint(numbers).clip(0, top).astype(int)
        if self.dtype == "category":
            found = pd.Categorical.from_codes(
                places, self.categories, ordered=self.ordered
            )
            return pd.Series(
                found.set_categories(self.levels or self.categories)
            )
        found = np.array(self.categories, dtype=object)[places]
        return pd.Series(found).astype(self.dtype)

    def _places(self, values: "pd.Series") -> np.ndarray:
        """Among the categories, float64; NaN of missing values, -1 of those
        that are none."""
        import pandas as pd

        known = pd.Index(self.categories, dtype=object)
        own = values.astype(object)
        try:
            places = known.get_indexer(own)
        except TypeError:  # lists and the like, which have no hash
            saved = own.map(cells.kind).isin(cells.SAVED)
            places = known.get_indexer(own.where(saved, None))
        return np.where(values.isna(), np.nan, places.astype(np.float64))


def learn(
    values: "pd.Series",
    type: str | None = None,
    likelihood: Any = None,
    size: int = 32,
) -> BaseColumn:
    """A column from the values of a training set.

    Args:
        values: A column of a data frame.
        type: One of `NUMBERS` or `CATEGORIES`; None to read it from dtype and
            values: booleans, words and numbers of two values are categories,
            other numbers are numbers.
        likelihood: See `Number`.
        size: Most kernels, see `Number`.

    Raises:
        ValueError: If all are missing or the same, or do not fit the type.
    """
    from pandas.api import types as kinds

    try:
        different = values.nunique(dropna=True)
    except TypeError as error:  # lists, arrays, dicts
        found = map(cells.kind, values.dropna())
        kind = next(k for k in found if k not in cells.SAVED)
        raise ValueError(cells.unsaved(values.name, kind)) from error
    if different < 2:
        what = "no values" if different == 0 else "one value only"
        raise ValueError(
            f"The column {values.name!r} has {what}, so that there is nothing "
            "to learn from it. Expected at least two different values. "
            f"Received: {values.dropna().unique()[:1].tolist()}. Drop it."
        )
    cells.check_dtype(values)
    if type is not None:
        validation.check_in("types", type, (*NUMBERS, *CATEGORIES))
    numeric = kinds.is_numeric_dtype(values.dtype)
    numeric |= kinds.infer_dtype(values) in OBJECTS
    numeric &= not kinds.is_bool_dtype(values.dtype)
    dated = kinds.is_datetime64_any_dtype(values.dtype)
    number = type in NUMBERS if type else numeric and different > 2 or dated
    if number or likelihood is not None:
        return Number.learn(values, type, likelihood, size)
    return Category.learn(values, type)
