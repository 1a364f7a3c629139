"""Settings that all tests share."""

import sys
from pathlib import Path

import hypothesis
import keras
import pytest

# The benchmarks are not installed; the package is, and is found first.
sys.path.append(str(Path(__file__).parents[1]))

# The same examples each time, few; `--hypothesis-profile long` looks for new
# ones. Compiling takes longer than any deadline.
ALWAYS = {
    "deadline": None,
    "database": None,
    "suppress_health_check": list(hypothesis.HealthCheck),
}
hypothesis.settings.register_profile(
    "short", derandomize=True, max_examples=50, **ALWAYS
)
hypothesis.settings.register_profile("long", max_examples=2000, **ALWAYS)
hypothesis.settings.load_profile("short")


@pytest.fixture(autouse=True)
def fixed_seeds():
    """Each test starts from the same seeds and in single precision."""
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")
