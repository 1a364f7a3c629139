"""Rows on disk, in shards, for training on more than fits in memory.

A folder of TFRecord files of `tf.train.Example`, whose one feature `x` holds
the bytes of a row, little-endian, in the type that it was given in: bytes stay
bytes until a compiled step makes floats of them. Row i is in file i modulo
the number of files. `index.json`, which is there last, describes them.
"""

import contextlib
import functools
import hashlib
import json
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_ae.core import files
from keras_ae.core import validation
from keras_ae.core.types import Json

INDEX = "index.json"
#: Types of numbers that TensorFlow reads from bytes.
TYPES = (
    *("bool", "uint8", "uint16", "int8", "int16", "int32", "int64"),
    *("float16", "float32", "float64"),
)
#: For functions without control flow, whose sources need not be read.
PLAIN = tf.autograph.experimental.do_not_convert
LANES = 256  # the most workers, and files open at a time on one machine
SAMPLE = 10_000  # rows that stand for all where a model is prepared


def write(
    folder: str | Path,
    rows: np.ndarray | Iterable[np.ndarray],
    shards: int = 64,
) -> "Shards":
    """Write rows to a folder of shards.

    A folder is whole or not there, whenever the process ends.

    Args:
        folder: Folder to write.
        rows: `[N, ...]`, or an iterable of such pieces, of one shape of row
            and one type, so that not all have to be in memory.
        shards: Number of files. Files of 100 to 200 MB are read fastest; the
            number and the batch size should share a large divisor, see
            `Shards.lanes`.

    Raises:
        ValueError: If the folder holds shards, the pieces differ in shape or
            type, or there are fewer rows than files.
        TypeError: If the rows are not numbers.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     shards = write(folder, np.arange(12, dtype="uint8")[:, None], 4)
        ...     batches = [b.numpy().ravel() for b in shards.ordered(5)]
        >>> [b.tolist() for b in batches]
        [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11]]
    """
    folder = Path(folder)
    validation.check_count("shards", shards)
    if (folder / INDEX).is_file():
        raise ValueError(
            f"The folder {str(folder)!r} holds shards already. Expected a "
            "folder without. Delete it, or choose another."
        )
    with files.replacing(folder, last=INDEX) as part:
        part.mkdir()
        pieces = [rows] if isinstance(rows, np.ndarray) else rows
        index = _write(part, pieces, shards)
        text = json.dumps(index, indent=2) + "\n"
        (part / INDEX).write_text(text, encoding="utf-8")
    return Shards(folder)


def _write(
    folder: Path, pieces: Iterable[np.ndarray], shards: int
) -> dict[str, Json]:
    """Write the rows; what is to be known of them."""
    digest, count = hashlib.sha256(), 0
    found: set[tuple] = set()
    with contextlib.ExitStack() as stack:
        writers = [
            stack.enter_context(tf.io.TFRecordWriter(str(path)))
            for path in _files(folder, shards)
        ]
        for piece in map(np.asarray, pieces):
            if piece.dtype.name not in TYPES:
                expected = f"numbers of one of the types {', '.join(TYPES)}"
                raise TypeError(
                    validation.invalid("rows", expected, piece.dtype.name)
                )
            found.add((piece.shape[1:], piece.dtype.name))
            if len(found) > 1:
                raise ValueError(
                    "The pieces of `rows` differ. Expected one shape of row "
                    f"and one type. Received: {sorted(map(str, found))}"
                )
            for row in piece.astype(piece.dtype.newbyteorder("<"), copy=False):
                data = row.tobytes()
                digest.update(data)
                writers[count % shards].write(_example(data))
                count += 1
    if count < shards:
        raise ValueError(
            "There are fewer rows than files. Expected at least one row for "
            f"each. Received: {count} rows, shards={shards}"
        )
    ((shape, dtype),) = found
    return {
        "rows": count,
        "shards": shards,
        "shape": list(shape),
        "dtype": dtype,
        "sha256": digest.hexdigest(),
    }


def _files(folder: Path, shards: int) -> list[Path]:
    return [folder / f"{i:05d}-of-{shards:05d}.tfrecord" for i in range(shards)]


def _counted(batches: tf.data.Dataset, count: int) -> tf.data.Dataset:
    """Batches read ahead, whose number is known; another is an error."""
    count = tf.data.experimental.assert_cardinality(count)
    return batches.apply(count).prefetch(tf.data.AUTOTUNE)


def _example(data: bytes) -> bytes:
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[data]))
    features = tf.train.Features(feature={"x": feature})
    return tf.train.Example(features=features).SerializeToString()


