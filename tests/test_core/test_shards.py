"""Rows on disk: what was written is read, in orders that a seed decides."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae.core import shards

# Every value once, so that a row says which one it is; 70 = 8 * 8 + 6 rows.
ROWS = np.arange(70 * 6, dtype="uint16").reshape(70, 2, 3)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows") / "shards"
    return shards.write(folder, (ROWS[i : i + 9] for i in range(0, 70, 9)), 8)


def read(dataset):
    return [batch.numpy() for batch in dataset]


def numbers(batches):
    return [row[0, 0] // 6 for row in np.concatenate(batches)]


def test_what_is_written_is_read(written):
    assert written.shape == ROWS.shape and len(written) == 70
    assert written.dtype == "uint16"
    found = read(written.ordered(32))
    assert [len(batch) for batch in found] == [32, 32, 6]
    assert found[0].dtype == np.uint16
    np.testing.assert_array_equal(np.concatenate(found), ROWS)
    np.testing.assert_array_equal(written.source, ROWS)


@pytest.mark.parametrize("dtype", ["bool", "int8", "float16", ">f4", "float64"])
def test_types(tmp_path, dtype):
    rows = np.arange(12).reshape(4, 3) % 5
    found = shards.write(tmp_path, rows.astype(dtype), 2).source
    assert found.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(found, rows.astype(dtype))


@pytest.mark.parametrize(
    ("batch", "lanes", "steps"),
    # Each of 8 files has 8 rows or 9: of 8 lanes, 4 batches of 2 rows each;
    # of 2 lanes of 32 rows or more, 6 of 5.
    [(16, 8, 4), (10, 2, 6), (7, 1, 9)],
)
def test_a_pass(written, batch, lanes, steps):
    assert written.lanes(batch) == lanes
    assert written.batches(batch) == steps
    first, again = (read(written.shuffled(batch, (0, 1))) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.shape(first) == (steps, batch, 2, 3)
    seen = numbers(first)
    assert len(set(seen)) == steps * batch  # no row twice
    other = numbers(read(written.shuffled(batch, (0, 2))))
    assert other != seen and set(other) != set(seen)  # others are left out
    for share in range(steps):  # as many rows of each lane's files
        files = [i % 8 for i in seen[share * batch : (share + 1) * batch]]
        assert len(set(files)) >= lanes


@pytest.mark.parametrize("parts", [2, 4])
def test_parts_are_one_batch(written, parts):
    whole = read(written.shuffled(16, (3, 4)))
    shares = [
        read(written.shuffled(16, (3, 4), i, parts)) for i in range(parts)
    ]
    np.testing.assert_array_equal(np.concatenate(shares, axis=1), whole)
    # A part reads files of its own.
    files = [{i % 8 for i in numbers(share)} for share in shares]
    assert sum(map(len, files)) == 8


def test_windows_are_shuffled(written):
    """Within its window and no further: the first rows of a file come first."""
    narrow = shards.Shards(written.folder, window=8 * 2)
    seen = np.array(numbers(read(narrow.shuffled(8, (0, 5)))))  # 1 a lane
    places = seen.reshape(8, 8) // 8  # of rows in their files, by batch
    for begin in range(0, 8, 2):
        found = np.sort(places[begin : begin + 2], axis=0)
        np.testing.assert_array_equal(found, [[begin] * 8, [begin + 1] * 8])
    assert len(np.unique(places[0])) == 2  # lanes have orders of their own
    plain = numbers(read(narrow.shuffled(8, None)))
    assert plain == list(range(64))


def compiled():
    space = keras_ae.spaces.Image(2, 3, levels=1024)
    # A likelihood that does not start from rows, which are not in memory.
    model = keras_ae.VAE.create(
        space, 2, hidden=(4,), likelihood="bernoulli", seed=0
    )
    model.compile("adam", jit_compile=False)
    return model


def trained(x, epochs, **settings):
    model = compiled()
    model.fit(x, batch_size=16, epochs=epochs, verbose=0, **settings)
    return model


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    rows = ROWS[..., None]
    return shards.write(tmp_path_factory.mktemp("images"), rows, 8)


def test_fit_is_that_on_the_same_batches(images):
    """One pass in order is `fit` on the rows of that pass in memory."""
    order = np.concatenate(read(images.shuffled(16, None)))
    model = trained(images, 1, shuffle=False)
    twin = trained(order, 1, shuffle=False)
    for one, other in zip(model.weights, twin.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_evaluate_and_predict_read_all_rows(images):
    model = trained(images, 1, validation_data=images)
    rows = images.source
    expected = model.evaluate(rows, batch_size=16, verbose=0, return_dict=True)
    found = model.evaluate(images, batch_size=16, verbose=0, return_dict=True)
    assert found == expected
    assert model.history.history["val_loss"] == [expected["loss"]]
    np.testing.assert_allclose(
        model.predict(images, verbose=0), model.predict(rows), atol=1e-6
    )


def test_resumed_fit_is_the_uninterrupted_one(images, tmp_path):
    whole = trained(images, 4)
    for epochs in (2, 4):
        checkpoint = keras_ae.callbacks.Checkpoint(tmp_path)
        model = trained(images, epochs, callbacks=[checkpoint])
    for one, other in zip(model.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_unfinished_folder_is_none(tmp_path):
    def torn():
        yield ROWS
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shards.write(tmp_path, torn(), 4)
    with pytest.raises(ValueError, match="no finished shards.*index.json"):
        shards.Shards(tmp_path)
    again = shards.write(tmp_path, ROWS[:40], 4)
    np.testing.assert_array_equal(again.source, ROWS[:40])
    with pytest.raises(ValueError, match="holds shards already"):
        shards.write(tmp_path, ROWS, 4)


def test_a_file_that_is_cut_short_is_an_error(images, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in images.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    path = sorted(folder.glob("*.tfrecord"))[3]
    path.write_bytes(path.read_bytes()[:-10])
    broken = shards.Shards(folder)
    with pytest.raises(tf.errors.DataLossError):
        read(broken.ordered(16))
    path.write_bytes(b"")
    with pytest.raises(
        tf.errors.FailedPreconditionError, match="contained only"
    ):
        read(broken.ordered(16))


@pytest.mark.parametrize(
    ("rows", "count", "message"),
    [
        (ROWS[:3], 4, "fewer rows than files.*3 rows, shards=4"),
        ([ROWS, ROWS[:, :1]], 4, "pieces of `rows` differ"),
        ([ROWS, ROWS.astype("uint8")], 4, "pieces of `rows` differ"),
        (ROWS, 0, "`shards`.*at least 1"),
    ],
)
def test_bad_rows(tmp_path, rows, count, message):
    with pytest.raises(ValueError, match=message):
        shards.write(tmp_path, rows, count)


@pytest.mark.parametrize("rows", [np.array([["a"]]), ROWS.astype("uint32")])
def test_rows_that_tensorflow_does_not_read(tmp_path, rows):
    with pytest.raises(TypeError, match="`rows`.*numbers.*Received"):
        shards.write(tmp_path, rows, 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"y": ROWS}, "Shards hold `x` alone"),
        ({"validation_split": 0.5}, "Rows on disk are not split"),
        ({"batch_size": 80}, "Expected a `batch_size` of at most"),
    ],
)
def test_bad_fits(images, settings, message):
    with pytest.raises(ValueError, match=message):
        compiled().fit(images, verbose=0, **settings)


def test_parts_that_cannot_share(written):
    with pytest.raises(ValueError, match="3 workers cannot share.*8 shards"):
        written.shuffled(16, (0, 0), 0, 3)


def test_a_bad_index(tmp_path):
    (tmp_path / shards.INDEX).write_text(json.dumps({"rows": 3}))
    with pytest.raises(ValueError, match="no finished shards.*KeyError"):
        shards.Shards(tmp_path)


def test_shards_check_what_they_hold(images):
    model = keras_ae.VAE.create((5,), 2, hidden=(4,), seed=0)
    model.compile(keras.optimizers.Adam())
    with pytest.raises(ValueError, match="shape"):
        model.fit(images, verbose=0)
