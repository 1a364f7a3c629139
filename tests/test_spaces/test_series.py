"""Series: every point is in a window, and what comes back is the mean of all
windows that cover it."""

import re
import tracemalloc

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from scipy import stats
from sklearn.metrics import roc_auc_score

import keras_ae
from keras_ae.analysis.series import point_scores
from keras_ae.model.training import feed
from keras_ae.spaces import Array
from keras_ae.spaces import Series
from keras_ae.zoo import datasets

#: Points, length of a window, stride.
CUTS = [(9, 4, 1), (9, 4, 3), (9, 4, 4), (10, 4, 3), (4, 4, 2), (31, 7, 5)]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    time = np.arange(60)
    values = {"a": 1e3 + 20 * np.sin(time / 3), "b": rng.normal(size=60)}
    hours = pd.date_range("2024-01-01", periods=60, freq="h")
    return pd.DataFrame(values, index=hours)


@pytest.fixture(scope="module")
def model(frame):
    space = Series.from_series(frame, 8, stride=3)
    model = keras_ae.VAE.create(
        space, 2, network="strided", hidden=(8,), missing="mask", seed=0
    )
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    run = model.fit(frame, batch_size=8, epochs=30, verbose=0)
    assert run.history["loss"][-1] < run.history["loss"][0] - 2  # nats
    return model


def refused(*parts):
    """The parts of the message, in their order."""
    return pytest.raises(
        ValueError, match="(?s)" + ".*".join(map(re.escape, parts))
    )


def brute_force(values, total, starts):
    """One point after the other."""
    points = []
    for t in range(total):
        covering = [
            values[n, t - start]
            for n, start in enumerate(starts)
            if 0 <= t - start < values.shape[1]
        ]
        points.append(np.mean(covering, axis=0))
    return np.array(points)


# Windows and points.


@pytest.mark.parametrize(("total", "length", "stride"), CUTS)
def test_windows_are_pieces_and_leave_no_point_out(total, length, stride, rng):
    series = rng.normal(size=(total, 2))
    found = Series(length, 2).windows(series, stride)
    starts = [*range(0, total - length + 1, stride)]
    if starts[-1] + length < total:
        starts.append(total - length)
    pieces = [series[s : s + length] for s in starts]
    np.testing.assert_array_equal(found, pieces)
    covered = {s + step for s in starts for step in range(length)}
    assert covered == set(range(total))
    own = Series(length, 2, stride=stride).rows("x", series)
    np.testing.assert_array_equal(own, found)


@pytest.mark.parametrize(("total", "length", "stride"), CUTS)
def test_points_are_means_over_the_windows(total, length, stride, rng):
    space = Series(length, stride=stride)
    clock = np.arange(total)
    starts = space.windows(clock)[:, 0, 0]
    for event in ((), (3,)):
        values = rng.normal(size=(len(starts), length, *event))
        found = space.points(values, total)
        expected = brute_force(values, total, starts)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    whole = np.repeat(values[:, :1, 0], length, axis=1)  # one of each window
    found = space.points(whole[:, 0], total)
    np.testing.assert_allclose(found, brute_force(whole, total, starts))
    # The map is exact at both ends: a point's own number comes back.
    back = space.points(space.windows(clock), total)
    np.testing.assert_array_equal(back[:, 0], clock)


def test_every_window_is_a_view_and_batches_copy_themselves_alone(rng):
    series = rng.normal(size=1_000_000).astype("float32")
    space = Series(200)
    rows = space.rows("x", series)
    assert np.shares_memory(rows, series)
    rows = feed.as_rows(rows)  # 800 MB, if they were copied
    index = rng.integers(len(rows), size=(2, 32))
    tracemalloc.start()
    taken = feed.take(rows, index)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_array_equal(taken[1, 5, :, 0], rows[index[1, 5], :, 0])
    assert peak < 10 * 64 * 200 * 4


