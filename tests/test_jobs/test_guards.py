"""Data in other forms than usual are read as what they are, or refused."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import keras_ae
import keras_ae.sklearn as estimators
from keras_ae.jobs import explorer
from keras_ae.jobs import training
from keras_ae.jobs.explorer import network
from keras_ae.jobs.intake import Intake
from keras_ae.spaces import Counts
from keras_ae.spaces import Image
from keras_ae.spaces import Series
from keras_ae.spaces import Table


def test_what_a_mask_hides_is_a_hole_for_estimators_and_spaces():
    x = np.random.default_rng(0).normal(size=(60, 3))
    x[:20, 0] = -9999
    masked = np.ma.array(x, mask=x == -9999)
    imputer = estimators.AutoencoderImputer(steps=2, hidden=(4,), latent_dim=2)
    filled = imputer.fit_transform(masked)
    np.testing.assert_allclose(imputer.intake_.mean[0], x[20:, 0].mean())
    assert filled[:20, 0].min() > -100
    space = Series.from_series([masked, masked[20:]], 5)
    np.testing.assert_allclose(space.mean[0], x[20:, 0].mean())
    hidden = np.ma.array([[1, 2], [999, 4]], mask=[[0, 0], [1, 0]])
    try:
        Counts.from_counts(hidden)
    except ValueError as error:
        assert "no count" in str(error)
    else:
        raise AssertionError("a hole is no count")


def test_true_is_the_upper_half():
    values = np.array([0.1, 0.9, 0.0, 0.4]).reshape(1, 2, 2, 1)
    found = Image(2, 2, levels=2).array(values, "bool")
    assert found.ravel().tolist() == [False, True, False, False]


def test_one_window_is_no_long_series_for_a_detector_of_windows():
    intake, window = Intake(Series(40)), np.sin(np.arange(40.0))
    assert training.asked(intake, window, long=False).size == 1
    assert training.asked(intake, window, long=True).size == 40


def test_units_of_a_page_have_all_digits():
    class Model:
        space = Series(4, mean=1e5, scale=0.137)

    explorer.plots.draws, kept = lambda model: True, explorer.plots.draws
    try:
        found = explorer._output(Model, np.zeros((1, 2)))
    finally:
        explorer.plots.draws = kept
    np.testing.assert_allclose(found["scale"], 0.137, rtol=1e-9)


def test_a_category_that_is_none_is_an_anomaly_in_a_saved_model(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"x": rng.normal(size=300), "c": rng.choice(["a", "b", "c"], 300)}
    )
    detector = keras_ae.AnomalyDetector(steps=5, seed=0).fit(frame)
    detector.export(tmp_path / "d")
    score = tf.saved_model.load(str(tmp_path / "d")).signatures["score"]
    rows = np.float32([[0, 1], [0, 7], [0, -1], [0, 0.5]])
    found = score(x=tf.constant(rows))
    alarms = found["is_anomaly"].numpy()
    np.testing.assert_array_equal(alarms[1:], [True, True, True])
    least = 1 / (len(detector.calibration_) + 1)
    np.testing.assert_allclose(found["p_value"][1:], least, rtol=1e-5)
    seen = frame.iloc[:1].assign(x=0.0, c="b")
    np.testing.assert_allclose(
        found["score"][0], detector.anomaly_score(seen)[0], rtol=1e-4
    )


@pytest.mark.parametrize(
    "values",
    [
        [1, 2],
        [1.5, 2.5],
        [True, False],
        pd.array([1, 2], "Int64"),
        pd.Categorical([1, 2]),
        pd.to_datetime(["2026-11-30", "2026-12-01"]),
        [[1], {"a": 2}],
        ["1", "d"],
    ],
)
def test_what_is_no_word_is_an_anomaly_where_words_were(words, values):
    detector, frame = words
    asked = frame[:2].assign(c=values)
    assert detector.predict(asked).tolist() == [-1, -1]
    assert detector.contributions(asked)["c"].min() > 1e38
    mixed = frame[:2].assign(c=["a", values[0]])
    np.testing.assert_array_equal(
        detector.anomaly_score(mixed)[:1],
        detector.anomaly_score(frame[:1].assign(c="a")),
    )
    with pytest.raises(ValueError, match="'c' holds a value that does not fit"):
        detector.models_[0].embed(asked)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["1", "two"], "'x'.*numbers.*'two' in row 1"),
        ([[1], [2]], "'x'"),
        (pd.to_datetime(["2026-11-30", None]), "'x'.*type real.*in row 0"),
    ],
)
def test_what_is_no_number_is_refused_where_numbers_were(
    words, values, message
):
    detector, frame = words
    with pytest.raises(ValueError, match=message):
        detector.predict(frame[:2].assign(x=values))


@pytest.fixture(scope="module")
def words():
    """A detector of a column of words beside numbers, and its rows."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"x": rng.normal(size=300), "c": rng.choice([*"abc"], 300)}
    )
    return keras_ae.AnomalyDetector(steps=5, seed=0).fit(frame), frame


