"""From a file to an answer: every command on files that are made here."""

import importlib.util
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import keras_ae
from keras_ae import data
from keras_ae.cli import main as cli
from keras_ae.model import compiled
from keras_ae.model.training import speed
from keras_ae.zoo import publishing
from keras_ae.zoo import store

RNG = np.random.default_rng(0)
SMALL = ["--epochs", "1", "--latent-dim", "2", "--hidden", "(8,)"]
FRAME = pd.DataFrame(
    {
        "age": RNG.integers(18, 90, 60).astype(float),
        "city": RNG.choice(["Bonn", "Ulm", "Kiel"], 60),
        "income": RNG.lognormal(10, 1, 60),
    }
)


@pytest.fixture(autouse=True)
def without_xla(monkeypatch):
    """Compiling takes longer than the short trainings here."""
    choice = speed.Choice(False, "a test")
    monkeypatch.setattr(speed, "jit_compile", lambda model: choice)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder of files, and of presets that are trained on them."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def here(home, monkeypatch):
    monkeypatch.chdir(home)
    return home


def run(*argv):
    assert cli.main([*map(str, argv)]) == 0


def fails(capsys, *argv):
    assert cli.main([*map(str, argv)]) == 2
    return capsys.readouterr().err


def trained(name, *options):
    """A preset, trained once for all tests on a file of this name."""
    folder = f"on_{name.replace('.', '_')}"
    if not Path(folder).is_dir():
        run("train", "vae", "--data", name, *SMALL, "--out", folder, *options)
    return folder


@pytest.fixture
def table(here):
    """A preset that was trained on `rows.csv`, which has holes and an id."""
    frame = FRAME.assign(id=[f"u{i}" for i in range(60)])
    frame.loc[::7, "age"] = np.nan
    frame.loc[::9, "city"] = None
    data.write("rows.csv", frame)
    return trained("rows.csv", "--drop", "id")


def test_a_table(table, capsys):
    frame = pd.read_csv("rows.csv").drop(columns="id")
    run("impute", table, "rows.csv", "--out", "filled.csv")
    filled = pd.read_csv("filled.csv")
    assert [*filled.columns] == [*frame.columns]
    assert not filled.isna().any(axis=None)
    seen = frame.notna().to_numpy()
    assert (filled.to_numpy() == frame.to_numpy())[seen].all()
    run("embed", table, "rows.csv", "--out", "codes.tsv")
    assert [*pd.read_csv("codes.tsv", sep="\t").columns] == ["z0", "z1"]
    run("sample", table, "-n", 4, "--out", "new.csv")
    new = pd.read_csv("new.csv")
    assert [*new.columns] == [*frame.columns]
    assert set(new["city"]) <= {"Bonn", "Ulm", "Kiel"}
    for options in [], ["--out", "new.xlsx"]:
        error = fails(capsys, "sample", table, *options)
        assert "no images" in error and "--out rows.csv" in error


def test_columns_may_be_told_those_before(here, capsys):
    data.write("whole.csv", FRAME)
    told = '{"columns": {"hidden": 8}}'
    preset = trained("whole.csv", "--likelihood", told)
    run("sample", preset, "-n", 4, "--out", "told.csv")
    new = pd.read_csv("told.csv")
    assert [*new.columns] == [*FRAME.columns]
    assert set(new["city"]) <= {"Bonn", "Ulm", "Kiel"}
    run("score", preset, "whole.csv", "--out", "scores.csv")
    assert len(pd.read_csv("scores.csv")) == len(FRAME)
    asked = ["--likelihood", told, "--missing", "mask"]
    said = fails(capsys, "train", "vae", "--data", "whole.csv", *SMALL, *asked)
    assert "Holes need a likelihood" in said


