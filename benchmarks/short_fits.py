"""Whether `fit` chooses XLA where it pays in all, compilation counted.

`python -m benchmarks.short_fits [--rounds 3]`. One small fit, four small fits
of other numbers of rows, and a long fit, each with a new model, with the
default and with `jit_compile` set to True and to False, alternating. A figure
is the median over rounds of seconds relative to the better of the two within
the round: 1.0 is as fast as the better choice.
"""

import argparse
import statistics

import keras
import numpy as np

import keras_ae
from benchmarks import common
from keras_ae.core import markdown

CHOICES = {"default": "auto", "XLA": True, "graph": False}
WORK = {
    "one small fit": [(250, 30, 32)],
    "four small fits": [(n, 30, 32) for n in (250, 243, 260, 251)],
    "a long fit": [(9984, 25, 128)],
}


def run(fits: list, jit) -> None:
    """Make a model and fit it to rows of each number in turn."""
    keras.backend.clear_session()
    model = keras_ae.VAE.create((784,), 20, hidden=(512,), seed=0)
    model.compile("adam", jit_compile=jit)
    generator = np.random.default_rng(0)
    for rows, epochs, batch_size in fits:
        x = generator.random((rows, 784), np.float32)
        model.fit(x, batch_size=batch_size, epochs=epochs, verbose=0)


def main() -> None:
    """Run, print a table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    results = {}
    lines = []
    for work, fits in WORK.items():
        seconds = common.alternate(
            {
                name: lambda jit=jit, fits=fits: run(fits, jit)
                for name, jit in CHOICES.items()
            },
            arguments.rounds,
        )
        best = [
            min(t) for t in zip(seconds["XLA"], seconds["graph"], strict=True)
        ]
        ratios = {
            name: statistics.median(
                s / b for s, b in zip(times, best, strict=True)
            )
            for name, times in seconds.items()
        }
        results[work] = {"seconds": seconds, "times the better": ratios}
        lines.append([work, *(f"{ratios[name]:.2f}" for name in CHOICES)])
    print(markdown.table(["work", *CHOICES], lines))
    common.write("short_fits", results)


if __name__ == "__main__":
    main()
