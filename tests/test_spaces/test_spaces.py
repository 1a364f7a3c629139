"""Spaces: every value goes in and comes back, and what is no example is
refused."""

import json
import re
import tracemalloc
import warnings

import keras
import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

import keras_ae
from keras_ae import spaces
from keras_ae.core import validation
from keras_ae.spaces import base
from keras_ae.zoo import trust

RNG = np.random.default_rng(0)
BYTES = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)

ALL = [
    spaces.Array(5),
    spaces.Array((2, 3)),
    spaces.Image(4, 6),
    spaces.Image(4, 6, 3, levels=2),
    spaces.Series(5),
    spaces.Series(4, 2),
]
every_space = pytest.mark.parametrize(
    "space", [*ALL, spaces.Counts(5)], ids=repr
)


def refused(*parts):
    """The parts of the message, in their order."""
    return pytest.raises(
        ValueError, match="(?s)" + ".*".join(map(re.escape, parts))
    )


# All spaces.


@every_space
def test_config_survives_json_and_the_allow_list(space):
    config = keras.saving.serialize_keras_object(space)
    config = json.loads(json.dumps(config))
    trust.check_classes(config)
    twin = keras.saving.deserialize_keras_object(config)
    assert type(twin) is type(space)
    assert (repr(twin), twin.shape) == (repr(space), space.shape)
    assert type(twin.shape) is tuple
    name = f"keras_ae>{type(space).__name__}"
    assert config["registered_name"] == name


@every_space
def test_arguments_are_attributes(space):
    assert all(hasattr(space, name) for name in space.parameters())
    natural = isinstance(space, (spaces.Counts, spaces.Series))
    natural |= getattr(space, "levels", None) == 2
    assert (space.likelihood is not None) == natural  # else the variant's own


@every_space
@pytest.mark.parametrize(
    "jit", [None, False, True], ids=["eager", "graph", "xla"]
)
@pytest.mark.parametrize(
    "kind", ["uint8", "int32", "bool", "float64", "float32"]
)
def test_tensors_are_in_single_precision(space, kind, jit):
    rows = RNG.integers(2, size=(3, *space.shape)).astype(kind)
    function = space.tensor
    if jit is not None:
        signature = [tf.TensorSpec((None, *space.shape), kind)]
        function = tf.function(function, signature, jit_compile=jit)
    found = function(tf.constant(rows))
    assert (found.dtype, found.shape) == (tf.float32, rows.shape)
    top = getattr(space, "levels", 2) - 1 if kind in ("uint8", "int32") else 1
    np.testing.assert_allclose(found, rows / top, rtol=2e-7)  # roundings
    back = space.array(found.numpy(), "uint8")
    if kind in ("uint8", "int32") or not isinstance(space, spaces.Image):
        np.testing.assert_array_equal(back, rows)


@every_space
def test_a_batch_of_another_shape(space):
    with refused("Expected (B, ", "Received: shape (3, 7, 7, 7, 7)"):
        space.tensor(tf.zeros([3, 7, 7, 7, 7]))


@every_space
@pytest.mark.parametrize("size", [1, 40, 10**6])
def test_chunks_are_the_tensor(space, size, monkeypatch):
    monkeypatch.setattr(validation, "PART", size)
    rows = RNG.integers(2, size=(9, *space.shape), dtype="uint8")
    parts = list(space.chunks(rows))
    np.testing.assert_array_equal(np.concatenate(parts), space.tensor(rows))


@pytest.mark.parametrize("space", ALL, ids=repr)
@pytest.mark.parametrize("size", [1, 40, 10**6])
def test_one_bad_value_anywhere_is_found_in_parts(space, size, monkeypatch):
    """The check in parts says of each row what the check of it alone says."""
    monkeypatch.setattr(validation, "PART", size)
    rows = RNG.random((7, *space.shape))
    space.check("x", rows)
    for place in np.ndindex(rows.shape):
        for value in (np.nan, np.inf, -np.inf):
            spoiled = rows.copy()
            spoiled[place] = value
            with refused("`x` holds NaN", f"the first at [{place[0]}]"):
                space.check("x", spoiled)


@every_space
def test_rows_that_do_not_fit(space):
    with refused("Invalid shape of `x`", "Expected", "Received: shape (4, 9)"):
        space.check("x", np.zeros([4, 9]))
    with refused("`x` is empty", "Received"):
        space.check("x", np.zeros([0, *space.shape]))
    with refused("real numbers", "Received: dtype"):
        space.check("x", np.full([2, *space.shape], "a"))


@every_space
def test_tensors_and_lists_are_checked_too(space):
    rows = np.ones([2, *space.shape], np.float32)
    space.check("x", tf.constant(rows))
    space.check("x", rows.tolist())
    with refused("NaN"):
        space.check("x", tf.constant(rows * np.nan))


# Arrays.


def test_array_values_come_back_as_they_are():
    values = np.float32([[0.4, -1.6, 3e9]])
    space = spaces.Array(3)
    assert space.array(values) is values
    assert space.array(values, "float64").dtype == np.float64
    found = space.array(values, "int16")
    np.testing.assert_array_equal(found, [[0, -2, 32767]])


