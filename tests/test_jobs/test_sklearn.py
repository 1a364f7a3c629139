"""scikit-learn's own checks of the estimators, and pipelines."""

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import keras_ae.sklearn as estimators
from keras_ae.jobs import learned
from keras_ae.model.training import loop

ESTIMATORS = [
    estimators.AnomalyDetector(
        scores="elbo", false_alarm_rate=0.3, calibration=0.5, steps=1
    ),
    estimators.CrossConformalDetector(
        estimators.AnomalyDetector(scores="elbo", calibration=0.5, steps=1),
        folds=2,
        false_alarm_rate=0.3,
    ),
    estimators.AutoencoderTransformer(latent_dim=2, hidden=(4,), steps=1),
    estimators.AutoencoderImputer(
        "vae", latent_dim=2, hidden=(4,), steps=1, samples=2
    ),
]
#: Checks that do not hold, and why.
DECLARED = {
    "AnomalyDetector": {"check_fit1d": "one axis is a long series"},
}


def declared(estimator):
    return DECLARED.get(type(estimator).__name__, {})


@pytest.fixture
def untrained(monkeypatch):
    """The checks fit models of many numbers of columns, and do not ask what
    they learned: to compile a training step for each would take a minute."""
    monkeypatch.setattr(
        loop.FastTraining, "fit", lambda model, x, **_: model.check_rows(x)
    )


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=declared)
def test_checks_of_scikit_learn(untrained, estimator, check):
    check(estimator)


def table(size=60, seed=0):
    """Three columns that one number decides, in units of their own."""
    t = np.random.default_rng(seed).normal(size=(size, 1))
    return t * [1.0, -20.0, 0.3] + [0.0, 100.0, 5.0]


def test_the_folds_of_a_search_share_a_model_a_setting(monkeypatch):
    made = []
    one = learned._made
    monkeypatch.setattr(learned, "_made", lambda p: made.append(p) or one(p))
    x, y = table(), np.arange(60) % 2
    steps = estimators.AutoencoderTransformer(hidden=(5,), steps=3)
    pipeline = make_pipeline(steps, LogisticRegression())
    name = "autoencodertransformer__latent_dim"
    search = GridSearchCV(pipeline, {name: [1, 2]}, cv=7, refit=False)
    search.fit(x, y)  # folds of 51 and of 52 rows
    assert len(made) == 2


def test_there_and_back_is_the_reconstruction_in_the_units_of_the_data():
    x = table()
    own = estimators.AutoencoderTransformer(hidden=(5,), steps=30).fit(x)
    z = ((x - x.mean(axis=0)) / x.std(axis=0)).astype("float32")
    expected = own.model_.reconstruct(z) * x.std(axis=0) + x.mean(axis=0)
    found = own.inverse_transform(own.transform(x))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_codes_in_a_column_transformer_as_a_frame(tmp_path):
    frame = pd.DataFrame(table(), columns=["a", "b", "c"])
    codes = estimators.AutoencoderTransformer(
        latent_dim=2, hidden=(5,), steps=3
    )
    columns = ColumnTransformer([("code", codes, ["a", "c"])])
    columns.set_output(transform="pandas")
    found = columns.fit_transform(frame)
    assert [*found.columns] == [
        f"code__autoencodertransformer{i}" for i in (0, 1)
    ]
    joblib.dump(columns, tmp_path / "columns")
    again = joblib.load(tmp_path / "columns").transform(frame)
    pd.testing.assert_frame_equal(again, found)


def test_holes_are_filled_by_what_the_other_columns_say():
    x = table(400)
    holes = np.random.default_rng(1).uniform(size=x.shape) < 0.2
    given = np.where(holes, np.nan, x)
    own = estimators.AutoencoderImputer(latent_dim=1, hidden=(64,), steps=500)
    filled = own.fit_transform(given)
    assert (filled[~holes] == x[~holes]).all()
    several = holes & (holes.sum(axis=1, keepdims=True) < 3)
    error = ((filled - x) / x.std(axis=0))[several]
    assert np.mean(error**2) < 0.2  # of 1, that of the mean of a column


def test_none_in_a_list_is_a_hole():
    x = table()
    imputer = estimators.AutoencoderImputer(steps=2, hidden=(4,)).fit(x)
    row = [1.0, None, 5.0]
    hole = np.array([[1.0, np.nan, 5.0]])
    np.testing.assert_array_equal(
        imputer.transform([row]), imputer.transform(hole)
    )
    imputer.fit([row, *x.tolist()])


def test_frames_of_words_are_transformed_and_filled():
    x = table()
    frame = pd.DataFrame({"a": x[:, 0], "b": np.where(x[:, 1] > 100, "u", "v")})
    frame.loc[4, "b"] = None
    own = estimators.AutoencoderImputer(
        "vae", latent_dim=1, hidden=(4,), steps=1, samples=2
    )
    filled = own.fit_transform(frame)
    assert filled.loc[4, "b"] in ("u", "v")
    assert filled.drop(index=4).equals(frame.drop(index=4))
