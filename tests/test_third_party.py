"""A package that is not ours: everything that one of ours has, by one import.

Each test is a process of its own, as its users' are, so that what is
registered here is registered nowhere else.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import keras_ae

TESTS = Path(__file__).parent
ROOT = Path(keras_ae.__file__).parents[1]
PACKAGE = TESTS / "third_party" / "my_autoencoders.py"
MODULE = [sys.executable, "-m", "keras_ae"]
SCRIPT = [sys.executable, str(TESTS.parent / "keras_ae" / "bin" / "keras-ae")]

#: What a user of the package does.
USE = """
import numpy as np
import keras_ae
import my_autoencoders

model = keras_ae.load("mine")
x = keras_ae.datasets.load("digits")[1][0]
assert type(model) is my_autoencoders.RobustVAE and model.cap == 50.0
assert type(model.prior) is my_autoencoders.LaplacePrior
assert type(model.decoder.head) is my_autoencoders.Logistic
assert model.decoder.head.scale == 0.5
assert model.sample(3, seed=0).shape == (3, 8, 8, 1)
np.save("mine.npy", model.predict(x[:5]))
model.export("served")

import tensorflow as tf
served = tf.saved_model.load("served").signatures["reconstruct"]
found = served(x=tf.constant(x[:5]))["reconstruction"]
# Rounding of single precision in another graph.
np.testing.assert_allclose(found, model.predict(x[:5]), atol=1e-5)
"""
CONTRACT = """
import keras_ae
import my_autoencoders
keras_ae.contract.check_autoencoder(my_autoencoders.RobustVAE)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the package, and a model that was trained there."""
    path = tmp_path_factory.mktemp("somewhere")
    shutil.copy(PACKAGE, path)
    done = run(
        path,
        *MODULE,
        *"--import my_autoencoders train robust-vae --latent-dim 2".split(),
        *"--network linear --epochs 1 --cap 50 --prior laplace".split(),
        *["--likelihood", '{"logistic": {"scale": 0.5}}', "--out", "mine"],
    )
    assert done.returncode == 0, done.stderr
    return path


def run(path, *command, **variables):
    """A command in a folder."""
    return subprocess.run(
        command,
        cwd=path,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
        capture_output=True,
        text=True,
    )


def test_it_is_loaded_by_one_import_and_exported(folder):
    done = run(folder, sys.executable, "-c", USE)
    assert done.returncode == 0, done.stderr
    about = json.loads((folder / "mine" / "metadata.json").read_text())
    assert about["variant"] == "robust-vae"
    assert about["imports"] == ["my_autoencoders"]


@pytest.mark.long
def test_without_the_import_it_is_named(folder):
    done = run(folder, *MODULE, "sample", "mine")
    assert done.returncode == 2
    assert "not allowed" in done.stderr
    assert "keras-ae --import my_autoencoders" in done.stderr


@pytest.mark.long
def test_the_script_finds_it_in_the_current_folder(folder):
    """Its arguments are flags with help."""
    command = "--import my_autoencoders train robust-vae --help"
    done = run(folder, *SCRIPT, *command.split())
    assert done.returncode == 0, done.stderr
    assert re.search(r"--cap FLOAT +Highest reconstruction term", done.stdout)


def announce(path, name, module):
    """The metadata of an installed distribution."""
    about = path / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    )
    (about / "entry_points.txt").write_text(f"[keras_ae]\nx = {module}\n")


@pytest.mark.long
def test_an_installed_package_needs_no_import(folder, tmp_path):
    site = tmp_path / "site"
    announce(site, "my-autoencoders", "my_autoencoders")
    announce(site, "broken-package", "no_such_module")
    shutil.copy(PACKAGE, site)
    path = os.pathsep.join([str(ROOT), str(site)])
    (tmp_path / "elsewhere").mkdir()
    done = run(
        tmp_path / "elsewhere",
        *MODULE,
        *["sample", str(folder / "mine")],
        PYTHONPATH=path,
    )
    assert done.returncode == 0, done.stderr
    assert "distribution 'broken-package' announces" in done.stderr
    assert "uninstall it" in done.stderr


@pytest.mark.long
def test_its_variant_keeps_the_contract(folder):
    done = run(folder, sys.executable, "-c", CONTRACT)
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_documentation_shows_it():
    """So that what holds of the one holds of the other."""
    page = TESTS.parent / "docs" / "extending.md"
    text = page.read_text(encoding="utf-8")
    section = text.split("## Your own variant\n")[1].split("\n## ")[0]
    pattern = r"^@keras_ae\.register.*?(?=\n\n\n|\n```)"
    shown = re.findall(pattern, section, re.S | re.M)
    assert len(shown) == 2
    source = PACKAGE.read_text(encoding="utf-8")
    assert all(cls in source for cls in shown)
    assert len(source.splitlines()) < 60
