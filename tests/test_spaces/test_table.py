"""Tables: what a data frame holds goes in and comes back, and what does not
fit is named."""

import datetime
import decimal
import re

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.stats
import tensorflow as tf

import keras_ae
from keras_ae.math import densities
from keras_ae.math import kernels
from keras_ae.model.formats import FORMATS
from keras_ae.spaces import Table
from keras_ae.spaces import columns

RNG = np.random.default_rng(0)
N = 60


def frame():
    """All types of columns, with holes, and an index of its own."""
    days = pd.to_timedelta(RNG.integers(0, 999, N), unit="D")
    grades = pd.Categorical(
        RNG.choice(["low", "mid", "top"], N), ["low", "mid", "top"], True
    )
    df = pd.DataFrame(
        {
            "age": RNG.integers(18, 80, N),
            "pay": RNG.lognormal(9, 2, N).round(2),
            "gain": np.where(RNG.random(N) < 0.8, 0.0, RNG.normal(size=N)),
            "city": RNG.choice(["Bonn", "Kiel", "Ulm"], N),
            "ill": RNG.random(N) < 0.3,
            "when": pd.Timestamp("2021-03-04") + days,
            "grade": grades,
            "visits": RNG.choice([1.0, 2.0, np.nan], N),
        },
        index=[f"row {i}" for i in range(N)],
    )
    df.loc["row 3", "pay"] = np.nan
    df.loc["row 5", "city"] = None
    return df


DF = frame()
TABLE = Table.from_frame(DF)


def model(cls=keras_ae.VAE, table=TABLE, **options):
    return cls.create(table, 2, **{"hidden": (8,), "seed": 0, **options})


def test_types_are_read_from_dtypes_and_values():
    found = {c.name: c.type for c in TABLE.columns}
    assert found == {
        "age": "count",
        "pay": "positive",
        "gain": "real",
        "city": "categorical",
        "ill": "binary",
        "when": "date",
        "grade": "ordinal",
        "visits": "binary",
    }
    other = Table.from_frame(DF, types={"age": "real", "visits": "count"})
    found = {c.name: c.type for c in other.columns}
    assert (found["age"], found["visits"]) == ("real", "count")


@pytest.mark.parametrize(
    ("values", "type"), [([7, 9, 4, None], "count"), ([7, 9.5, -4.5], "real")]
)
def test_numbers_that_are_objects_are_numbers(values, type):
    df = pd.DataFrame({"n": values, "x": [1.5, 2.5, 3.5, 9.5][: len(values)]})
    table = Table.from_frame(df.astype({"n": object}))
    assert table.columns[0].type == type
    between = pd.DataFrame({"n": [8], "x": [2.0]}, dtype=object)
    assert table.rows("x", between).tolist() == [[8, 2]]
    back = table.columns[0].values(np.array([7.0, 9.0]))
    assert back.dtype == object
    if type == "count":
        assert [*map(repr, back)] == ["7", "9"]


def test_what_goes_in_comes_back():
    tensor = TABLE.tensor(TABLE.rows("x", DF)).numpy()
    assert tensor.shape == (N, *TABLE.shape)
    back = TABLE.filled(np.nan_to_num(tensor), DF)
    assert back.index.equals(DF.index)
    assert back.dtypes.equals(DF.dtypes)
    seen = DF.notna()
    pd.testing.assert_frame_equal(back.where(seen), DF.where(seen))
    # And by the numbers alone, in the precision of the tensor.
    alone = TABLE.array(np.nan_to_num(tensor))
    for name in ("city", "ill", "grade", "when", "age", "gain"):
        mine = DF[name].notna().to_numpy()
        own, given = alone[name][mine], DF[name][mine]
        if name == "gain":
            np.testing.assert_allclose(own, given, atol=1e-6)
        else:
            assert own.tolist() == given.tolist(), name


def test_holes_are_nan_in_all_numbers_of_a_column():
    tensor = TABLE.tensor(TABLE.rows("x", DF)).numpy()
    assert np.isnan(tensor[5]).sum() == 3 + np.isnan(DF["visits"].iloc[5])
    assert np.isnan(tensor[3]).sum() == 1 + np.isnan(DF["visits"].iloc[3])


def test_order_of_columns_is_that_of_names():
    rows = TABLE.rows("x", DF)
    np.testing.assert_array_equal(TABLE.rows("x", DF[[*DF][::-1]]), rows)


