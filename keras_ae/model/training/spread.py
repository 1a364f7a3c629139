"""Steps on all replicas of a distribution strategy.

One code for several devices of one machine and for several workers. Every
replica takes its contiguous share of each global batch. A replica that would
be left without rows gets one of weight 0, since every replica must take part
in every sum over replicas.
"""

import contextlib
import itertools
import warnings
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from keras_ae.core import replicas
from keras_ae.model.training import feed

#: What TensorFlow raises on a worker when another one does not answer.
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnknownError,
)


def has_workers(strategy: tf.distribute.Strategy) -> bool:
    """Whether a strategy may span several processes."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


@contextlib.contextmanager
def guarded(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Inside, a worker that is lost is named as such.

    Raises:
        RuntimeError: When another worker does not answer any more.
    """
    try:
        yield
    except LOST as error:
        if not has_workers(strategy):
            raise
        first = error.message.strip().splitlines()[0]
        raise RuntimeError(
            "Training has stopped because another worker was lost: it ended, "
            "or it could not be reached. The weights of this worker may be "
            "those of an unfinished step. Start all workers again; with "
            "keras_ae.callbacks.Checkpoint among the callbacks, `fit` goes on "
            f"from the last epoch that was kept. ({first})"
        ) from error


def blocks(
    strategy: tf.distribute.Strategy,
    model: keras.Model,
    name: str,
    hollow: bool,
) -> Callable:
    """A step on a global batch from memory, the same on every worker.

    Args:
        strategy: Of the model.
        model: With `train_step` and `test_step`.
        name: `"train"` or `"test"`.
        hollow: Whether there are batches of fewer rows than replicas.

    Returns:
        Function of a block `[1, batch, ...]` and the number of its steps, 1,
        to logs.
    """

    step = getattr(model, f"{name}_step")

    def share(rows: dict) -> dict:
        context = tf.distribute.get_replica_context()
        place = tf.cast(context.replica_id_in_sync_group, tf.int32)
        size = tf.shape(keras.tree.flatten(rows)[0])[0]
        low = size * place // replicas.count()
        high = size * (place + 1) // replicas.count()
        end = tf.maximum(high, low + 1) if hollow else high
        x, y, weight = feed.pack(
            keras.tree.map_structure(lambda t: t[low:end], rows)
        )
        if not hollow:
            return step((x, y, weight))
        weight = tf.ones([end - low]) if weight is None else weight
        weight = tf.cast(weight, tf.float32)
        weight *= tf.cast(high > low, tf.float32)
        return counted(model, step, (x, y, weight), high > low)

    def block(rows: dict, count: tf.Tensor) -> dict:
        del count  # one step: sums over replicas cannot be inside a loop
        batch = keras.tree.map_structure(lambda t: t[0], rows)
        return _local(strategy, strategy.run(share, args=(batch,)))

    return block


def streamed(
    strategy: tf.distribute.Strategy, model: keras.Model, name: str, spec: Any
) -> Callable:
    """A step on a batch of a distributed stream.

    Args:
        strategy: Of the model.
        model: With `train_step` and `test_step`.
        name: `"train"` or `"test"`.
        spec: `element_spec` of the stream before it is distributed.

    Returns:
        Function of a batch to logs.
    """
    step = getattr(model, f"{name}_step")
    sizes = {t.shape[0] for t in keras.tree.flatten(spec)}

    def share(data: Any) -> dict:
        if None not in sizes:
            return step(data)
        x = keras.utils.unpack_x_y_sample_weight(data)[0]
        present = tf.shape(keras.tree.flatten(x)[0])[0] > 0
        return counted(model, step, filled(data), present)

    def call(batch: Any) -> dict:
        return _local(strategy, strategy.run(share, args=(batch,)))

    return call


