"""What commands write is in its place and of its type, or is refused before
there is work."""

import os

import numpy as np
import pandas as pd
import pytest

import keras_ae
from keras_ae import data
from keras_ae import spaces
from keras_ae.cli import main as cli
from keras_ae.zoo import publishing
from keras_ae.zoo import store

RNG = np.random.default_rng(0)
TRAIN = ["train", "vae", "--data", "x.npy", "--latent-dim", "2"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*argv):
    assert cli.main([*map(str, argv)]) == 0


def fails(capsys, *argv):
    assert cli.main([*map(str, argv)]) == 2
    return capsys.readouterr().err


def preset(space, **options):
    model = keras_ae.VAE.create(space, 2, hidden=(4,), seed=0, **options)
    store.save(model, "preset")
    return model


def test_codes_of_windows_are_named_by_the_points_they_begin_with():
    times = pd.date_range("2026-01-01", periods=18, freq="h", name="time")
    frame = pd.DataFrame({"v": RNG.normal(size=18)}, times)
    model = preset(spaces.Series(8, stride=4))
    data.write("log.csv", frame)
    run("embed", "preset", "log.csv", "--out", "codes.csv")
    codes = pd.read_csv("codes.csv", index_col="time", parse_dates=True)
    for hour in 0, 4, 8, 10:  # the last one ends at the last point
        window = frame.to_numpy()[None, hour : hour + 8]
        alone = model.embed(window).ravel()
        np.testing.assert_allclose(codes.loc[times[hour]], alone, rtol=1e-4)
    assert len(codes) == 4


def test_imputed_images_are_of_the_type_of_those_asked_about():
    preset(spaces.Image(2, 2), missing="mask")
    x = RNG.uniform(size=(3, 2, 2, 1)).astype("float32")
    x[0, 0] = np.nan
    np.save("x.npy", x)
    run("impute", "preset", "x.npy", "--out", "filled.npy")
    filled = np.load("filled.npy")
    seen = ~np.isnan(x)
    np.testing.assert_array_equal(filled[seen], x[seen])
    assert np.isfinite(filled).all() and filled.dtype == x.dtype
    run("impute", "preset", "x.npy", "--out", "filled/")
    pixels = data.load("filled").rows
    np.testing.assert_array_equal(pixels[1:], np.rint(x[1:] * 255))
    whole = RNG.integers(0, 256, (3, 2, 2, 1), "uint8")
    np.save("x.npy", whole)
    run("impute", "preset", "x.npy", "--out", "filled.npy")
    np.testing.assert_array_equal(np.load("filled.npy"), whole)


@pytest.mark.parametrize("levels", [256, 65536])
def test_new_images_are_levels(levels):
    model = preset(spaces.Image(2, 2, levels=levels))
    run("sample", "preset", "-n", 3, "--out", "new.npy")
    found = np.load("new.npy")
    values = model.sample(3, seed=0).astype("float64").clip(0, 1)
    expected = np.rint(values * (levels - 1))
    np.testing.assert_array_equal(found, expected)
    assert found.dtype.kind == "u"


@pytest.mark.parametrize("out", ["file", "file/below/it", "project"])
def test_nothing_is_trained_for_a_place_that_cannot_be_written(
    here, out, capsys, monkeypatch
):
    np.save("x.npy", RNG.uniform(size=(60, 3)))
    (here / "file").write_text("mine")
    (here / "project").mkdir()
    (here / "project" / publishing.PICTURE).write_text("mine")
    monkeypatch.setattr(publishing.recipes, "fitted", None)
    before = sorted(os.walk(here))
    error = fails(capsys, *TRAIN, "--out", out)
    assert "is a file" in error or "['picture.png']" in error
    assert sorted(os.walk(here)) == before


@pytest.mark.parametrize(
    "argv", [["evaluate", "p", "--rows"], ["report", "p", "--rows"]]
)
@pytest.mark.parametrize("count", ["-5", "0", "1.5"])
def test_rows_are_counted_from_one(argv, count, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main([*argv, count])
    assert end.value.code == 2
    assert f"at least 1. Received: '{count}'" in capsys.readouterr().err


def test_a_condition_is_asked_for_where_there_is_one(capsys):
    for name, options, message in (
        ("conditional_vae_digits", [], "Expected a class, --condition 3"),
        ("vae_digits", ["--condition", 3], "Expected no --condition"),
    ):
        for out in "new.npy", "new.png":
            error = fails(capsys, "sample", name, *options, "--out", out)
            assert message in error and name in error
    preset(8, given=4)  # any variant may be told
    assert "--condition 3" in fails(
        capsys, "sample", "preset", "--out", "n.npy"
    )
    for name in "conditional_vae_digits", "preset":
        run("sample", name, "--condition", 3, "--out", "n.npy")
