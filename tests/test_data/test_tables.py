"""Tables as they are in the wild: every cell comes back, or the file is
refused."""

import numpy as np
import pandas as pd
import pytest

from keras_ae import data
from keras_ae.data import tables

MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"


def csv(folder, body, **options):
    path = folder / "rows.csv"
    path.write_text(body, encoding="utf-8")
    return tables.read_csv(path, **options)[0]


@pytest.mark.parametrize("before", ["", "\n", "\n\n", MARK + "\n"])
def test_blank_lines_before_the_header_cost_no_row(tmp_path, before):
    assert csv(tmp_path, f"{before}word\na\nb\nc\n")["word"].tolist() == [
        *"abc"
    ]
    numbers = csv(tmp_path, f"{before}x\n1\n\n3\n")["x"]
    np.testing.assert_array_equal(numbers, [1, np.nan, 3])
    two = csv(tmp_path, f"{before}a,b\n1,x\n2,y\n")
    assert two.to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}
    bare = csv(tmp_path, f"{before}1\n2\n", header=False)
    assert bare["x0"].tolist() == [1, 2]


@pytest.mark.parametrize("name", ["a", "a,x"])
def test_a_mark_before_a_quoted_name_is_no_part_of_it(tmp_path, name):
    frame = csv(tmp_path, f'{MARK}"{name}","b"\n1,2\n3,4\n')
    assert frame.to_dict("list") == {name: [1, 3], "b": [2, 4]}


def test_two_decimal_marks_are_refused(tmp_path):
    with pytest.raises(ValueError) as caught:
        csv(tmp_path, "a;b;n\n1,5;2.5;1\n2,5;3.25;\n")
    for part in "commas in ['a'], points in ['b']", "--text b", "rows.csv":
        assert part in str(caught.value)
    frame = csv(tmp_path, "a;b;n\n1,5;2.5;1\n2,5;3.25;\n", text=["b"])
    assert frame["a"].tolist() == [1.5, 2.5]
    assert frame["b"].tolist() == ["2.5", "3.25"]
    assert frame["n"].dtype == "Int64"


@pytest.mark.parametrize(
    "cells", [["+491701234567", "12"], ["-007", "5"], ["007.50", "1.25"]]
)
def test_codes_that_look_like_numbers_stay_as_they_are(tmp_path, cells):
    rows = "".join(f"{cell},1\n" for cell in cells)
    assert csv(tmp_path, f"code,x\n{rows}")["code"].tolist() == cells


@pytest.mark.parametrize(
    "cells", [["1e+05", "0.5"], ["+5", "-3"], ["+1.5", "+2"], ["-0", "0"]]
)
def test_signs_and_exponents_are_those_of_numbers(tmp_path, cells):
    rows = "".join(f"{cell},1\n" for cell in cells)
    found = csv(tmp_path, f"n,x\n{rows}")["n"]
    assert found.tolist() == [float(cell) for cell in cells]


def test_a_word_for_nothing_is_text_where_text_is_asked_for(tmp_path):
    text = ",cc,n,w\nNA,NA,1,NA\nr2,,NA,u\nnull,?,3,v\n"
    frame = csv(tmp_path, text, text=("cc",), holes=("?",))
    assert frame.index.tolist() == ["NA", "r2", "null"]
    assert frame["cc"].iloc[0] == "NA"
    assert frame["cc"].isna().tolist() == [False, True, True]
    assert frame["n"].isna().tolist() == [False, True, False]
    assert frame["w"].isna().tolist() == [True, False, False]


@pytest.mark.parametrize("text, kept", [((), False), (("cc",), True)])
def test_a_model_takes_words_for_nothing_as_its_training_did(
    tmp_path, text, kept
):
    path = tmp_path / "rows.csv"
    path.write_text("cc,x\nNA,0.5\nDE,1.5\nFR,2.5\n")
    space, first, _ = data.load(path, text=text)
    again = data.load(path, space=space).rows["cc"]
    assert first["cc"].notna().iloc[0] == kept
    assert again.isna().equals(first["cc"].isna())