def counted(
    model: keras.Model, step: Callable, data: tuple, present: tf.Tensor
) -> dict:
    """The step of a replica; its metrics stay as they were unless rows are
    present: those of `compile(metrics=...)` do not look at weights."""
    states = [v for metric in model.metrics for v in metric.variables]
    before = [tf.convert_to_tensor(v) for v in states]
    logs = step(data)
    for state, value in zip(states, before, strict=True):
        state.assign(tf.where(present, tf.convert_to_tensor(state), value))
    return logs


def filled(data: Any) -> tuple:
    """A replica's batch, where it has no rows one of weight 0.

    The row is the mean of the others' first rows: no row at hand may lie
    outside the likelihood's support, where 0 times infinity would be NaN.
    """
    x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
    size = tf.shape(keras.tree.flatten(x)[0])[0]
    lacking = tf.maximum(1 - size, 0)
    givers = replicas.total(tf.cast(size > 0, tf.float32))

    def fill(rows: tf.Tensor) -> tf.Tensor:
        first = tf.reduce_sum(tf.cast(rows[:1], tf.float32), 0, keepdims=True)
        row = tf.cast(replicas.total(first) / givers, rows.dtype)
        return tf.concat([rows, tf.repeat(row, lacking, axis=0)], axis=0)

    x = keras.tree.map_structure(fill, x)
    y = None if y is None else keras.tree.map_structure(fill, y)
    weight = tf.ones([size]) if weight is None else weight
    weight = tf.cast(weight, tf.float32)
    return x, y, tf.concat([weight, tf.zeros([lacking])], axis=0)


def _local(strategy: tf.distribute.Strategy, logs: dict) -> dict:
    """Means over the replicas of this worker: without a word to others."""

    def mean(value: Any) -> tf.Tensor:
        values = strategy.experimental_local_results(value)
        return tf.add_n(list(values)) / len(values)

    return {name: mean(value) for name, value in logs.items()}


class StreamFeed:
    """The batches of a `tf.data.Dataset`, spread over the replicas.

    Args:
        strategy: Of the model.
        dataset: Global batches. Each worker reads all of it and takes its
            share, unless its options name another way; a shuffled one needs a
            seed, or the workers' orders differ.
        steps: Batches in an epoch. Defaults to the whole stream.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        dataset: tf.data.Dataset,
        steps: int | None = None,
    ):
        self.strategy = strategy
        self.spec = dataset.element_spec
        policy = tf.data.experimental.AutoShardPolicy
        given = dataset.options().experimental_distribute.auto_shard_policy
        if given == policy.AUTO:
            options = tf.data.Options()
            options.experimental_distribute.auto_shard_policy = policy.DATA
            dataset = dataset.with_options(options)
        cardinality = int(dataset.cardinality())
        self.given = steps
        self.steps = steps or (cardinality if cardinality > 0 else None)
        self.shapes = 2  # not known
        self.dataset = strategy.experimental_distribute_dataset(dataset)
        self.iterator = None

    def first(self) -> Any:
        """A batch of one row of zeros."""
        return keras.tree.map_structure(
            lambda t: tf.zeros([1, *t.shape[1:]], t.dtype), self.spec
        )

    def singles(self, batch: Any) -> Iterator[tuple]:
        """The one step of a call, see `feed.singles`; the data are those of
        the first replica of this worker."""
        local = self.strategy.experimental_local_results
        yield (batch,), keras.tree.map_structure(lambda t: local(t)[0], batch)

    def epoch(self, seed: Callable, execution: int) -> Iterator[tuple]:
        """Executions of one epoch, of one step each. See `Feed.epoch`."""
        del seed, execution  # the stream has its own order; single steps
        if self.iterator is None or self.given is None:
            self.iterator = iter(self.dataset)
        numbers = itertools.count() if self.given is None else range(self.given)
        for step in numbers:
            batch = next(self.iterator, None)
            if batch is None:
                self.iterator = None
                if self.given is not None:
                    warnings.warn(
                        f"The stream ended after {step} of {self.given} "
                        "batches of the epoch. Repeat it with `.repeat()`.",
                        stacklevel=2,
                    )
                return
            yield step, step, [(batch,)]
