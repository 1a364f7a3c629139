"""The anomaly detector: what it promises, and what it says of bad input."""

import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.stats
import tensorflow as tf
from sklearn.base import clone
from sklearn.neighbors import NearestNeighbors

import keras_ae
from keras_ae import AnomalyDetector
from keras_ae.jobs import core_rows
from keras_ae.jobs import learned
from keras_ae.jobs import scores as kinds
from keras_ae.jobs import training
from keras_ae.jobs.intake import Intake
from keras_ae.math import conformal

EASY = {"false_alarm_rate": 0.2, "calibration": 0.3}


def rows(size=200, seed=0):
    return np.random.default_rng(seed).normal(size=(size, 4))


@pytest.fixture(scope="module")
def vae():
    """A model with weights as drawn: any score is a fixed function."""
    return keras_ae.VAE.create(4, 2, hidden=(8,), likelihood="gaussian", seed=0)


@pytest.fixture(scope="module")
def denoising():
    return keras_ae.DenoisingAutoencoder.create(
        4, 3, hidden=(8,), likelihood="gaussian", seed=0
    )


@pytest.fixture(scope="module")
def detector():
    return AnomalyDetector(steps=30, **EASY).fit(rows())


# What it promises.


def test_false_alarms_of_200_splits_are_as_many_as_stated(vae):
    splits, judged, held = 200, 100, 105
    own = AnomalyDetector(vae, scores=["elbo", "distance"], steps=0)
    own.fit(rows(400))
    found = own.anomaly_score(rows(splits * (held + judged), 1))
    for rate in (0.01, 0.05, 0.1):
        alarms = 0
        for part in np.split(found, splits):
            p = conformal.p_values(np.sort(part[:held]), part[held:])
            alarms += int((p <= rate).sum())
        # Of rows held out, k may lie above: the share of new rows that do is
        # beta distributed, their number beta-binomial.
        k = int(rate * (held + 1))
        one = scipy.stats.betabinom(judged, k, held + 1 - k)
        assert abs(alarms - splits * one.mean()) < 3 * one.std() * splits**0.5


def test_rows_that_train_rule_and_calibrate_are_different_rows():
    x = np.arange(100.0).reshape(50, 2)
    parts = training.split(Intake.of(x), x, 0.4, 2, seed=0)
    assert [part.size for part in parts] == [30, 10, 10]
    found = np.sort(np.concatenate([part.rows for part in parts]), axis=0)
    np.testing.assert_array_equal(found, Intake.of(x).rows(x))


@pytest.mark.parametrize("kept, waves", [(0.95, True), (0.8, False)])
def test_rows_whose_neighbours_are_alike_are_curves(kept, waves):
    """Of standardized columns von Neumann's ratio is 1 - correlation."""
    rng = np.random.default_rng(0)
    x = [rng.normal(size=2000)]
    for _ in range(39):
        x.append(kept * x[-1] + np.sqrt(1 - kept**2) * rng.normal(size=2000))
    x = np.stack(x, axis=1) * rng.uniform(1, 9) + 3
    space = Intake.of(x).space
    assert isinstance(space, keras_ae.spaces.Series) is waves
    # Without their order they are columns again.
    mixed = Intake.of(rng.permuted(x, axis=1)).space
    assert isinstance(mixed, keras_ae.spaces.Array)


def test_outliers_among_the_rows_are_not_learned_from():
    """A fifth of the rows, off the plane where the others are."""
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(2, 6))
    x = rng.normal(size=(500, 2)) @ plane
    odd = np.arange(500) % 5 == 0
    x[odd] += rng.normal(size=(100, 6))
    far = np.abs(x @ scipy.linalg.null_space(plane)).max(axis=1) > 1e-6
    assert (far == odd).all()
    intake = Intake.of(x)
    train = training.Part(intake.rows(x))
    scores = training.chosen("elbo", None)
    kept = core_rows.core(scores, intake.space, train, None, seed=0)
    assert kept.size == 250
    places = {row.tobytes() for row in kept.rows}
    taken = [row.tobytes() in places for row in train.rows[odd]]
    # Of a half taken by chance 50 of the 100 are expected, at least 30.
    assert sum(taken) < 15


def test_a_given_model_learns_from_all_that_it_is_given(vae):
    with pytest.raises(ValueError, match="outliers=False.*a VAE"):
        AnomalyDetector(vae, steps=0, outliers=True).fit(rows())


