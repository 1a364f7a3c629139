"""Estimators of scikit-learn, for pipelines, searches and column
transformers."""

from keras_ae.jobs.anomaly import AnomalyDetector as AnomalyDetector
from keras_ae.jobs.cross import CrossConformalDetector as CrossConformalDetector
from keras_ae.jobs.estimators import AutoencoderImputer as AutoencoderImputer
from keras_ae.jobs.estimators import (
    AutoencoderTransformer as AutoencoderTransformer,
)
