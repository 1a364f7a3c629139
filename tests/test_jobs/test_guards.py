"""Data in other forms than usual are read as what they are, or refused."""

import numpy as np

import keras_ae.sklearn as estimators
from keras_ae.jobs import explorer
from keras_ae.jobs import training
from keras_ae.jobs.intake import Intake
from keras_ae.spaces import Counts
from keras_ae.spaces import Image
from keras_ae.spaces import Series


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
