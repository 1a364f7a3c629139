"""Files as examples: what is read is what was written, and what cannot be
taken is named."""

import datetime
import gzip

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import sparse

from keras_ae import data
from keras_ae import spaces
from keras_ae.data import images
from keras_ae.data import problems
from keras_ae.data import series
from keras_ae.data import tables

RNG = np.random.default_rng(0)


def csv(folder, body, name="rows.csv", encoding="utf-8", **options):
    path = folder / name
    path.write_bytes(body.encode(encoding))
    return tables.read_csv(path, **options)[0]


def picture(folder, name, shape=(6, 8, 3), **settings):
    pixels = RNG.integers(0, 256, shape, dtype="uint8")
    Image.fromarray(pixels).save(folder / name, **settings)
    return pixels


# Arrays.


@pytest.mark.parametrize("key", ["x", "X", "x_train", "only"])
def test_an_archive_gives_the_array_that_is_meant(tmp_path, key):
    x = RNG.normal(size=(5, 3))
    others = {} if key == "only" else {"labels": np.arange(5)}
    np.savez(tmp_path / "a.npz", **{key: x}, **others)
    found = data.load(tmp_path / "a.npz")
    np.testing.assert_array_equal(found.rows, x)
    assert found.space.shape == (3,)


def test_an_array_is_chosen_by_name(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.zeros([2, 3]), b=np.ones([2, 4]))
    with pytest.raises(ValueError, match=r"one of x, X, x_train.* a, b"):
        data.load(tmp_path / "a.npz")
    assert data.load(tmp_path / "a.npz", key="b").space.shape == (4,)
    with pytest.raises(ValueError, match=r"under 'c'.*arrays a, b"):
        data.load(tmp_path / "a.npz", key="c")


def test_bytes_are_images_and_floats_are_not(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros([5, 4, 4, 3], "uint8"))
    assert isinstance(data.load(tmp_path / "a.npy").space, spaces.Image)
    np.save(tmp_path / "a.npy", np.zeros([5, 4, 4, 3]))
    assert isinstance(data.load(tmp_path / "a.npy").space, spaces.Array)


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_pickles_are_not_opened(tmp_path, name):
    path = tmp_path / name
    save = np.save if name == "a.npy" else np.savez
    save(path, np.array([{}], object))
    with pytest.raises(ValueError, match="array|Object arrays"):
        data.load(path)
    path.write_bytes(b"\x80\x04N.")
    with pytest.raises(ValueError, match=r"begins with b'\\x80\\x04"):
        data.load(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="Received: nothing"):
        data.load(path)


