"""Settings that all tests share."""

import sys
from pathlib import Path

import keras
import pytest

# The benchmarks are not installed; the package is, and is found first.
sys.path.append(str(Path(__file__).parents[1]))


@pytest.fixture(autouse=True)
def fixed_seeds():
    """Each test starts from the same seeds and in single precision."""
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")
