"""The command line: each command does what its help says, or says why not."""

import argparse
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image
from sklearn.decomposition import PCA

import keras_ae
from keras_ae.cli import demo
from keras_ae.cli import main as cli
from keras_ae.cli import training
from keras_ae.core import files
from keras_ae.model import export
from keras_ae.model.training import speed
from keras_ae.zoo import recipes
from keras_ae.zoo import store

ROOT = Path(__file__).parents[2]
RECIPE = {
    "preset": "line",
    "description": "One number for a digit.",
    "data": {"name": "digits"},
    "model": {
        "variant": "vae",
        "latent_dim": 1,
        "network": "linear",
    },
    "training": {"epochs": 3, "batch_size": 256, "learning_rate": 0.01},
    "metrics": {"terms": {}, "squared_error": {}},
    "seed": 0,
}


@pytest.fixture(autouse=True)
def without_xla(monkeypatch):
    """Compiling takes longer than the short trainings here."""
    choice = speed.Choice(False, "a test")
    monkeypatch.setattr(speed, "jit_compile", lambda model: choice)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def recipe(here):
    """A recipe's file."""
    path = here / "line.json"
    path.write_text(json.dumps(RECIPE))
    return path


def without_tensorflow(*argv):
    """Exit code and what is said; the file is run as the script runs it."""
    code = (
        "import runpy, sys\n"
        "file = sys.argv.pop(1)\n"
        "try: runpy.run_path(file, run_name='__main__')\n"
        "finally: assert not {'tensorflow', 'keras'} & {*sys.modules}"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, cli.__file__, *argv],
        capture_output=True,
        text=True,
    )
    assert "AssertionError" not in process.stderr
    return process.returncode, process.stdout + process.stderr


def test_help_comes_without_tensorflow():
    code, said = without_tensorflow("--help")
    assert code == 0
    for command in "list describe train evaluate demo verify reproduce".split():
        assert f"\n    {command} " in said


def test_the_version_comes_without_tensorflow():
    expected = f"keras-ae {keras_ae.__version__}\n"
    assert without_tensorflow("--version") == (0, expected)


def test_completion_comes_without_tensorflow():
    pytest.importorskip("shtab")
    code, said = without_tensorflow("completion", "bash")
    assert code == 0 and "reproduce" in said


@pytest.mark.parametrize(
    "name, received",
    [("lost/", "no such folder"), ("vae.keras", "keras.saving.load_model")],
)
def test_a_path_that_is_no_preset_is_told_without_tensorflow(name, received):
    code, said = without_tensorflow("sample", name)
    assert code == 2
    assert "a preset folder" in said and received in said


def test_late_names_are_listed():
    late = {"AnomalyDetector", "explore", "fit_sampler", "report", "sklearn"}
    assert late <= {*dir(keras_ae)}
    assert all(hasattr(keras_ae, name) for name in dir(keras_ae))
    assert {*vars(keras_ae)} <= {*dir(keras_ae)}


@pytest.mark.long
def test_the_script_shows_nothing_of_the_start_of_tensorflow(monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(Path(keras_ae.__file__).parent.parent))
    process = subprocess.run(
        [sys.executable, ROOT / "keras_ae" / "bin" / "keras-ae", "variants"],
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0
    assert "beta-vae" in process.stdout
    assert process.stderr == ""


def test_the_package_is_a_program(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["keras_ae", "variants"])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("keras_ae", run_name="__main__")
    assert end.value.code == 0
    assert "beta-vae" in capsys.readouterr().out


def test_list_gives_the_size_of_the_model(capsys):
    assert cli.main(["list", "vae_digits"]) == 0
    size = keras_ae.load("vae_digits").count_params()
    assert f"{size:,}" in capsys.readouterr().out


def test_variants_are_those_of_the_registry(capsys):
    cli.main(["variants"])
    lines = capsys.readouterr().out.splitlines()[1:]
    assert tuple(line.split()[0] for line in lines) == keras_ae.variants()


def test_describe_knows_variants_and_presets(capsys):
    assert cli.main(["describe", "vae"]) == 0
    assert "KL(q(z|x) || p(z))" in capsys.readouterr().out
    assert cli.main(["describe", "vae_digits"]) == 0
    sha = store.metadata("vae_digits")["sha256"][store.WEIGHTS]
    assert sha in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv, message",
    [
        (["list", "nothing*"], "Unknown preset"),
        (["describe", "vea"], "one of ['vae', "),
        (["sample", "vae_digit"], "one of ['vae_digits'"),
        (["evaluate", "vae_digits", "--data", "mnits"], "'mnist'"),
        (["train", "nothing"], "A path to a recipe works too"),
        (["describe", "robust-vae"], "keras-ae --import PACKAGE"),
        (["train", "vea", "--flag", "3"], "Unknown variant. Expected one of"),
        (["train", "beta-vea", "--help"], "one of ['beta-vae', "),
        (["train", "--out", "x", "vea", "--flag", "3"], "Received: 'vea'"),
        (["--import", "no_such", "variants"], "'no_such', ModuleNotFound"),
        (["--import", "no_such", "train", "vea"], "'no_such', ModuleNotFound"),
        (["train", "line.json"], "Missing: ['seed']"),
        (["train", "vae", "--latent-dim", "0"], "positive integers"),
        (["train", "vae", "--latent-dim", "2", "--data", "x"], "data set"),
        (["train", "beta-vae", "--latent-dim", "2", "--beta", "-1"], "`beta`"),
        (["export", "vae_digits", "line.json/x"], "line.json"),
        (["export", "vae_digits", "x", "--format", "onx"], "one of ['onnx'"),
        (["export", "vae_digits", "x", "--format", "litert"], "'.tflite'"),
    ],
)
def test_an_error_is_one_line_and_exit_code_2(argv, message, here, capsys):
    (here / "line.json").write_text(
        json.dumps({k: v for k, v in RECIPE.items() if k != "seed"})
    )
    assert cli.main(argv) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("keras-ae: ") and message in errors
    assert "Traceback" not in errors
    assert sorted(p.name for p in here.iterdir()) == ["line.json"]


