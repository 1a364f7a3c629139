"""Where a learned deviation, and the bias of a decoder, should start.

`python -m benchmarks.scale_start`. VAEs with one learned deviation for all
values (`heads.Gaussian("shared")`) that starts at 1, at 0.1, or where the data
say, each with the decoder's bias at 0 and at the mean of the data. Of rows
that were held out: the negative evidence lower bound and the squared error;
of samples: the Frechet distance to those rows, in principal components of the
training rows, as a share of their variance. Each model is looked at after a
short and after a long training. 11 minutes of one core.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import keras_ae
from benchmarks import common
from benchmarks import frechet
from keras_ae.core import markdown

LATENT = 16
HIDDEN = (256, 128)
BATCH = 100
COMPONENTS = 20  # of the features that samples are compared in
SAMPLES = 2000
STARTS = (1.0, 0.1, "data")
#: Set -> optimizer steps of the short and of the long training
STEPS = {
    "digits": (1000, 6000),
    "satellite": (1000, 6000),
    "sprites": (1000, 4000),
}
FOLDER = Path(os.environ.get("KERAS_AE_DATA", "."))  # of two of the sets


def digits() -> np.ndarray:
    """1,797 images of 8 x 8, in [0, 1]."""
    return load_digits().data / 16


def satellite() -> np.ndarray:
    """6,435 rows of 36 columns, each of mean 0 and deviation 1."""
    x = np.load(FOLDER / "adbench" / "30_satellite.npz")["X"]
    return (x - x.mean(axis=0)) / x.std(axis=0)


def sprites() -> np.ndarray:
    """2,916 characters in 16 x 16 pixels of three colors, in [0, 1]."""
    file = FOLDER / "sprites" / "sprites_11664.npz"
    x = np.load(file)["x"][::4] / 255.0
    small = x.reshape(len(x), 16, 4, 16, 4, 3).mean(axis=(2, 4))
    return small.reshape(len(x), -1)


SETS = {"digits": digits, "satellite": satellite, "sprites": sprites}


def split(rows: np.ndarray) -> tuple:
    """Training rows, a multiple of the batch size, and a fifth held out."""
    rows = np.random.default_rng(0).permutation(rows).astype("float32")
    cut = len(rows) // 5
    size = (len(rows) - cut) // BATCH * BATCH
    return rows[cut : cut + size], rows[:cut]


def started(x: np.ndarray, start, bias: bool, seed: int):
    """A model at its start."""
    model = keras_ae.VAE.create(
        x.shape[1:],
        LATENT,
        hidden=HIDDEN,
        likelihood={"gaussian": {"scale": "shared", "start": start}},
        seed=seed,
    )
    if start == "data":
        # Without the bias: rows of mean 0 and of the same mean square.
        model.decoder.adapt(x if bias else np.concatenate([x, -x]))
    elif bias:
        # By hand: the head leaves it, for the reason that this shows.
        model.decoder.projection.bias.assign(x.mean(axis=0))
    model.compile(keras.optimizers.Adam(1e-3))
    return model


def measured(model, held_out: np.ndarray, distance, seed: int) -> dict:
    """What is compared."""
    logs = model.evaluate(held_out, verbose=0, return_dict=True)
    error = np.sum((model.reconstruct(held_out) - held_out) ** 2, axis=1)
    return {
        "negative ELBO": logs["loss"],
        "kl": logs["kl"],
        "squared error": float(np.mean(error)),
        "distance": distance(model.sample(SAMPLES, seed=seed)),
        "scale": float(model.decoder.head.monitors()["scale"]),
    }


def run(name: str, seeds: int, shorter: int) -> dict:
    """All starts on one set."""
    x, held_out = split(SETS[name]())
    features = PCA(COMPONENTS, random_state=0).fit(x)
    target = frechet.moments(features.transform(held_out))
    unit = np.trace(target[1])

    def distance(rows: np.ndarray) -> float:
        found = frechet.moments(features.transform(rows))
        return frechet.frechet(*found, *target) / unit

    lengths = [
        max(1, steps // shorter // (len(x) // BATCH)) for steps in STEPS[name]
    ]
    found = {"rows": len(x), "training rows": distance(x), "starts": {}}
    for start in STARTS:
        for bias in (False, True):
            runs: dict[str, list] = {"short": [], "long": []}
            for seed in range(seeds):
                model = started(x, start, bias, seed)
                first = float(model.decoder.head.monitors()["scale"])
                done, spent = 0, 0.0
                for length, epochs in zip(runs, lengths, strict=True):
                    clock = time.process_time()
                    model.fit(
                        x, batch_size=BATCH, epochs=epochs - done, verbose=0
                    )
                    spent += time.process_time() - clock
                    done = epochs
                    runs[length].append(
                        {"start": first, "epochs": epochs, "seconds": spent}
                        | measured(model, held_out, distance, seed)
                    )
            key = f"{start}, bias {'mean' if bias else '0'}"
            found["starts"][key] = runs
            for length, values in runs.items():
                print(name, key, length, summary(values), file=sys.stderr)
    return found


def summary(values: list[dict]) -> dict:
    """Means over seeds, and the half of the range of two."""
    return {
        key: (
            float(np.mean([v[key] for v in values])),
            float(np.ptp([v[key] for v in values]) / 2),
        )
        for key in values[0]
    }


def table(found: dict) -> str:
    """One row for each set, start and length, in Markdown."""
    head = ["set", "start", "training", "first scale", "last scale"]
    head += ["negative ELBO", "squared error", "distance of samples"]
    rows = []
    for name, result in found.items():
        for key, runs in result["starts"].items():
            for length, values in runs.items():
                s = summary(values)
                rows.append(
                    [name, key, f"{length}, {s['seconds'][0]:.1f} s"]
                    + [f"{s[k][0]:.3f}" for k in ("start", "scale")]
                    + [f"{s['negative ELBO'][0]:.1f} +- "
                       f"{s['negative ELBO'][1]:.1f}"]
                    + [f"{s[k][0]:.3f} +- {s[k][1]:.3f}"
                       for k in ("squared error", "distance")]
                )  # fmt: skip
    return markdown.table(head, rows)


def main() -> None:
    """Train, measure, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument(
        "--shorter", type=int, default=1, help="divides all lengths; to try"
    )
    arguments = parser.parse_args()
    clock = time.process_time()
    found = {
        name: run(name, arguments.seeds, arguments.shorter) for name in SETS
    }
    print(table(found))
    if arguments.shorter > 1:
        return
    common.write(
        "scale_start",
        {
            "what": f"VAE, {LATENT} codes, hidden {HIDDEN}, one deviation for "
            "all values; held-out nats, squared error, Frechet distance of "
            "samples as a share of the variance",
            "cpu_seconds": round(time.process_time() - clock),
            "results": found,
        },
    )


if __name__ == "__main__":
    main()