def test_whole_numbers_beyond_64_bits_keep_their_holes(tmp_path):
    frame = csv(tmp_path, f"id,x\n{2**64 - 1},1\n{2**64 - 2},2\nNA,3\n,4\n")
    assert frame["id"].isna().tolist() == [False, False, True, True]
    assert [*map(int, frame["id"][:2])] == [2**64 - 1, 2**64 - 2]


def test_whole_numbers_with_holes_keep_their_digits_in_parquet(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "rows.parquet"
    long, small = [2**53 + 1, None, 2**53 + 3], [1, None, 3]
    columns = {
        "long": arrow.array(long),
        "small": arrow.array(small, "uint8"),
        "x": arrow.array([1.0, None, 3.0]),
    }
    parquet.write_table(arrow.table(columns), path)
    frame = data.load(path).rows
    assert frame["long"].dropna().tolist() == [2**53 + 1, 2**53 + 3]
    assert frame.isna().all(axis=1).tolist() == [False, True, False]
    assert frame["x"].dtype == "float64"
    # A model of numbers with a point fills the holes with such.
    numbers = pd.DataFrame({name: np.arange(60) / 8 for name in columns})
    numbers.to_csv(tmp_path / "rows.csv", index=False)
    space = data.load(tmp_path / "rows.csv").space
    assert data.load(path, space=space).rows["small"].dtype == "float64"


def test_a_column_of_text_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"text \['c'\].*the columns a, d"):
        csv(tmp_path, "a,d\n1,2\n", text=["c"])


# Series.


def log(folder, days, **options):
    path = folder / "log.csv"
    rows = "".join(f"{day},{i}\n" for i, day in enumerate(days))
    path.write_text("date,v\n" + rows)
    return data.load(path, window=2, **options).rows.index


@pytest.mark.parametrize(
    "form, kept",
    [
        ("%d/%m/%Y", slice(0, None, 31)),
        ("%m/%d/%Y", slice(0, 11)),
        ("%d.%m.%Y %H:%M", slice(0, 11)),
        ("%d/%m/%y", slice(0, 11)),
    ],
)
def test_dates_of_two_meanings_are_refused(tmp_path, form, kept):
    days = pd.date_range("2026-01-02", periods=366)[kept]
    with pytest.raises(ValueError, match=r"'date'.*row 1.* or .*year first"):
        log(tmp_path, days.strftime(form))


@pytest.mark.parametrize(
    "form", ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%d %b %Y"]
)
def test_dates_of_one_meaning_are_read(tmp_path, form):
    days = pd.date_range("2026-01-01", periods=60)
    found = log(tmp_path, days.strftime(form))
    assert [*found] == [*days]


def test_digits_of_a_series_are_numbers_with_any_sign(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("v,w\n007.50,+5\n1.25,+7\n1e2,0\n")
    rows = data.load(path, window=2).rows
    assert rows.to_dict("list") == {"v": [7.5, 1.25, 100], "w": [5, 7, 0]}


def test_columns_of_a_series_are_channels_however_many(tmp_path):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 8)))
    frame.add_prefix("s").to_csv(tmp_path / "log.csv", index=False)
    np.save(tmp_path / "log.npy", frame)
    for name in "log.csv", "log.npy":
        space, rows, _ = data.load(tmp_path / name, window=8)
        assert space.shape == (8, 8)
        assert space.rows("x", rows).shape == (43, 8, 8)
        np.testing.assert_allclose(space.mean, frame.mean())
    assert data.load(tmp_path / "log.csv", window=8).space.names[0] == "s0"
    np.save(tmp_path / "log.npy", frame[:8])  # one window alone
    assert data.load(tmp_path / "log.npy", window=8).space.shape == (8, 8)
