"""Settings that all tests share."""

import os
import sys
from pathlib import Path

# A worker keeps to a processor of its own, so that its threads do not wait for
# those of another; before they are started.
WORKER = os.environ.get("PYTEST_XDIST_WORKER")
if WORKER and hasattr(os, "sched_setaffinity"):
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {processors[int(WORKER[2:]) % len(processors)]})

import hypothesis  # noqa: E402
import keras  # noqa: E402
import pytest  # noqa: E402

from keras_ae.core import registry  # noqa: E402

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


#: Files that take longest, so that none of them is left for the end.
LONGEST = (
    "test_contract.py",
    "test_zoo.py",
    "test_repository.py",
    "test_pages.py",
    "test_export.py",
    "test_training.py",
    "test_sklearn.py",
    "test_magnitudes.py",
    "test_parts.py",
    "test_seams.py",
    "test_anomaly.py",
    "test_table.py",
    "test_cli.py",
    "test_replicas.py",
    "test_kills.py",
    "test_finite.py",
    "test_recipes.py",
    "test_checkpoint.py",
    "test_file_commands.py",
    "test_fuzz.py",
    "test_third_party.py",
)


def pytest_addoption(parser):
    parser.addoption(
        "--long", action="store_true", help="every check for every variant"
    )


def pytest_collection_modifyitems(config, items):
    """The longest files first, the others as they were collected; without
    what is long, unless it is asked for."""
    place = {name: i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))
    if not config.getoption("--long"):
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in set(long)]


@pytest.fixture(autouse=True)
def fixed_seeds():
    """Each test starts from the same seeds and in single precision."""
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def own_names(monkeypatch):
    """What a test registers is gone after it."""
    copy = {kind: dict(table) for kind, table in registry._TABLES.items()}
    monkeypatch.setattr(registry, "_TABLES", copy)
    monkeypatch.setattr(registry, "_CLASSES", dict(registry._CLASSES))
    known = dict(keras.saving.get_custom_objects())
    yield
    keras.saving.get_custom_objects().clear()
    keras.saving.get_custom_objects().update(known)