def test_usage_errors_have_exit_code_2(capsys):
    for argv in [], ["nothing"], ["train", "vae"]:
        with pytest.raises(SystemExit) as end:
            cli.main(argv)
        assert end.value.code == 2
    assert "--latent-dim" in capsys.readouterr().err


@pytest.mark.parametrize("variant", keras_ae.variants())
def test_every_argument_of_a_variant_is_a_flag_with_help(variant):
    cls = keras_ae.get(variant)
    parser = argparse.ArgumentParser()
    training.add_flags(parser, variant)
    help_of = {a.dest: a.help for a in parser._actions}
    parts = ("encoder", "decoder", "discriminator", "classifier")
    for name in {"latent_dim", "hidden", *cls.parameters()} - {*parts}:
        assert help_of[f"model_{name}"], name


def test_train_a_variant_from_flags(here, capsys):
    assert (
        cli.main(
            "train beta-vae --latent-dim 2 --network linear --epochs 1 "
            "--beta 2.5 --seed 3 --out my_preset".split()
        )
        == 0
    )
    assert "reconstruction" in capsys.readouterr().out
    model = keras_ae.load("my_preset")
    assert (model.variant, model.seed) == ("beta-vae", 3)
    assert model.beta.constant == 2.5
    assert model.encoder.event_shape == (2,)
    assert store.metadata("my_preset")["recipe"]["training"]["epochs"] == 1
    assert [p.name for p in here.iterdir()] == ["my_preset"]


def test_options_of_train_may_stand_before_its_target(here):
    argv = "train --out mine autoencoder --latent-dim 2 --epochs 1".split()
    assert cli.main([*argv, "--network", "linear"]) == 0
    assert keras_ae.load("mine").variant == "autoencoder"


def test_the_help_of_train_comes_without_a_target(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["train", "--help"])
    assert end.value.code == 0
    assert "recipe (JSON file)" in capsys.readouterr().out


