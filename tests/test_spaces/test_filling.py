"""Holes of a data frame are filled, and what was observed stays what it was,
in whatever types a frame comes."""

import numpy as np
import pandas as pd
import pytest

import keras_ae
from keras_ae.spaces import Table

RNG = np.random.default_rng(0)
N = 40
LONG = 2**53 + 1
WORD = pd.Series(["a"]).dtype
#: Columns as a model was trained on them.
TRAINED = {
    "float": 10 * RNG.normal(size=N),
    "single": RNG.normal(size=N).astype("float32"),
    "int": RNG.integers(0, 99, N),
    "byte": RNG.integers(0, 99, N).astype("uint8"),
    "Int64": pd.array([*range(N - 1), None], "Int64"),
    "bool": RNG.random(N) < 0.5,
    "words": RNG.choice([*"abc"], N),
    "category": pd.Categorical(RNG.choice([*"abc"], N)),
    "dates": pd.date_range("2024-01-01", periods=N),
    "zone": pd.date_range("2024-01-01", periods=N, tz="Europe/Berlin"),
}


def filled(trained, values):
    train = pd.DataFrame({"c": TRAINED[trained], "x": RNG.normal(size=N)})
    table = Table.from_frame(
        train, types={"c": "real"} if trained == "int" else {}
    )
    # Labels that repeat tell no rows apart.
    df = pd.DataFrame({"c": values, "x": 0.5}, index=None)
    df.index = [0] * len(df)
    x = np.nan_to_num(table.tensor(table.rows("x", df)).numpy())
    found = table.filled(x, df)
    assert found.index.equals(df.index)
    return train["c"].dtype, df["c"], found["c"]


def objects(*values):
    return pd.Series(values, dtype=object)


@pytest.mark.parametrize(
    ("trained", "values", "dtype"),
    [  # dtype: None for the trained one
        ("float", [1, 2, 3], None),
        ("float", pd.array([1, None, 3], "Int64"), None),
        ("float", pd.array([1, None, 3], "int64[pyarrow]"), None),
        ("float", np.array([0.1, np.nan, 0.3], "float32"), None),
        ("float", objects(1, None, 2.5), None),
        ("float", pd.array([True, None, False], "boolean"), None),
        ("float", objects(LONG, None, 2.5), object),
        ("float", ["1", None, "2.5"], WORD),
        ("single", [0.1, np.nan, 2.0], "float64"),
        ("single", [0.5, np.nan, 2.0], None),
        ("int", [1.0, np.nan, 3.0], None),
        ("int", [2.5, np.nan, 3.0], "float64"),
        ("int", pd.Categorical([2.5, None, 3.0]), "float64"),
        ("int", pd.Categorical([2, None, 3]), None),
        ("dates", pd.Categorical(["2024-01-05", None]), WORD),
        ("dates", ["2024-01-05", None], WORD),
        ("int", objects(2.5, None, 3), object),
        ("int", pd.array([LONG, None, 3], "Int64"), None),
        ("byte", [300, 1, 2], "int64"),
        ("byte", [300, np.nan, 2], "float64"),
        ("Int64", [1.0, np.nan, 3.0], None),
        ("bool", objects(True, None, False), None),
        ("bool", pd.array([True, None, False], "boolean"), None),
        ("bool", [1.0, np.nan, 0.0], None),
        ("words", objects("a", None, "b"), None),
        ("words", pd.Categorical(["a", None, "b"]), None),
        ("words", pd.array(["a", None, "b"], "string[pyarrow]"), None),
        ("category", ["a", None, "b"], None),
        ("category", objects("a", None, "b"), None),
        ("category", pd.array(["a", None, "b"], "string[pyarrow]"), None),
        ("category", pd.Categorical(["a", None, "b"], [*"ba"]), None),
        ("dates", pd.to_datetime(["2024-01-03T05:00:00.5", None]), None),
        ("dates", objects(pd.Timestamp("2024-01-03"), None), None),
        ("zone", pd.to_datetime(["2024-01-03T05:00Z", None]), None),
    ],
)
def test_what_was_observed_stays_what_it_was(trained, values, dtype):
    pytest.importorskip("pyarrow")
    expected, own, found = filled(trained, values)
    assert found.dtype == (expected if dtype is None else dtype)
    assert found.notna().all()
    seen = own.notna().to_numpy()
    for given, answer in zip(own[seen], found[seen], strict=True):
        assert answer == given


@pytest.mark.parametrize("dtype", ["Int64", "int64[pyarrow]"])
def test_long_integers_keep_their_digits_beside_fillings(dtype):
    pytest.importorskip("pyarrow")
    _, _, found = filled("float", pd.array([LONG, None, 3], dtype))
    assert [found.iloc[0], found.iloc[2]] == [LONG, 3]
    assert found.notna().all()


def test_impute_gives_back_other_types_as_they_were():
    train = pd.DataFrame(TRAINED).drop(columns=["zone"])
    vae = keras_ae.VAE.create(Table.from_frame(train), 2, hidden=(4,), seed=0)
    asked = train.iloc[:5].astype(
        {
            "float": "float32",
            "Int64": object,
            "bool": object,
            "words": "category",
        }
    )
    asked.loc[1:2, "float":"words"] = None
    found = vae.impute(asked)
    assert found.notna().all(axis=None)
    assert found.dtypes.equals(train.dtypes)
    for name in asked:
        seen = asked[name].notna()
        assert found[name][seen].tolist() == asked[name][seen].tolist()