def test_the_space_is_saved_with_the_model(tmp_path):
    vae = model()
    vae.save(tmp_path / "vae.keras")
    twin = keras.saving.load_model(tmp_path / "vae.keras")
    assert twin.space.get_config() == TABLE.get_config()
    pd.testing.assert_frame_equal(twin.reconstruct(DF), vae.reconstruct(DF))


def test_a_model_speaks_frames():
    vae = model()
    vae.compile("adam")
    history = vae.fit(DF, validation_data=(DF,), epochs=2, verbose=0)
    assert np.isfinite(history.history["val_loss"]).all()
    codes = vae.embed(DF)
    assert codes.index.equals(DF.index)
    assert [*codes] == ["z0", "z1"]
    new = vae.sample(7, seed=0)
    assert new.dtypes.equals(DF.dtypes)
    assert new["age"].between(DF["age"].min(), DF["age"].max()).all()
    pd.testing.assert_frame_equal(vae.sample(5, seed=0), new.head(5))
    filled = vae.impute(DF)
    assert not filled.isna().any(axis=None)
    seen = DF.notna()
    pd.testing.assert_frame_equal(filled.where(seen), DF.where(seen))
    several = vae.impute(DF.head(3), draws=4)
    assert [len(part) for part in several] == [3] * 4
    numbers = TABLE.rows("x", DF)
    np.testing.assert_array_equal(
        vae.score_samples(DF), vae.score_samples(numbers)
    )


@pytest.mark.long
def test_likelihoods_of_frames_are_those_of_rows():
    vae, rows = model(), TABLE.rows("x", DF)
    for of in (
        keras_ae.evaluation.elbo,
        lambda m, x: keras_ae.evaluation.log_likelihood(m, x, samples=5),
    ):
        np.testing.assert_array_equal(of(vae, DF.head(4)), of(vae, rows[:4]))


def test_draws_have_the_shares_of_the_likelihood():
    # 2,000 draws of one code: shares within four standard errors.
    vae = model()
    z = np.zeros([1, 2], "float32")
    share = vae.decode(z).mean().numpy()
    first = 4  # after the numbers, two bits
    bits = {"ill": share[0, first], "visits": share[0, first + 1]}
    vae.decoder.body.set_weights(  # whatever the code, the same
        [0 * w for w in vae.decoder.body.get_weights()]
    )
    bits = dict(
        zip(bits, vae.decode(z).mean().numpy()[0, first:], strict=False)
    )
    drawn = vae.sample(2000, seed=1)
    for name, high in (("ill", True), ("visits", 2.0)):
        found = (drawn[name] == high).mean()
        error = np.sqrt(bits[name] * (1 - bits[name]) / 2000)
        assert abs(found - bits[name]) < 4 * error


def test_the_density_of_a_row_is_that_of_its_columns():
    vae = model()
    likelihood = vae.decode(np.zeros([N, 2], "float32"))
    x = np.nan_to_num(TABLE.tensor(TABLE.rows("x", DF)).numpy())
    found = likelihood.log_prob(x).numpy()
    head = vae.decoder.head
    numbers = vae.decoder.projection(
        vae.decoder.body(np.zeros([1, 2], "float32"))
    ).numpy()[0]
    parts = np.split(numbers, np.cumsum(vae.decoder.widths)[:-1])
    logits = parts[0].reshape(4, -1)
    mixture = head.likelihoods[0]
    expected = np.zeros(N)
    for value, logit, center, scale in zip(
        x.T[:4], logits, mixture.centers, mixture.scales, strict=True
    ):
        there = np.array(scale) > 0
        weight = np.exp(logit[there]) / np.exp(logit[there]).sum()
        density = scipy.stats.norm.pdf(
            value[:, None].astype(float),
            np.array(center)[there],
            np.array(scale)[there],
        )
        expected += np.log(density @ weight)
    p = 1 / (1 + np.exp(-parts[1]))
    expected += scipy.stats.bernoulli.logpmf(x[:, 4:6], p).sum(axis=1)
    cuts = head.likelihoods[2]
    gaps = np.log1p(np.exp(cuts.raw_gaps.numpy())) + cuts.floor
    cut = np.cumsum([cuts.first.numpy(), *gaps])
    below = np.array([0, *(1 / (1 + np.exp(-(cut - parts[2])))), 1])
    expected += np.log(np.diff(below)[x[:, 6].astype(int)])
    shares = np.exp(parts[3]) / np.exp(parts[3]).sum()
    known = x[:, 7:].sum(axis=1) == 1
    expected[known] += np.log(x[known, 7:] @ shares)
    np.testing.assert_allclose(found[known], expected[known], rtol=2e-4)


