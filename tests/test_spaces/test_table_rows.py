"""Rows of a table: numbers that mean the same wherever rows are taken."""

import numpy as np
import pandas as pd

import keras_ae
from keras_ae.spaces import Table

RNG = np.random.default_rng(0)
N = 60
DF = pd.DataFrame(
    {
        "when": pd.Timestamp("2026-03-04")
        + pd.to_timedelta(RNG.integers(0, 9999, N), unit="min"),
        "id": 1_600_000_000 + RNG.permutation(N),
        "x": RNG.normal(size=N).round(3),
        "city": RNG.choice(["Bonn", "Kiel", "Ulm"], N),
    }
)
TABLE = Table.from_frame(DF)


def test_rows_count_from_the_origin_of_a_column():
    rows = TABLE.rows("x", DF)
    assert rows.dtype == np.float32
    rows = rows.astype("float64")
    when, ids, x, _ = TABLE.columns
    days = (DF["when"] - pd.Timestamp("1970-01-01")) / pd.Timedelta("1D")
    # Single precision: 7 days, 60 numbers and deviations, within 2**-24 each.
    np.testing.assert_allclose(rows[:, 0] + when.origin, days, atol=1e-6)
    assert (rows[:, 1] + ids.origin).tolist() == DF["id"].tolist()
    assert x.origin == 0
    np.testing.assert_allclose(rows[:, 2], DF["x"], rtol=1e-6)
    assert [["Bonn", "Kiel", "Ulm"][int(i)] for i in rows[:, 3]] == [
        *DF["city"]
    ]


def test_a_frame_becomes_rows_and_rows_a_frame():
    df = DF.copy()
    df.loc[3, "x"] = np.nan
    rows = TABLE.rows("x", df)
    tensor = np.nan_to_num(TABLE.tensor(rows).numpy())
    pd.testing.assert_frame_equal(TABLE.array(tensor).drop(3), DF.drop(3))
    again = TABLE.array(tensor, like=rows)
    seen = ~np.isnan(rows)
    np.testing.assert_allclose(again[seen], rows[seen], atol=1e-5)
    np.testing.assert_array_equal(TABLE.filled(tensor, rows)[seen], rows[seen])
    TABLE.check("x", again)


def test_a_model_asked_with_rows_answers_as_with_the_frame():
    vae = keras_ae.VAE.create(TABLE, 2, hidden=(4,), seed=0)
    rows = TABLE.rows("x", DF)
    np.testing.assert_array_equal(vae.embed(rows), vae.embed(DF))
    answer = vae.reconstruct(rows)
    pd.testing.assert_frame_equal(
        TABLE.array(TABLE.tensor(answer).numpy()), vae.reconstruct(DF)
    )
