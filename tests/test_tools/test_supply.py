"""What is delivered: built, installed where nothing else of it is, used."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import textwrap
import venv
import zipfile
from pathlib import Path

import pytest

from tools import supply

ROOT = Path(__file__).parents[2]
BUILT = ("build", "dist", "*.egg-info", "__pycache__", ".*")
LARGEST = 60e6  # bytes of a wheel or sdist; PyPI takes 100 MB


def run(*command, folder, **variables):
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=kept | variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The sdist, and the wheel that is made from it alone."""
    work = tmp_path_factory.mktemp("supply")
    source = work / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*BUILT))
    build = "from setuptools import build_meta as b; b.build_{}({!r})"
    run(sys.executable, "-c", build.format("sdist", str(work)), folder=source)
    (sdist,) = work.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        # `extractall(filter="data")`, which Python 3.11.0 to 3.11.3 have not.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(work / "unpacked")
    (folder,) = (work / "unpacked").iterdir()
    run(sys.executable, "-c", build.format("wheel", str(work)), folder=folder)
    (wheel,) = work.glob("*.whl")
    return sdist, folder, wheel


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """The Python of an environment with the wheel, and with what it needs
    from the one that tests."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, symlinks=True)
    scheme = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", "venv", vars=scheme))
    (packages / "rest.pth").write_text(sysconfig.get_path("purelib"))
    python = Path(sysconfig.get_path("scripts", "venv", vars=scheme), "python")
    pip = sys.executable, "-m", "pip", "--python", python, "install"
    options = "--no-deps", "--no-index", "--no-compile", "--ignore-installed"
    run(*pip, *options, built[2], folder=folder)
    return python


def of_package():
    """Names of the files that a wheel has to hold, beside its metadata."""
    root = ROOT / "keras_ae"
    files = [*root.rglob("*.py"), *root.glob("jobs/explorer/explorer.*")]
    package = (p.relative_to(ROOT) for p in files)
    zoo = [
        p.relative_to(ROOT / "zoo")
        for p in (ROOT / "zoo").rglob("*")
        if p.is_file() and p.parent.name != "pictures"
    ]
    return {*map(Path.as_posix, package)} | {
        f"keras_ae/zoo/data/{p.as_posix()}" for p in zoo
    }


def test_a_wheel_holds_the_package_and_nothing_else(built):
    with zipfile.ZipFile(built[2]) as wheel:
        names = set(wheel.namelist())
    metadata = {n for n in names if re.match(r"keras_ae-[^/]+/", n)}
    assert names - metadata == of_package()
    kept = {n.partition("/")[2] for n in metadata}
    assert {"licenses/LICENSE", "licenses/SECURITY.md"} <= kept
    assert "scripts/keras-ae" in kept
    assert built[2].stat().st_size < LARGEST


def test_an_sdist_holds_what_builds_and_tests_it(built):
    sdist, folder, _ = built
    for name in ("LICENSE", "SECURITY.md", "README.md", "CHANGELOG.md"):
        assert (folder / name).read_bytes() == (ROOT / name).read_bytes()
    for room in ("keras_ae", "tests", "tools", "benchmarks", "docs"):
        expected = {p.relative_to(ROOT) for p in (ROOT / room).rglob("*.py")}
        found = {p.relative_to(folder) for p in (folder / room).rglob("*.py")}
        assert found == expected
    assert sdist.stat().st_size < LARGEST


@pytest.mark.long
def test_a_wheel_is_the_same_each_time(built):
    """From the same files, to the last byte."""
    _, folder, wheel = built
    again = folder.parent / "again"
    build = (
        f"from setuptools import build_meta as b; b.build_wheel({str(again)!r})"
    )
    when = {"SOURCE_DATE_EPOCH": "1700000000"}
    run(sys.executable, "-c", build, folder=folder, **when)
    with (
        zipfile.ZipFile(wheel) as one,
        zipfile.ZipFile(again / wheel.name) as two,
    ):
        assert one.namelist() == two.namelist()
        for name in one.namelist():
            assert one.read(name) == two.read(name), name


@pytest.mark.long
def test_what_is_installed_works_elsewhere(installed, tmp_path):
    use = """
        import keras_ae, numpy as np, sys
        assert keras_ae.__file__.startswith(sys.prefix), keras_ae.__file__
        model = keras_ae.load("vae_digits")
        x = np.zeros([3, *model.decoder.event_shape])
        assert np.isfinite(model.predict(x)).all()
        print(model.predict(x).shape == x.shape)
    """
    said = run(installed, "-c", textwrap.dedent(use), folder=tmp_path)
    assert said.split() == ["True"]
    listed = run(installed.with_name("keras-ae"), "list", folder=tmp_path)
    assert "vae_digits" in listed


def test_what_is_installed_fits_together():
    """Every requirement is there in a release that is allowed."""
    # In an environment of its own; elsewhere others may be at odds.
    said = subprocess.run(
        [sys.executable, "-m", "pip", "check"], capture_output=True, text=True
    ).stdout
    assert not [s for s in said.splitlines() if s.startswith("keras-ae")]


def test_licences_are_known_and_allow_any_use():
    for name, distribution in supply.installed("keras-ae").items():
        assert not supply.refused(supply.licence(distribution)), name


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("MIT", False),
        ("BSD-3-Clause AND MIT", False),
        ("GNU Lesser General Public License v3 (LGPLv3)", False),
        ("GPL-3.0-only OR MIT", False),
        ("MIT AND GPL-3.0-only", True),
        ("GNU General Public License v3 (GPLv3)", True),
        ("GNU Affero General Public License v3", True),
        ("AGPL-3.0", True),
        ("Proprietary", True),
        ("unknown", True),
    ],
)
def test_refused(said, expected):
    assert supply.refused(said) == expected


def test_every_requirement_has_a_floor(built):
    found = supply.floors(supply.of_wheel(built[2]))
    assert "keras==3.15.1" in found
    with pytest.raises(ValueError, match="no floor.*Received: 'tqdm<5'"):
        supply.floors(["tqdm<5"])
    with pytest.raises(ValueError, match="two floors.*jax==0.4, jax==0.5"):
        supply.floors(["jax>=0.4", "jax[cuda]>=0.5; extra == 'bench'"])


def test_what_may_break_us_has_a_ceiling(built):
    """Keras, for what it does not document; TensorFlow and its Probability,
    which promise nothing across minor releases."""
    bounds = [r for r in supply.of_wheel(built[2]) if "extra ==" not in r]
    for name in ("keras", "tensorflow", "tensorflow-probability[tf]"):
        (found,) = (r for r in bounds if re.match(re.escape(name) + "[<>]", r))
        assert "<" in found
