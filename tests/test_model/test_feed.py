"""Rows in memory are neither copied nor converted as a whole."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_ae import Autoencoder
from keras_ae.core import validation
from keras_ae.model.training import feed

PEAK = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
import numpy as np
import keras_ae
from keras_ae.core import validation
from keras_ae.model.training import feed
feed.SMALL = 2**20
rows = np.zeros([{rows}, 784], np.uint8)
rows[:] = np.arange(784) % 2  # touched, so that they are in memory
model = keras_ae.Autoencoder.create((784,), 2, hidden=(4,), seed=0)
model.compile("sgd", jit_compile=False)
model.fit(rows[:4096], batch_size=1024, validation_split=0.5, verbose=0)

def status(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(l.split()[1]) for l in lines if l.startswith(key)) / 1024

Path("/proc/self/clear_refs").write_text("5")
before = status("VmRSS")
model.fit(rows, batch_size=1024, validation_split=0.2, verbose=0)
print(status("VmHWM") - before)
"""


@pytest.mark.long
@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="Linux reports memory"
)
def test_bytes_are_not_copied():
    """200 MB of bytes: as floats they would be 800 MB, a copy 200 MB. What is
    needed: 64 MB of numbers that are checked, some copies of them, a block."""
    program = PEAK.format(root=str(Path(__file__).parents[2]), rows=267_500)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    # Seen: up to 197. A copy would add 200.
    assert float(done.stdout.split()[-1]) < 230


@pytest.mark.parametrize(
    "dtype",
    [
        "uint8",
        pytest.param("int64", marks=pytest.mark.long),
        "float32",
        pytest.param("float64", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("shuffle", [True, False])
def test_large_rows_train_as_small_ones(monkeypatch, dtype, shuffle):
    x = np.random.default_rng(0).integers(0, 2, size=(23, 3)).astype(dtype)
    weight = np.linspace(0, 1, 23)
    runs = []
    for limit in (2**28, 0):
        monkeypatch.setattr(feed, "SMALL", limit)
        model = Autoencoder.create((3,), 2, hidden=(4,), seed=0)
        model.compile("adam", jit_compile=False)
        settings = {"batch_size": 4, "shuffle": shuffle, "verbose": 0}
        model.fit(
            x, sample_weight=weight, validation_split=0.2, epochs=2, **settings
        )
        runs.append((model.history.history, model.get_weights()))
    assert runs[0][0] == runs[1][0]
    for a, b in zip(runs[0][1], runs[1][1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_rows_are_views_of_what_was_given(monkeypatch):
    monkeypatch.setattr(feed, "SMALL", 0)
    x = np.arange(30, dtype="uint8").reshape(10, 3)
    source = feed.Feed({"x": feed.arrays(x)}, 4, shuffle=False)
    assert np.shares_memory(source.rows["x"], x)
    tensor = tf.constant(x)
    assert feed.Feed({"x": tensor}, 4, shuffle=False).rows["x"] is tensor
    for (part,) in feed.split((x,), 0.25):
        assert np.shares_memory(part, x)


@pytest.mark.parametrize("bad", [0, 17, 49])
def test_checks_in_parts_name_the_row(monkeypatch, bad):
    monkeypatch.setattr(validation, "PART", 3 * 10 * 4)
    model = Autoencoder.create((3,), 2, hidden=(4,), likelihood="bernoulli")
    model.compile("sgd", jit_compile=False)
    x = np.zeros([50, 3], "float32")
    x[bad, 1] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite") as error:
        model.fit(x, verbose=0)
    assert f"the first at [{bad}]" in str(error.value)
    x[bad, 1] = 2.0
    with pytest.raises(ValueError, match="support of a Bernoulli"):
        model.fit(x, verbose=0)