def test_bytes_stay_numbers_in_an_array():
    rows = BYTES.reshape(4, 64)
    space = spaces.Array(64)
    space.check("x", rows)
    np.testing.assert_array_equal(space.tensor(rows), rows)
    np.testing.assert_array_equal(space.array(rows * 1.0, "uint8"), rows)


@pytest.mark.parametrize("kind", ["int8", "uint16", "int32", "int64", "uint64"])
def test_whole_numbers_end_where_their_type_ends(kind):
    ends = np.iinfo(kind)
    found = base.as_type(np.array([-1e30, 0.0, 1e30]), kind)
    assert found[0] == ends.min and found[1] == 0
    # Double precision has 53 bits: near 2**64 it knows every 2048th number.
    assert ends.max - int(found[2]) < max(1, ends.max >> 52)


def test_nan_is_no_whole_number():
    for space in (spaces.Array(1), spaces.Image(1, 1)):
        with refused("NaN", "Expected finite", "uint8", "Received: 1 NaN"):
            space.array(np.full(space.shape, np.nan), "uint8")


# Images.


@pytest.mark.parametrize("jit", [False, True])
def test_every_byte_comes_back(jit):
    space = spaces.Image(16, 16)
    space.check("x", BYTES)
    x = tf.function(space.tensor, jit_compile=jit)(BYTES).numpy()
    assert (x.min(), x.max()) == (0, 1)
    # The rounding of the step, 2**-25 at most, and that of the product.
    np.testing.assert_allclose(x, BYTES / 255, rtol=2e-7)
    np.testing.assert_array_equal(x, space.tensor(BYTES))
    np.testing.assert_array_equal(space.array(x, np.uint8), BYTES)
    np.testing.assert_array_equal(space.array(x, "int64"), BYTES)
    np.testing.assert_array_equal(space.array(x), x)


@pytest.mark.parametrize("levels", [2, 3, 16, 17, 1000, 65536])
@pytest.mark.parametrize("jit", [False, True])
def test_every_level_comes_back(levels, jit):
    rows = np.arange(levels, dtype=np.int32).reshape(-1, 1, 1, 1)
    space = spaces.Image(1, 1, levels=levels)
    x = tf.function(space.tensor, jit_compile=jit)(rows).numpy()
    assert 1 - 2e-7 < x.max() <= 1
    np.testing.assert_array_equal(space.array(x, "uint16"), rows)


def test_a_level_that_is_too_large_is_found_anywhere(monkeypatch):
    monkeypatch.setattr(validation, "PART", 10)
    space = spaces.Image(2, 3, levels=16)
    rows = RNG.integers(16, size=(7, 2, 3, 1))
    space.check("x", rows)
    for place in np.ndindex(rows.shape):
        for value in (16, 255, -1):
            spoiled = rows.copy()
            spoiled[place] = value
            with refused("Expected 0..15", "Received: integers in", "levels="):
                space.check("x", spoiled)


@pytest.mark.parametrize("x", [255.0, 128.0, 3.0])
def test_floats_of_bytes(x):
    rows = np.array([0, x], "float32").reshape(2, 1, 1, 1)
    with refused(
        "`x` holds floats outside", "Expected floats in [0, 1], or integers",
        f"Received: float32 in [0, {x:g}]", "Pass uint8, or divide by 255.",
    ):  # fmt: skip
        spaces.Image(1, 1).check("x", rows)


def test_bytes_with_holes_are_floats():
    """Whose mask was read as NaN, so that they are bytes no more."""
    space = spaces.Image(1, 1)
    model = keras_ae.VAE.create(space, 2, hidden=(4,), missing="mask")
    x = np.ma.array([[[[200]]], [[[7]]]], "uint8", mask=[[[[0]]], [[[1]]]])
    for rows in (x, x.astype("float32").filled(np.nan)):
        with refused("[200, 200]. Integers hold no NaN", "divide by 255."):
            model.embed(rows)
    filled = model.impute(x / 255)
    np.testing.assert_allclose(filled[0], 200 / 255, rtol=1e-6)
    assert np.isfinite(filled).all()


@pytest.mark.parametrize(
    ("low", "high", "advice"),
    [
        (-1, 1, "pass (x + 1) / 2"),
        (-0.01, 1.02, "np.clip(x, 0, 1)"),
        (-2.1, 2.6, "Scale them"),
        (0, 65535, "Scale them"),
    ],
)
def test_other_floats(low, high, advice):
    rows = np.array([low, high], "float64").reshape(2, 1, 1, 1)
    with refused("Received: float64 in", advice):
        spaces.Image(1, 1).check("y", rows)


def test_deep_floats_of_levels():
    rows = np.array([0, 65535.0]).reshape(2, 1, 1, 1)
    with refused("Pass uint16, or divide by 65535."):
        spaces.Image(1, 1, levels=65536).check("x", rows)