class Shards:
    """Rows in a folder that `write` made: what `fit` takes as `x`.

    Each pass has an order of its own, drawn from one seed: the files are
    shuffled and dealt to lanes; a lane reads its files one after the other
    and shuffles a window of rows at a time. A batch takes equally many rows
    from each lane. Workers share the lanes out and read only their files; the
    batches of all together do not depend on how many there are.

    Args:
        folder: See `write`.
        window: Rows of all lanes that are in memory to be shuffled.

    Raises:
        ValueError: If the folder holds no finished shards.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     shards = write(folder, np.zeros([20, 3], "uint8"), shards=4)
        ...     model = keras_ae.Autoencoder.create((3,), 2, hidden=(8,))
        ...     model.compile()
        ...     history = model.fit(shards, batch_size=8, verbose=0)
        >>> len(shards), shards.shape, sorted(history.history)
        (20, (20, 3), ['loss', 'reconstruction'])
    """

    def __init__(self, folder: str | Path, window: int = 1 << 16):
        self.folder = Path(folder)
        self.window = validation.check_count("window", window)
        try:
            text = (self.folder / INDEX).read_text(encoding="utf-8")
            index = json.loads(text)
            self.rows, self.shards = index["rows"], index["shards"]
            self.row, self.dtype = tuple(index["shape"]), index["dtype"]
            self.sha256 = index["sha256"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"The folder {str(folder)!r} holds no finished shards. "
                f"Expected an {INDEX} that `keras_ae.shards.write` wrote. "
                f"Received: {type(error).__name__}: {error}"
            ) from error
        self.files = [str(p) for p in _files(self.folder, self.shards)]

    def __len__(self) -> int:
        return self.rows

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the rows, `[N, ...]`."""
        return self.rows, *self.row

    @functools.cached_property
    def source(self) -> np.ndarray:
        """The first rows: what `fit` checks, and starts models from."""
        return next(iter(self.ordered(min(SAMPLE, self.rows)))).numpy()

    def lanes(self, batch_size: int) -> int:
        """Files that are read at a time: the most, of at most 256, that share
        out both the files and the batch."""
        both = math.gcd(self.shards, batch_size)
        return max(n for n in range(1, LANES + 1) if both % n == 0)

    def batches(self, batch_size: int) -> int:
        """Batches in a pass, all of `batch_size` rows. Less than a batch and
        a row of each file are left out, others in each pass."""
        lanes = self.lanes(batch_size)
        shortest = self.shards // lanes * (self.rows // self.shards)
        return shortest // (batch_size // lanes)

    def ordered(self, batch_size: int) -> tf.data.Dataset:
        """All rows as they were written, in batches `[B, ...]`, of which the
        last may be shorter: for `evaluate` and `predict`."""
        records = tf.data.Dataset.from_tensor_slices(self.files).interleave(
            tf.data.TFRecordDataset,
            cycle_length=self.shards,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        return _counted(
            records.batch(batch_size).map(self._rows),
            math.ceil(self.rows / batch_size),
        )

    def shuffled(
        self,
        batch_size: int,
        seed: tf.Tensor | tuple[int, int] | None,
        part: int = 0,
        parts: int = 1,
    ) -> tf.data.Dataset:
        """One pass, the same for the same seed.

        Args:
            batch_size: Rows B in a batch of all parts together.
            seed: int32 `[2]`; None keeps one order in all passes.
            part: Which part of each batch to read.
            parts: Into how many parts each batch is cut.

        Returns:
            Batches `[B / parts, ...]`, as many as `batches` says.

        Raises:
            ValueError: If the parts cannot share out the lanes.
        """
        lanes, steps = self.lanes(batch_size), self.batches(batch_size)
        if lanes % parts:
            raise ValueError(
                f"{parts} workers cannot share out the shards in "
                f"{str(self.folder)!r}. Expected a number of shards and a "
                f"`batch_size` that are multiples of {parts}. Received: "
                f"{self.shards} shards, batch_size={batch_size}"
            )
        order, window = tf.range(self.shards), max(1, self.window // lanes)
        if seed is not None:
            seed = tf.convert_to_tensor(seed)
            order = tf.random.experimental.stateless_shuffle(order, seed)
        names = tf.gather(tf.constant(self.files), order)

        @PLAIN
        def shuffle(number: tf.Tensor, records: tf.Tensor) -> tf.Tensor:
            own = tf.random.experimental.stateless_fold_in(seed, number)
            order = tf.range(tf.size(records))
            order = tf.random.experimental.stateless_shuffle(order, own)
            return tf.gather(records, order)

        @PLAIN
        def lane(number: tf.Tensor) -> tf.data.Dataset:
            windows = tf.data.TFRecordDataset(names[number::lanes])
            windows = windows.batch(window)
            if seed is not None:
                # Each window of each lane draws an order of its own.
                windows = windows.enumerate(number * 2**32).map(shuffle)
            shares = windows.rebatch(batch_size // lanes, drop_remainder=True)
            return shares.take(steps)

        own = lanes // parts
        shares = tf.data.Dataset.range(part * own, (part + 1) * own).interleave(
            lane,
            cycle_length=own,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )

        @PLAIN
        def rows(records: tf.Tensor) -> tf.Tensor:
            return self._rows(tf.reshape(records, [batch_size // parts]))

        batches = shares.batch(own, drop_remainder=True)
        batches = batches.map(
            rows,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        return _counted(batches, steps)

    @PLAIN
    def _rows(self, records: tf.Tensor) -> tf.Tensor:
        """Serialized examples `[B]` as rows `[B, ...]`."""
        feature = {"x": tf.io.FixedLenFeature([], tf.string)}
        data = tf.io.parse_example(records, feature)["x"]
        rows = tf.io.decode_raw(data, self.dtype)
        return tf.reshape(rows, [records.shape[0] or -1, *self.row])