def test_an_alarm_is_a_p_value_of_at_most_the_rate(detector):
    x = np.concatenate([rows(300, 5), 3 * rows(100, 6)])
    alarm = detector.predict(x) == -1
    assert alarm.any() and not alarm.all()
    assert (alarm == (detector.p_value(x) <= 0.2)).all()
    assert (alarm == (detector.decision_function(x) < 0)).all()


def test_false_discoveries_by_the_steps_of_benjamini_and_hochberg(detector):
    x = np.concatenate([rows(40, 5), 9 * rows(20, 6)])
    p = detector.p_value(x)
    ordered = np.sort(p)
    below = np.flatnonzero(ordered <= 0.3 * np.arange(1, 61) / 60)
    expected = p <= ordered[below[-1]] if len(below) else np.zeros(60, bool)
    assert ((detector.predict(x, fdr=0.3) == -1) == expected).all()


def test_answers_about_a_row_do_not_depend_on_others(detector):
    x = np.concatenate([rows(300, 5), [[9.0, -9, 9, -9]]])
    together = detector.anomaly_score(x)
    assert (detector.anomaly_score(x[::-1])[::-1] == together).all()
    alone = [detector.anomaly_score(x[i : i + 1])[0] for i in (0, 299, 300)]
    assert alone == together[[0, 299, 300]].tolist()


def test_two_fits_of_one_plan_do_not_disturb_each_other(detector):
    before = detector.anomaly_score(rows(50, 5))
    other = clone(detector).fit(3 * rows(150, 7))
    assert (other.anomaly_score(rows(50, 5)) != before).all()
    assert (detector.anomaly_score(rows(50, 5)) == before).all()
    again = clone(detector).fit(rows())
    assert (again.anomaly_score(rows(50, 5)) == before).all()


def test_a_fit_that_fails_does_not_disturb_others(detector):
    before = detector.anomaly_score(rows(50, 5))
    with pytest.raises(ValueError, match="shape"):
        learned.trained(detector.views_[0].learned.plan, np.ones([9, 5]), 1)
    assert (detector.anomaly_score(rows(50, 5)) == before).all()


def test_a_model_is_left_as_it_is(vae):
    weights = vae.get_weights()
    fitted = AnomalyDetector(vae, scores="elbo", steps=5, **EASY).fit(rows())
    for a, b in zip(weights, vae.get_weights(), strict=True):
        assert (a == b).all()
    moved = fitted.models_[0].get_weights()
    assert any((a != b).any() for a, b in zip(weights, moved, strict=True))


# Scores.


def one(model, score):
    own = AnomalyDetector(model, scores=score, steps=0, **EASY).fit(rows())
    x = rows(30, 5)
    return own.anomaly_score(x), x.astype("float32"), own


def test_elbo_is_that_of_the_model(vae):
    found, x, _ = one(vae, "elbo")
    np.testing.assert_allclose(found, -vae.score_samples(x), rtol=1e-5)


def test_likelihood_is_exact_where_the_decoder_is_silent():
    head = keras_ae.heads.Gaussian(scale=1.2)  # q(z|x), wider than p(z)
    likelihood = {"gaussian": {"scale": 3.0}}
    vae = keras_ae.VAE.create(
        4, 2, hidden=(8,), likelihood=likelihood, posterior=head, seed=0
    )
    vae.set_weights([np.zeros_like(w) for w in vae.get_weights()])
    found, x, _ = one(vae, {"likelihood": {"samples": 2000}})
    expected = -scipy.stats.norm(0, 3).logpdf(x).sum(axis=1)
    # The weights p(z) / q(z) deviate by 0.4: the mean of 2,000 by 0.01.
    np.testing.assert_allclose(found, expected, atol=0.03)


def test_contributions_add_up_to_the_error_of_the_reconstruction(vae):
    found, x, own = one(vae, "reconstruction")
    parts = own.contributions(x)
    np.testing.assert_allclose(parts.sum(axis=1), found, rtol=1e-5)
    np.testing.assert_allclose(
        parts, (x - vae.reconstruct(x)) ** 2, rtol=1e-4, atol=1e-6
    )