@pytest.mark.parametrize(
    "values", [np.zeros([5, 4]), np.zeros([6, 3]), np.zeros(5)], ids=np.shape
)
def test_values_of_other_windows(values):
    with refused("Expected (6, 4, ...)", "9 points", f"({len(values)}, "):
        Series(4).points(values, 9)


# What data are.


@pytest.mark.parametrize(
    ("channels", "shape", "rows"),
    [
        (1, (9,), (6, 4, 1)),
        (1, (9, 1), (6, 4, 1)),
        (1, (4,), (1, 4, 1)),
        (1, (9, 4), (9, 4)),
        (1, (9, 4, 1), (9, 4, 1)),
        (3, (9, 3), (6, 4, 3)),
        (4, (9, 4), (6, 4, 4)),  # length or channels: these are no windows
        (3, (9, 4, 3), (9, 4, 3)),
    ],
)
def test_the_shape_says_what_data_are(channels, shape, rows, rng):
    space = Series(4, channels)
    data = rng.normal(size=shape)
    for form in (data, data.tolist(), tf.constant(data)):
        found = space.rows("x", form)
        assert found.shape == rows
        space.check("x", found)
        assert space.tensor(found).shape == (rows[0], 4, channels)
    values = space.array(space.tensor(found).numpy(), like=data)
    np.testing.assert_allclose(values, data, rtol=1e-6)
    assert values.shape == shape


@pytest.mark.parametrize(
    ("channels", "shape"),
    [(1, (9, 5)), (1, (9, 4, 2)), (3, (9,)), (3, (9, 2)), (3, (9, 4))],
)
def test_data_that_are_neither(channels, shape):
    space, data = Series(4, channels), np.zeros(shape)
    expected = f"(N, 4, {channels})", f"(T, {channels})"
    with refused("`x`", *expected, f"Received: shape {shape}"):
        space.check("x", space.rows("x", data))


def test_streams_stay_what_they_are():
    stream = tf.data.Dataset.from_tensor_slices(np.zeros([3, 4]))
    assert Series(4).rows("x", stream) is stream


def test_frames(frame):
    space = Series(8, 2)
    rows = space.rows("x", frame)
    np.testing.assert_array_equal(rows[3], frame.iloc[3:11])
    holes = pd.array([1, None] * 10, "Int64")  # pandas' own kind of hole
    rows = Series(8).rows("x", pd.Series(holes))
    assert np.isnan(rows[0, 1::2]).all() and (rows[0, ::2] == 1).all()
    wrong = frame.assign(b=frame.index, c="word")
    with refused("`x` has columns", "Received: {'b': 'datetime64", "'c': "):
        space.rows("x", wrong)


def test_a_series_shorter_than_a_window():
    with refused("shorter", "length=8", "Received: 7 points"):
        Series(8).rows("x", np.zeros(7))
    with refused("`x` is no array", "one shape", "Received: list"):
        Series(2).rows("x", [[1.0, 2.0], [3.0]])


@pytest.mark.parametrize(
    "wrong",
    [
        {"length": 1},
        {"channels": 0},
        {"stride": 5},
        {"stride": 0},
        {"scale": 0.0},
        {"scale": [1.0, 2.0, 3.0]},
        {"mean": np.nan},
    ],
    ids=repr,
)
def test_arguments(wrong):
    (name,) = wrong
    with refused(f"`{name}`", "Expected", "Received"):
        Series(**{"length": 4, "channels": 2} | wrong)


# Scales.


