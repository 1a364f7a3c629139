"""What a report is about."""

from typing import NamedTuple

import keras
import numpy as np

from keras_ae.core.types import Rows
from keras_ae.model.base import BaseAutoencoder


class Case(NamedTuple):
    """A model and test rows.

    Attributes:
        model: Any variant.
        rows: Of its space, with what it is told beside them.
        y: Labels `[N]`, or None.
        factors: `[N, k]`, or None.
        codes: Of all rows, `[N, d]`.
        features: Of samples, a Keras model, or None.
        samples: Codes a row for the likelihood.
        recorded: Figures that were computed before.
        seed: Of all draws.
        verbose: 1 shows what is being done.
    """

    model: BaseAutoencoder
    rows: Rows
    y: np.ndarray | None
    factors: np.ndarray | None
    codes: np.ndarray
    features: keras.Model | None
    samples: int
    recorded: dict[str, dict]
    seed: int
    verbose: int

    @property
    def size(self) -> int:
        """Rows."""
        return len(self.codes)

    def some(self, count: int) -> np.ndarray:
        """Numbers of `count` rows, in an order drawn at random; of all, if
        there are fewer."""
        order = np.random.default_rng(self.seed).permutation(self.size)
        return order[:count]

    def halves(self, most: int) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of rows, two lists of at most `most`, drawn at random."""
        order = self.some(2 * most)
        return order[: len(order) // 2], order[len(order) // 2 :]

    def take(self, numbers: np.ndarray) -> Rows:
        """The rows of these numbers."""
        return keras.tree.map_structure(
            lambda leaf: leaf.take(numbers, axis=0), self.rows
        )
