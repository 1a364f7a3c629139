"""Counts of many things, most of them 0: genes of a cell, words of a text."""

from typing import Any
from typing import Self

import numpy as np
import tensorflow as tf

from keras_ae.core import registry
from keras_ae.core import rows as rows_of
from keras_ae.core import validation
from keras_ae.core.types import ArrayLike
from keras_ae.spaces.array import Array


@registry.register("counts")
class Counts(Array):
    """How often each of `size` things was counted in an example.

    Rows are arrays of whole numbers `[N, size]`, or matrices of `scipy.sparse`
    (CSR is best), of which arrays are made a few at a time. What comes back is
    an array.

    How much was counted in all, the depth of a sequencing or the length of a
    text, says little of what a row is. Networks read shares; and a likelihood
    of counts is told the total of the row that it is asked about. Where there
    is no row, in `decode` and `sample`, it is a typical total. `sample` draws
    counts, not means.

    Formula:
        features = log(1 + total * x / sum(x)),  0 of an empty row
        mean of p(x|z) = sum(x) * softmax(logits(z))

    Args:
        size: Number of things that are counted.
        total: Typical total of a row. Defaults to 10,000.

    Raises:
        ValueError: If `size` is below 1 or `total` not positive.
        TypeError: If one is no number.

    Example:
        >>> import scipy.sparse
        >>> x = scipy.sparse.csr_array([[0, 3, 1], [0, 0, 0], [2, 0, 0]])
        >>> space = Counts.from_counts(x)
        >>> space
        Counts(size=3, total=3.0)
        >>> vae = keras_ae.VAE.create(space, latent_dim=2, hidden=(8,))
        >>> vae.score_samples(x).shape
        (3,)
        >>> vae.sample(5, seed=0, dtype="int32").shape
        (5, 3)

    Reference: Lopez, Regier, Cole, Jordan, Yosef, 2018. Deep generative
        modeling for single-cell transcriptomics. Nature Methods 15; its
        library size is that observed, as in scvi-tools.
        https://doi.org/10.1038/s41592-018-0229-2
    """

    likelihood = "negative_binomial"
    drawn = True

    def __init__(self, size: int, total: float = 10_000.0):
        self.size = validation.check_count("size", size)
        super().__init__(self.size)
        self.total = validation.check_number("total", total, 0, open_low=True)

    @classmethod
    def from_counts(cls, x: Any) -> Self:
        """The space of some rows: their width, the median of their totals.

        Args:
            x: `[N, size]`, an array or sparse; empty rows do not matter.

        Raises:
            ValueError: If they are no counts, or all of them 0.
        """
        x = rows_of.unmasked(x)
        space = cls(np.shape(x)[-1] if np.ndim(x) else 1)
        rows = space.rows("x", x)
        space.check("x", rows)
        rows = validation.check_form("x", rows, space.shape)
        totals = np.concatenate(
            [part.sum(axis=1) for _, part in validation.parts(rows)]
        )
        if not totals.any():
            raise ValueError(
                "All rows of `x` are empty. Expected counts. Received: "
                f"{len(totals)} rows of zeros"
            )
        return cls(space.size, float(np.median(totals[totals > 0])))

    def check(self, name: str, rows: ArrayLike, holes: bool = False) -> None:
        """Whole numbers from 0, `[N, size]`. See `BaseSpace.check`.

        NaN is an error in any case: with holes no total is known.

        Raises:
            ValueError: On another shape, no rows, and what are no counts.
        """
        del holes
        rows = validation.check_form(name, rows, self.shape)
        for start, part in validation.parts(rows):
            bad = np.argwhere(~_is_count(part))
            if len(bad):
                row, column = bad[0]
                raise ValueError(
                    f"`{name}` holds what is no count. Expected whole numbers "
                    "from 0, no NaN. Received: "
                    f"{part[row, column]} in row {start + row}, column "
                    f"{column}. Give the raw counts, neither normalized nor "
                    "logarithms, without holes."
                )

    def features(self, x: tf.Tensor) -> tf.Tensor:
        """Logarithms of shares; noise may take a count below 0, which is
        read as 0. See `BaseSpace.features`."""
        return tf.math.log1p(self.total * _shares(tf.maximum(x, 0.0)))

    def exposure(self, target: tf.Tensor | None) -> tf.Tensor:
        """The total of each row, `[B, 1]`, or the typical one, `[1, 1]`. See
        `BaseSpace.exposure`."""
        if target is None:
            return tf.constant([[self.total]], tf.float32)
        return tf.reduce_sum(target, axis=-1, keepdims=True)


def _shares(x: tf.Tensor) -> tf.Tensor:
    total = tf.reduce_sum(x, axis=-1, keepdims=True)
    return tf.math.divide_no_nan(x, total)


def _is_count(part: np.ndarray) -> np.ndarray:
    """Which values are whole, not negative, and finite in single precision."""
    inside = (part >= 0) & (part <= np.finfo(np.float32).max)
    return (
        inside if part.dtype.kind in "biu" else inside & (part == np.rint(part))
    )
