"""Rows on disk: read as blocks of batches, or by each worker its part."""

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from keras_ae.core import shards as rows_on_disk
from keras_ae.model.training import feed as blocks
from keras_ae.model.training import spread


def ordered(x: Any, batch_size: int | None) -> Any:
    """Shards as the stream that `evaluate` and `predict` read; all else as it
    is."""
    if isinstance(x, rows_on_disk.Shards):
        return x.ordered(batch_size or 32)
    return x


def feed(
    rows: dict,
    batch_size: int,
    shuffle: bool,
    steps: int | None,
    strategy: tf.distribute.Strategy,
) -> "ShardFeed | SpreadFeed":
    """What `fit` runs over when `x` is shards.

    Args:
        rows: Dict with `x` and, where given, `y` and `sample_weight`.
        batch_size: Rows in a batch of all replicas together.
        shuffle: Whether each pass has an order of its own.
        steps: Batches of each pass to stop after. Defaults to all.
        strategy: Of the model.

    Raises:
        ValueError: If there is more than `x`, not one batch, or a batch that
            the replicas cannot share.
    """
    shards = rows["x"]
    if len(rows) > 1:
        raise ValueError(
            "Shards hold `x` alone. Expected no `y` and no `sample_weight` "
            "beside them. Received: one. Pass a tf.data.Dataset instead."
        )
    batches = shards.batches(batch_size)
    replicas = strategy.num_replicas_in_sync
    if not batches or batch_size % replicas:
        raise ValueError(
            f"The batches of the shards in {str(shards.folder)!r} are all of "
            "one size. Expected a `batch_size` of at most "
            f"{shards.rows // shards.shards} rows of each of {shards.shards} "
            f"files, a multiple of the {replicas} replicas. Received: "
            f"batch_size={batch_size}"
        )
    settings = {
        "shards": shards,
        "batch_size": batch_size,
        "shuffle": shuffle,
        "steps": min(steps or batches, batches),
    }
    with strategy.scope():
        spreads = tf.distribute.has_strategy()
    if spreads:
        return SpreadFeed(strategy, **settings)
    return ShardFeed(**settings)


class ShardFeed:
    """Passes over shards on one device, as `Feed` over rows in memory.

    Args:
        shards: `Shards`.
        batch_size: Rows in a batch.
        shuffle: Whether each pass has an order of its own.
        steps: Batches in an epoch.
    """

    shapes = 1
    singles = staticmethod(blocks.singles)

    def __init__(
        self,
        shards: rows_on_disk.Shards,
        batch_size: int,
        shuffle: bool,
        steps: int,
    ):
        self.shards = shards
        self.batch_size = self.shortest = batch_size
        self.shuffle = shuffle
        self.steps = steps

    @property
    def spec(self) -> dict:
        """Signature of a block, `[steps, batch, ...]`; any numbers of both."""
        shape = (None, None, *self.shards.row)
        return {"x": tf.TensorSpec(shape, self.shards.dtype)}

    def first(self) -> tuple:
        """The first row, as a batch `(x, y, sample_weight)`."""
        return tf.constant(self.shards.source[:1]), None, None

    def epoch(self, seed: Callable, execution: int) -> Iterator[tuple]:
        """Executions of one epoch. See `Feed.epoch`."""
        longest = min(execution, self.steps)
        batches = self.shards.shuffled(
            self.batch_size, seed() if self.shuffle else None
        )
        blocks = iter(batches.take(self.steps).batch(longest).prefetch(1))
        for begin in range(0, self.steps, execution):
            block = next(blocks)
            count = tf.shape(block)[0]
            # One shape of block: each other one would be compiled anew.
            lacking = [[0, longest - count]] + [[0, 0]] * (block.ndim - 1)
            block = tf.pad(block, lacking)
            yield begin, begin + execution - 1, [({"x": block}, count)]


class SpreadFeed(spread.StreamFeed):
    """Passes over shards under a strategy, each worker over its part.

    The seeds come from the state of the model, which is the same on all
    workers, and so is the order of the files.

    Args:
        strategy: Of the model.
        **settings: As of `ShardFeed`.
    """

    def __init__(self, strategy: tf.distribute.Strategy, **settings: Any):
        self.strategy = strategy
        self.own = ShardFeed(**settings)
        shards = self.own.shards
        size = self.own.batch_size // strategy.num_replicas_in_sync
        self.spec = tf.TensorSpec((size, *shards.row), shards.dtype)
        self.given, self.steps, self.shapes = None, self.own.steps, 1
        self.dataset, self.iterator = self.spread((0, 0)), None

    def spread(self, seed: Any) -> tf.distribute.DistributedDataset:
        """One pass, see `Shards.shuffled`; a batch for each replica."""
        own, size = self.own, self.spec.shape[0]

        def read(context: tf.distribute.InputContext) -> tf.data.Dataset:
            part = own.shards.shuffled(
                own.batch_size,
                seed,
                context.input_pipeline_id,
                context.num_input_pipelines,
            )
            return part.take(own.steps).rebatch(size, drop_remainder=True)

        return self.strategy.distribute_datasets_from_function(read)

    def epoch(self, seed: Callable, execution: int) -> Iterator[tuple]:
        """Executions of one epoch, of one step each. See `Feed.epoch`."""
        self.dataset = self.spread(seed() if self.own.shuffle else None)
        return super().epoch(seed, execution)
