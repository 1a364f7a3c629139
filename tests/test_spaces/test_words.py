"""Numbers as words, where a type says that they are numbers."""

import re

import numpy as np
import pandas as pd
import pytest

from keras_ae.spaces import Table

TYPES = "real", "positive", "count"


def frame(words, dtype=None):
    return pd.DataFrame(
        {"c": pd.Series(words, dtype=dtype), "x": np.arange(len(words)) / 8}
    )


def round_trip(df, type):
    table = Table.from_frame(df, types={"c": type})
    table = Table.from_config(table.get_config())
    x = table.tensor(table.rows("x", df)).numpy()
    found = table.array(np.nan_to_num(x))
    filled = table.filled(np.nan_to_num(x), df)
    for own in found, filled:  # whose storage pandas 2 does not name
        assert own.dtypes.map(str).equals(df.dtypes.map(str))
    seen = df["c"].notna()
    assert filled["c"][seen].tolist() == df["c"][seen].tolist()
    assert filled["c"].map(lambda v: isinstance(v, str)).all()
    return found["c"][seen].tolist()


@pytest.mark.parametrize(
    "dtype",
    [None, object, "string", "string[pyarrow]", "large_string[pyarrow]"],
)
@pytest.mark.parametrize("type", TYPES)
def test_words_for_numbers_come_back_as_words(dtype, type):
    pytest.importorskip("pyarrow")
    df = frame(["1", "12", None, "3"] * 9, dtype)
    assert round_trip(df, type) == ["1", "12", "3"] * 9
    if type != "count":
        df = frame(["3.5", "0.5", None, "1e1"] * 9, dtype)
        assert round_trip(df, type) == ["3.5", "0.5", "10.0"] * 9


@pytest.mark.parametrize("dtype", [None, object])
def test_words_for_dates_come_back_as_words(dtype):
    df = frame(["2026-11-30", "2026-12-01", None, "2027-01-09"] * 9, dtype)
    seen = df["c"].dropna().tolist()
    assert round_trip(df, "date") == seen


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("dtype", [None, object, "category"])
def test_the_first_word_that_is_no_number_is_named(type, dtype):
    df = frame(["1", None, "two", "3", "four"], dtype)
    with pytest.raises(ValueError, match="'c'.*numbers.*'two' in row 2, 2"):
        Table.from_frame(df, types={"c": type})


@pytest.mark.parametrize(
    ("values", "type"),
    [
        (["1", "2.5", None, "3"], "real"),
        ([1, 2, 3], "count"),
        (["2026-11-30", "2026-12-01", None], "date"),
    ],
)
def test_a_categorical_is_not_made_one_of_numbers(values, type):
    df = frame(values, "category")
    with pytest.raises(ValueError, match="'c' is a categorical") as error:
        Table.from_frame(df, types={"c": type})
    advice = re.search("Convert it: (.*)[.]$", str(error.value))[1]
    df["c"] = eval(advice, {"df": df, "pd": pd})
    assert Table.from_frame(df, types={"c": type}).columns[0].type == type


def test_words_that_are_objects_stay_objects():
    df = frame([*"abcab"], object)
    table = Table.from_frame(df)
    found = table.array(table.tensor(table.rows("x", df)).numpy())
    pd.testing.assert_frame_equal(found, df)
