"""Rows in memory: checked, cut into batches, gathered into blocks.

The rows stay where and what they are: bytes stay bytes until a block of
batches is gathered, outside the compiled call, so that the number of rows is
no part of a trace.
"""

import math
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ae.core import rows as rows_of

SMALL = 2**28  # bytes of rows that are copied to TensorFlow, gathered faster


def singles(rows: dict, count: tf.Tensor) -> Iterator[tuple]:
    """The steps of a call on a block, one by one: arguments of a call of that
    step alone, of the same shapes, and the step's data."""
    for number in range(int(count)):
        turned = keras.tree.map_structure(
            lambda t, n=number: tf.roll(t, -n, axis=0), rows
        )
        data = keras.tree.map_structure(lambda t: t[0], turned)
        yield (turned, tf.constant(1)), pack(data)


class Feed:
    """Rows in memory, and the batches of passes over them.

    Args:
        rows: Dict with `x` and, where given, `y` and `sample_weight`; each a
            structure of arrays `[N, ...]`.
        batch_size: Rows in a batch; the last one of a pass may be shorter.
        shuffle: Whether each pass has an order of its own.
        steps: Batches in an epoch. Defaults to one pass.
        endless: Whether an epoch goes on where the one before ended; else
            each starts a new pass.

    Raises:
        ValueError: If the arrays differ in their numbers of rows.
    """

    singles = staticmethod(singles)

    def __init__(
        self,
        rows: dict,
        batch_size: int,
        shuffle: bool,
        steps: int | None = None,
        endless: bool = False,
    ):
        self.x = rows["x"]
        rows = rows | {"x": rows_of.drawn(self.x, tf.constant([0, 0]))}
        self.rows = keras.tree.map_structure(as_rows, rows)
        sizes = {len(leaf) for leaf in keras.tree.flatten(self.rows)}
        if len(sizes) != 1:
            raise ValueError(
                "The arrays differ in their numbers of rows. Expected equal "
                f"numbers. Received: {sorted(sizes)}"
            )
        self.size = sizes.pop()
        self.batch_size = min(batch_size, self.size)
        self.shuffle = shuffle
        self.batches = math.ceil(self.size / self.batch_size)
        self.endless = endless
        if steps is None or not endless:
            steps = min(steps or self.batches, self.batches)
        self.steps = steps
        self.place = self.batches  # in the pass: at its end

    @property
    def shapes(self) -> int:
        """How many shapes the batches have, 1 or 2."""
        return 1 + (self.size % self.batch_size > 0)

    @property
    def shortest(self) -> int:
        """Rows in the shortest batch."""
        return self.size % self.batch_size or self.batch_size

    @property
    def spec(self) -> dict:
        """Signature of a block, `[steps, batch, ...]`; any numbers of both."""
        return keras.tree.map_structure(
            lambda t: tf.TensorSpec((None, None, *t.shape[1:]), dtype_of(t)),
            self.rows,
        )

    def first(self) -> tuple:
        """The first row, as a batch `(x, y, sample_weight)`."""
        return pack(self.gather(np.arange(1)))

    def whole(self) -> tuple:
        """All rows, as a batch `(x, y, sample_weight)`."""
        return pack(self.gather(np.arange(self.size)))

    def start(self, seed: Callable[[], tf.Tensor]) -> None:
        """Begin a pass: draw its order, and its rows where they change,
        from seeds int32 `[2]`, which are kept for `place_in_pass`."""
        self.begun: list = []

        def drawn() -> tf.Tensor:
            self.begun.append(seed())
            return self.begun[-1]

        if rows_of.redrawn(self.x):
            self.rows["x"] = keras.tree.map_structure(
                as_rows, rows_of.drawn(self.x, drawn())
            )
        order = tf.range(self.size)
        if self.shuffle:
            order = tf.random.experimental.stateless_shuffle(order, drawn())
        self.order = order.numpy()
        self.place = 0

    def place_in_pass(self) -> dict | None:
        """Where the pass is that the next epoch goes on with, for `go_on`;
        None if it begins one. Plain numbers."""
        if not self.endless or self.place == self.batches:
            return None
        begun = [seed.numpy().tolist() for seed in self.begun]
        return {"begun": begun, "place": self.place}

    def go_on(self, place: dict) -> None:
        """Go on in the middle of a pass, in another process maybe."""
        seeds = map(tf.constant, place["begun"])
        self.start(lambda: next(seeds))
        self.place = place["place"]

    def epoch(self, seed: Callable, execution: int) -> Iterator[tuple]:
        """Executions of one epoch.

        Args:
            seed: Gives a fresh seed, int32 `[2]`, at each call.
            execution: Steps in one execution.

        Yields:
            Numbers of the first and the last step, and an iterator over the
            arguments of the compiled calls: a block and its steps that count.
        """
        if not self.endless:
            self.place = self.batches
        longest = min(execution, self.batches)
        for begin in range(0, self.steps, execution):
            count = min(execution, self.steps - begin)
            yield (
                begin,
                begin + execution - 1,
                self._blocks(seed, count, longest),
            )

    def _blocks(self, seed: Callable, count: int, longest: int) -> Iterator:
        while count > 0:
            if self.place == self.batches:
                self.start(seed)
            low, high = self.place, min(self.place + count, self.batches)
            self.place = high
            count -= high - low
            for index, steps in self.indices(low, high, longest):
                yield self.gather(index), tf.constant(steps)

    def indices(self, low: int, high: int, longest: int) -> Iterator[tuple]:
        """Row indices `[longest, batch]` of the batches from `low` to `high`
        of a pass, and how many count; a shorter batch is apart."""
        full = min(high, self.size // self.batch_size)
        if full > low:
            taken = self.order[low * self.batch_size : full * self.batch_size]
            index = np.zeros((longest, self.batch_size), np.int32)
            index[: full - low] = taken.reshape(-1, self.batch_size)
            yield index, full - low
        if high > full:
            tail = self.order[full * self.batch_size :]
            yield tail[None].astype(np.int32), 1

    def gather(self, index: np.ndarray) -> dict:
        """The rows `[steps, batch, ...]` of indices `[steps, batch]`, or of
        others."""
        return keras.tree.map_structure(lambda t: take(t, index), self.rows)


def as_rows(value: Any) -> Any:
    """An array, as a tensor where it is small; sparse rows as they are.
    Double precision becomes single, here or when it is gathered."""
    if tf.is_tensor(value):
        return value
    value = rows_of.held(value)
    if not isinstance(value, np.ndarray) or value.nbytes > SMALL:
        return value
    return tf.convert_to_tensor(value.astype(dtype_of(value), copy=False))


def take(rows: Any, index: np.ndarray) -> tf.Tensor:
    """The rows `[..., event]` at indices `[...]`."""
    if tf.is_tensor(rows):
        return tf.gather(rows, index)
    # Of an array, `take` would copy all of what is a view.
    array = isinstance(rows, np.ndarray)
    taken = rows[index] if array else rows.take(index)
    return tf.convert_to_tensor(taken.astype(dtype_of(rows), copy=False))


def dtype_of(rows: Any) -> Any:
    """Type of the gathered rows of an array."""
    double = not tf.is_tensor(rows) and rows.dtype == np.float64
    return np.float32 if double else rows.dtype


def nbytes(tensors: Any) -> int:
    """Bytes of a structure of tensors, also of several replicas."""
    leaves = tf.nest.flatten(tensors, expand_composites=True)
    leaves = [t for t in leaves if tf.is_tensor(t)]
    return sum(t.dtype.size * math.prod(t.shape) for t in leaves)


def arrays(value: Any) -> Any:
    """A structure of rows as given, lists and data frames as arrays."""
    if value is None:
        return None
    if isinstance(value, list):
        shapes = {np.shape(item) for item in value}
        if len(shapes) > 1:
            raise TypeError(
                "The items of a list are its rows. Expected rows of one "
                f"shape. Received: shapes {sorted(shapes)}. Several inputs "
                "are a tuple."
            )
        return np.asarray(value)
    return keras.tree.map_structure(
        lambda t: (
            t if tf.is_tensor(t) or hasattr(t, "source") else rows_of.held(t)
        ),
        value,
    )


def fixed(value: Any) -> Any:
    """Rows for evaluation; those that change are drawn once."""
    return rows_of.drawn(arrays(value), tf.constant([0, 0]))


def pack(rows: dict) -> tuple:
    """`(x, y, sample_weight)` with None where not given."""
    return rows["x"], rows.get("y"), rows.get("sample_weight")


def check_redrawn(x: Any, cut: bool) -> None:
    """Refuse to cut a pass over rows that each pass draws anew.

    Raises:
        ValueError: If they are to be cut.
    """
    if cut and rows_of.redrawn(x):
        raise ValueError(
            "Rows that are drawn anew at every epoch cannot be cut by "
            "`steps_per_epoch`. Expected a stream. Received: "
            f"{type(x).__name__}. Call dynamic_binarization on a "
            "tf.data.Dataset."
        )


def split(data: tuple, fraction: float) -> tuple[tuple, tuple]:
    """Rows before and after the cut, as Keras cuts: the last are kept.

    Args:
        data: Structures of arrays `[N, ...]`, or None.
        fraction: Share of the rows after the cut.

    Raises:
        ValueError: If there are no rows on one side, or rows on disk.
    """
    if not all(hasattr(x, "__getitem__") for x in keras.tree.flatten(data[0])):
        raise ValueError(
            "Rows on disk are not split. Expected rows in memory for "
            f"`validation_split`. Received: {type(data[0]).__name__}. Write "
            "the rows that are kept apart to shards of their own, for "
            "`validation_data`."
        )
    rows = len(keras.tree.flatten(data[0])[0])
    cut = int(math.floor(rows * (1.0 - fraction)))
    if cut in (0, rows):
        raise ValueError(
            f"`validation_split` leaves no rows for "
            f"{'training' if cut == 0 else 'validation'}. Expected a fraction "
            f"that splits {rows} rows. Received: {fraction}"
        )

    def part(which: slice) -> tuple:
        return tuple(
            None
            if d is None
            else keras.tree.map_structure(lambda t: t[which], d)
            for d in data
        )

    return part(slice(cut)), part(slice(cut, None))
