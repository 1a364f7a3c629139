"""Compiled, batched inference: arrays in, NumPy out, bounded memory."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

BATCH_SIZE = 256


def batched(
    model: keras.Model,
    name: str,
    function: Callable,
    rows: Any,
    batch_size: int | None = None,
) -> Any:
    """`function` over rows, a batch at a time, in one compiled graph.

    The last batch is padded instead of traced anew; fewer rows than a batch
    are padded to a power of two. The graph is kept with the model by `name`.

    Args:
        model: Owner of the compiled function.
        name: Key of the function among the model's.
        function: Rows `[B, ...]` to a structure of tensors `[B, ...]`.
        rows: Structure of arrays `[N, ...]`.
        batch_size: Rows in a call. Defaults to 256.

    Returns:
        The structure with NumPy arrays `[N, ...]`.
    """
    rows = keras.tree.map_structure(np.asarray, rows)
    size = len(keras.tree.flatten(rows)[0])
    batch = min(batch_size or BATCH_SIZE, 1 << max(size - 1, 0).bit_length())
    compiled = model.compiled_functions.setdefault(
        name, tf.function(function, reduce_retracing=True, autograph=False)
    )
    results = []
    for start in range(0, size, batch):
        part = keras.tree.map_structure(
            lambda a, s=start: pad(a[s : s + batch], batch), rows
        )
        results.append(
            keras.tree.map_structure(lambda t: t.numpy(), compiled(part))
        )
    return keras.tree.map_structure(
        lambda *parts: np.concatenate(parts)[:size], *results
    )


def pad(rows: np.ndarray, size: int) -> np.ndarray:
    """`rows` repeated at the end up to `size` rows."""
    missing = size - len(rows)
    if missing <= 0:
        return rows
    return np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)])


def reconstruct(
    model: keras.Model, x: Any, batch_size: int | None = None
) -> np.ndarray:
    """Means of p(x|z) at the mean code of each row."""
    x = model.check_inputs(x)
    return batched(model, "reconstruct", lambda x: model(x), x, batch_size)


def embed(
    model: keras.Model, x: Any, batch_size: int | None = None
) -> np.ndarray:
    """Mean of q(z|x) of each row."""
    x = model.check_inputs(x)
    return batched(
        model, "embed", lambda x: model.encode(x).mean(), x, batch_size
    )
