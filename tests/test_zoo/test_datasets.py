"""Data sets: published counts and means, and the statistics of bits."""

import os

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from sklearn.datasets import load_digits

from keras_ae.zoo import datasets

needs_data = pytest.mark.skipif(
    "KERAS_AE_DATA" not in os.environ, reason="KERAS_AE_DATA is not set"
)


@pytest.fixture(scope="module")
def loaded():
    """Each data set is read once."""
    found = {}

    def load(name):
        if name not in found:
            found[name] = datasets.load(name)
        return found[name]

    return load


def test_a_fingerprint_is_of_every_value(monkeypatch):
    (x, y), test = datasets.load("digits")
    prints = {datasets.fingerprint("digits")}
    assert datasets.fingerprint("digits") in prints
    other = x.copy()
    other[-1, -1, -1, 0] += 1e-6
    for train in ((other, y), (x, y[::-1]), (x.reshape(-1, 64), y), (x, None)):
        monkeypatch.setitem(
            datasets._LOADERS, "digits", lambda train=train: (train, test)
        )
        prints.add(datasets.fingerprint("digits"))
    assert len(prints) == 5


# Means of the training pixels as published with each data set.
MEANS = {"mnist": 0.1307, "fashion_mnist": 0.2860}


@needs_data
@pytest.mark.parametrize("name", MEANS)
def test_images(loaded, name):
    (x, y), (x_test, y_test) = loaded(name)
    assert x.shape == (60_000, 28, 28, 1) and x.dtype == np.float32
    assert x_test.shape == (10_000, 28, 28, 1) and x_test.dtype == np.float32
    assert (x.min(), x.max(), x_test.min(), x_test.max()) == (0, 1, 0, 1)
    # Published to four digits; float64, as a sum of 47 million singles drifts.
    np.testing.assert_allclose(x.mean(dtype=float), MEANS[name], atol=5e-5)
    assert set(y) == set(y_test) == set(range(10))
    assert y.dtype == np.int64 and y.shape == (60_000,)
    # The pixels are 256 levels.
    assert len(np.unique(x[:1000])) <= 256
    np.testing.assert_allclose(x[:9] * 255, np.rint(x[:9] * 255), atol=1e-4)


@needs_data
def test_classes_of_the_test_sets(loaded):
    (_, _), (_, mnist) = loaded("mnist")
    # The counts that LeCun's page and many papers report.
    expected = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(mnist).tolist() == expected
    (_, _), (_, fashion) = loaded("fashion_mnist")
    assert np.bincount(fashion).tolist() == [1000] * 10


@needs_data
def test_binarized_mnist(loaded):
    (x, y), (x_test, y_test) = loaded("binarized_mnist")
    assert x.shape == (60_000, 28, 28, 1) and x.dtype == np.float32
    assert x_test.shape == (10_000, 28, 28, 1)
    assert y is None and y_test is None
    assert set(np.unique(x_test)) == {0, 1}
    # One draw of the same digits: their mean is that of the grey levels. A
    # pixel's variance is below 1/4, so this is more than ten deviations.
    np.testing.assert_allclose(x.mean(dtype=float), 0.1307, atol=1e-3)
    # The bits are images in order: neighbours agree, the rim is empty.
    assert (x[:100, :, 1:] == x[:100, :, :-1]).mean() > 0.9
    assert x[:, 0].mean() < 1e-4


def test_digits():
    (x, y), (x_test, y_test) = datasets.load("digits")
    assert x.shape == (1438, 8, 8, 1) and x_test.shape == (359, 8, 8, 1)
    assert x.dtype == np.float32 and (x.min(), x.max()) == (0, 1)
    bunch = load_digits()
    both = np.concatenate([x, x_test]), np.concatenate([y, y_test])
    order = np.argsort(np.arange(1797) % 5 == 4, kind="stable")
    np.testing.assert_array_equal(both[0][..., 0] * 16, bunch.images[order])
    np.testing.assert_array_equal(both[1], bunch.target[order])


def test_names():
    assert {"digits", "mnist", "shapes", "adult"} < set(datasets.names())
    for name in datasets.names():  # the table says what each one gives
        assert f"| `{name}` " in datasets.__doc__
    with pytest.raises(ValueError, match=r"\['mnist'.*Received: 'minst'"):
        datasets.load("minst")


