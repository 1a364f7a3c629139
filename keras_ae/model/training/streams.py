"""Steps over an iterator of Keras' own loop, whose batches are kept."""

import functools
import itertools
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from keras_ae.core.types import Tree
from keras_ae.model.training import feed


class Steps:
    """So many steps in one call, as Keras' loop makes them of a stream; its
    batches are handed back beside the logs, not copied, so that a step can be
    made again.

    Args:
        model: With `train_step`.
        count: Steps in a call; the last of a pass may make fewer.
        jit: Whether a step uses XLA.
        eager: Whether steps run in Python.
    """

    def __init__(self, model: keras.Model, count: int, jit: bool, eager: bool):
        self.model = model
        self.count = count
        self.eager = eager

        def step(data: Tree) -> dict:
            return model.train_step(keras.tree.map_structure(_value, data))

        self.step = step
        self.steps = self._steps
        if not eager:
            options = {"reduce_retracing": True, "autograph": False}
            self.step = tf.function(
                functools.partial(step), jit_compile=jit, **options
            )
            # TensorFlow counts traces by code; a partial has none.
            self.steps = tf.function(functools.partial(self._steps), **options)

    def __call__(self, iterator: Any) -> tuple[dict, tuple, int, int]:
        """Make the steps.

        Returns:
            The logs, the arguments of `singles`, the bytes that these keep,
            the number of steps.

        Raises:
            StopIteration: If there are no more batches.
        """
        if self.eager:
            batches = [*itertools.islice(iterator, self.count)]
            logs = [self.step(batch) for batch in batches]
            if not logs:
                raise StopIteration
            size = feed.nbytes(batches)
            return logs[-1], (batches,), size, len(batches)
        logs, made, size, lists = self.steps(iterator)
        if not int(made):
            raise StopIteration
        kept = lists, int(made), iterator.element_spec
        return logs, kept, int(size), int(made)

    def singles(self, kept: list, made: int = 0, spec: Any = None) -> Iterator:
        """See `feed.singles`."""
        if spec is None:
            yield from (((batch,), batch) for batch in kept)
        for i in range(made):
            leaves = [
                tf.raw_ops.TensorListGetItem(
                    input_handle=handle,
                    index=i,
                    element_shape=-1,
                    element_dtype=dtype,
                )
                for handle, dtype in zip(kept, _dtypes(spec), strict=True)
            ]
            batch = tf.nest.pack_sequence_as(spec, leaves, True)
            yield (batch,), keras.tree.map_structure(_value, batch)

    def _steps(self, iterator: tf.data.Iterator) -> tuple:
        spec = iterator.element_spec
        lists = [
            tf.raw_ops.EmptyTensorList(
                element_shape=-1, max_num_elements=-1, element_dtype=dtype
            )
            for dtype in _dtypes(spec)
        ]

        def going(i: tf.Tensor, batch: Any, *kept: Any) -> tf.Tensor:
            del kept
            return (i < self.count) & batch.has_value()

        def body(
            i: tf.Tensor, batch: Any, size: tf.Tensor, lists: list
        ) -> tuple:
            data = batch.get_value()
            self.step(data)
            leaves = tf.nest.flatten(data, True)
            for leaf in leaves:
                size += tf.size(leaf, tf.int64) * leaf.dtype.size
            lists = [
                tf.raw_ops.TensorListPushBack(input_handle=handle, tensor=leaf)
                for handle, leaf in zip(lists, leaves, strict=True)
            ]
            batch = tf.cond(
                i + 1 < self.count,
                iterator.get_next_as_optional,
                lambda: tf.experimental.Optional.empty(spec),
            )
            return i + 1, batch, size, lists

        first = iterator.get_next_as_optional()
        start = 0, first, tf.constant(0, tf.int64), lists
        made, _, size, lists = tf.while_loop(going, body, start)
        return self.model.get_metrics_result(), made, size, lists


def _dtypes(spec: Any) -> list[tf.DType]:
    """Types of the tensors that elements of a data set are made of."""
    flat = tf.nest.flatten(spec, True)
    return [getattr(s, "dtype", tf.variant) for s in flat]


def _value(leaf: Any) -> Any:
    """None where Keras' loop has an optional, which stands for nothing."""
    return None if isinstance(leaf, tf.experimental.Optional) else leaf