def test_each_channel_gets_mean_0_and_deviation_1(rng):
    x = rng.normal([5, -300, 7], [0.01, 40, 0], size=(500, 3))
    x[:7, 1] = np.nan
    for data in (x, Series(10, 3).windows(x), pd.DataFrame(x)):
        space = Series.from_series(data, 10)
        values = np.asarray(data).reshape(-1, 3)
        np.testing.assert_allclose(space.mean, np.nanmean(values, axis=0))
        deviations = np.nanstd(values[:, :2], axis=0)
        np.testing.assert_allclose(space.scale[:2], deviations)
        assert space.scale[2] == 1  # it is constant
    found = space.tensor(space.rows("x", x)).numpy()
    flat = space.points(found, 500)
    # Means 500 deviations away, of 24 bits: 3e-5 of a deviation.
    np.testing.assert_allclose(np.nanmean(flat, axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(np.nanstd(flat, axis=0), [1, 1, 0], atol=1e-4)
    back = space.array(found, like=x)
    assert back.dtype == np.float64
    np.testing.assert_allclose(back, x, rtol=1e-6)


def test_one_dimension_means_one_channel(rng):
    assert Series.from_series(rng.normal(size=50), 10).channels == 1
    assert Series.from_series(rng.normal(size=(50, 10)), 10).channels == 1
    assert Series.from_series(rng.normal(size=(50, 4)), 10).channels == 4


def test_what_has_no_scale():
    x = np.ones([20, 2])
    x[:, 1] = np.nan
    with refused("no number", "columns [1]"):
        Series.from_series(x, 4)
    x = 1e9 + np.random.default_rng(0).normal(size=20)
    with refused("too far from 0", "columns [0]", "Subtract"):
        Series.from_series(x, 4)
    with refused("`x` holds NaN or infinite", "Received"):
        Series.from_series(np.array([1.0, np.inf, 2.0]), 2)


def test_whole_numbers_and_draws(frame):
    space = Series.from_series(frame, 8)
    rows = space.windows(frame)
    x = space.tensor(rows).numpy()
    whole = space.array(x, "int64", like=frame)
    pd.testing.assert_frame_equal(whole, frame.round().astype("int64"))
    # Of values of 50 deviations, in single precision.
    near = {"rtol": 1e-5, "atol": 1e-5}
    draws = space.array(np.stack([x, x + 1]), like=frame)
    pd.testing.assert_frame_equal(draws[1], frame + space.scale, **near)
    draws = space.array(np.stack([x, x + 1]), like=frame.to_numpy())
    np.testing.assert_allclose(draws[1], frame + space.scale, **near)
    windows = space.array(x, like=rows)
    np.testing.assert_allclose(windows, rows, **near)


# Models.


def test_reconstructions_have_the_form_of_what_was_asked(model, frame):
    found = model.reconstruct(frame)
    assert found.index.equals(frame.index)
    assert list(found.columns) == ["a", "b"]
    rows = model.space.windows(frame)
    starts = [*range(0, 53, 3), 52]
    expected = brute_force(model.reconstruct(rows), 60, starts)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    # Units of the user: near its mean, not near 0.
    assert abs(found["a"].mean() - 1e3) < 10
    assert model.embed(frame).shape == (len(starts), 2)
    assert model.score_samples(frame).shape == (len(starts),)


def test_streams_come_back_in_units(model, frame):
    rows = model.space.windows(frame).astype("float32")
    stream = tf.data.Dataset.from_tensor_slices(rows).batch(4)
    found = model.predict(stream, verbose=0)
    np.testing.assert_allclose(found, model.predict(rows), rtol=1e-5)


def test_holes_are_filled_and_the_rest_stays(model, frame):
    holes = frame.copy()
    holes.iloc[20:25, 0] = np.nan
    found = model.impute(holes)
    assert not found.isna().any(axis=None)
    # Single precision of values of 50 deviations.
    np.testing.assert_allclose(found[holes.notna()], holes, atol=1e-3)
    assert (abs(found.iloc[20:25, 0] - 1e3) < 100).all()
    first, second = model.impute(holes, draws=2)
    assert (first != second).to_numpy().any()


def test_saved_with_its_scales(model, frame, tmp_path):
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    pd.testing.assert_frame_equal(
        twin.reconstruct(frame), model.reconstruct(frame)
    )


# Scores of points.


def test_point_scores_are_means_of_log_densities(model, frame):
    holes = frame.copy()
    holes.iloc[30] = np.nan
    holes.iloc[40, 1] = np.nan
    rows = model.space.windows(holes)
    means = model.reconstruct(rows)
    scale = np.asarray(model.space.scale)
    deviation = float(model.decoder.head.monitors()["scale"]) * scale
    # Densities of scaled values.
    each = stats.norm.logpdf(rows, means, deviation) + np.log(scale)
    steps = np.where(np.isnan(rows).all(-1), np.nan, np.nansum(each, axis=-1))
    expected = brute_force(steps, 60, [*range(0, 53, 3), 52])
    found = point_scores(model, holes)
    assert np.isnan(found).nonzero()[0].tolist() == [30]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(
        point_scores(model, rows), steps, rtol=1e-3, atol=1e-3
    )


def test_point_scores_find_anomalies():
    (x, _), (x_test, y_test) = datasets.load("waves")
    space = Series.from_series(x, 50, stride=10)
    model = keras_ae.VAE.create(space, 6, hidden=(64,), seed=0)
    model.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
    model.fit(x, epochs=8, verbose=0)
    scores = point_scores(model, x_test)
    assert roc_auc_score(y_test, -scores) > 0.9


def test_only_series_have_points():
    model = keras_ae.Autoencoder.create(Array((4, 1)), 2, hidden=(4,))
    with pytest.raises(TypeError, match="`Series`. Received: Array"):
        point_scores(model, np.zeros([3, 4, 1]))
    model = keras_ae.Autoencoder.create(
        Series(4, 3), 2, hidden=(4,), likelihood="categorical"
    )
    with pytest.raises(TypeError, match="density of each value.*Received"):
        point_scores(model, np.tile(np.eye(3)[0], (5, 1)))


def log(**index):
    """Two channels of very different size."""
    t = np.arange(60.0)
    return pd.DataFrame(
        {"energy": 1e5 + np.sqrt(t), "phase": np.sin(t)}, **index
    )


@pytest.fixture(scope="module")
def meter():
    space = Series.from_series(log(), 8)
    return keras_ae.VAE.create(space, 2, hidden=(8,), missing="mask", seed=0)


def test_columns_are_found_by_their_names(meter):
    frame = log()
    turned = frame[["phase", "energy"]]
    for method in (meter.score_samples, meter.embed):
        np.testing.assert_array_equal(method(turned), method(frame))
    found = meter.reconstruct(turned)
    assert list(found.columns) == ["phase", "energy"]
    pd.testing.assert_frame_equal(
        found[["energy", "phase"]], meter.reconstruct(frame)
    )
    with pytest.raises(ValueError, match="Expected .'energy', 'phase'."):
        meter.embed(frame.rename(columns={"phase": "angle"}))
    again = Series.from_config(meter.space.get_config())
    assert again.names == ["energy", "phase"]
    with pytest.raises(ValueError, match="a name for each of 2 channels"):
        Series(8, 2, names=["energy"])


@pytest.mark.parametrize("draws", [None, 2])
@pytest.mark.parametrize("order", [["energy", "phase"], ["phase", "energy"]])
def test_what_was_observed_is_to_the_bit_what_it_was(meter, draws, order):
    """Single precision rounds numbers of 1e5 to 1/128."""
    frame = log()[order]
    frame.loc[5:7, "phase"] = np.nan
    found = meter.impute(frame, draws=draws)
    for filled in [found] if draws is None else found:
        assert filled.notna().all(axis=None)
        pd.testing.assert_frame_equal(filled.where(frame.notna()), frame)
    assert meter.impute(frame.to_numpy()).dtype == np.float64


def test_whole_numbers_without_holes_stay_whole():
    frame = pd.DataFrame({0: np.arange(20) % 7, 1: np.arange(20.0)})
    space = Series.from_series(frame, 8)
    model = keras_ae.VAE.create(space, 2, hidden=(4,), missing="mask")
    pd.testing.assert_frame_equal(model.impute(frame), frame)
    series = frame[0]
    one = keras_ae.VAE.create(Series(8), 2, hidden=(4,), missing="mask")
    pd.testing.assert_series_equal(one.impute(series), series)


def test_times_that_are_not_in_order(meter):
    frame = log(index=pd.date_range("2024", periods=60, freq="h", tz="CET"))
    assert len(meter.embed(frame)) == 53
    with pytest.raises(ValueError, match="not in order.*sort_index"):
        meter.embed(frame[::-1])
    with pytest.raises(ValueError, match="not in order"):
        meter.embed(pd.concat([frame[:30], frame[29:]]))
    with pytest.warns(UserWarning, match="1, the first from 2024-01-01 19:00"):
        meter.embed(frame.drop(frame.index[20:40]))


@pytest.fixture
def several(frame):
    """Of several lengths, one of a window alone."""
    return [frame[:23], frame[23:31], frame[31:]]


def test_several_series_are_cut_each_by_itself(model, several):
    space = model.space
    rows = space.rows("x", several)
    alone = [space.rows("x", series) for series in several]
    np.testing.assert_array_equal(rows, np.concatenate(alone))
    assert [*map(len, alone)] == [6, 1, 8]


def test_several_series_come_back_as_each_alone(model, several):
    several = [series.copy() for series in several]
    several[0].iloc[4, 0] = several[2].iloc[20, 1] = np.nan
    for found, function in (
        (model.reconstruct(several), model.reconstruct),
        (model.impute(several), model.impute),
    ):
        assert len(found) == 3
        for own, series in zip(found, several, strict=True):
            assert own.index.equals(series.index)
            assert [*own] == [*series]
            if function == model.reconstruct:
                pd.testing.assert_frame_equal(own, function(series), rtol=1e-4)
    filled = model.impute(several, draws=2)
    assert [len(draws) for draws in filled] == [2, 2, 2]
    for draws, series in zip(filled, several, strict=True):
        known = series.notna()
        for draw in draws:
            pd.testing.assert_frame_equal(draw.where(known), series)
            assert draw.notna().all(axis=None)


def test_points_of_several_series_one_after_the_other(model, several, rng):
    space, totals = model.space, [*map(len, several)]
    each = [rng.normal(size=len(space.rows("x", s))) for s in several]
    alone = map(space.points, each, totals)
    found = space.points(np.concatenate(each), totals)
    np.testing.assert_array_equal(found, np.concatenate([*alone]))
    scores = [point_scores(model, series) for series in several]
    np.testing.assert_allclose(
        point_scores(model, several), np.concatenate(scores), rtol=1e-4
    )


def test_the_space_of_several_series(several):
    arrays = [series.to_numpy() for series in several]
    whole = np.concatenate(arrays)
    space = Series.from_series(arrays, 8)
    assert space.channels == 2
    np.testing.assert_allclose(space.mean, whole.mean(axis=0))
    np.testing.assert_allclose(space.scale, whole.std(axis=0))
    equal = Series.from_series([np.arange(9.0), np.arange(9.0)], 4)
    assert (equal.channels, equal.mean) == (1, [4.0])
    assert len(equal.rows("x", [np.arange(9.0), np.arange(9.0)])) == 12
    assert Series.from_series(several, 8).names == ["a", "b"]


def test_one_of_several_series_is_named_where_it_does_not_fit(model, several):
    with refused("The columns of `x[1]`", "Received: ['a', 'c']"):
        model.embed([several[0], several[2].rename(columns={"b": "c"})])
    with refused("shorter than a window", "Received: 3 points"):
        model.embed([several[0], several[2][:3]])


def test_training_on_several_series(several):
    model = keras_ae.VAE.create(Series.from_series(several, 8), 2, hidden=(8,))
    model.compile(jit_compile=False)
    run = model.fit(several, validation_data=(several,), epochs=2, verbose=0)
    assert len(run.history["val_loss"]) == 2