@pytest.mark.parametrize("name", datasets.files.SOURCES)
def test_missing_data_say_where_they_go(name, monkeypatch, tmp_path):
    def offline(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setenv("KERAS_AE_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    if hasattr(keras.datasets, name):
        monkeypatch.setattr(getattr(keras.datasets, name), "load_data", offline)
    path = datasets.files.PATHS.get(name, f"{name}.npz")
    message = f"{path}.*KERAS_AE_DATA.*Received: .*nowhere.*The file is .{{20}}"
    with pytest.raises(FileNotFoundError, match=message):
        datasets.load(name)


def test_folder_of_the_environment_comes_first(monkeypatch, tmp_path):
    def write(folder, level):
        folder.mkdir(parents=True)
        x, y = np.full([4, 28, 28], level, "uint8"), np.zeros(4, "uint8")
        np.savez(folder / "mnist.npz", x_train=x, y_train=y, x_test=x, y_test=y)

    write(tmp_path / "datasets", 51)
    monkeypatch.delenv("KERAS_AE_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (x, _), _ = datasets.load("mnist")
    np.testing.assert_allclose(x, 0.2)
    write(tmp_path / "mine", 102)
    monkeypatch.setenv("KERAS_AE_DATA", str(tmp_path / "mine"))
    (x, _), _ = datasets.load("mnist")
    np.testing.assert_allclose(x, 0.4)


# Files.


@needs_data
def test_omniglot(loaded):
    (x, y), (x_test, y_test) = loaded("omniglot")
    # The split of Burda et al., 2016, and the characters of Lake et al., 2015.
    assert (len(x), len(x_test)) == (24_345, 8_115)
    assert len(set(y)) == len(set(y_test)) == 1623
    assert (x.min(), x.max(), x.dtype) == (0, 1, np.float32)
    assert x.shape[1:] == (28, 28, 1) and x.mean() < 0.2  # ink is rare


@needs_data
def test_sprites(loaded):
    (x, y), (x_test, y_test) = loaded("sprites")
    assert x.dtype == np.uint8 and x.shape[1:] == (64, 64, 3)
    # Six of each of four parts are 1,296 characters, in nine poses.
    assert len(x) + len(x_test) == len(y) + len(y_test) == 1296 * 9
    seen, other = ({*map(tuple, part[:, :4])} for part in (y, y_test))
    assert not seen & other and len(other) == 1296 // 4
    assert len(np.unique(y_test, axis=0)) == len(y_test)
    # One factor, one thing: another pose of a character has its colors.
    assert {*y_test[:, 4]} == set(range(9))


@needs_data
def test_ecg5000(loaded):
    (x, y), (x_test, y_test) = loaded("ecg5000")
    assert (x.shape, x_test.shape) == ((2335, 140), (2665, 140))
    assert not y.any() and set(y_test) == {0, 1}
    # Beats of the archive have mean 0 and deviation 1, by n - 1.
    np.testing.assert_allclose(x.mean(axis=1), 0, atol=1e-4)
    np.testing.assert_allclose(x.std(axis=1, ddof=1), 1, atol=1e-4)


@needs_data
def test_adult(loaded):
    (x, y), (x_test, y_test) = loaded("adult")
    # Counts and share of the archive's description.
    assert (len(x), len(x_test), x.shape[1]) == (32_561, 16_281, 14)
    np.testing.assert_allclose(np.mean([*y, *y_test]), 0.2393, atol=1e-4)
    both = [x, x_test]
    complete = [len(part.dropna()) for part in both]
    assert complete == [30_162, 15_060]
    assert (x.dtypes == x_test.dtypes).all()  # the same categories
    assert x["age"].between(17, 90).all() and x["sex"].nunique() == 2
    assert len(x["education"].cat.categories) == 16


@needs_data
def test_german_credit(loaded):
    (x, y), (x_test, y_test) = loaded("german_credit")
    # Rows, columns and the share of bad risks of the archive's description.
    assert (x.shape, x_test.shape) == ((800, 20), (200, 20))
    assert y.sum() + y_test.sum() == 300
    assert (x.dtypes == x_test.dtypes).all()
    assert (x.dtypes == "category").sum() == 13
    assert x["age"].min() >= 19 and x["amount"].max() <= 18_424
    assert len(x["purpose"].cat.categories) == 10


@needs_data
@pytest.mark.parametrize(
    ("name", "sizes", "columns"),
    [("pbmc", (3417, 854), 2000), ("20news", (11_314, 7531), 3072)],
)
def test_counts(loaded, name, sizes, columns):
    (x, y), (x_test, y_test) = loaded(name)
    assert (x.shape[0], x_test.shape[0]) == sizes
    assert x.shape[1] == x_test.shape[1] == columns
    assert x.dtype == np.int32 and x.data.min() > 0
    assert x.sum(axis=1).min() > 0
    if name == "pbmc":  # each type of cell is in both parts
        assert set(y) == set(y_test) == set(range(8))
    else:
        assert y is None and y_test is None
        words = datasets.words()
        assert len(words) == 3072
        # One word in each other's documents.
        game = x[:, [words.index("team"), words.index("game")]].toarray() > 0
        assert np.corrcoef(game.T)[0, 1] > 0.2
    assert len(datasets.fingerprint(name)) == 64


@pytest.mark.parametrize("name", ["breast_cancer", "wine", "iris", "diabetes"])
def test_tables(name):
    import sklearn.datasets

    (x, y), (x_test, y_test) = datasets.load(name)
    bunch = getattr(sklearn.datasets, f"load_{name}")(
        **{"scaled": False} if name == "diabetes" else {}
    )
    order = np.argsort(np.arange(len(bunch.data)) % 5 == 4, kind="stable")
    both = np.concatenate([x, x_test]), np.concatenate([y, y_test])
    np.testing.assert_array_equal(both[0], bunch.data[order])
    np.testing.assert_array_equal(both[1], bunch.target[order])


# What is made.


@pytest.mark.parametrize("size", [32, 64])
def test_shapes_are_where_and_what_their_factors_say(size):
    x, y = datasets.shapes(300, size)
    assert x.dtype == np.float32 and (x.min(), x.max()) == (0, 1)
    assert not x[:, [0, -1]].any() and not x[:, :, [0, -1]].any()
    ink = x[..., 0] / x.sum(axis=(1, 2, 3))[:, None, None]
    area = x.sum(axis=(1, 2, 3)) / size**2
    # Cut corners at the edges' joints: less than a pixel each.
    np.testing.assert_allclose(area, y[:, 1] ** 2, atol=2 / size**2)
    place = (np.arange(size) + 0.5) / size
    across, down = ink.sum(axis=1) @ place, ink.sum(axis=2) @ place
    np.testing.assert_allclose(across, y[:, 3], atol=0.2 / size)
    np.testing.assert_allclose(down, y[:, 4], atol=0.2 / size)


def test_turned_shapes_are_turned():
    """The third moment along the axis of symmetry is what it is of the
    shape, and that across it is 0."""
    x, y = datasets.shapes(100, 160)
    ink = x[..., 0] / x.sum(axis=(1, 2, 3))[:, None, None]
    place = (np.arange(160) + 0.5) / 160
    right = place - y[:, 3, None, None]  # [N, 1, 64]
    down = place[:, None] - y[:, 4, None, None]
    cos, sin = np.cos(y[:, 2])[:, None, None], np.sin(y[:, 2])[:, None, None]
    across, up = right * cos + down * sin, right * sin - down * cos
    skew = (ink * up**3).sum(axis=(1, 2)) / y[:, 1] ** 3
    odd = (ink * across**3).sum(axis=(1, 2)) / y[:, 1] ** 3
    # Of area 1: a triangle of base 1.2, a half disc by its moments about the
    # straight side, and a house of a square and half a square above it.
    triangle = stats.triang(0, scale=2 / 1.2)
    r = np.sqrt(2 / np.pi)
    mean, square = 4 * r / (3 * np.pi), r**2 / 4
    a = np.sqrt(0.8)
    part = [stats.uniform(0, a), stats.triang(0, a, a / 2)]
    raw = [0.8 * part[0].moment(k) + 0.2 * part[1].moment(k) for k in (1, 2, 3)]
    expected = [
        triangle.stats("s") * triangle.std() ** 3,
        8 * r**3 / (15 * np.pi) - 3 * mean * square + 2 * mean**3,
        raw[2] - 3 * raw[0] * raw[1] + 2 * raw[0] ** 3,
    ]
    # The width of a pixel blurs the tips, which weigh most.
    expected = np.array(expected)[y[:, 0].astype(int)]
    np.testing.assert_allclose(skew, expected, rtol=0.1)
    assert abs(odd).max() < abs(expected).min() / 3


def test_shapes_of_a_seed():
    x, y = datasets.shapes(5, seed=3)
    more = datasets.shapes(300, seed=3)
    np.testing.assert_array_equal(x, more[0][:5])
    np.testing.assert_array_equal(y, more[1][:5])
    assert (datasets.shapes(5, seed=4)[1] != y).all(axis=0)[1:].all()
    with pytest.raises(ValueError, match="`size`.*Received: size=8"):
        datasets.shapes(1, size=8)


def test_waves():
    x, y = datasets.waves(5000, anomalies=10)
    assert x.shape == (5000, 2) and x.dtype == np.float32
    starts = np.flatnonzero(np.diff(y, prepend=0) == 1)
    ends = np.flatnonzero(np.diff(y, append=0) == -1)
    assert len(starts) == len(ends) == 10
    assert ((ends - starts >= 9) & (ends - starts < 50)).all()
    assert (starts // 500 == np.arange(10)).all()
    clean, zeros = datasets.waves(5000)
    assert not zeros.any()
    # The rest is as it would have been; of what is marked, nothing.
    np.testing.assert_array_equal(x[y == 0], clean[y == 0])
    assert (x != clean).any(axis=1)[y == 1].mean() > 0.97  # a flat line's start
    power = abs(np.fft.rfft(clean, axis=0)) ** 2
    assert power.argmax(axis=0).tolist() == [100, 143]  # 5000 / 50, / 35
    with pytest.raises(ValueError, match="at least 1000"):
        datasets.waves(999, anomalies=10)


# Bits.


def test_bits_have_the_grey_levels_as_probabilities():
    levels = np.array([0, 0.1, 0.5, 0.9, 1])
    n = 20_000
    bits = datasets.binarize(np.tile(levels, (n, 1)), seed=0)
    assert bits.dtype == np.uint8 and bits.shape == (n, 5)
    counts = bits.sum(axis=0, dtype=int)
    assert counts[0] == 0 and counts[-1] == n
    for count, p in zip(counts[1:-1], levels[1:-1], strict=True):
        assert stats.binomtest(int(count), n, p).pvalue > 1e-3


def test_seed_decides_the_bits():
    x = np.full([100], 0.5)
    first = datasets.binarize(x, seed=1)
    np.testing.assert_array_equal(first, datasets.binarize(x, seed=1))
    assert 20 < (first != datasets.binarize(x, seed=2)).sum() < 80


@pytest.mark.parametrize("batched", [True, False])
def test_stream_is_drawn_anew_at_each_pass(batched):
    x = np.full([50, 4], 0.5, "float32")

    def passes(seed):
        stream = tf.data.Dataset.from_tensor_slices(x)
        if batched:
            stream = stream.batch(8)
        stream = datasets.dynamic_binarization(stream, seed)
        return [
            np.concatenate([np.atleast_2d(b) for b in stream]) for _ in range(2)
        ]

    first, second = passes(0)
    assert first.shape == (50, 4) and set(first.ravel()) == {0, 1}
    # 200 fair coins agree in half of the places, with a deviation of 7.1.
    assert abs((first == second).sum() - 100) < 4 * 7.1
    assert len(np.unique(first, axis=0)) > 10  # rows differ, too
    again = passes(0)
    np.testing.assert_array_equal([first, second], again)
    assert (passes(1)[0] != first).any()


def test_stream_keeps_the_grey_levels():
    x = np.tile([0, 0.2, 1], (5000, 1)).astype("float32")
    stream = tf.data.Dataset.from_tensor_slices(x).batch(100)
    stream = datasets.dynamic_binarization(stream)
    counts = np.concatenate(list(stream)).sum(axis=0, dtype=int)
    assert counts[0] == 0 and counts[2] == 5000
    assert stats.binomtest(int(counts[1]), 5000, 0.2).pvalue > 1e-3


@pytest.mark.parametrize(
    "function", [datasets.binarize, datasets.dynamic_binarization]
)
@pytest.mark.parametrize(
    ("x", "received"),
    [
        ([0.0, 255.0], r"\[0, 255\]"),
        ([-0.5, 0.5], r"\[-0.5, 0.5\]"),
        ([0.5, np.nan], r"\[nan, nan\]"),
    ],
)
def test_only_grey_levels_make_bits(function, x, received):
    with pytest.raises(ValueError, match=f"Expected.*Received.*{received}"):
        function(np.array(x))


@pytest.mark.parametrize(
    "function", [datasets.binarize, datasets.dynamic_binarization]
)
def test_no_rows_make_no_bits(function):
    with pytest.raises(ValueError, match="Expected.*Received"):
        function(np.zeros([0, 3]))


def test_directions_hang_in_trees():
    """Frequencies by their law, four of them or none below each."""
    n, trees, directions, active = 20_000, 2, 200, 10.0
    found = datasets.superposition(n, 16, directions, active, trees=trees)
    there = found.codes > 0
    often = 1 / np.sqrt(np.arange(1, directions + 1))
    often = np.minimum(1, often * active / often.sum())
    for parent in range(trees * 21):  # roots, four each, sixteen each
        children = slice(trees + 4 * parent, trees + 4 * parent + 4)
        below = there[:, children]
        assert below.sum(axis=1).max() == 1
        assert not below[~there[:, parent]].any()
        share = min(1, often[children].sum() / often[parent])
        seen = below.any(axis=1)[there[:, parent]]
        # Five standard errors of a share of so many rows.
        error = np.sqrt(share * (1 - share) / len(seen))
        assert abs(seen.mean() - share) <= 5 * error
    alone = np.r_[:trees, trees * 85 : directions]
    error = np.sqrt(often * (1 - often) / n)
    assert (abs(there.mean(axis=0) - often) <= 5 * error)[alone].all()
    np.testing.assert_allclose(found.x, found.codes @ found.directions)
    with pytest.raises(ValueError, match="trees of 85 directions, 200 in"):
        datasets.superposition(1, directions=200, trees=3)