def test_denoising_without_noise_is_the_error_of_the_reconstruction():
    model = keras_ae.DenoisingAutoencoder.create(
        4,
        3,
        hidden=(8,),
        likelihood="gaussian",
        seed=0,
        corruption={"gaussian_noise": {"stddev": 1e-6}},
    )
    found, x, own = one(model, "denoising")
    expected = np.sum((x - model.reconstruct(x)) ** 2, axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(own.contributions(x).sum(axis=1), found, 1e-5)


def test_the_map_of_an_image_shows_the_pixels_that_are_wrong():
    """Weights as drawn, but a decoder that says 0.5 of every pixel."""
    model = keras_ae.DenoisingAutoencoder.create(
        keras_ae.spaces.Image(6, 5), 3, hidden=(8,), seed=0
    )
    projection = model.decoder.projection
    kernel = np.zeros(projection.kernel.shape)
    projection.set_weights([kernel, np.full(kernel.shape[1], 0.5)])
    x = np.random.default_rng(0).integers(256, size=(40, 6, 5), dtype="uint8")
    own = AnomalyDetector(model, scores="denoising", steps=0, **EASY).fit(x)
    found = own.contributions(x)
    np.testing.assert_allclose(found, (x / 255 - 0.5) ** 2, atol=1e-6)
    sums = found.sum(axis=(1, 2))
    np.testing.assert_allclose(sums, own.anomaly_score(x), rtol=1e-5)


def test_distance_is_that_to_neighbours_in_the_code(vae):
    known = kinds.Distance(3).learn(vae, rows().astype("float32"))
    x = rows(30, 5).astype("float32")
    found = kinds.values(
        kinds.get({"distance": {"neighbours": 3}}), vae, x, known
    )
    near = NearestNeighbors(n_neighbors=3).fit(vae.embed(rows()))
    expected = near.kneighbors(vae.embed(x))[0].mean(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


# Data of other kinds.


def test_data_frames_with_holes_and_words():
    x = rows(120)
    frame = pd.DataFrame(
        {"size": x[:, 0], "kind": np.where(x[:, 1] > 0, "a", "b")}
    )
    frame.loc[3, "size"] = np.nan
    own = AnomalyDetector(scores="reconstruction", steps=1, **EASY).fit(frame)
    parts = own.contributions(frame)
    assert parts.index.equals(frame.index)
    assert [*parts.columns] == ["size", "kind"]
    assert parts.loc[3, "size"] == 0
    np.testing.assert_allclose(
        parts.sum(axis=1), own.anomaly_score(frame), rtol=1e-5
    )


def test_a_given_model_that_takes_holes_may_have_some(tmp_path):
    x = rows(120)
    x[::7, 1] = np.nan
    vae = keras_ae.VAE.create(x.shape[1], 2, hidden=(8,), missing="mask")
    own = AnomalyDetector(vae, scores="elbo", steps=1, **EASY).fit(x)
    found = own.anomaly_score(x)
    assert np.isfinite(found).all()
    own.save(tmp_path / "own")
    again = AnomalyDetector.load(tmp_path / "own")
    np.testing.assert_array_equal(again.anomaly_score(x), found)
    with pytest.raises(ValueError, match="contains NaN. .*Table.from_frame"):
        AnomalyDetector(scores="elbo", steps=1, **EASY).fit(x)


def test_a_category_that_was_never_seen_is_an_anomaly():
    x = rows(120)
    frame = pd.DataFrame(
        {"size": x[:, 0], "kind": np.where(x[:, 1] > 0, "a", "b"), "n": x[:, 2]}
    )
    own = AnomalyDetector(scores="reconstruction", steps=1, **EASY).fit(frame)
    asked = frame[:5].astype({"kind": "category"})
    asked["kind"] = asked["kind"].cat.add_categories("c")
    known = own.anomaly_score(asked)
    asked.loc[2, "kind"] = "c"
    found = own.anomaly_score(asked)
    others = [0, 1, 3, 4]
    np.testing.assert_array_equal(found[others], known[others])
    assert found[2] > 1e30
    assert np.isfinite(found).all()
    assert own.predict(asked)[2] == -1
    assert own.p_value(asked)[2] == 1 / (len(own.calibration_) + 1)
    assert own.contributions(asked).loc[2].idxmax() == "kind"
    with pytest.raises(ValueError, match="'kind' holds a value that does not"):
        own.models_[0].embed(asked)


def test_contributions_of_a_frame_of_numbers_have_its_names():
    x = rows(120)
    names = [*"wxyz"][: x.shape[1]]
    frame = pd.DataFrame(x, pd.RangeIndex(7, 127), names)
    own = AnomalyDetector(scores="reconstruction", steps=1, **EASY).fit(frame)
    parts = own.contributions(frame)
    assert parts.index.equals(frame.index)
    assert [*parts.columns] == names
    found = own.anomaly_score(frame)
    np.testing.assert_allclose(parts.sum(axis=1), found, rtol=1e-5)


def test_every_point_of_a_long_series_has_a_score():
    x = np.sin(np.arange(600) * 2 * np.pi / 20)
    own = AnomalyDetector(scores="reconstruction", steps=50)
    with pytest.warns(UserWarning, match="rate of false alarms is 0.14, not"):
        own.fit(x)  # 120 points are held out, 6 windows
    assert own.intake_.space.length == 20
    x[300:303] = 3.0
    found = own.anomaly_score(x[200:400])
    assert found.shape == (200,)
    assert 80 < found.argmax() < 122  # windows that cover points 100 to 102


def test_alarms_of_a_long_series_are_of_the_anomaly():
    rng = np.random.default_rng(0)

    def series():
        t = np.arange(1000)
        return np.sin(2 * np.pi * t / 50) + rng.normal(scale=0.1, size=1000)

    x = series()
    own = AnomalyDetector(false_alarm_rate=0.2, calibration=0.4, steps=200)
    own.fit(x)
    assert [type(v.score) for v in own.views_] == [kinds.Denoising]
    # Each stretch as long as a window counts once, by its highest point.
    highest = own.anomaly_score(x[-400:]).reshape(8, 50).max(axis=1)
    np.testing.assert_allclose(own.calibration_, np.sort(highest), rtol=1e-5)
    assert -own.offset_ == own.calibration_[-1]  # 0.2 * 9 is less than 2
    x = series()
    x[500:520] += 1.0
    alarms = own.predict(x) < 0
    assert alarms[500:520].all()
    # All in windows that cover it, but for at most three stretches of 17.
    assert np.delete(alarms, np.arange(450, 570)).sum() < 150
    vae = keras_ae.VAE.create(keras_ae.spaces.Series(50), 2, hidden=(8,))
    vae.compile("adam")
    other = AnomalyDetector(vae, false_alarm_rate=0.2, calibration=0.4, steps=1)
    other.fit(series())
    assert [type(v.score) for v in other.views_] == [kinds.Elbo]


@pytest.mark.parametrize("parts", [1, 2])
def test_the_end_of_each_of_several_series_is_held_out(parts):
    series = [np.arange(100.0), np.arange(200.0, 250.0)]
    space = keras_ae.spaces.Series(5)
    train, *held = training.split(Intake(space), series, 0.4, parts, 0)
    assert train.totals == (60, 30)
    assert [part.totals for part in held] == [
        (40 // parts, 20 // parts)
    ] * parts
    # First points of the windows, in order.
    starts = [part.rows[:, 0, 0] for part in (train, *held)]
    whole = np.concatenate([np.arange(56), np.arange(200, 226)])
    np.testing.assert_array_equal(starts[0], whole)
    assert (starts[1][0], starts[-1][-1]) == (60, 245)


def test_several_long_series():
    rng = np.random.default_rng(0)

    def waves(total):
        time = np.arange(total) + rng.integers(100)
        return np.sin(time / 3) + 0.1 * rng.normal(size=total)

    series = [waves(total) for total in (400, 150, 30, 450)]
    space = keras_ae.spaces.Series.from_series(series, 10)
    detector = AnomalyDetector(space, steps=60).fit(series)
    # 206 of 1,030 points are held out, the last of the last series.
    assert len(detector.calibration_) == 20
    found = detector.anomaly_score(series)
    assert found.shape == (1030,)
    each = [detector.anomaly_score(own) for own in series]
    np.testing.assert_allclose(found, np.concatenate(each), rtol=1e-4)
    assert detector.contributions(series).shape == (1030, 1)
    series[1][70:80] = 5
    alarms = detector.predict(series) == -1
    assert alarms[472:478].all()
    assert alarms.mean() < 0.1
    own = AnomalyDetector(steps=5, false_alarm_rate=0.1).fit(series)
    assert own.intake_.space.length == 19  # of the waves, two pi times three


def test_features_of_a_model_in_front():
    front = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Flatten()])
    x = np.random.default_rng(0).uniform(size=(80, 6, 6, 1))
    plain = AnomalyDetector(scores="elbo", steps=1, **EASY)
    own = clone(plain).set_params(features=front).fit(x)
    flat = plain.fit(x.reshape(80, 36))
    np.testing.assert_allclose(
        own.anomaly_score(x), flat.anomaly_score(x.reshape(80, 36)), rtol=1e-4
    )


# On disk.


@pytest.mark.long
def test_a_saved_detector_answers_the_same_in_a_new_process(detector, tmp_path):
    x = rows(20, 5)
    detector.save(tmp_path / "saved")
    np.save(tmp_path / "x.npy", x)
    code = (
        "import sys, numpy as np, keras_ae\n"
        "own = keras_ae.AnomalyDetector.load(sys.argv[1] + '/saved')\n"
        "x = np.load(sys.argv[1] + '/x.npy')\n"
        "found = own.anomaly_score(x), own.p_value(x), own.predict(x)\n"
        "np.save(sys.argv[1] + '/found.npy', found)\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True)
    expected = (
        detector.anomaly_score(x),
        detector.p_value(x),
        detector.predict(x),
    )
    np.testing.assert_array_equal(np.load(tmp_path / "found.npy"), expected)


@pytest.mark.parametrize("name", ["arrays.npz", "model_0/metadata.json"])
def test_altered_files_are_refused(detector, tmp_path, name):
    detector.save(tmp_path)
    content = bytearray((tmp_path / name).read_bytes())
    content[-3] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(keras_ae.PresetError, match="damaged or altered"):
        AnomalyDetector.load(tmp_path)


def test_the_signature_of_a_saved_model(detector, tmp_path):
    detector.export(tmp_path / "served")
    x = np.concatenate([rows(30, 5), 9 * rows(10, 6)])
    score = tf.saved_model.load(tmp_path / "served").signatures["score"]
    found = score(x=tf.constant(x, tf.float32))
    close = {"rtol": 1e-3, "atol": 1e-4}
    np.testing.assert_allclose(
        found["score"], detector.anomaly_score(x), **close
    )
    np.testing.assert_allclose(found["p_value"], detector.p_value(x), atol=0.04)
    clear = np.abs(detector.decision_function(x)) > 1e-3
    alarm = found["is_anomaly"].numpy() == (detector.predict(x) == -1)
    assert alarm[clear].all()
    assert np.isnan(score(x=tf.fill([1, 4], np.nan))["score"])


# Bad input.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"false_alarm_rate": 0.0}, "false_alarm_rate"),
        ({"false_alarm_rate": 1.5}, "false_alarm_rate"),
        ({"calibration": 1.0}, "calibration"),
        ({"false_alarm_rate": 0.001}, "Too few held-out rows"),
        ({"calibration": 0.999}, "Too few rows to hold some out"),
        ({"scores": "depth"}, "Unknown score"),
        ({"scores": []}, "one score"),
        ({"scores": ["elbo", "elbo"]}, "different"),
        ({"steps": 0}, "steps"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        AnomalyDetector(**arguments).fit(rows())


def test_rows_that_are_all_equal():
    with pytest.raises(ValueError, match="All training rows are equal"):
        AnomalyDetector().fit(np.ones([300, 3]))


def test_a_score_that_a_model_has_not(vae, denoising):
    with pytest.raises(ValueError, match="lacks a corruption"):
        AnomalyDetector(vae, scores="denoising", steps=0).fit(rows())
    with pytest.raises(ValueError, match="lacks a prior"):
        AnomalyDetector(denoising, scores="elbo", steps=0).fit(rows())


def test_a_model_that_may_be_trained_or_not(vae):
    with pytest.raises(ValueError, match="steps=0"):
        AnomalyDetector(vae).fit(rows())


def test_contributions_of_scores_that_are_no_sums(vae):
    own = AnomalyDetector(vae, scores="elbo", steps=0, **EASY).fit(rows())
    with pytest.raises(ValueError, match="is a sum"):
        own.contributions(rows())
