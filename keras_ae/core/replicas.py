"""What one replica of a model must know of the others.

A step runs on every device of a distribution strategy, each on its rows of
the global batch. Without a strategy there is one replica, and these functions
do nothing.
"""

import tensorflow as tf


def count() -> int:
    """How many replicas step together."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the one of all workers that writes files."""
    resolver = strategy.cluster_resolver
    cluster = resolver.cluster_spec().as_dict() if resolver else {}
    if not cluster:
        return True
    first = "chief" if "chief" in cluster else "worker"
    return (resolver.task_type, resolver.task_id) == (first, 0)


def agree(strategy: tf.distribute.Strategy, number: int) -> bool:
    """Whether all workers call this with the same integer.

    If not, one of them finds that the sum is not as many times its own.
    """

    @tf.function(autograph=False)
    def add() -> tf.Tensor:
        each = strategy.run(lambda: tf.constant(number, tf.int64))
        return strategy.reduce(tf.distribute.ReduceOp.SUM, each, axis=None)

    return int(add()) == number * strategy.num_replicas_in_sync


def total(value: tf.Tensor) -> tf.Tensor:
    """Sum of a tensor over all replicas, differentiable."""
    context = tf.distribute.get_replica_context()
    if count() == 1 or context is None:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value)


def mean(value: tf.Tensor) -> tf.Tensor:
    """Mean over the first axis, of the rows of all replicas."""
    if count() == 1:
        return tf.reduce_mean(value, axis=0)
    size = tf.cast(tf.shape(value)[0], value.dtype)
    return total(tf.reduce_sum(value, axis=0)) / total(size)


def place(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where this replica's rows lie in the global batch, and its size.

    Args:
        rows: How many rows this replica has, int32 `[]`.

    Returns:
        Offset of the first row, and rows of all replicas, int32 `[]` each.
    """
    if count() == 1:
        return tf.constant(0), rows
    context = tf.distribute.get_replica_context()
    own = tf.one_hot(context.replica_id_in_sync_group, count(), dtype=tf.int32)
    sizes = total(own * rows)
    return tf.reduce_sum(tf.cumsum(sizes, exclusive=True) * own), tf.reduce_sum(
        sizes
    )


def gather(value: tf.Tensor, axis: int = 0) -> tf.Tensor:
    """The rows of all replicas, which lie along an axis; differentiable."""
    if count() == 1:
        return value
    size = tf.shape(value)[axis]
    before, rows = place(size)
    rank = len(value.shape)
    here = tf.one_hot(axis % rank, rank, dtype=tf.int32)
    paddings = here[:, None] * tf.stack([before, rows - before - size])
    shape = [None if i == axis % rank else value.shape[i] for i in range(rank)]
    return total(tf.ensure_shape(tf.pad(value, paddings), shape))
