"""Tables side by side: do drawn rows look like real ones?"""

import math
from typing import TYPE_CHECKING

import numpy as np
import scipy.stats
from matplotlib.axes import Axes
from matplotlib.figure import Figure

if TYPE_CHECKING:
    import pandas as pd

BINS = 30
SHOWN = 12  # categories of a column; the rarest are left out
PARTS = 8  # of a column of numbers, for associations
WIDE = 5  # panels in a row
PANELS = 38  # columns that are drawn


def table(real: "pd.DataFrame", drawn: "pd.DataFrame") -> Figure:
    """Marginals of each column, and associations of all pairs.

    Args:
        real: Rows that a model was trained on, or better, rows kept apart.
        drawn: Rows of `sample`, the same columns.

    Returns:
        A panel for each of the first 38 columns, real beside drawn; two more
        for the associations of these.

    Raises:
        ValueError: If the columns differ.

    Example:
        >>> import pandas as pd
        >>> df = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": ["a", "b", "a"]})
        >>> len(table(df, df).axes)
        4
    """
    if [*real] != [*drawn]:
        raise ValueError(
            f"The tables have other columns. Expected {[*real]} in both. "
            f"Received: {[*drawn]}"
        )
    real, drawn = real.iloc[:, :PANELS], drawn.iloc[:, :PANELS]
    count = len(real.columns)
    width = min(WIDE, count + 2)
    last = count + (count % width == width - 1)  # two more, in one row
    rows = math.ceil((last + 2) / width)
    figure = Figure((2.6 * width, 2.2 * rows), layout="constrained")
    axes = figure.subplots(rows, width, squeeze=False).ravel()
    for axis, name in zip(axes, real, strict=False):
        _marginal(axis, real[name], drawn[name])
        axis.set_title(str(name), fontsize=9)
        axis.tick_params(labelsize=6)
        axis.set_yticks([])
    axes[0].legend(["real", "drawn"], fontsize=7)
    for axis, frame, name in zip(
        axes[last : last + 2], (real, drawn), ("real", "drawn"), strict=True
    ):
        axis.imshow(associations(frame), vmin=0, vmax=1, cmap="viridis")
        axis.set_title(f"associations, {name}", fontsize=9)
        axis.set_xticks([])
        axis.set_yticks([])
    for axis in (*axes[count:last], *axes[last + 2 :]):
        axis.remove()
    return figure


def associations(frame: "pd.DataFrame") -> np.ndarray:
    """Cramer's V of all pairs of columns, 0 to 1, `[columns, columns]`.

    Numbers and dates are cut into parts of equally many different values;
    rows where one of a pair is missing are left out.

    Example:
        >>> import pandas as pd
        >>> df = pd.DataFrame({"x": [1, 2, 3, 4], "y": ["a", "a", "b", "b"]})
        >>> associations(df).round(2).tolist()
        [[1.0, 1.0], [1.0, 1.0]]

    Reference: Cramer, 1946. Mathematical Methods of Statistics.
    """
    codes = [_codes(frame[name]) for name in frame]
    found = np.eye(len(codes))
    for i, one in enumerate(codes):
        for j, other in enumerate(codes[:i]):
            known = (one >= 0) & (other >= 0)
            counts = scipy.stats.contingency.crosstab(one[known], other[known])
            if min(counts.count.shape) > 1:
                found[i, j] = found[j, i] = scipy.stats.contingency.association(
                    counts.count, method="cramer"
                )
    return found


def _codes(values: "pd.Series") -> np.ndarray:
    """Integers `[N]`, -1 where a value is missing."""
    import pandas as pd

    if _is_number(values) and values.nunique() > PARTS:
        places = values.rank(method="dense")  # of different values
        return pd.cut(places, PARTS).cat.codes.to_numpy()
    return pd.factorize(values)[0]


def _is_number(values: "pd.Series") -> bool:
    from pandas.api import types

    numeric = types.is_numeric_dtype(values) and not types.is_bool_dtype(values)
    return numeric or types.is_datetime64_any_dtype(values)


def _marginal(axis: Axes, real: "pd.Series", drawn: "pd.Series") -> None:
    real, drawn = real.dropna(), drawn.dropna()
    if _is_number(real) and real.nunique() > SHOWN:
        if real.dtype.kind == "M":
            real, drawn = (v.astype("int64") / 1e9 for v in (real, drawn))
            axis.set_xlabel("seconds", fontsize=6)
        low, high = np.percentile(real, [0.5, 99.5])
        bins = np.linspace(low, high if high > low else low + 1, BINS + 1)
        for values in (real, drawn):
            weights = np.full(len(values), 1 / max(len(values), 1))
            axis.hist(values, bins, weights=weights, alpha=0.5)
        return
    shares = real.value_counts(normalize=True).head(SHOWN)
    other = drawn.value_counts(normalize=True)
    places = np.arange(len(shares))
    axis.bar(places - 0.2, shares, 0.4)
    axis.bar(places + 0.2, [other.get(k, 0.0) for k in shares.index], 0.4)
    labels = [str(k)[:12] for k in shares.index]
    axis.set_xticks(places, labels, rotation=90)