def test_a_detector_replaces_no_files_of_something_else(tmp_path):
    x = np.random.default_rng(0).normal(size=(300, 3))
    detector = keras_ae.AnomalyDetector(
        steps=np.int64(5), seed=np.int64(0), false_alarm_rate=np.float32(0.1)
    ).fit(x)
    (tmp_path / "arrays.npz").write_text("mine")
    with pytest.raises(ValueError, match="is no detector"):
        detector.save(tmp_path)
    assert (tmp_path / "arrays.npz").read_text() == "mine"
    detector.save(tmp_path / "new")
    detector.save(tmp_path / "new")
    again = keras_ae.AnomalyDetector.load(tmp_path / "new")
    np.testing.assert_array_equal(
        again.anomaly_score(x), detector.anomaly_score(x)
    )


def test_frames_as_long_as_a_window_keep_their_columns():
    frame = pd.DataFrame({"a": [0.0, 1, 2, 3], "b": [10.0, 11, 12, 13]})
    space = Series(4, 2, names=["a", "b"])
    rows = space.rows("x", [frame[["b", "a"]], frame])
    np.testing.assert_array_equal(rows[0], rows[1])
    np.testing.assert_array_equal(rows[0], frame.to_numpy())


def test_columns_of_a_frame_are_channels_however_many():
    x = np.random.default_rng(0).normal(size=(50, 4))
    space = Series.from_series(pd.DataFrame(x, columns=list("abcd")), 4)
    assert space.shape == (4, 4) and space.names == list("abcd")


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (pd.date_range("2026-01-01", periods=30), range(30)),
        (np.linspace(0, 1, 30), pd.date_range("2026-01-01", periods=30)),
        (np.linspace(0, 1, 30), pd.to_timedelta(range(30), unit="s")),
    ],
)
def test_dates_are_no_numbers_nor_numbers_dates(first, then):
    space = Table.from_frame(pd.DataFrame({"v": first, "x": range(30)}))
    with pytest.raises(ValueError, match="'v'"):
        space.rows("x", pd.DataFrame({"v": then, "x": range(30)}))


def test_rows_of_holes_alone_are_taken_as_beside_others():
    model = keras_ae.VAE.create(
        (3,), 2, hidden=(4,), missing="mask", likelihood="gaussian"
    )
    nothing = np.full((2, 3), np.nan)
    rest = np.concatenate([nothing, np.ones((1, 3))])
    np.testing.assert_allclose(
        model.embed(nothing), model.embed(rest)[:2], rtol=1e-6
    )


def test_what_a_page_cannot_join_is_refused():
    images = keras.Input((4, 4, 1))
    left, right = (
        keras.layers.Conv2D(2, 3, padding="same")(images) for _ in range(2)
    )
    joined = keras.layers.Concatenate()([left, right])
    with pytest.raises(ValueError, match="joins"):
        network._check_joined(joined._keras_history.operation)
    added = keras.layers.Add()([left, right])
    network._check_joined(added._keras_history.operation)