def test_a_killed_training_goes_on_where_it_stopped(recipe, monkeypatch):
    end = recipes.Run.on_epoch_end

    def kill(self, epoch, logs=None):
        end(self, epoch, logs)
        if epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(recipes.Run, "on_epoch_end", kill)
        assert cli.main(["train", str(recipe)]) == 130
    assert not Path("line").exists()
    assert cli.main(["train", str(recipe)]) == 0
    log = Path("runs/line/history.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in log] == ["epoch", "0", "1", "2"]
    assert keras_ae.load("line").encoder.event_shape == (1,)


def test_a_changed_recipe_does_not_resume(recipe, capsys):
    with recipes.claimed(Path("runs/line"), RECIPE):
        pass
    recipe.write_text(json.dumps(RECIPE | {"seed": 1}))
    assert cli.main(["train", str(recipe)]) == 2
    assert "another training" in capsys.readouterr().err


def test_two_processes_in_one_run_folder(recipe, monkeypatch, capsys):
    with files.lock("runs/line"):
        monkeypatch.setattr(files, "_OWN", set())  # as another process
        assert cli.main(["train", str(recipe)]) == 2
    assert f"belongs to process {os.getpid()} on" in capsys.readouterr().err
    assert os.listdir("runs/line") == [files.LOCK]
    assert cli.main(["train", str(recipe)]) == 0


def test_evaluate_gives_the_error_of_numpy(capsys):
    assert cli.main(["evaluate", "vae_digits", "--rows", "50"]) == 0
    shown = re.search(r"squared_error +(\S+)", capsys.readouterr().out)[1]
    x = keras_ae.datasets.load("digits")[1][0][:50]
    error = np.mean((keras_ae.load("vae_digits").predict(x) - x) ** 2)
    # Four digits are shown.
    assert float(shown) == pytest.approx(error, rel=1e-3)


def test_pictures(here):
    assert cli.main(["sample", "vae_digits", "-n", "4", "--out", "a.png"]) == 0
    assert cli.main(["sample", "vae_digits", "-n", "4", "--out", "b.png"]) == 0
    assert cli.main(["reconstruct", "vae_digits", "-n", "3"]) == 0
    a, b = image.imread("a.png"), image.imread("b.png")
    np.testing.assert_array_equal(a, b)
    assert image.imread("picture.png")[..., :3].std() > 0.1


def test_verify_finds_a_wrong_figure(here, monkeypatch, capsys):
    copy = shutil.copytree(store.find("vae_digits"), here / "mine")
    monkeypatch.setenv("KERAS_AE_ZOO", str(here))
    assert cli.main(["verify", "mine"]) == 0
    assert "0 figures differ" in capsys.readouterr().out
    about = store.metadata(copy)
    about["metrics"]["kl"]["value"] += 0.01
    (copy / store.METADATA).write_text(json.dumps(about))
    assert cli.main(["verify", "mine"]) == 1
    assert ": kl " in (out := capsys.readouterr().out) and "DIFFERS" in out


def test_verify_goes_on_past_what_does_not_load(here, monkeypatch, capsys):
    for name in ("mine_a", "mine_b", "mine_c", "mine_d"):
        shutil.copytree(store.find("vae_digits"), here / name)
    weights = here / "mine_a" / store.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1])
    about = store.metadata(here / "mine_b")
    del about["recipe"]
    (here / "mine_b" / store.METADATA).write_text(json.dumps(about))
    about = store.metadata(here / "mine_d")
    about["data"]["sha256"] = "0" * 64
    (here / "mine_d" / store.METADATA).write_text(json.dumps(about))
    monkeypatch.setenv("KERAS_AE_ZOO", str(here))
    assert cli.main(["verify", "mine_*"]) == 1
    out = capsys.readouterr().out
    assert "mine_a: CANNOT BE VERIFIED" in out and "sha256" in out
    assert "mine_b: CANNOT BE VERIFIED" in out and "recipe" in out
    assert "mine_c: kl " in out and "3 presets cannot" in out
    assert "mine_d: CANNOT BE VERIFIED" in out and "other data" in out


@pytest.mark.parametrize("command", ["list", "verify", "sheet"])
def test_a_pattern_without_presets_is_an_error(command, capsys):
    assert cli.main([command, "vae_digts"]) == 2
    assert "vae_digits" in capsys.readouterr().err


def test_the_demo_does_the_main_job(here, capsys):
    figures = demo.run("picture.png")
    # Single precision; the served graph is not fused as the compiled one is.
    assert figures["difference"] < 1e-5
    assert figures["after"] < figures["before"]
    # What eight principal components keep of the same digits.
    (x, _), (x_test, _) = keras_ae.datasets.load("digits")
    rows, tests = x.reshape(-1, 64), x_test.reshape(-1, 64)
    pca = PCA(8).fit(rows)
    errors = pca.inverse_transform(pca.transform(tests)) - tests
    kept = 1 - np.mean(errors**2) / np.mean((tests - rows.mean(axis=0)) ** 2)
    assert figures["explained"] > kept
    assert image.imread("picture.png")[..., :3].std() > 0.1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [
        "loaded",
        "reconstructed",
        "trained",
        "served",
        "drawn",
        "done",
    ]


@pytest.mark.parametrize(
    ("path", "format", "names"),
    [
        ("served", "tf_saved_model", "reconstruct, encode, decode, score"),
        ("model.tflite", "litert", "reconstruct, encode, decode, score"),
    ],
)
def test_export(path, format, names, here, capsys):
    argv = ["export", "autoencoder_digits", path, "--format", format]
    assert cli.main(argv) == 0
    assert capsys.readouterr().out == (
        f"Wrote {path} with the signatures {names}.\n"
    )
    assert (here / path).exists()


def test_an_export_that_fails_is_one_line(here, capsys, monkeypatch):
    def fail(model, ends, path):
        raise NotImplementedError("no such operation")

    form = export.FORMATS["litert"]._replace(convert=fail)
    monkeypatch.setitem(export.FORMATS, "litert", form)
    argv = ["export", "autoencoder_digits", "m.tflite", "--format", "litert"]
    assert cli.main(argv) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert "no such operation" in errors