def test_holes_add_nothing_to_the_density():
    likelihood = model().decode(np.zeros([1, 2], "float32"))
    x = TABLE.tensor(TABLE.rows("x", DF.iloc[[0]].fillna({"visits": 1.0})))
    parts = tf.split(x, [4, 2, 1, 3], axis=1)  # numbers, bits, grades, city
    scored = [
        float(block.log_prob(part)[0])
        for block, part in zip(likelihood.distributions, parts, strict=True)
    ]
    for hidden in range(1, 4):
        seen = [tf.fill(tf.shape(p), i != hidden) for i, p in enumerate(parts)]
        of = densities.masked(likelihood, tf.concat(seen, axis=1))
        rest = sum(scored) - scored[hidden]
        assert float(of.log_prob(x)[0]) == pytest.approx(rest, rel=1e-5)


def test_kernels_are_a_density_near_the_sample():
    values = np.concatenate([np.zeros(400), RNG.exponential(size=600)])
    centers, scales, weights, own = map(np.array, kernels.fit(values, 32))
    assert (len(centers), own.sum()) == (32, 1)
    assert weights.sum() == pytest.approx(1)
    assert weights @ centers == pytest.approx(values.mean())
    at = np.array([-0.1, 0.1, 0.3, 0.7, 1.5, 3.0])
    found = scipy.stats.norm.cdf(at[:, None], centers, scales) @ weights
    expected = [(values <= t).mean() for t in at]
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_large_numbers_keep_their_digits():
    ids = 1_600_000_000 + np.arange(50)
    df = pd.DataFrame({"id": ids, "x": RNG.normal(size=50)})
    table = Table.from_frame(df)
    tensor = table.tensor(table.rows("x", df)).numpy()
    assert table.array(tensor)["id"].tolist() == ids.tolist()


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("used", ["ab", "abd"])
def test_a_level_of_no_row_is_kept_and_not_made(ordered, used):
    levels = pd.CategoricalDtype([*"cabd"], ordered)
    grade = pd.Series(RNG.choice([*used], N), dtype=levels, name="grade")
    df = pd.DataFrame({"grade": grade, "x": RNG.normal(size=N)})
    vae = model(table=Table.from_frame(df))
    twin = Table.from_config(vae.space.get_config())
    for table in (vae.space, twin):
        back = table.array(table.tensor(table.rows("x", df)).numpy())
        pd.testing.assert_series_equal(back["grade"], grade)
    drawn = vae.sample(500, seed=0)["grade"]  # of an untrained model
    assert drawn.dtype == levels
    assert {*drawn} == {*used}
    other = df.assign(grade=grade.cat.remove_unused_categories())
    other.loc[3, "grade"] = None
    filled = vae.impute(other)["grade"]
    pd.testing.assert_series_equal(filled.drop(3), grade.drop(3))
    df.loc[3, "grade"] = "c"
    with pytest.raises(ValueError, match="'grade'.*'a', 'b'.*'c' in row 3"):
        vae.embed(df)


def test_columns_of_several_levels_come_back(tmp_path):
    names = pd.MultiIndex.from_product([["a", "b"], [1, 2]])
    df = pd.DataFrame(RNG.normal(size=(N, 4)), columns=names)
    df["b", 2] = RNG.choice(["x", "y", "z"], N)
    df.loc[3, ("a", 1)] = np.nan
    vae = model(table=Table.from_frame(df, types={("a", 2): "real"}))
    vae.save_to_preset(tmp_path / "vae")
    for own in (vae, keras_ae.load(tmp_path / "vae")):
        filled = own.impute(df)
        assert filled.columns.equals(names)
        pd.testing.assert_frame_equal(filled.drop(3), df.drop(3))
        pd.testing.assert_index_equal(own.sample(2).columns, names)


def test_small_numbers_keep_their_digits():
    mols = pd.Series(RNG.lognormal(size=50) * 1e-12, name="mol")
    column = columns.learn(mols)
    found = column.values(column.numbers(mols))
    np.testing.assert_allclose(found, mols, rtol=1e-12)
    df = mols.to_frame().assign(x=RNG.normal(size=50))
    drawn = model(table=Table.from_frame(df)).sample(50, seed=0)["mol"]
    assert drawn.between(mols.min(), mols.max()).all()


