"""Streams of batches, where rows in memory are the rule."""

import functools
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ae.core.types import Tree

_EMPTY = "The stream is empty. Expected batches of rows. Received: "


def examples(batch: Tree) -> Tree:
    """The examples of a batch `x`, `(x, y)` or `(x, y, sample_weight)`, and
    what is given beside them, as arrays."""
    x = keras.utils.unpack_x_y_sample_weight(batch)[0]
    return keras.tree.map_structure(np.asarray, x)


def gathered(stream: tf.data.Dataset, least: int) -> Tree:
    """The first examples of a stream, of whole batches: at least so many, if
    there are."""
    parts, size = [], 0
    for batch in stream:
        parts.append(examples(batch))
        size += len(keras.tree.flatten(parts[-1])[0])
        if size >= least:
            break
    if not parts:
        raise ValueError(_EMPTY + repr(stream))
    return keras.tree.map_structure(
        lambda *leaves: np.concatenate(leaves), *parts
    )


def batch_by_batch(method: Callable) -> Callable:
    """A method of a model that takes rows, for a `tf.data.Dataset` too, of
    which one batch is in memory at a time."""

    @functools.wraps(method)
    def call(model: Any, x: Any, *args: Any, **kwargs: Any) -> np.ndarray:
        if not isinstance(x, tf.data.Dataset):
            return method(model, x, *args, **kwargs)
        parts = [method(model, examples(b), *args, **kwargs) for b in x]
        if not parts:
            raise ValueError(_EMPTY + repr(x))
        return np.concatenate(parts)

    return call


def peeked(x: Any) -> tuple[Tree | None, Any]:
    """The first batch of a stream, as arrays, and the stream with all of it;
    None where it is of other tensors, such as ragged ones.

    Raises:
        ValueError: If there is none.
    """
    asked = x
    if isinstance(x, tf.data.Dataset):
        first = next(iter(x.take(1)), None)
    elif isinstance(x, keras.utils.PyDataset):
        first = None if x.num_batches == 0 else x[0]
    elif isinstance(x, Iterator):
        first, x = _chained(x)
    else:
        first = next(iter(x), None)
    if first is None:
        raise ValueError(_EMPTY + repr(asked))
    leaves = keras.tree.flatten(first)
    if not leaves or not all(hasattr(leaf, "__array__") for leaf in leaves):
        return None, x
    return keras.tree.map_structure(np.asarray, first), x


def _chained(iterator: Iterator) -> tuple[Tree | None, Iterator]:
    first = next(iterator, None)

    def every() -> Iterator:
        yield first
        yield from iterator

    return first, every()
