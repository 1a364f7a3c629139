"""Kills processes at random moments and compares what they leave.

    python -m tests.kills --count 20 [recipe] [fit] [preset] [download]

A process does its work, is ended by `kill -9`, and the next one takes the
same folder over, until the work is done and the kills are enough. The weights
are those of a process that nobody killed, to the last bit; a preset is the
old or the new one after every kill; a download is absent or whole.
"""

import argparse
import hashlib
import json
import os
import pickle
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

import keras_ae
from keras_ae.core import files
from keras_ae.zoo import delivery
from keras_ae.zoo import recipes
from keras_ae.zoo import store

RECIPE = {
    "preset": "vae_killed",
    "description": "A tiny one.",
    "data": {"name": "digits", "binarization": "dynamic"},
    "model": {"variant": "vae", "latent_dim": 2, "hidden": [8]},
    "training": {"epochs": 30, "batch_size": 500, "learning_rate": 0.01},
    "metrics": {"terms": {}},
    "seed": 0,
}


# Processes. This one never computes: what TensorFlow has started does not
# survive a fork, what is only imported does.


def start(work: Callable[[Callable], Any]) -> tuple[int, int]:
    """A process that does some work; its number, and a pipe.

    The work is told what to call once it begins. The pipe gives a byte then,
    and what the work returned after.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    code = 1
    try:
        os.close(reading)
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 1)
        found = pickle.dumps(work(lambda: os.write(writing, b"!")))
        os.write(writing, found)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def done(work: Callable[[Callable], Any]) -> tuple[Any, float]:
    """What some work returns, in a process that nobody kills, and its seconds
    once it has begun."""
    pid, reading = start(work)
    with open(reading, "rb") as pipe:
        began = pipe.read(1), time.monotonic()
        found = pipe.read()
    if began[0] != b"!" or os.waitpid(pid, 0)[1]:
        raise RuntimeError("A process failed; see above.")
    return pickle.loads(found), time.monotonic() - began[1]


def killed(work: Callable[[Callable], Any], seconds: float) -> bool:
    """Kill some work so many seconds after it has begun; False if it is done
    before that."""
    pid, reading = start(work)
    with open(reading, "rb", buffering=0) as pipe:
        began = pipe.read(1)
        if began:
            time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError("A process failed; see above.")
    return os.WIFSIGNALED(status)


def weights(model: keras.Model) -> list[np.ndarray]:
    return [v.numpy() for v in model.weights]


def same(found: list, expected: list) -> bool:
    pairs = zip(found, expected, strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


# Kinds of work.


def trained(folder: Path, begun: Callable) -> tuple:
    """Weights, optimizer and history of a `fit` with a checkpoint."""
    x = np.random.default_rng(0).uniform(size=(22, 3)).astype("float32")
    model = keras_ae.VAE.create((3,), 2, hidden=(4,), seed=0)
    model.compile("adam", jit_compile=False)
    model.fit(
        x,
        batch_size=8,
        epochs=30,
        steps_per_epoch=2,  # of three: checkpoints are in the middle of passes
        verbose=0,
        callbacks=[
            keras.callbacks.LambdaCallback(on_train_begin=lambda logs: begun()),
            keras_ae.callbacks.Checkpoint(folder / "checkpoints"),
        ],
    )
    others = [*model.optimizer.variables, model.seed_generator.state]
    found = weights(model) + [v.numpy() for v in others]
    return found, model.history.history


def by_recipe(folder: Path, begun: Callable) -> tuple:
    """Weights and the file of the history of a recipe."""
    begin = recipes.Run.on_train_begin

    def on_train_begin(self: recipes.Run, logs: Any = None) -> None:
        begun()
        begin(self, logs)

    recipes.Run.on_train_begin = on_train_begin
    model = recipes.train(RECIPE, folder, verbose=0)
    history = folder / RECIPE["preset"] / "history.csv"
    return weights(model), history.read_text()


def resumes(work: Callable, count: int, chance: random.Random) -> dict:
    """Trainings that are killed again and again, against one that is not."""
    with tempfile.TemporaryDirectory() as folder:
        expected, span = done(lambda begun: work(Path(folder), begun))
    counts = {"kills": 0, "while it wrote": 0, "completed runs": 0}
    while counts["kills"] < count:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)

            def run(begun: Callable, folder: Path = folder) -> tuple:
                return work(folder, begun)

            while counts["kills"] < count:
                if not killed(run, chance.uniform(0, span)):
                    break
                counts["kills"] += 1
                counts["while it wrote"] += writing(folder)
            found, _ = done(run)
            counts["completed runs"] += 1
            if not same(found[0], expected[0]) or found[1] != expected[1]:
                raise AssertionError("other weights, or another history")
    return counts


def presets(count: int, chance: random.Random) -> dict:
    """A preset that is written over by another one, over and over."""

    def model(seed: int) -> keras.Model:
        return keras_ae.VAE.create((3,), 2 + seed, hidden=(4,), seed=seed)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "preset")

        def write(begun: Callable) -> None:
            models = [model(0), model(1)]
            models[0].save_to_preset(folder)
            begun()
            for i in range(1, 10_000):
                models[i % 2].save_to_preset(folder)

        def which(begun: Callable) -> list[bool]:
            begun()
            found = weights(keras_ae.load(folder))
            return [
                same(found, weights(model(0))),
                same(found, weights(model(1))),
            ]

        counts = {"kills": 0, "while it wrote": 0, "old": 0, "new": 0}
        while counts["kills"] < count:
            assert killed(write, chance.uniform(0, 1))
            counts["kills"] += 1
            counts["while it wrote"] += writing(Path(name))
            (old, new), _ = done(which)
            if old == new:
                raise AssertionError("neither the old preset nor the new one")
            counts["old" if old else "new"] += 1
    return counts


def downloads(count: int, chance: random.Random) -> dict:
    """An archive that is fetched, over and over, into an empty cache."""
    counts = {"kills": 0, "left a part": 0, "fetched": 0}
    with tempfile.TemporaryDirectory() as name:
        mirror, cache = Path(name, "mirror"), Path(name, "cache")
        mirror.mkdir()

        def make(begun: Callable) -> None:
            begun()
            model = keras_ae.VAE.create((500,), 2, hidden=(1000,), seed=0)
            model.save_to_preset(mirror / "far")

        done(make)
        archive = shutil.make_archive(mirror / "far", "zip", mirror / "far")
        data = Path(archive).read_bytes()
        os.environ["KERAS_AE_MIRROR"] = str(mirror)
        os.environ["KERAS_AE_CACHE"] = str(cache)
        entry = {
            "url": "https://nowhere.example/far.zip",
            "sha256": hashlib.sha256(data).hexdigest(),
            "size": len(data),
            "metadata": store.metadata(mirror / "far"),
        }
        expected = contents(mirror / "far")

        def fetch(begun: Callable) -> Path:
            begun()
            return delivery.fetch("far", entry)

        folder, span = done(fetch)
        while counts["kills"] < count:
            shutil.rmtree(folder)
            while counts["kills"] < count:
                if not killed(fetch, chance.uniform(0, span)):
                    break
                counts["kills"] += 1
                if folder.exists():
                    break
                counts["left a part"] += any(cache.iterdir())
            done(fetch)
            if contents(folder) != expected:
                raise AssertionError("another preset than the one sent")
            counts["fetched"] += 1
    return counts


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def writing(folder: Path) -> bool:
    """Whether a kill has left half of something behind."""
    marks = (files.PART, files.NEW)
    return any(p.name.startswith(marks) for p in folder.rglob(".*"))


KINDS = {
    "recipe": lambda *given: resumes(by_recipe, *given),
    "fit": lambda *given: resumes(trained, *given),
    "preset": presets,
    "download": downloads,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", help=", ".join(KINDS))
    parser.add_argument("--count", type=int, default=20, help="kills a kind")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    arguments = parser.parse_args()
    for kind in arguments.kinds or KINDS:
        began = time.monotonic()
        counts = KINDS[kind](arguments.count, random.Random(arguments.seed))
        seconds = time.monotonic() - began
        print(f"{kind}: {json.dumps(counts)} in {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
