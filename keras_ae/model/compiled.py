"""Compiled, batched inference: arrays in, NumPy out, bounded memory."""

import contextlib
import contextvars
import functools
from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ae.core import rows as rows_of
from keras_ae.core.config import AutoConfig
from keras_ae.core.types import ArrayLike
from keras_ae.core.types import Tree
from keras_ae.model import finite

BATCH_SIZE = 256
KEPT = 64  # compiled functions of one model; the oldest goes first
_VERBOSE = contextvars.ContextVar("verbose", default=0)


class Functions:
    """The compiled functions of a model; no dict, which TensorFlow would
    try to save.
    """

    def __init__(self):
        self.kept: dict[tuple, Callable] = {}
        self.seen = finite.Seen()


def graph(model: keras.Model, function: Callable, **options: Any) -> Callable:
    """`function` as a `tf.function`, kept with the model; it refuses to
    answer with weights that are not finite.

    It is found again by the function's code and by what it depends on: the
    values in its closure, the object that it is a method of, the attributes
    of those that are the package's, and the model's variables, which
    adapters and quantization replace. A change of one of them is seen by the
    next call; one inside a layer of Keras after the next `compile`.

    Args:
        model: Owner of the compiled function.
        function: Tensors to tensors.
        **options: For `tf.function`.

    Returns:
        Function of tensors; it raises a `NonFiniteError` if the model's
        weights are not finite.
    """
    used = [cell.cell_contents for cell in function.__closure__ or ()]
    used.append(getattr(function, "__self__", None))
    key = (
        function.__code__,
        tuple(map(fingerprint, used)),
        tuple(map(Same, model.weights)),
        tuple(sorted(options.items())),
    )
    kept = model.compiled_functions.kept
    if key not in kept:
        if len(kept) >= KEPT:
            del kept[next(iter(kept))]

        def checked(*arguments: Tree) -> tuple:
            return function(*arguments), finite.read(model.weights)

        # TensorFlow counts traces by code; a partial has none, so that many
        # models of one class are not taken for one function traced anew.
        kept[key] = tf.function(
            functools.partial(checked), autograph=False, **options
        )

    def call(*arguments: Tree) -> Tree:
        result, weights = kept[key](*arguments)
        model.compiled_functions.seen.check(model, weights)
        return result

    return call


def fingerprint(value: object) -> Hashable:
    """What a trace of `value` depends on, hashable.

    Numbers and words as they are; of the package's objects the arguments of
    their constructors; of anything else its identity.
    """
    if isinstance(value, AutoConfig):
        attributes = (getattr(value, name) for name in arguments(type(value)))
        return Same(value), *map(fingerprint, attributes)
    if isinstance(value, (tuple, list)):
        return tuple(map(fingerprint, value))
    if isinstance(value, dict):
        return tuple((k, fingerprint(v)) for k, v in value.items())
    if value is None or isinstance(value, (bool, int, float, str)):
        return type(value), value
    return Same(value)


class Same:
    """Equal to wrappers of the same object alone; keeps it alive, so that no
    other object can get its identity.

    Args:
        value: Anything.
    """

    def __init__(self, value: object):
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.value is self.value


@functools.cache
def arguments(cls: type[AutoConfig]) -> tuple[str, ...]:
    """Names of the constructor's arguments."""
    return tuple(cls.parameters())


@contextlib.contextmanager
def progress(verbose: int = 1) -> Iterator[None]:
    """Inside, `batched` shows a bar, rows that are done, if verbose is 1."""
    token = _VERBOSE.set(verbose)
    try:
        yield
    finally:
        _VERBOSE.reset(token)


def batched(
    model: keras.Model,
    function: Callable,
    rows: Tree,
    batch_size: int | None = None,
) -> Tree:
    """`function` over rows, a batch at a time, in one compiled graph.

    The last batch is padded instead of traced anew; fewer rows than a batch
    are padded to a power of two.

    Args:
        model: Owner of the compiled function, see `graph`.
        function: Rows `[B, ...]` to a structure of tensors `[B, ...]`.
        rows: Structure of arrays `[N, ...]`.
        batch_size: Rows in a call. Defaults to 256.

    Returns:
        The structure with NumPy arrays `[N, ...]`.
    """
    rows = keras.tree.map_structure(rows_of.held, rows)
    size = len(keras.tree.flatten(rows)[0])
    batch = min(batch_size or BATCH_SIZE, 1 << max(size - 1, 0).bit_length())
    compiled = graph(model, function, reduce_retracing=True)
    bar = keras.utils.Progbar(size, verbose=_VERBOSE.get(), unit_name="row")
    results = []
    for start in range(0, size, batch):
        part = keras.tree.map_structure(
            lambda a, s=start: pad(a[s : s + batch], batch), rows
        )
        results.append(
            keras.tree.map_structure(lambda t: t.numpy(), compiled(part))
        )
        bar.update(min(start + batch, size))
    return keras.tree.map_structure(
        lambda *parts: np.concatenate(parts)[:size], *results
    )


def pad(rows: ArrayLike, size: int) -> np.ndarray:
    """`rows` as an array, the last repeated up to `size` rows."""
    rows = np.asarray(rows)
    missing = size - len(rows)
    if missing <= 0:
        return rows
    return np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)])
