"""Labels of columns come back as they were, whatever they are."""

import datetime
import json

import numpy as np
import pandas as pd
import pytest

import keras_ae
from keras_ae.spaces import Table

RNG = np.random.default_rng(0)
N = 30


def frame(labels):
    df = pd.DataFrame({0: RNG.normal(size=N), 1: RNG.choice([*"abc"], N)})
    df.columns = labels
    df.iloc[3, 0] = np.nan
    return df


LABELS = {
    "ints": pd.Index([7, 2]),
    "numpy": pd.Index([7, 2], dtype="int32"),
    "range": pd.RangeIndex(2),
    "floats": pd.Index([2.5, 1.0]),
    "bools": pd.Index([True, False]),
    "alike": pd.Index([0, "0"], dtype=object),
    "None": pd.Index([None, "r"], dtype=object),
    "NaN": pd.Index([np.nan, "r"]),
    "tuples": pd.Index([("a", 1), "r"], dtype=object),
    "levels": pd.MultiIndex.from_tuples(
        [("a", 1.5), ("b", None)], names=["u", "v"]
    ),
    "named": pd.Index(["q", "r"], name="column"),
    "category": pd.CategoricalIndex(["q", "r"]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_come_back(kind):
    df = frame(LABELS[kind])
    first = df.columns[0]
    table = Table.from_frame(df, types={first: "real"})
    table = Table.from_config(json.loads(json.dumps(table.get_config())))
    x = np.nan_to_num(table.tensor(table.rows("x", df)).numpy())
    assert table.array(x).columns.equals(df.columns)
    for found in (table.array(x, like=df), table.filled(x, df)):
        pd.testing.assert_index_equal(found.columns, df.columns)
    pd.testing.assert_frame_equal(table.filled(x, df).drop(3), df.drop(3))


def test_a_model_gives_the_labels_back(tmp_path):
    df = frame(pd.Index([None, 7], dtype=object))
    vae = keras_ae.VAE.create(Table.from_frame(df), 2, hidden=(4,), seed=0)
    vae.save_to_preset(tmp_path / "vae")
    for model in (vae, keras_ae.load(tmp_path / "vae")):
        assert model.sample(3, seed=0).columns.equals(df.columns)
        for found in (model.impute(df), model.reconstruct(df)):
            assert found.columns.equals(df.columns)


@pytest.mark.parametrize(
    "labels",
    [
        pd.to_datetime(["2026-11-30", "2026-12-01"]),
        pd.period_range("2026", periods=2, freq="M"),
        pd.Index([datetime.date(2026, 11, 30), "r"], dtype=object),
        pd.MultiIndex.from_tuples([("a", pd.Timestamp("2026")), ("b", 1)]),
    ],
)
def test_a_label_that_cannot_be_saved_is_refused(labels):
    df = frame(labels)
    with pytest.raises(ValueError, match="label.*cannot be saved.*2026"):
        Table.from_frame(df)
    df.columns = [*map(str, df.columns)]  # as the message says
    table = Table.from_frame(df)
    assert table.names == [*df.columns]


def test_an_unknown_label_is_named_whatever_it_is():
    df = frame(pd.Index([("a", 1), None], dtype=object))
    with pytest.raises(ValueError, match="Unknown column.*3"):
        Table.from_frame(df, types={3: "real"})
    table = Table.from_frame(df)
    df.columns = [("a", 1), "r"]
    with pytest.raises(ValueError, match=r"Missing: \[None\].*\['r'\]"):
        table.rows("x", df)