HOURS = pd.to_timedelta(RNG.integers(0, 9999, N), unit="h")


@pytest.mark.parametrize(
    ("values", "remainder"),
    [
        (1000 * RNG.integers(-99, 99, N), lambda v: v % 1000),
        (5 + 10 * RNG.integers(0, 99, N), lambda v: v % 10 - 5),
        (RNG.integers(0, 999, N) / 4, lambda v: v % 0.25),
        (RNG.integers(0, 99, N) * 0.3, lambda v: v - (v / 0.3).round() * 0.3),
        (
            pd.Timestamp("2031-01-01 00:30") + HOURS,
            lambda v: (v - v.dt.floor("h")) / pd.Timedelta("30min") - 1,
        ),
        (
            pd.Timestamp("2031-01-05", tz="UTC") + 168 * HOURS,
            lambda v: (v.dt.day_of_week != 6) + (v.dt.normalize() != v),
        ),
    ],
)
def test_numbers_are_drawn_on_the_steps_that_were_seen(values, remainder):
    values = pd.Series(values, name="x")
    column = columns.learn(values)
    pd.testing.assert_series_equal(
        column.values(column.numbers(values)), values, check_names=False
    )
    drawn = column.values(RNG.uniform(column.low, column.high, 500))
    assert drawn.nunique() > 40
    np.testing.assert_allclose(remainder(drawn), 0, atol=1e-9)


def test_a_few_numbers_have_no_step_nor_have_moments():
    for values in ([3, 5, 9], np.arange(40) * 1e30, RNG.normal(size=N)):
        assert columns.learn(pd.Series(values, name="x")).step is None
    moments = pd.Timestamp("2031-01-01") + HOURS * 0.123456
    assert columns.learn(pd.Series(moments, name="x")).step is None


def test_decimals_are_those_of_most_numbers():
    # 0.1 + 0.2 - 0.3 is 5.6e-17: noise among tenths, a number of its own
    # where all are as small.
    noise = 0.1 + 0.2 - 0.3
    for values, expected in (
        ([0.5, 0.25, 3.0], 2),
        ([0.1, 0.3, noise, 2.0], 1),
        ([noise, 3 * noise, 0.5 * noise], None),
        ([1e6 + 0.25, 2e6, 3.5], 2),
        ([1e6 + 0.12345678, 2e6, 3.5], None),
    ):
        assert columns.learn(pd.Series(values, name="x")).decimals == expected


def test_other_likelihoods():
    df = DF[["age", "pay", "gain"]].dropna()
    table = Table.from_frame(
        df,
        likelihoods={
            "age": "poisson",
            "pay": "log_normal",
            "gain": "student_t",
        },
    )
    vae = model(table=table)
    assert np.isfinite(vae.score_samples(df)).all()
    assert vae.sample(3, seed=0).dtypes.equals(df.dtypes)


def change(**values):
    df = DF.copy()
    for name, value in values.items():
        df[name] = value
    return df


