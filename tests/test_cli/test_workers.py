"""Several workers by the command line: one is killed, nothing is lost."""

import copy
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae.cli import main
from keras_ae.cli import workers
from keras_ae.model.training import speed
from keras_ae.zoo import recipes

EPOCHS = 5
RECIPE = {
    "preset": "vae_shards",
    "description": "A tiny one.",
    "data": {"name": "digits"},
    "model": {"variant": "vae", "latent_dim": 2, "hidden": [16]},
    "training": {"epochs": EPOCHS, "batch_size": 96, "learning_rate": 0.003},
    "metrics": {"terms": {}},
    "seed": 0,
}
# 70 steps of Adam in single precision, which rounds at 6e-8; sums over
# rows are added up in another order, and Adam divides by small numbers.
ROUNDING = {"rtol": 1e-4, "atol": 1e-5}


def newest(runs):
    found = sorted((runs / RECIPE["preset"] / "checkpoints").glob("*.h5"))
    return found[-1] if found else Path("epoch-000000")


def arrays(path):
    """All numbers of a checkpoint: weights, optimizer, seeds."""
    found = {}

    def add(name, node):
        if isinstance(node, h5py.Dataset) and node.dtype.kind in "iuf":
            found[name] = node[()]

    with h5py.File(path) as file:
        file.visititems(add)
    return found


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Folder with a recipe, its shards, and no XLA, which workers do without
    and which draws other numbers."""
    folder = tmp_path_factory.mktemp("scale")
    (x, _), _ = keras_ae.datasets.load("digits")
    rows = (x * 255).astype("uint8")
    recipe = copy.deepcopy(RECIPE)
    recipe["data"]["shards"] = str(folder / "shards")
    keras_ae.shards.write(recipe["data"]["shards"], rows, shards=8)
    (folder / "recipe.json").write_text(json.dumps(recipe))
    with pytest.MonkeyPatch.context() as patch:
        choice = speed.Choice(False, "a test")
        patch.setattr(speed, "jit_compile", lambda model: choice)
        patch.delenv("TF_CONFIG", raising=False)
        patch.chdir(folder)
        yield folder


def train(folder, name):
    """The command, with two workers."""
    more = ["--runs", str(folder / name), "--out", str(folder / name / "out")]
    recipe = str(folder / "recipe.json")
    return main.main(["train", recipe, "--workers", "2", *more])


def killer(started, runs, epoch):
    """Kill the second worker once an epoch is kept, in the next one or so."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if len(started) == 2 and newest(runs).name >= f"epoch-{epoch:06}":
            os.kill(started[1].pid, signal.SIGKILL)
            return
        time.sleep(0.01)


@pytest.fixture(scope="module")
def whole(here):
    """The folder of a run of two workers."""
    assert train(here, "whole") == 0
    return here / "whole"


@pytest.fixture(scope="module")
def cut(here):
    """The folder of a run that was killed and went on."""
    started, real = [], subprocess.Popen

    def popen(*arguments, **settings):
        started.append(real(*arguments, **settings))
        return started[-1]

    thread = threading.Thread(target=killer, args=(started, here / "cut", 2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers.subprocess, "Popen", popen)
        thread.start()
        code = train(here, "cut")
    thread.join()
    assert code == 2
    assert [worker.returncode for worker in started][1] == -signal.SIGKILL
    assert started[0].returncode != 0  # the other one was stopped too
    kept = newest(here / "cut").name
    assert "epoch-000002" <= kept < f"epoch-{EPOCHS:06}"  # in the middle
    assert not (here / "cut" / "out").exists()
    assert train(here, "cut") == 0
    return here / "cut"


# Two workers of `fit`, one of which is lost, are in test_model/test_replicas.
@pytest.mark.long
def test_a_killed_worker_costs_nothing(cut, whole):
    last, expected = newest(cut), newest(whole)
    assert last.name == expected.name == f"epoch-{EPOCHS:06}.weights.h5"
    found, expected = arrays(last), arrays(expected)
    assert set(found) == set(expected)
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], name)
    logs = [run / RECIPE["preset"] / "history.csv" for run in (cut, whole)]
    assert logs[0].read_text() == logs[1].read_text()


@pytest.mark.long  # test_model/test_replicas has the same without a CLI
def test_two_workers_are_one(here, whole):
    """Also in what is published: the first worker wrote it."""
    recipe = recipes.read(here / "recipe.json")
    alone = recipes.train(recipe, here / "alone", verbose=0)
    found, expected = (arrays(newest(run)) for run in (whole, here / "alone"))
    for name in expected:
        np.testing.assert_allclose(
            found[name], expected[name], **ROUNDING, err_msg=name
        )
    published = keras_ae.load(whole / "out")
    x = np.zeros([3, 8, 8, 1], "uint8")
    # Presets are kept in half precision, 11 significant bits.
    np.testing.assert_allclose(
        published.predict(x), alone.predict(x), rtol=0.01, atol=0.01
    )


def test_a_worker_that_fails_stops_all(tmp_path, monkeypatch, capfd):
    """Stand-ins for workers: the second one fails, the first would go on."""
    script = tmp_path / "python"
    script.write_text(
        "#!/bin/sh\n"
        'echo "$@"\n'
        'case "$TF_CONFIG" in *\'"index": 1\'*) exit 3;; esac\n'
        "exec sleep 60\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(workers.sys, "executable", str(script))
    begin = time.monotonic()
    with pytest.raises(
        ChildProcessError, match="1 of 2 ended with exit code 3"
    ):
        workers.start(["train", "recipe.json"], 2)
    assert time.monotonic() - begin < 30
    out = capfd.readouterr().out
    for index in range(2):
        assert f"[worker {index}] -m keras_ae train recipe.json" in out


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (
            ["vae", "--latent-dim=2", "--workers=2"],
            None,
            "Several workers train a recipe",
        ),
        (["recipe.json", "--workers", "0"], None, "`--workers`"),
        (["recipe.json"], "{", "TF_CONFIG. Expected the addresses"),
        (["recipe.json"], '{"cluster": {}}', "TF_CONFIG. Expected the addre"),
    ],
)
def test_bad_wishes(here, monkeypatch, capsys, arguments, environment, message):
    if environment:
        monkeypatch.setenv("TF_CONFIG", environment)
    assert main.main(["train", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_without_workers_there_is_one_device():
    assert workers.strategy() is tf.distribute.get_strategy()


def test_a_checkpoint_is_not_written_inside_the_scope(tmp_path):
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    with strategy.scope():
        model = keras_ae.VAE.create((8,), 2, hidden=(4,), seed=0)
        model.compile()
        with pytest.raises(ValueError, match="outside of `strategy.scope"):
            checkpoint = keras_ae.callbacks.Checkpoint(tmp_path)
            model.fit(np.zeros([4, 8]), verbose=0, callbacks=[checkpoint])
