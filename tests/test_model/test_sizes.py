"""A code for each place: other sizes, and tiles."""

import numpy as np
import pytest
import tensorflow as tf

import keras_ae


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def create(shape, code, variant="autoencoder", **options):
    options = {"hidden": (4, 4), "activation": "tanh", "seed": 0} | options
    return keras_ae.get(variant).create(shape, code, network="conv", **options)


CASES = [
    ((16, 2), (4, 3), (104, 2), (24,)),
    ((16, 8, 1), (4, 2, 3), (72, 64, 1), (20, 16)),
    ((8, 8, 8, 1), (4, 4, 4, 2), (28, 16, 24, 1), (8, 8, 16)),
]


@pytest.mark.parametrize("shape, code, large, tile", CASES)
def test_tiles_equal_the_whole(shape, code, large, tile, rng):
    """Sides of tiles divide no side of the example."""
    options = {"hidden": (4,)} if len(shape) == 4 else {}
    model = create(shape, code, **options)
    x = rng.normal(size=(2, *large)).astype("float32")
    whole = model.resized(large[:-1])
    np.testing.assert_allclose(
        model.reconstruct_tiles(x, tile), whole.predict(x), atol=1e-5
    )


def test_codes_of_tiles_equal_those_of_the_whole(rng):
    model = create((16, 2), (4, 3))
    x = rng.normal(size=(2, 104, 2)).astype("float32")
    found = model.embed_tiles(x, (24,))
    np.testing.assert_allclose(found, model.resized((104,)).embed(x), atol=1e-5)


def test_what_is_around_a_tile_is_as_much_as_counts(rng):
    """Derivatives of the middle are zero beyond it, and not zero within."""
    model = create((16, 1), (4, 3)).resized((400,))
    (reads,), (writes,) = model._reach()
    assert reads > 0 and writes > 0
    x = tf.constant(rng.normal(size=(1, 400, 1)), tf.float32)
    z = tf.constant(rng.normal(size=(1, 100, 3)), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch((x, z))
        cell = tf.reduce_sum(model.encode(x).mean()[:, 50])
        places = tf.reduce_sum(model.decode(z).mean()[:, 200:204] ** 2)
    for gradient, size, reach in (
        (tape.gradient(cell, x), 4, reads),
        (tape.gradient(places, z), 1, writes),
    ):
        used = np.flatnonzero(np.abs(gradient[0]).sum(-1)) // size
        assert max(50 - used.min(), used.max() - 50) == reach


def test_a_shift_by_a_cell_shifts_the_code(rng):
    model = create((16, 16, 1), (4, 4, 3)).resized((80, 80))
    x = rng.normal(size=(1, 80, 80, 1)).astype("float32")
    moved = model.embed(np.roll(x, (4, 8), (1, 2)))
    code = np.roll(model.embed(x), (1, 2), (1, 2))
    inner = np.s_[:, 7:-5, 7:-5]
    np.testing.assert_allclose(moved[inner], code[inner], atol=1e-5)


def test_bytes_stay_bytes_and_weights_stay(rng):
    space = keras_ae.spaces.Image(8, 8, 3)
    small = create(space, (4, 4, 4), "vae", hidden=(4,))
    large = small.resized((32, 16))
    assert large.space.shape == (32, 16, 3)
    for a, b in zip(small.weights, large.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    x = rng.integers(256, size=(2, 32, 16, 3), dtype="uint8")
    tiles = small.reconstruct_tiles(x, (8, 8), dtype="uint8")
    whole = large.reconstruct(x, dtype="uint8")
    assert tiles.dtype == "uint8"
    # Rounding may turn a half into the next level.
    assert np.abs(tiles.astype(int) - whole).max() <= 1


def test_series_in_their_units(rng):
    space = keras_ae.spaces.Series(16, 1, mean=100.0, scale=5.0)
    model = create(space, (4, 3), "vae")
    x = 100 + 5 * rng.normal(size=(3, 64, 1))
    tiles = model.reconstruct_tiles(x, (20,))
    whole = model.resized((64,)).reconstruct(x)
    np.testing.assert_allclose(tiles, whole, rtol=1e-5)


@pytest.mark.parametrize(
    "shape, code, options, words",
    [
        ((8, 8, 1), 3, {}, "made for one size.*grid as code.*(3,)"),
        ((6, 6, 1), (2, 2, 3), {}, "made for one size"),  # 8 and 6 rows
        ((8, 8, 1), (2, 2, 3), {}, r"sides.*multiples of \[4, 4\].*\(18, 16\)"),
    ],
)
def test_models_and_sizes_that_do_not_go(shape, code, options, words):
    model = create(shape, code, **options)
    with pytest.raises(ValueError, match=words):
        model.resized((18, 16))


def test_what_else_is_refused(rng):
    vamp = create(
        (8, 8, 1), (2, 2, 3), "vae", prior={"vamp": {"components": 3}}
    )
    with pytest.raises(ValueError, match="weights that are made for one size"):
        vamp.resized((16, 16))
    model = create((8, 8, 1), (2, 2, 3))
    with pytest.raises(ValueError, match="sides.*as many"):
        model.resized((16,))
    with pytest.raises(ValueError, match="tile.*2 sides"):
        model.reconstruct_tiles(np.zeros([1, 16, 16, 1]), (8,))
    flat = keras_ae.VAE.create(8, 2, hidden=(4,))
    with pytest.raises(ValueError, match="sides"):
        flat.resized((16,))
