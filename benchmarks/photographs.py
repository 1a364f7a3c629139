"""Squared error of images behind a short code, at equal processor time.

`python -m benchmarks.photographs`. Of held-out images, the squared error a
value of principal component analysis; of an autoencoder with
`network="conv"`, alone and beside a linear path that starts there; of the
earlier `"strided"`; and of a network by hand with batch normalization and
Keras' own `fit`. All have Adam at 1e-3, batches of 128 and the same seconds of
processor time, look after every 40 steps at 1,000 images that they do not
train on, and keep the weights that were best there, those of the start
included. One recipe for all sets. `cifar10` is a part: 4,000 photographs.
"""

import argparse
import functools
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from sklearn.decomposition import PCA

import keras_ae
from benchmarks import common
from keras_ae.core import markdown

FOLDER = Path(os.environ.get("KERAS_AE_DATA", "."))
#: Set -> lengths of codes.
SETS = {
    "mnist": (8, 32),
    "fashion_mnist": (8, 32),
    "sprites": (8, 32),
    "cifar10": (8, 32, 64),
}
SECONDS = 300  # of the processor, for each training
BATCH = 128
STEPS = 40  # from one look to the next
LOOKED_AT = 1000  # images, at most a tenth
LIKELIHOOD = {"gaussian": {"scale": "shared", "start": "data"}}


