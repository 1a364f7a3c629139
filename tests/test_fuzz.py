"""A short run of `python -m tests.fuzz`, and that it would see a fault."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import keras_ae
from keras_ae.zoo import limits
from keras_ae.zoo import store
from tests.fuzz import worker

ROOT = Path(__file__).parents[1]


def test_mutations_are_right_or_one_clear_error():
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--count", "24", "--workers", "1"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| all | 24 |" in done.stdout


@pytest.fixture
def fuzzer(tmp_path, monkeypatch):
    for name in ("FUZZ_PRESETS", "KERAS_AE_ZOO", "KERAS_AE_CACHE"):
        monkeypatch.setenv(name, "")  # put back after
    fuzzer = worker.Fuzzer(0, tmp_path / "scratch")
    preset = store.find("vae_digits")
    fuzzer.answers[preset] = fuzzer.answer(preset, preset)
    return fuzzer


def test_each_outcome_is_told_apart(fuzzer, monkeypatch):
    preset = next(iter(fuzzer.answers))
    assert fuzzer.outcome(preset, preset, True) == (worker.EQUAL, "")
    other = preset.with_name("vae_mnist")
    assert fuzzer.outcome(other, preset, False)[0] == worker.USELESS
    other = preset.with_name("autoencoder_digits")
    assert fuzzer.outcome(other, preset, False)[0] == worker.OTHER
    assert fuzzer.outcome(other, preset, True)[0] == worker.ALTERED
    monkeypatch.setattr(limits, "MAX_JSON", 10)
    assert fuzzer.outcome(preset, preset, True)[0] == worker.REFUSED
    monkeypatch.undo()
    monkeypatch.setattr(keras_ae, "load", lambda name: {}["x"])
    assert fuzzer.outcome(preset, preset, True)[0] == worker.FOREIGN
