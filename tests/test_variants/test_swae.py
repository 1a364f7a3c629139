"""The sliced distance of codes and prior."""

import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae.parts import heads

X = np.random.default_rng(0).normal(size=(1000, 3)).astype("float32")


def test_distance_of_shifted_codes_is_the_shift():
    # Of N(m, I) and N(0, I) on a random line: (m' theta)^2, ||m||^2 / d on
    # average over lines.
    made = keras_ae.SWAE.create(
        (3,), 3, network="linear", posterior=heads.Point(), slices=500
    )
    made.encoder.projection.set_weights([np.eye(3), np.array([1.0, 2.0, 0.0])])
    found = float(made.objective(tf.constant(X))["discrepancy"])
    # Lines: the deviation of (m' theta)^2 is about 1.5, over sqrt(500).
    assert abs(found - 5 / 3) < 4 * 1.5 / np.sqrt(500)


def test_less_than_one_line_is_refused():
    with pytest.raises(ValueError, match="`slices`"):
        keras_ae.SWAE.create((3,), 2, slices=0)