def test_arrays_that_are_no_examples(tmp_path):
    np.save(tmp_path / "a.npy", np.array(["a", "b"]))
    with pytest.raises(ValueError, match="integers, floats or bools.*<U1"):
        data.load(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", np.zeros([0, 3]))
    with pytest.raises(ValueError, match=r"at least one row.*\(0, 3\)"):
        data.load(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", np.zeros([9]))
    with pytest.raises(ValueError, match="--window"):
        data.load(tmp_path / "a.npy")


# Tables.


@pytest.mark.parametrize(
    "name, text",
    [
        ("rows.csv", "a,b\n1.5,x\n2.25,y\n"),
        ("rows.csv", '\n"a";b\n1,5;x\n2,25;y\n'),
        ("rows.csv", "\N{ZERO WIDTH NO-BREAK SPACE}a| b\r\n1.5| x\r\n2.25|y"),
        ("rows.tsv", "a\tb\n1.5\tx\n\n2.25\ty\n"),
    ],
)
def test_delimiters_commas_and_marks_are_understood(tmp_path, name, text):
    frame = csv(tmp_path, text, name)
    expected = pd.DataFrame({"a": [1.5, 2.25], "b": ["x", "y"]})
    pd.testing.assert_frame_equal(frame, expected)


def test_types_of_columns(tmp_path):
    frame = csv(
        tmp_path,
        "day,code,n,ok\n2026-01-31,12,1,True\n,7a,?,False\n",
        text=["code"],
        holes=["?"],
    )
    assert frame["day"].dtype.kind == "M"
    assert frame["code"].tolist() == ["12", "7a"]
    assert frame["n"].isna().tolist() == [False, True]
    assert frame["ok"].tolist() == [True, False]


def test_cells_stay_as_they_are(tmp_path):
    body = (
        ",zip,n,x,word,ok\n0007,00037,1,1.0, a ,True\n"
        "0008,,, ,b,\n0009,12345,3,0.5, a,False\n"
    )
    frame = csv(tmp_path, body)
    assert frame["zip"].dropna().tolist() == ["00037", "12345"]
    assert frame["word"].tolist() == [" a ", "b", " a"]
    assert frame["n"].dtype == "Int64" and frame["x"].dtype == "float64"
    data.write(tmp_path / "again.csv", frame)
    assert (tmp_path / "again.csv").read_text() == body.replace(" ,b", ",b")
    twice = csv(tmp_path, ",n\n1,2\n1,\n,4\n")["n"]
    assert twice.isna().tolist() == [False, True, False]
    spaced = csv(tmp_path, 'a, b\n1, x\n2, "y,z"\n')
    assert spaced["b"].tolist() == ["x", "y,z"]
    assert csv(tmp_path, "01;x\n02;\n", header=False)["x0"].iloc[0] == "01"
    frame = csv(tmp_path, "a;ok;zip\n1,5;True;007\n2;;\n")
    assert frame["a"].tolist() == [1.5, 2.0]


def test_a_compressed_table_and_columns_left_out(tmp_path):
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(b"id,a\nu1,1\nu2,2\n"))
    frame, _ = tables.read_csv(path, drop=["id"])
    assert frame.to_dict("list") == {"a": [1, 2]}
    with pytest.warns(UserWarning, match=r"no columns \['name'\]"):
        tables.read_csv(path, drop=["name"])
    path.write_bytes(b"id,a\nu1,1\n")
    with pytest.raises(ValueError, match="a gzip file"):
        tables.read_csv(path)


def test_an_index_and_names_of_columns(tmp_path):
    assert csv(tmp_path, ",a\nr1,4\nr2,5\n").index.tolist() == ["r1", "r2"]
    with pytest.raises(ValueError, match=r"numbers in \['1', '2'\].*--no-h"):
        csv(tmp_path, "1,2\n3,4\n")
    frame = csv(tmp_path, "1,2\n3,4\n", header=False)
    assert frame.to_dict("list") == {"x0": [1, 3], "x1": [2, 4]}
    assert [*csv(tmp_path, "1,2\n3,4\n", header=True).columns] == ["1", "2"]
    with pytest.raises(ValueError, match="same name twice: a"):
        csv(tmp_path, "a,a\n3,4\n")
    with pytest.raises(ValueError, match="none for column 2"):
        csv(tmp_path, "a,\n3,4\n")


def test_an_empty_line_is_a_hole_where_there_is_one_column(tmp_path):
    frame = csv(tmp_path, "a\n3\n\n4\n\n\n")
    np.testing.assert_array_equal(frame["a"], [3, np.nan, 4])
    assert csv(tmp_path, "a\n3\n4\n\n")["a"].dtype == "int64"


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "Expected names of columns, and rows. Received: nothing"),
        ("\n\n", "Received: nothing"),
        ("a,b\n", r"at least one row. Received: the columns \['a', 'b'\]"),
        ("a,b\n1,2\n3\n", "2 fields in every line.*1 in line 3: '3'"),
        ("a,b\n1,2\n3,4,5\n", "3 in line 3: '3,4,5'"),
        ('a,b\n"1,2\n3,4\n', "unexpected end of data in line 3"),
        (
            "a,b\n1,x\n2,y\nfew,z\n",
            r"column 'a'. Received: 2 numbers and 1 texts, the first 'few' in "
            r"row 3.*--holes 'few'.*--text a",
        ),
        ("a\0b\n1\n", "zero bytes"),
    ],
)
def test_tables_that_cannot_be_taken(tmp_path, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        csv(tmp_path, text)
    assert "rows.csv" in str(caught.value)


def test_encodings(tmp_path):
    text = "a,b\n1,x\n2,é\n"
    with pytest.raises(ValueError, match="utf-8.*in line 3.*--encoding"):
        csv(tmp_path, text, encoding="latin-1")
    path = tmp_path / "rows.csv"
    frame, _ = tables.read_csv(path, encoding="latin-1")
    assert frame["b"].tolist() == ["x", "é"]
    path.write_bytes(text.encode("utf-16"))
    frame, _ = tables.read_csv(path, encoding="utf-16")
    assert frame["b"].tolist() == ["x", "é"]
    with pytest.raises(ValueError, match="`encoding`.*'klingon'"):
        tables.read_csv(path, encoding="klingon")
    with pytest.raises(ValueError, match=r"columns of text.*\['c'\]"):
        tables.read_csv(path, encoding="utf-16", text=["c"])


def test_parquet_keeps_types(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "rows.parquet"
    frame = pd.DataFrame({"a": [1, 2], "b": pd.Categorical(["x", None])})
    frame.to_parquet(path)
    pd.testing.assert_frame_equal(tables.read_parquet(path)[0], frame)
    path.write_bytes(b"PAR1")
    with pytest.raises(ValueError, match="a Parquet file"):
        tables.read_parquet(path)
    days = [datetime.date(2026, 1, 31), None, datetime.date(2026, 2, 1)]
    pd.DataFrame({"day": days}).to_parquet(path)
    space, rows, _ = data.load(path)
    assert space.columns[0].type == "date"
    assert rows["day"].equals(pd.Series(pd.to_datetime(days)))
    frame[:0].to_parquet(path)
    with pytest.raises(ValueError, match="at least one row"):
        tables.read_parquet(path)


def test_a_table_is_learned_from_its_file(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1.5,x\n2.5,y\n0.5,\n")
    space, rows, _ = data.load(path)
    assert isinstance(space, spaces.Table)
    assert rows["b"].isna().sum() == 1
    words = "\n".join(f"u{i},{i}" for i in range(2000))
    path.write_text(f"id,a\n{words}\n")
    with pytest.raises(ValueError, match="rows.csv: .*'id'.*too many.*--drop"):
        data.load(path)


def test_a_file_is_read_as_that_of_the_training_was(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("zip,x,n\n00037,0.5,1\n00074,1.5,\n12345,2.5,3\n")
    space, rows, _ = data.load(path)
    assert space.columns[0].categories == ["00037", "00074", "12345"]
    path.write_text("zip,x,n\n12345,1,2\n,,\n")
    rows = data.load(path, space=space).rows
    assert rows["zip"][0] == "12345"
    filled = pd.DataFrame({"x": [0.0, 0.5], "n": [0, 1]})
    rows = rows.fillna(filled)
    assert rows["x"].tolist() == [1, 0.5]
    assert rows["n"].dtype == "Int64"


# Series.


@pytest.mark.parametrize(
    "times", [["2026-01-31", "2026-02-01"], ["1/2/2026", "1/13/2026"], [3, 4]]
)
def test_the_column_of_times_becomes_the_index(times):
    frame = pd.DataFrame({"v": [1, 2], "time": times})
    found = series.as_series("log.csv", frame)
    assert [*found.columns] == ["v"]
    assert found.index.name == "time"
    assert found.index.is_monotonic_increasing


def test_digits_behind_zeros_are_numbers_of_a_series(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("t,v,n\n08,007,1\n09,,\n10,012,3\n")
    rows = data.load(path, window=2).rows
    np.testing.assert_array_equal(rows["v"], [7, np.nan, 12])
    np.testing.assert_array_equal(rows["n"], [1, np.nan, 3])
    assert rows.index.tolist() == [8, 9, 10]


def test_series_that_cannot_be_taken(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("v,t\n1,2026-01-02\n2,2026-01-01\n")
    with pytest.raises(ValueError, match="never go back.*in row 2.*Sort"):
        data.load(path, window=2)
    path.write_text("v,state\n1,on\n2,off\n")
    with pytest.raises(ValueError, match="'state' with 'on'.*--drop state"):
        data.load(path, window=2)
    path.write_text("v\n1\n2\n")
    with pytest.raises(ValueError, match="one window, 3 points.*2 points"):
        data.load(path, window=3)
    np.save(tmp_path / "a.npy", np.zeros([4, 3, 2]))
    with pytest.raises(ValueError, match="one long series.*Leave `window`"):
        data.load(tmp_path / "a.npy", window=3)


def test_a_long_series(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("v,w\n" + "\n".join(f"{i},{-i}" for i in range(9)))
    space, rows, _ = data.load(path, window=4)
    assert isinstance(space, spaces.Series)
    assert space.shape == (4, 2)
    assert len(data.load(path, space=space).rows) == 9


# Counts.


def anndata(path, x, names, **layers):
    """AnnData's layout, written by hand."""
    with h5py.File(path, "w") as file:
        for name, matrix in {"X": x, **layers}.items():
            group = file.create_group(name)
            kind = f"{matrix.format}_matrix"
            group.attrs.update({"encoding-type": kind, "shape": matrix.shape})
            for part in ("data", "indices", "indptr"):
                group[part] = getattr(matrix, part)
        obs = file.create_group("obs")
        obs.attrs["_index"] = "cell"
        obs["cell"] = names


@pytest.mark.parametrize("kind", ["csr", "csc"])
def test_sparse_cells_with_their_names(tmp_path, kind):
    dense = RNG.poisson(0.5, (6, 4)).astype("float32")
    path = tmp_path / "cells.h5ad"
    names = [f"cell {i}" for i in range(6)]
    anndata(path, sparse.csr_matrix(dense).asformat(kind), names)
    space, rows, found = data.load(path)
    assert isinstance(space, spaces.Counts)
    np.testing.assert_array_equal(rows.toarray(), dense)
    assert found.tolist() == names


def test_counts_are_looked_for_and_asked_for(tmp_path):
    counts = sparse.csr_matrix(RNG.poisson(0.9, (6, 4)).astype("float32"))
    path = tmp_path / "cells.h5ad"
    names = [*"abcdef"]
    anndata(path, counts.log1p(), names, **{"layers/counts": counts})
    np.testing.assert_array_equal(
        data.load(path).rows.toarray(), counts.toarray()
    )
    anndata(path, counts.log1p(), names)
    with pytest.raises(ValueError, match="whole numbers.*in X.*--no-counts"):
        data.load(path)
    assert isinstance(data.load(path, counts=False).space, spaces.Array)


def test_hdf5_without_a_matrix(tmp_path):
    path = tmp_path / "cells.h5"
    with h5py.File(path, "w") as file:
        file["genes"] = [1, 2]
    with pytest.raises(ValueError, match="under X or .*the names genes"):
        data.load(path)
    with pytest.raises(ValueError, match=r"cells by genes.*\(2,\)"):
        data.load(path, key="genes")
    path.write_text("no HDF5")
    with pytest.raises(ValueError, match="an HDF5 file"):
        data.load(path)


# Images.


def test_pixels_of_a_folder_are_those_of_its_files(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / ".hidden").write_text("no image")
    pixels = [picture(tmp_path, name) for name in ("c.png", "a.png", "b/z.bmp")]
    space, rows, names = data.load(tmp_path)
    assert names == ["a.png", "b/z.bmp", "c.png"]
    assert space == spaces.Image(6, 8, 3) or space.shape == (6, 8, 3)
    np.testing.assert_array_equal(rows, [pixels[i] for i in (1, 2, 0)])


def test_sizes_are_made_equal_on_request(tmp_path):
    picture(tmp_path, "a.png")
    wide = np.zeros([10, 30, 3], "uint8")
    wide[:, 4:26] = 255  # the middle, and what the filter sees beside it
    Image.fromarray(wide).save(tmp_path / "b.png")
    with pytest.raises(ValueError, match=r"6x8 \(a.png\), 10x30 .*--image-s"):
        data.load(tmp_path)
    rows = data.load(tmp_path, image_size=5).rows
    assert rows.shape == (2, 5, 5, 3)
    assert (rows[1] == 255).all()
    assert data.load(tmp_path, image_size=(4, 6)).rows.shape == (2, 4, 6, 3)
    with pytest.raises(ValueError, match="`image_size`"):
        data.load(tmp_path, image_size=(4, 6, 8))
    as_trained = data.load(tmp_path, space=spaces.Image(7, 9, 1))
    assert as_trained.rows.shape == (2, 7, 9, 1)


def test_modes_become_one(tmp_path):
    Image.new("1", (4, 4), 1).save(tmp_path / "bits.png")
    Image.new("L", (4, 4), 7).save(tmp_path / "grey.png")
    assert data.load(tmp_path).rows[:, 0, 0, 0].tolist() == [255, 7]
    Image.new("RGBA", (4, 4), (9, 9, 9, 0)).save(tmp_path / "clear.png")
    with pytest.raises(ValueError, match=r"1 files.*clear.png \(color, 2 oth"):
        data.load(tmp_path)
    rows = data.load(tmp_path, channels=3).rows
    assert rows.shape == (3, 4, 4, 3)
    assert (rows[1] == 255).all()  # nothing, over white
    with pytest.warns(UserWarning, match="1 files .* skipped, 2 images"):
        assert data.load(tmp_path, skip_broken=True).rows.shape[-1] == 1


def test_a_camera_says_what_is_up(tmp_path):
    image = Image.fromarray(np.zeros([4, 8, 3], "uint8"))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.jpg", exif=exif)
    assert data.load(tmp_path).space.shape == (8, 4, 3)


def test_broken_files_are_named_or_skipped(tmp_path):
    whole = picture(tmp_path, "whole.png")
    picture(tmp_path, "late.png")
    raw = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(raw[: len(raw) // 2])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "labels.txt").write_text("1 2 3")
    Image.new("I;16", (8, 6)).save(tmp_path / "deep.png")
    frames = [Image.new("RGB", (8, 6), (i, 0, 0)) for i in range(3)]
    frames[0].save(
        tmp_path / "film.gif", save_all=True, append_images=frames[1:]
    )
    with pytest.raises(ValueError) as caught:
        data.load(tmp_path)
    for part in (
        "deep.png (mode I;16, not of 8 bits; such images are data as arrays, ",
        "empty.png (empty)",
        "film.gif (an animation of 3 frames)",
        "labels.txt (not an image)",
        "--skip-broken",
    ):
        assert part in str(caught.value)
    with pytest.warns(UserWarning) as warned:
        found = data.load(tmp_path, skip_broken=True)
    assert "cut.png (" in " ".join(str(w.message) for w in warned)
    assert found.names == ["late.png", "whole.png"]
    np.testing.assert_array_equal(found.rows[1], whole)


def test_a_folder_without_images(tmp_path):
    with pytest.raises(ValueError, match="at least one image.*no files"):
        data.load(tmp_path)


def test_many_images_are_kept_in_a_file(tmp_path, monkeypatch):
    pixels = picture(tmp_path, "a.png")
    monkeypatch.setattr(images, "MEMORY", 10)
    rows = data.load(tmp_path).rows
    assert isinstance(rows, np.memmap)
    np.testing.assert_array_equal(rows, pixels[None])


# All of them.


def test_other_files(tmp_path):
    with pytest.raises(ValueError, match=r"one of .csv, .*no such file"):
        data.load(tmp_path / "rows.xlsx")
    (tmp_path / "rows.xlsx").write_text("")
    with pytest.raises(ValueError, match="Received: another file"):
        data.load(tmp_path / "rows.xlsx")
    with pytest.raises(FileNotFoundError, match="no file"):
        data.load(tmp_path / "rows.csv")


def test_options_of_other_files(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros([3, 2]))
    with pytest.raises(ValueError, match="image_size.*those of 'a.npy'"):
        data.load(tmp_path / "a.npy", image_size=3)


def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"pip install 'keras-ae\[data\]'"):
        problems.needed("pyarrow", "A Parquet file")


def test_fingerprints_follow_names_and_bytes(tmp_path):
    (tmp_path / "a").write_text("1")
    first = data.fingerprint(tmp_path)
    assert data.fingerprint(tmp_path / "a") != first
    (tmp_path / "a").rename(tmp_path / "b")
    second = data.fingerprint(tmp_path)
    (tmp_path / "b").write_text("2")
    assert len({first, second, data.fingerprint(tmp_path)}) == 3


@pytest.mark.parametrize("comma", [False, True])
def test_numbers_are_those_that_python_reads(tmp_path, comma):
    values = np.random.default_rng(0).normal(size=(500, 2)) * [1e4, 1e-4]
    cells = [[repr(float(v)) for v in row] for row in values]
    lines = [";".join(row) for row in [["a", "b"], *cells]]
    text = "\n".join(lines)
    path = tmp_path / "rows.csv"
    path.write_text(text.replace(".", ",") if comma else text)
    np.testing.assert_array_equal(data.load(path).rows, values)
