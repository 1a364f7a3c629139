"""Data frames of polars, and tables of Arrow, which answer alike."""

import datetime
import importlib

import numpy as np
import pytest

from keras_ae.spaces import Table

N = 40
DATA = {
    "long": [None if i % 7 == 0 else 2**53 + i for i in range(N)],
    "whole": [*range(N)],
    "word": ["abc"[i % 3] if i % 5 else None for i in range(N)],
    "yes": [i % 2 == 0 for i in range(N)],
    "x": [i / 8 if i % 4 else None for i in range(N)],
    "day": [
        datetime.datetime(2026, 11, 30) + datetime.timedelta(i)
        for i in range(N)
    ],
}


@pytest.fixture(params=["polars.DataFrame", "pyarrow.table"])
def make(request):
    package, name = request.param.split(".")
    pytest.importorskip("pyarrow")
    pytest.importorskip(package)
    return getattr(importlib.import_module(package), name)


def filled(table, frame):
    x = np.nan_to_num(table.tensor(table.rows("x", frame)).numpy())
    return table.filled(x, frame)


def test_whole_numbers_with_holes_come_back_whole(make):
    frame = make(DATA)
    table = Table.from_frame(frame)
    types = {c.name: c.dtype for c in table.columns}
    assert (types["long"], types["whole"]) == ("Int64", "int64")
    found = filled(table, frame)
    assert found["long"].dtype == "Int64"
    assert found["whole"].dtype == "int64"
    assert found.notna().all(axis=None)
    for name, values in DATA.items():
        pairs = zip(found[name], values, strict=True)
        assert all(own == value for own, value in pairs if value is not None)


def test_holes_of_a_column_that_was_whole_are_filled_with_whole_numbers(make):
    table = Table.from_frame(make(DATA))
    found = filled(table, make(DATA | {"whole": [None, *range(1, N)]}))
    assert found["whole"].dtype == "int64"
    assert found["whole"].tolist()[1:] == [*range(1, N)]


def test_columns_come_back_in_the_order_of_training(make):
    table = Table.from_frame(make(DATA))
    found = filled(table, make({name: DATA[name] for name in [*DATA][::-1]}))
    assert [*found] == [*DATA]
    assert found["whole"].tolist() == DATA["whole"]
