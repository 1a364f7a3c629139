"""Answers as files: `load` reads what `write` wrote."""

import os

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from keras_ae import data
from keras_ae.data import tables

FRAME = pd.DataFrame(
    {"n": [1.5, np.nan], "word": ["a,b", 'c"d'], "ok": [True, False]}
)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
@pytest.mark.parametrize("index", [None, ["first", "second"]])
def test_a_frame_comes_back(tmp_path, suffix, index):
    path = tmp_path / f"rows{suffix}"
    frame = FRAME if index is None else FRAME.set_axis(index)
    data.write(path, frame)
    read = tables.read_parquet if suffix == ".parquet" else tables.read_csv
    pd.testing.assert_frame_equal(read(path)[0], frame, check_names=False)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_an_array_comes_back(tmp_path, suffix):
    x = np.arange(6.0).reshape(3, 2)
    data.write(tmp_path / f"x{suffix}", sparse.csr_matrix(x))
    np.testing.assert_array_equal(data.load(tmp_path / f"x{suffix}").rows, x)
    with pytest.raises(ValueError, match="numbers alone.*Write a table"):
        data.write(tmp_path / f"x{suffix}", np.array(["a"]))


@pytest.mark.parametrize("channels", [1, 3])
def test_images_come_back(tmp_path, channels):
    shape = (11, 4, 5, channels)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype="uint8")
    data.write(tmp_path / "new", pixels)
    np.testing.assert_array_equal(data.load(tmp_path / "new").rows, pixels)
    data.write(tmp_path / "own", pixels[:2], names=["b/x.jpg", "a.png"])
    assert data.load(tmp_path / "own").names == ["a.png", "b/x.png"]
    with pytest.raises(ValueError, match="Expected bytes.*float64"):
        data.write(tmp_path / "new", pixels / 255)


def test_arrays_in_a_table(tmp_path):
    path = tmp_path / "a.csv"
    data.write(path, np.array([0.5, 2.0]), names=["u", "v"], name="score")
    assert path.read_text() == ",score\nu,0.5\nv,2.0\n"
    data.write(path, np.eye(2), name="z")
    assert path.read_text() == "z0,z1\n1.0,0.0\n0.0,1.0\n"
    data.write(path, np.zeros([1, 2, 1]))
    assert path.read_text() == "window,step,x0\n0,0,0.0\n0,1,0.0\n"
    with pytest.raises(ValueError, match="Write an array"):
        data.write(path, np.zeros([1, 2, 3, 4]))


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path):
    with pytest.raises(ValueError, match=r"'.xlsx'"):
        data.write(tmp_path / "a.xlsx", np.eye(2))
    (tmp_path / "a.npy").write_text("before")
    with pytest.raises(ValueError, match="numbers"):
        data.write(tmp_path / "a.npy", np.array([{}]))
    assert (tmp_path / "a.npy").read_text() == "before"
    assert os.listdir(tmp_path) == ["a.npy"]


def test_images_of_one_stem_are_refused_and_other_suffixes_kept(tmp_path):
    pixels = np.arange(3, dtype="uint8").reshape(3, 1, 1, 1)
    names = ["a.JPG", "b.v1", "b.v2"]
    data.write(tmp_path / "new", pixels, names=names)
    found = data.load(tmp_path / "new")
    assert found.names == ["a.png", "b.v1.png", "b.v2.png"]
    np.testing.assert_array_equal(found.rows, pixels)
    with pytest.raises(ValueError, match=r"'a.jpg' and 'a.png', both 'a.png'"):
        data.write(tmp_path / "two", pixels, names=["a.jpg", "a.png", "b"])
    assert not (tmp_path / "two").exists()


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_carriage_returns_come_back(tmp_path, suffix):
    frame = pd.DataFrame(
        {"word\r": ["x\r", "\ry", "a,b\r\n", None], "n": [1.5, 2, np.nan, 4]},
        index=["first", "two\r", "three", "four"],
    )
    path = tmp_path / f"rows{suffix}"
    data.write(path, frame)
    found = tables.read_csv(path)[0]
    pd.testing.assert_frame_equal(found, frame, check_names=False)


def test_several_answers_are_no_table(tmp_path):
    path = tmp_path / "a.csv"
    with pytest.raises(ValueError, match=r"one answer.*list of 2.*concat"):
        data.write(path, [FRAME, FRAME])
    data.write(path, pd.concat([FRAME] * 2, keys=range(2), names=["d", "row"]))
    assert len(tables.read_csv(path)[0]) == 4
    with pytest.raises(ValueError, match="no `names`.*1 of them"):
        data.write(path, np.zeros([1, 2, 1]), names=["a"])


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_names_come_back_or_are_refused(tmp_path, suffix):
    path = tmp_path / f"rows{suffix}"
    for frame in (
        FRAME.rename_axis(index="n"),
        FRAME.set_axis([1, "1", 2], axis=1),
    ):
        with pytest.raises(ValueError, match=r"rows.*of one name.*twice [n1]"):
            data.write(path, frame)
    two = pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)])
    data.write(path, FRAME.set_axis(two, axis=1))
    read = tables.read_csv if suffix == ".csv" else tables.read_parquet
    found = read(path)[0]
    assert [*found] == ["('a', 1)", "('a', 2)", "('b', 1)"]
    assert found["('b', 1)"].tolist() == FRAME["ok"].tolist()