def load(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images in [0, 1] to train on, to stop by, and held out."""
    if name == "cifar10":
        with np.load(FOLDER / "cifar10_part.npz") as file:
            x, test = file["x_train"], file["x_test"]
    else:
        (x, _), (test, _) = keras_ae.datasets.load(name)
    x, test = (
        v.astype("float32") / (255 if v.dtype == "uint8" else 1)
        for v in (x, test)
    )
    x = np.random.default_rng(0).permutation(x)
    cut = min(len(x) // 10, LOOKED_AT)
    return x[cut:], x[:cut], test


def error(model: keras.Model, x: np.ndarray) -> float:
    """Mean square of what is missed, a value."""
    found = model.predict(x, batch_size=256, verbose=0)
    return float(np.mean(np.square(found - x, dtype="float64")))


class Best(keras.callbacks.Callback):
    """Stops when time is up, and goes back to the best weights seen.

    Args:
        x: Images to judge by.
        seconds: Of the processor.
    """

    def __init__(self, x: np.ndarray, seconds: float):
        super().__init__()
        self.x, self.seconds = x, seconds

    def on_train_begin(self, logs=None) -> None:
        """The start may be the best."""
        self.end = time.process_time() + self.seconds
        self.looks = self.best_look = 0
        self.best = error(self.model, self.x)
        self.weights = self.model.get_weights()

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        """Look, keep, stop."""
        self.looks += 1
        now = error(self.model, self.x)
        if now < self.best:
            self.best, self.best_look = now, self.looks
            self.weights = self.model.get_weights()
        if time.process_time() > self.end:
            self.model.stop_training = True

    def on_train_end(self, logs=None) -> None:
        """Back to the best."""
        self.model.set_weights(self.weights)


def trained(model: keras.Model, sets: tuple, seconds: float) -> dict:
    """Train a compiled model, and measure."""
    x, valid, test = sets
    start = error(model, test)
    best = Best(valid, seconds)
    if not isinstance(model, keras_ae.BaseAutoencoder):
        rows = tf.data.Dataset.from_tensor_slices(x).shuffle(len(x)).repeat()
        x = rows.map(lambda row: (row, row)).batch(BATCH)
    model.fit(
        x,
        batch_size=None if isinstance(x, tf.data.Dataset) else BATCH,
        epochs=10**6,
        steps_per_epoch=STEPS,
        verbose=0,
        callbacks=[best],
    )
    return {
        "error": error(model, test),
        "start": start,
        "weights": model.count_params(),
        "steps": STEPS * best.looks,
        "best step": STEPS * best.best_look,
    }


def components(sets: tuple, code: int, seconds: float, seed: int) -> dict:
    """Principal component analysis of all images but the held-out ones."""
    x = np.concatenate(sets[:2]).reshape(-1, sets[0][0].size)
    test = sets[2].reshape(len(sets[2]), -1)
    pca = PCA(code, random_state=seed).fit(x)
    found = pca.inverse_transform(pca.transform(test))
    return {"error": float(np.mean(np.square(found - test, dtype="float64")))}


def ours(sets: tuple, code: int, seconds: float, seed: int, **options) -> dict:
    """An autoencoder of this package."""
    model = keras_ae.Autoencoder.create(
        sets[0].shape[1:], code, likelihood=LIKELIHOOD, seed=seed, **options
    )
    clock = time.process_time()
    model.adapt(np.concatenate(sets[:2]))  # as many as PCA is told
    model.compile(keras.optimizers.Adam(1e-3))
    return trained(model, sets, seconds - (time.process_time() - clock))


def by_hand(sets: tuple, code: int, seconds: float, seed: int) -> dict:
    """Strided convolutions with batch normalization, halved down to 4."""
    layers = keras.layers
    keras.utils.set_random_seed(seed)
    *sides, channels = sets[0].shape[1:]
    widths = [32, 64, 128, 128][: 3 if max(sides) <= 32 else 4]
    small = -(-sides[0] // 2 ** len(widths))
    excess = small * 2 ** len(widths) - sides[0]
    encoder, decoder = [keras.Input(sets[0].shape[1:])], []
    for width in widths:
        encoder += [layers.Conv2D(width, 3, 2, "same"), *_normed()]
    for width in [32, *widths[:-1]][::-1]:
        decoder += [layers.Conv2DTranspose(width, 3, 2, "same"), *_normed()]
    model = keras.Sequential(
        [
            *encoder,
            layers.Flatten(),
            layers.Dense(code),
            layers.Dense(small * small * widths[-1]),
            *_normed(),
            layers.Reshape((small, small, widths[-1])),
            *decoder,
            layers.Conv2D(channels, 3, padding="same"),
            layers.Cropping2D((excess // 2, excess - excess // 2)),
        ]
    )
    # Convolutions are slower under XLA on a CPU.
    model.compile(keras.optimizers.Adam(1e-3), "mse", jit_compile=False)
    return trained(model, sets, seconds)


def _normed() -> list:
    # Keras' momentum of 0.99 would need some 500 steps to forget its start.
    return [keras.layers.BatchNormalization(momentum=0.9), keras.layers.ReLU()]


CONTESTANTS: dict[str, Callable] = {
    "PCA": components,
    "conv, linear path": functools.partial(
        ours, network="conv", linear_path=True
    ),
    "conv": functools.partial(ours, network="conv"),
    "strided": functools.partial(ours, network="strided"),
    "by hand": by_hand,
}


def table(found: dict) -> str:
    """One row for each set and code, in Markdown; errors times 1000."""
    rows = []
    for name, codes in found.items():
        for code, methods in codes.items():
            row = [name, str(code)]
            for method in CONTESTANTS:
                values = [run["error"] for run in methods.get(method, ())]
                row.append(f"{1e3 * np.mean(values):.2f}" if values else "")
            rows.append(row)
    return markdown.table(["set", "code", *CONTESTANTS], rows)


def main() -> None:
    """Train, measure, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--codes", nargs="*", type=int)
    parser.add_argument("--methods", nargs="*", default=list(CONTESTANTS))
    parser.add_argument(
        "--write", action="store_true", help="into the results so far"
    )
    arguments = parser.parse_args()
    found = common.read("photographs").get("results", {})
    for name in arguments.sets:
        sets = load(name)
        for code in map(str, arguments.codes or SETS[name]):
            runs = found.setdefault(name, {}).setdefault(code, {})
            for method in arguments.methods:
                runs[method] = []
                for seed in range(arguments.seeds):
                    keras.backend.clear_session()
                    run = CONTESTANTS[method](
                        sets, int(code), seconds=arguments.seconds, seed=seed
                    )
                    run["seconds"] = arguments.seconds
                    runs[method].append(run)
                    print(name, code, method, run, file=sys.stderr, flush=True)
            if arguments.write:
                what = "Squared error a value of held-out images behind a code"
                common.write("photographs", {"what": what, "results": found})
    print(table(found))


if __name__ == "__main__":
    main()