def test_grey_images_may_lack_their_channel():
    space = spaces.Image(16, 16)
    rows = BYTES[..., 0]
    space.check("x", rows)
    x = space.tensor(rows)
    np.testing.assert_array_equal(x, space.tensor(BYTES))
    np.testing.assert_array_equal(space.array(x.numpy(), "uint8"), BYTES)
    (chunk,) = space.chunks(rows)
    assert chunk.shape == (1, 16, 16, 1)
    traced = tf.function(
        space.tensor, [tf.TensorSpec((None, 16, 16), tf.uint8)]
    )
    np.testing.assert_array_equal(traced(rows), x)


def test_colors_may_not_lack_their_channels():
    space = spaces.Image(16, 16, 3)
    with refused("Invalid shape", "(N, 16, 16, 3)", "Received: shape (1, 16"):
        space.check("x", BYTES[..., 0])
    with refused("Expected (B, 16, 16, 3)"):
        space.tensor(BYTES[..., 0])


@pytest.mark.parametrize("row", [BYTES[0], BYTES[0, ..., 0]])
def test_one_image_is_not_many(row):
    with refused("`x` is one image", "Received: shape (16, 16", "x[None]"):
        spaces.Image(16, 16).check("x", row)


def test_bits_as_integers_are_two_shades_of_black():
    rows = BYTES % 2
    with pytest.warns(UserWarning, match="Expected 0..255.*levels=2"):
        spaces.Image(16, 16).check("x", rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spaces.Image(16, 16, levels=2).check("x", rows)
        for kind in (bool, "float32"):
            spaces.Image(16, 16).check("x", rows.astype(kind))
        spaces.Image(16, 16).check("x", rows * 0)


def test_levels_beyond_one_go_to_the_ends():
    values = np.float32([-0.2, 0.4999 / 255, 0.5001 / 255, 1.3])
    found = spaces.Image(1, 1).array(values.reshape(4, 1, 1, 1), "uint8")
    assert found.ravel().tolist() == [0, 0, 1, 255]


def test_a_type_that_is_too_small():
    with refused("`dtype`", "holds 65535", "Received: dtype='uint8'"):
        spaces.Image(1, 1, levels=65536).array(np.zeros([1, 1, 1]), "uint8")
    with refused("`dtype`", "holds 255"):
        spaces.Image(1, 1).array(np.zeros([1, 1, 1]), "int8")


@pytest.mark.parametrize("name", ["height", "width", "channels", "levels"])
def test_sizes_are_checked(name):
    sizes = {"height": 2, "width": 2} | {name: 0}
    with refused(f"`{name}`", "Expected", "Received"):
        spaces.Image(**sizes)
    with pytest.raises(TypeError, match=f"`{name}`.*Received"):
        spaces.Image(**sizes | {name: 2.5})


def test_more_levels_than_single_precision_tells_apart():
    with refused("`levels`", "65536", "Received: levels=65537"):
        spaces.Image(1, 1, levels=65537)


@pytest.mark.parametrize("axis", ["with its axis", "without"])
def test_bytes_are_not_copied(axis, monkeypatch):
    monkeypatch.setattr(validation, "PART", 1 << 16)
    rows = RNG.integers(256, size=(4000, 64, 64, 1), dtype=np.uint8)  # 16 MB
    rows = rows if axis == "with its axis" else rows[..., 0]
    tracemalloc.start()
    spaces.Image(64, 64).check("x", rows)
    for part in spaces.Image(64, 64).chunks(rows):
        assert part.nbytes == 4 * validation.PART or len(part) < 16
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * validation.PART  # parts in single precision


# Which space.


@pytest.mark.parametrize(
    ("given", "shape"), [(3, (3,)), ((28, 28, 1), (28, 28, 1)), ([2], (2,))]
)
def test_shapes_are_arrays(given, shape):
    found = spaces.get(given)
    assert (type(found), found.shape) == (spaces.Array, shape)


def test_get():
    space = spaces.Image(2, 2)
    assert spaces.get(space) is space
    found = spaces.get({"image": {"height": 2, "width": 3, "channels": 3}})
    assert found.shape == (2, 3, 3)
    with refused("Expected one of", "'image'", "Received: 'imag'"):
        spaces.get({"imag": {}})


@pytest.mark.parametrize("given", [2.5, "image", (), (None, 3), True, None])
def test_what_is_no_space(given):
    with pytest.raises(TypeError, match="`input_shape`.*Received"):
        spaces.get(given, "input_shape")
    with refused("`input_shape`", "positive integers"):
        spaces.get((3, 0), "input_shape")


@pytest.mark.parametrize("missing", ["refuse", "mask"])
def test_sparse_rows_of_numbers_are_the_dense_ones(missing):
    sparse = scipy.sparse.random_array((30, 6), density=0.3, rng=RNG)
    answers = []
    for x in (sparse, sparse.toarray()):
        vae = keras_ae.VAE.create(6, 2, hidden=(4,), missing=missing, seed=0)
        vae.compile("adam")
        vae.fit(x, epochs=1, batch_size=8, verbose=0)
        answers.append((vae.embed(x), vae.score_samples(x)))
    for found, expected in zip(*answers, strict=True):
        np.testing.assert_array_equal(found, expected)
    sparse.data[0] = np.inf
    with refused("`x`", "infinite", "1 such rows"):
        vae.embed(sparse)
