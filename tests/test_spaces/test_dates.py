"""Dates of a table: read as what they are or refused, and back to the
microsecond."""

import datetime
import re

import numpy as np
import pandas as pd
import pytest

from keras_ae.spaces import Table
from keras_ae.spaces import columns

RNG = np.random.default_rng(0)
N = 40
DAYS = pd.date_range("2024-01-01", periods=N)
ZONE = "Europe/Berlin"


def table(dates, **options):
    frame = pd.DataFrame({"when": dates, "x": RNG.normal(size=len(dates))})
    return Table.from_frame(frame, **options)


def rows(space, values):
    return space.rows("x", pd.DataFrame({"when": values, "x": 0.5}))[:, 0]


def back(values, **options):
    """Through the numbers of a column, in double precision."""
    values = pd.Series(values, name="when")
    column = columns.learn(values, **options)
    found = column.values(column.numbers(values))
    pd.testing.assert_series_equal(found, values, check_names=False)
    return column


@pytest.mark.parametrize(
    ("words", "row", "right"),
    [
        (["03/04/2024", "13/04/2024"], 0, ["2024-04-03", "2024-04-13"]),
        (["2024-02-03", "03.02.2024"], 1, None),
        (["2024-02-03", "now"], 1, None),
        (["2024-02-03", 20240204], 1, None),
    ],
)
def test_words_that_are_no_iso_8601_are_refused(words, row, right):
    with pytest.raises(ValueError, match=f"'when'.*8601.*row {row}") as error:
        rows(table(DAYS), words)
    if right is not None:
        advice = re.search("Convert it: (.*),", str(error.value))[1]
        df = pd.DataFrame({"when": words})
        found = eval(advice, {"df": df, "pd": pd})
        assert found.tolist() == pd.to_datetime(right).tolist()


@pytest.mark.parametrize("dtype", [object, "category", "string[pyarrow]"])
def test_words_of_iso_8601_are_dates(dtype):
    words = ["2024-01-03", None, "2024-01-03T12:00", "20240105", "2024-02"]
    found = rows(table(DAYS), pd.Series(words, dtype=dtype))
    np.testing.assert_array_equal(found, [2, np.nan, 2.5, 4, 31])


def test_words_that_are_to_be_dates_come_back_as_words():
    words = pd.Series(DAYS.strftime("%Y-%m-%d"), name="when")
    back(words, type="date")
    space = table(words, types={"when": "date"})
    assert space.array(np.zeros([2, 2]))["when"].dtype == words.dtype


def test_dates_of_another_zone_are_the_same_moments():
    space = table(DAYS.tz_localize(ZONE))
    own = rows(space, DAYS.tz_localize(ZONE))
    for zone in ("UTC", "Asia/Tokyo"):
        other = DAYS.tz_localize(ZONE).tz_convert(zone)
        np.testing.assert_array_equal(rows(space, other), own)
        words = [str(date) for date in other]
        np.testing.assert_array_equal(rows(space, words), own)


@pytest.mark.parametrize("form", [pd.Series, lambda x: [*map(str, x)]])
def test_dates_with_a_zone_are_none_without_nor_the_other_way(form):
    for home, given, expected in (
        (None, ZONE, DAYS[:3] - pd.Timedelta("1h")),
        (ZONE, None, DAYS[:3].tz_localize(ZONE)),
    ):
        space = table(DAYS.tz_localize(home))
        df = pd.DataFrame({"when": form(DAYS[:3].tz_localize(given))})
        with pytest.raises(ValueError, match="'when'.*time zone.*row 0") as e:
            rows(space, df["when"])
        advice = re.search("Convert it: (.*)[.]$", str(e.value))[1]
        df["when"] = eval(advice, {"df": df, "pd": pd})
        assert df["when"].tolist() == expected.tolist()
        assert np.isfinite(rows(space, df["when"])).all()


def test_one_column_has_dates_with_a_zone_or_without():
    words = ["2024-01-03 05:00", "2024-01-03 05:00+02:00"]
    with pytest.raises(ValueError, match="time zone.*in row 1, 1 such"):
        rows(table(DAYS), words)


@pytest.mark.parametrize(
    "dates",
    [
        pd.Series(["9999-12-31", "2024-01-03"], dtype="datetime64[s]"),
        pytest.param(
            pd.Series([datetime.date(9999, 12, 31), datetime.date(2024, 1, 3)]),
            marks=pytest.mark.skipif(
                not hasattr(pd, "col"), reason="read in nanoseconds before 3"
            ),
        ),
        pd.Series(["0001-01-01", "2024-01-03"], dtype="datetime64[us]"),
    ],
)
def test_dates_that_nanoseconds_do_not_reach_are_numbers_too(dates):
    first = np.datetime64(str(dates[0])[:10]) - np.datetime64("2024-01-01")
    expected = [first / np.timedelta64(1, "D"), 2]
    np.testing.assert_allclose(rows(table(DAYS), dates), expected, rtol=1e-6)


def test_training_takes_dates_that_nanoseconds_do_not_reach():
    end = pd.Series(["9999-12-31"], dtype="datetime64[s]")
    back(pd.concat([end, pd.Series(DAYS).astype(end.dtype)]).array)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, ZONE])
def test_fractions_of_seconds_come_back(unit, zone):
    seconds = pd.to_timedelta(RNG.integers(0, 9**8, N), unit="s")
    least = {"s": "1s", "ms": "1ms", "us": "1us", "ns": "1us"}[unit]
    for fraction in (
        0 * seconds,
        pd.to_timedelta(RNG.integers(0, 999, N) * pd.Timedelta(least)),
        pd.Timedelta(least) * np.ones(N),  # the same for all
    ):
        dates = pd.Timestamp("2024-01-01") + seconds + fraction
        dates = pd.Series(dates).dt.as_unit(unit)
        back(dates.dt.tz_localize("UTC").dt.tz_convert(zone) if zone else dates)


@pytest.mark.parametrize(
    ("dates", "whole"),
    [
        (DAYS[:4], "D"),
        (DAYS[:4] + pd.Timedelta("10s") * np.arange(4), "s"),
        (DAYS + pd.Timedelta("7s") * RNG.integers(0, 99, N), "s"),
    ],
)
def test_dates_are_drawn_whole_only_where_all_are(dates, whole):
    column = back(dates)
    drawn = column.values(RNG.uniform(column.low, column.high, 50))
    assert (drawn.dt.floor(whole) == drawn).all()
    for fraction in "1ms", "40us":
        moved = [dates[0] + pd.Timedelta(fraction), *dates[1:]]
        column = columns.learn(pd.Series(moved, name="when"))
        drawn = column.values(RNG.uniform(column.low, column.high, 50))
        assert (drawn.dt.floor("s") != drawn).all()


@pytest.mark.parametrize(
    "dtype",
    [
        f"timestamp[us, tz={ZONE}][pyarrow]",
        "timestamp[ms][pyarrow]",
        "date32[day][pyarrow]",
    ],
)
def test_dates_of_arrow_come_back(dtype):
    pytest.importorskip("pyarrow")
    zone = ZONE if "tz" in dtype else None
    dates = DAYS.date if "date" in dtype else DAYS.tz_localize(zone)
    back(pd.Series(pd.array([*dates, None], dtype)))


def test_dates_are_no_numbers_though_a_type_says_so():
    with pytest.raises(ValueError, match="'when'.*type real.*Convert"):
        table(DAYS, types={"when": "real"})
