"""What programs read of the command line: JSON, completion, the doctor."""

import importlib.metadata
import json
import subprocess
from email.message import Message

import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae.analysis import measures
from keras_ae.cli import doctor
from keras_ae.cli import main as cli
from keras_ae.zoo import store


def said(capsys, *argv):
    """Exit code, and the JSON that a command prints."""
    code = cli.main([*argv, "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture
def asked(monkeypatch):
    """A distribution that asks for these things."""

    def ask(*lines):
        about = Message()
        for extra in ("docs", "far"):
            about["Provides-Extra"] = extra
        monkeypatch.setattr(importlib.metadata, "requires", lambda _: lines)
        monkeypatch.setattr(importlib.metadata, "metadata", lambda _: about)

    return ask


def test_the_doctor_finds_what_is_missing(asked, capsys):
    asked(
        "numpy>=1",
        "scipy<0.1",
        'pytest>=1; extra == "docs"',
        'no-such-package>=2; extra == "far"',
        'absent; python_version < "3"',
    )
    code, found = said(capsys, "doctor")
    assert code == 1
    assert found["packages"]["numpy"] == np.__version__
    assert [name.split()[0] for name in found["missing"]] == ["scipy<0.1"]
    assert found["extras"] == {"docs": [], "far": ["no-such-package>=2"]}
    assert "jit_compile" in "".join(found["speed_policy"])
    devices = [d.name for d in tf.config.list_physical_devices()]
    assert found["devices"] == devices


def test_the_doctor_tells_people_what_to_install(asked, capsys, monkeypatch):
    asked("numpy>=1", 'no-such-package>=2; extra == "far"')
    monkeypatch.setenv("KERAS_AE_ZOO", "presets")
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert 'no-such-package>=2: pip install "keras-ae[far]"' in out
    assert "docs: all there" in out and "KERAS_AE_ZOO=presets" in out


def test_from_a_folder_nobody_knows_what_is_needed(monkeypatch):
    def unknown(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "requires", unknown)
    found = doctor.report()
    assert found["missing"] == [] and found["extras"] == {}


def test_json_of_presets_and_variants(capsys):
    _, presets = said(capsys, "list", "*digits*")
    assert tuple(presets) == keras_ae.list_presets("*digits*")
    metrics = store.metadata("vae_digits")["metrics"]
    assert presets["vae_digits"]["metrics"] == metrics
    _, variants = said(capsys, "variants")
    assert tuple(variants) == keras_ae.variants()
    assert variants["vae"]["terms"] == keras_ae.VAE.terms


def test_json_of_figures_is_what_was_measured(capsys):
    argv = ("evaluate", "vae_digits", "--rows", "30")
    _, shown = said(capsys, *argv)
    model = keras_ae.load("vae_digits")
    model.compile()
    x = keras_ae.datasets.load("digits")[1][0][:30]
    splits = (x, None), (x, None)
    wanted = {"terms": {}, "squared_error": {}}
    assert shown == measures.measure(model, wanted, splits, verbose=0)


def test_json_of_a_preset_that_differs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        "keras_ae.zoo.publishing.recompute",
        lambda name, verbose: {
            "kl": ({"value": 1.0, "unit": "nats"}, {"value": 2.0, "rows": 1})
        },
    )
    code, found = said(capsys, "verify", "vae_digits")
    assert code == 1
    kl = {"recorded": 1.0, "found": 2.0, "agrees": False}
    assert found == {"vae_digits": {"kl": kl}}


def test_a_shell_completes_commands(tmp_path, capsys):
    pytest.importorskip("shtab")
    assert cli.main(["completion", "bash"]) == 0
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    # What bash does when somebody types `keras-ae ver` and a tab.
    typed = (
        f"source {script}; COMP_WORDS=(keras-ae ver); COMP_CWORD=1; "
        '$(complete -p keras-ae | sed "s/.*-F \\([^ ]*\\).*/\\1/") keras-ae; '
        "echo ${COMPREPLY[@]}"
    )
    done = subprocess.run(["bash", "-c", typed], capture_output=True, text=True)
    assert done.stdout.split() == ["verify"], done.stderr