def test_a_file_comes_back_with_its_holes_filled():
    size = 40
    frame = pd.DataFrame(
        {
            "zip": RNG.choice(["00037", "01234", "90210"], size),
            "n": RNG.integers(0, 50, size).astype(str),
            "x": RNG.integers(0, 50, size).astype(float).astype(str),
            "word": RNG.choice([" a ", "b", "c "], size),
        }
    )
    for place, name in enumerate(frame):
        frame.loc[place::9, name] = ""
    frame.to_csv("cells.csv")
    preset = trained("cells.csv")
    run("impute", preset, "cells.csv", "--out", "filled.csv")
    asked = pd.read_csv("cells.csv", dtype=str, keep_default_na=False)
    filled = pd.read_csv("filled.csv", dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(filled.where(asked != "", ""), asked)
    assert not (filled == "").any(axis=None)
    assert filled["n"].str.isdigit().all()
    for command in "score", "embed":
        run(command, preset, "cells.csv", "--out", "answer.csv")
        assert pd.read_csv("answer.csv").iloc[:, 0].tolist() == [*range(size)]


def test_columns_are_known_by_name_in_any_file(table, capsys):
    model, frame = keras_ae.load(table), pd.read_csv("rows.csv")
    scores = model.score_samples(frame.drop(columns="id"))
    if importlib.util.find_spec("pyarrow"):
        data.write("rows.parquet", frame)
        run("score", table, "rows.parquet", "--out", "scores.parquet")
        found = pd.read_parquet("scores.parquet")["score"]
        np.testing.assert_allclose(found, scores, rtol=1e-4)
    data.write("turned.csv", frame[["income", "city", "age"]][:9])
    with pytest.warns(UserWarning, match="no columns .'id'. to drop"):
        run("score", table, "turned.csv", "--out", "scores.npy")
    np.testing.assert_allclose(np.load("scores.npy"), scores[:9], rtol=1e-4)
    data.write("less.csv", frame[["age", "city", "id"]])
    error = fails(capsys, "score", table, "less.csv", "--out", "s.csv")
    assert "income" in error


def test_the_card_says_which_file_and_verify_finds_the_figures(table, capsys):
    about = store.metadata(table)
    assert about["data"]["path"] == "rows.csv"
    assert about["data"]["sha256"] == data.fingerprint("rows.csv")
    assert {f["rows"] for f in about["metrics"].values()} == {6}
    card = Path(table, "README.md").read_text(encoding="utf-8")
    assert "rows.csv" in card and "(picture.png)" in card
    for recorded, found in publishing.recompute(table).values():
        assert recorded["value"] == pytest.approx(found["value"], rel=1e-4)
    run("evaluate", table, "--data", "rows.csv")
    assert " 60\n" in capsys.readouterr().out
    data.write("rows.csv", pd.read_csv("rows.csv")[1:])
    with pytest.raises(ValueError, match="measured on other data.*rows.csv"):
        publishing.recompute(table)


def test_a_series(capsys):
    times = pd.date_range("2026-01-01", periods=90, freq="h", name="time")
    steps = np.arange(90)
    frame = pd.DataFrame(
        {"a": np.sin(steps / 3), "b": np.cos(steps / 3)}, times
    )
    data.write("log.csv", frame)
    options = ["--window", 8, "--missing", "mask"]
    preset = trained("log.csv", *options)
    holes = frame.copy()
    holes.loc[holes.index[20:24], "a"] = np.nan
    data.write("holes.csv", holes)
    run("impute", preset, "holes.csv", "--out", "whole.csv")
    whole = pd.read_csv("whole.csv", index_col="time", parse_dates=True)
    assert not whole.isna().any(axis=None)
    np.testing.assert_allclose(whole["b"], frame["b"], rtol=1e-5, atol=1e-6)
    run("score", preset, "log.csv", "--out", "points.csv")
    points = pd.read_csv("points.csv", index_col="time", parse_dates=True)
    assert points.index.equals(frame.index.rename("time"))
    run("embed", preset, "log.csv", "--out", "codes.csv")
    assert len(pd.read_csv("codes.csv")) == 90 - 8 + 1
    run("sample", preset, "-n", 2, "--out", "new.csv")
    new = pd.read_csv("new.csv")
    assert [*new] == ["window", "step", "a", "b"]
    assert len(new) == 2 * 8
    data.write("short.csv", frame[:5])
    error = fails(capsys, "score", preset, "short.csv", "--out", "s.csv")
    assert "8" in error and "5 points" in error


def test_counts():
    x = sparse.csr_matrix(RNG.poisson(1.0, (40, 6)).astype("float32"))
    with h5py.File("cells.h5ad", "w") as file:
        group = file.create_group("X")
        group.attrs.update({"encoding-type": "csr_matrix", "shape": x.shape})
        for part in ("data", "indices", "indptr"):
            group[part] = getattr(x, part)
    preset = trained("cells.h5ad")
    run("embed", preset, "cells.h5ad", "--out", "codes.npy")
    assert np.load("codes.npy").shape == (40, 2)


def test_a_folder_of_images(capsys):
    shape = (20, 8, 8, 1)
    data.write("photos", RNG.integers(0, 256, shape, dtype="uint8"))
    preset = trained("photos")
    assert store.metadata(preset)["picture"] == publishing.PICTURE
    run("score", preset, "photos", "--out", "scores.csv")
    scores = pd.read_csv("scores.csv", index_col=0)
    assert [*scores.index[:2]] == ["00.png", "01.png"]
    run("sample", preset, "-n", 3, "--out", "new/")
    assert data.load("new").rows.shape == (3, 8, 8, 1)
    Path("photos/00.png").write_bytes(b"")
    arguments = ["score", preset, "photos", "--out", "some.csv"]
    assert "00.png (empty)" in fails(capsys, *arguments)
    with pytest.warns(UserWarning, match="1 files"):
        run(*arguments, "--skip-broken")
    assert pd.read_csv("some.csv", index_col=0).index[0] == "01.png"


def test_arrays_of_any_numbers_get_a_likelihood_of_any_numbers():
    np.savez("x.npz", x=RNG.normal(10.0, 5.0, (60, 5)))
    space, rows, _ = keras_ae.data.load("x.npz")
    model = keras_ae.VAE.create(space, 2, hidden=(4,), seed=0)
    model.compile("adam")
    assert np.isfinite(model.fit(rows, verbose=0).history["loss"]).all()


def test_what_a_wrong_file_or_option_gets(capsys):
    train = ["train", "vae", *SMALL, "--data"]
    np.save("few.npy", np.zeros([1, 3]))
    for argv, message in (
        ([*train, "none.csv"], "There is no file 'none.csv'"),
        ([*train, "none"], "Unknown data set"),
        ([*train, "rows.xlsx"], "ends in one of .csv"),
        ([*train, "digits", "--window", 3], "are for files"),
        ([*train, "few.npy", "--image-size", 3], "Unknown option"),
        ([*train, "few.npy"], "too short to hold a tenth of it out"),
        (["score", "vae_digits", "few.npy", "--out", "s.foo"], "s.foo"),
        (["impute", "vae_digits", "few.npy", "--out", "s.npy"], "missing="),
        (["score", "vae_digits", "few.npy", "--out", "s.npy"], "(1, 3)"),
        (
            ["score", "vae_digits", "few.npy", "--out", "s.npy", "--text", "a"],
            "not for 'few.npy'",
        ),
    ):
        assert message in fails(capsys, *argv), argv


def test_progress_is_shown_on_request(capsys):
    model = keras_ae.Autoencoder.create(3, 2, hidden=(4,))
    model.embed(np.zeros([5, 3]))
    assert not capsys.readouterr().out
    with compiled.progress():
        model.embed(np.zeros([600, 3]))
    assert "600/600" in capsys.readouterr().out


def test_nothing_is_trained_for_a_folder_of_something_else(
    here, capsys, monkeypatch
):
    (here / "project").mkdir()
    (here / "project" / "README.md").write_text("mine")
    FRAME.to_csv("rows.csv", index=False)
    monkeypatch.setattr(publishing.recipes, "train", None)
    said = fails(
        capsys, "train", "vae", "--data", "rows.csv", *SMALL, "--out", "project"
    )
    assert "no preset" in said and "README.md" in said
