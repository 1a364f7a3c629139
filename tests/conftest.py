"""Settings that all tests share."""

import keras
import pytest


@pytest.fixture(autouse=True)
def fixed_seeds():
    """Each test starts from the same seeds and in single precision."""
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")
