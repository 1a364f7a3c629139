"""Rows in memory, some of which are drawn anew at every epoch."""

from collections.abc import Callable
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_ae.core.types import Tree


class RedrawnRows:
    """Rows in memory that are drawn again at the start of each epoch.

    Args:
        source: `[N, ...]`.
        function: `(source, seed)` to the rows of one epoch.
    """

    def __init__(self, source: np.ndarray, function: Callable):
        self.source = source
        self.function = function

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, part: slice) -> "RedrawnRows":
        return RedrawnRows(self.source[part], self.function)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the rows."""
        return self.source.shape

    def draw(self, seed: tf.Tensor) -> tf.Tensor:
        """The rows of one epoch, from an int32 `[2]` seed."""
        return self.function(tf.convert_to_tensor(self.source), seed)


def redrawn(rows: Tree) -> bool:
    """Whether a structure of rows holds some that are drawn anew."""
    return any(hasattr(leaf, "draw") for leaf in keras.tree.flatten(rows))


def drawn(rows: Tree, seed: tf.Tensor | Sequence[int]) -> Tree:
    """The structure with the rows of one epoch, from an int32 `[2]` seed."""
    return keras.tree.map_structure(
        lambda leaf: leaf.draw(seed) if hasattr(leaf, "draw") else leaf, rows
    )


def sources(rows: Tree) -> Tree:
    """The structure with what the rows are drawn from."""
    return keras.tree.map_structure(
        lambda leaf: getattr(leaf, "source", leaf), rows
    )