@pytest.mark.parametrize(
    ("df", "message"),
    [
        (change(age=np.nan), "'age' has no values"),
        (change(city="Ulm"), "'city' has one value only.*Drop it"),
        (
            change(pay=np.where(np.arange(N) == 7, np.inf, np.arange(N) + 0.5)),
            "'pay'.*finite.*inf in row 'row 7'",
        ),
        (
            change(city=["Ulm", 3] * (N // 2)),
            "'city' holds values of several types.*number.*str",
        ),
        (
            change(city=[("a", i) for i in range(N)]),
            "'city'.*cannot be saved.*tuple",
        ),
        (change(city=[[1, 2]] * N), "'city'.*cannot be saved.*list.*Convert"),
        (DF.iloc[:0], "empty"),
        (pd.concat([DF, DF[["age"]]], axis=1), "the same name.*age"),
    ],
)
def test_training_sets_that_are_refused(df, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        Table.from_frame(df)


@pytest.mark.parametrize("unit", [1e300, 1e-300, 1e39, 1e-46])
def test_numbers_that_single_precision_does_not_hold_are_refused(unit):
    df = pd.DataFrame({"a": unit * RNG.normal(size=N), "b": RNG.normal(size=N)})
    with pytest.raises(ValueError, match="'a'.*single precision.*unit"):
        Table.from_frame(df)
    table = Table.from_frame(df[["b"]])
    if unit > 1:
        with pytest.raises(ValueError, match="'b'.*single precision.*row 0"):
            table.rows("x", df[["a"]].rename(columns={"a": "b"}))


DAYS = pd.date_range("2024-02-27", periods=4)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (DAYS.date, DAYS),
        (DAYS.to_pydatetime().astype(object), DAYS),
        (DAYS.to_period("D"), DAYS),
        (pd.to_timedelta([90, 60, 0, 30], unit="min"), [5400, 3600, 0, 1800]),
        ([datetime.timedelta(i) for i in range(4)], 86_400 * np.arange(4)),
        ([datetime.time(i, 30) for i in range(4)], 1800 + 3600 * np.arange(4)),
        ([decimal.Decimal(f"{i}.5") for i in range(4)], 0.5 + np.arange(4)),
        (np.arange(4) + 1j, np.arange(4)),
        ([0j, 1j, 2 + 1j, np.nan], [0, 0, 2, np.nan]),
        ([1 + 1j, 1 - 1j] * 2, [1] * 4),
        (pd.interval_range(0, 4), ["(0, 1]", "(1, 2]", "(2, 3]", "(3, 4]"]),
    ],
)
def test_a_refusal_says_how_to_convert_a_column(values, expected):
    df = pd.DataFrame({"d": values}, dtype=getattr(values, "dtype", object))
    with pytest.raises(ValueError, match="'d' holds") as refused:
        Table.from_frame(df)
    advice = re.search("Convert it: (.*?)(,.*)?[.]$", str(refused.value))[1]
    df["d"] = eval(advice, {"df": df, "pd": pd, "np": np})
    assert df["d"].dropna().tolist() == pd.Series(expected).dropna().tolist()


@pytest.mark.parametrize("kind", ["decimal", "dictionary"])
def test_types_that_have_no_name_are_refused_before_training(kind):
    arrow = pytest.importorskip("pyarrow")
    if kind == "decimal":
        values = [decimal.Decimal(f"{i}.5") for i in range(4)]
        type = arrow.decimal128(10, 2)
    else:
        values, type = [*"abca"], arrow.dictionary(arrow.int8(), arrow.string())
    column = pd.array(values, dtype=pd.ArrowDtype(type))
    df = pd.DataFrame({"d": column, "x": [0.5, 1.5, 2.5, 9.5]})
    with pytest.raises(ValueError, match=f"'d'.*{kind}") as refused:
        Table.from_frame(df)
    advice = re.search("Convert it: (.*)[.]$", str(refused.value))[1]
    df["d"] = eval(advice, {"df": df})
    assert model(table=Table.from_frame(df)).sample(2, seed=0).shape == (2, 2)


def test_many_categories_are_refused_at_once():
    names = pd.DataFrame({"name": [f"n{i}" for i in range(200_000)], "x": 0.5})
    with pytest.raises(ValueError, match="'name' has too many.*200000"):
        Table.from_frame(names)


@pytest.mark.parametrize(
    ("df", "message"),
    [
        (DF.drop(columns="age"), r"Missing: \['age'\]"),
        (
            DF.rename(columns={"age": "years"}),
            r"Missing: \['age'\].*\['years'\]",
        ),
        (change(extra=1), r"Unknown: \['extra'\]"),
        (
            change(city=["Ulm"] * 9 + ["Mainz"] * (N - 9)),
            "'city'.*Bonn.*'Mainz' in row 'row 9'",
        ),
        (change(age=-1), "'age'.*counts.*-1"),
        (change(age=0.5), "'age'.*counts.*0.5"),
        (change(pay="much"), "'pay'.*numbers.*'much' in row 'row 0'"),
    ],
)
def test_data_that_do_not_fit_are_named(df, message):
    for use in (TABLE.rows, lambda name, df: model().embed(df)):
        with pytest.raises(ValueError, match=f"(?s){message}"):
            use("x", df)


def test_a_wrong_type_is_refused():
    for settings, message in (
        ({"types": {"agee": "real"}}, "Unknown column.*'age'"),
        ({"types": {"age": "number"}}, "one of.*real"),
        ({"types": {"gain": "positive"}}, "'gain'.*positive numbers"),
        ({"types": {"city": "real"}}, "'city'.*numbers.*in row 'row 0'"),
    ):
        with pytest.raises(ValueError, match=message):
            Table.from_frame(DF, **settings)
    with pytest.raises(TypeError, match="data frame"):
        Table.from_frame(np.zeros([3, 2]))


def test_rows_of_numbers_must_be_places_of_categories():
    rows = TABLE.rows("x", DF)
    place = [*DF].index("city")
    rows[2, place] = 3
    with pytest.raises(ValueError, match="'city'.*0..2.*3.0 in row 2"):
        model().embed(rows)


def test_empty_rows_warn():
    df = DF[["pay", "visits"]].copy()
    df.iloc[4] = np.nan
    with pytest.warns(UserWarning, match="rows without any value.*row 4"):
        Table.from_frame(df).rows("x", df)


def test_a_saved_model_takes_rows_of_numbers(tmp_path):
    df = DF[["pay", "city"]]
    table = Table.from_frame(df)
    vae = model(keras_ae.Autoencoder, table=table)
    vae.export(tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served"))
    found = served.score(table.rows("x", df))["reconstruction"]
    np.testing.assert_allclose(-found, vae.score_samples(df), rtol=1e-4)


@pytest.mark.filterwarnings("ignore:.*the format lacks Stateless")
@pytest.mark.parametrize(
    ("format", "name"),
    [
        ("onnx", "model"),
        ("litert", "model.tflite"),
        ("stablehlo", "model"),
    ],
)
def test_a_table_of_numbers_has_every_format(tmp_path, format, name):
    if missing := FORMATS[format].missing():
        pytest.skip(f"needs {', '.join(missing)}")
    table = Table.from_frame(DF[["pay", "city", "grade"]])
    vae = model(table=table)  # whose export is compared with Python
    written = vae.export(tmp_path / name, format=format)
    assert {"reconstruct", "encode", "decode"} <= {*written.endpoints}


def test_networks_read_the_share_of_values_that_lie_below():
    table = Table.from_frame(DF[["pay", "gain"]])
    x = np.concatenate([np.linspace(-60, 60, 4000), [1e30, -1e30, np.nan]])
    x = np.stack([x, x], axis=1).astype("float32")
    expected = [
        scipy.stats.norm.cdf(own[:, None].astype(float), c.centers, c.scales)
        @ c.weights
        for own, c in zip(x.T, table.columns, strict=True)
    ]
    found = table.features(x).numpy()
    # Weights sum to 1 within 1e-6; kernels of a deviation of 1e-6 add more
    # where single precision can not tell a value from its center.
    np.testing.assert_allclose(
        found.T, (np.array(expected) - 0.5) * np.sqrt(12), atol=5e-6
    )


def test_tables_and_columns_say_what_they_are_in_a_line():
    number = columns.learn(pd.Series([1.5, 2.5, 9.0], name="x"))
    assert repr(number) == "Number(name='x', type='positive', ...)"
    assert repr(TABLE) == (
        "Table(8 columns: 1 count, 1 positive, 1 real, 1 categorical, "
        "2 binary, 1 date, 1 ordinal; 'age', 'pay', 'gain', ...)"
    )
    assert repr(Table(TABLE.columns[:1])) == "Table(1 column: 1 count; 'age')"


def test_whole_numbers_have_holes_filled_with_others():
    x = pd.DataFrame({"x": np.linspace(0, 3, 40), "y": np.arange(40.0) % 7})
    table = keras_ae.VAE.create(Table.from_frame(x), 2, hidden=(4,), seed=0)
    asked = pd.DataFrame(
        {"x": pd.array([1, None, 3], "Int64"), "y": [1.0, 2.0, np.nan]}
    )
    filled = table.impute(asked)
    assert filled["x"].tolist()[::2] == [1, 3]
    assert filled.notna().all(axis=None)


@pytest.mark.parametrize("row", [DF.iloc[0], DF.iloc[0].to_dict()])
def test_one_row_is_told_how_it_becomes_a_frame(row):
    table = Table.from_frame(DF)
    with pytest.raises(TypeError, match=r"Of one row make pd.DataFrame\(\[row"):
        table.rows("x", row)


def test_a_column_that_names_the_rows_is_told():
    frame = pd.DataFrame({"id": [f"r{i}" for i in range(30)], "x": range(30)})
    with pytest.warns(UserWarning, match="'id' has another word in each"):
        Table.from_frame(frame)
    frame.loc[3, "id"] = "r4"
    Table.from_frame(frame)
