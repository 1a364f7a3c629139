"""The archive of portable programs, as a machine with JAX alone runs it."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import keras_ae

pytest.importorskip("jax")

from benchmarks import portable  # noqa: E402
from benchmarks import portable_run  # noqa: E402
from benchmarks import report  # noqa: E402

NAME = "conditional_vae_digits"

#: Runs the archive and says which modules that needed.
RUN = """
import runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    modules = {name.partition(".")[0] for name in sys.modules}
    print(sorted(modules & {"tensorflow", "keras", "keras_ae", "benchmarks"}))
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("packed") / "portable.zip"
    portable.pack(path, NAME)
    return path


def run(archive, *arguments):
    return subprocess.run(
        [sys.executable, "-c", RUN, str(archive), *map(str, arguments)],
        capture_output=True,
        text=True,
    )


def test_the_archive_runs_itself_by_jax_alone(archive, tmp_path):
    file = tmp_path / "found.json"
    file.write_text('{"tpu": "stays"}')
    process = run(archive, "--output", file)
    assert process.returncode == 0, process.stderr
    assert "4 programs, 0 with other answers." in process.stdout
    assert process.stdout.endswith("[]\n")
    found = json.loads(file.read_text())
    assert found.pop("tpu") == "stays"
    (sizes,) = {tuple(s) for s in found["cpu"]["presets"][NAME].values()}
    assert sizes == ("1", "256")
    # The page has columns for a device that was not there.
    (head, _, *rows) = report.portable(found).splitlines()
    assert "gpu: ms" in head
    assert len(rows) == 2 and all(row.endswith("|  |  |  |  |") for row in rows)


def test_the_operations_are_those_of_the_layers(archive):
    """Two for each weight of a dense network and example, and a few more."""
    kept = portable_run.Archive(archive)
    found = portable_run.measure(kept, NAME, "float32", portable_run.reader())
    weights = kept.manifest["presets"][NAME]["weights"]
    products = sum(2 * np.prod(w["shape"]) for w in weights if w["shape"][1:])
    for size, figures in found.items():
        assert 1 <= figures["operations"] / (int(size) * products) < 1.2


def test_weights_are_those_of_the_preset_rounded(archive):
    kept = portable_run.Archive(archive)
    weights = kept.manifest["presets"][NAME]["weights"]
    assert {w["dtype"] for w in weights} == {"bfloat16"}
    theirs = [np.asarray(v) for v in keras_ae.load(NAME).weights]
    found = [np.asarray(kept.array(w), "float32") for w in weights]
    assert len(found) == 8  # two hidden layers, two projections, with biases
    for ours in found:
        # Half of the last of 8 bits, relative to the number.
        assert any(
            ours.shape == t.shape and np.allclose(ours, t, rtol=2**-8, atol=0)
            for t in theirs
        )


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_arrays_come_back(shape, tmp_path):
    """A deviation that all values share is a number without axes."""
    array = np.random.default_rng(0).normal(size=shape).astype("float32")
    written = portable.Archive(tmp_path / "a.zip")
    about = written.write_array("a.bin", np.asarray(array))
    written.close()
    found = portable_run.Archive(tmp_path / "a.zip").array(about)
    assert found.shape == shape
    np.testing.assert_array_equal(found, array)


@pytest.mark.long
def test_other_answers_are_told(archive, tmp_path):
    """An archive whose answer was altered."""
    wrong = tmp_path / "wrong.zip"
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(wrong, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith("float32-256.bin"):
                planes = np.frombuffer(content, "uint8").reshape(4, -1)
                answer = planes.T.copy().view("float32")
                answer += 0.01
                planes = answer.view("uint8").reshape(-1, 4).T
                content = planes.tobytes()
            new.writestr(name, content)
    process = run(wrong)
    assert process.returncode == 1
    assert "4 programs, 1 with other answers." in process.stdout
    assert "TOO MUCH" in process.stdout
