"""scikit-learn's own checks of the estimators, and what they leave out."""

import pytest
import tensorflow as tf
from sklearn.utils.estimator_checks import parametrize_with_checks

import keras_ae.sklearn as estimators

SMALL = {"steps": 1}
ESTIMATORS = [
    estimators.AnomalyDetector(false_alarm_rate=0.3, calibration=0.5, **SMALL),
    estimators.AutoencoderTransformer(latent_dim=2, hidden=(4,), **SMALL),
    estimators.AutoencoderImputer(
        latent_dim=2, hidden=(4,), samples=2, **SMALL
    ),
]


@pytest.fixture(autouse=True, scope="module")
def eagerly():
    """The checks fit hundreds of models of few rows; compiling each for its
    number of columns would take minutes."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def declared(estimator):
    """Checks that cannot hold, and why."""
    if isinstance(estimator, estimators.AnomalyDetector):
        return {"check_fit1d": "one axis is a long series"}
    return {}


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=declared)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)
