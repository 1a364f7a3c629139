"""What the watch over numbers that are not finite costs `fit`.

`python -m benchmarks.finite [dense] [conv] [iwae] [--rounds 30]`. Each model
is trained for three passes with the watch and without, in alternating order,
many rounds in one run. What disturbs a machine only makes a fit slower: a
figure is the ratio of the first quartiles, with its bootstrapped interval of
95 % beside it.
"""

import argparse
import contextlib
import time
from unittest import mock

import keras
import numpy as np
from scipy import stats

import keras_ae
from benchmarks import common
from benchmarks import handwritten
from benchmarks import training
from keras_ae.core import markdown
from keras_ae.model.training import watch

#: Images of a pass, variant, arguments.
MODELS = {
    "dense": (19_968, "vae", {"latent_dim": 20, "hidden": (512,)}),
    "conv": (4_992, "vae", {"latent_dim": 20, "network": "strided"}),
    "iwae": (
        4_992,
        "iwae",
        {"latent_dim": 50, "hidden": (200,), "samples": 50},
    ),
}


@contextlib.contextmanager
def unwatched():
    """Inside, a fit looks at nothing and keeps nothing."""
    with (
        mock.patch.object(watch.Watch, "start", lambda self, epoch: None),
        mock.patch.object(watch.Watch, "run", lambda self, call: call()[0]),
        mock.patch.object(watch.Watch, "check", lambda self: None),
    ):
        yield


def seconds(fit, watched: bool) -> tuple[float, float]:
    """Of one fit, and of all processors for it."""
    with contextlib.nullcontext() if watched else unwatched():
        start = time.perf_counter(), time.process_time()
        fit()
        return (
            time.perf_counter() - start[0],
            time.process_time() - start[1],
        )


def measured(fit, rounds: int) -> dict[bool, np.ndarray]:
    """Seconds with the watch and without, `[rounds, 2]` each, by the clock and
    of the processors; the order turns from round to round."""
    fit()
    taken = {True: [], False: []}
    for number in range(rounds):
        for watched in (True, False) if number % 2 else (False, True):
            taken[watched].append(seconds(fit, watched))
    return {watched: np.array(found) for watched, found in taken.items()}


def ratio(watched: np.ndarray, without: np.ndarray) -> float:
    """Of the first quartiles."""
    return float(np.quantile(watched, 0.25) / np.quantile(without, 0.25))


def main() -> None:
    """Run, print a table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=list(MODELS))
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    keras.utils.set_random_seed(0)
    (images, _), _ = keras_ae.datasets.load("mnist")
    images = images.reshape(-1, 784)
    results = common.read("finite")
    for name in arguments.models:
        size, variant, options = MODELS[name]
        rows = images[:size]
        fit = training.ours(variant, rows, **options)
        taken = measured(fit, arguments.rounds)
        clock, processors = (
            (taken[True][:, i], taken[False][:, i]) for i in (0, 1)
        )
        interval = stats.bootstrap(
            clock,
            ratio,
            vectorized=False,
            method="percentile",
            rng=np.random.default_rng(0),
        ).confidence_interval
        results[name] = {
            "ratio": round(ratio(*clock), 4),
            "interval": [round(float(end), 4) for end in interval],
            "ratio of processor seconds": round(ratio(*processors), 4),
            "rounds": arguments.rounds,
            "steps": len(rows) // handwritten.BATCH * handwritten.PASSES,
        }
        common.write("finite", results)
    print(
        markdown.table(
            ["model", "with the watch / without", "interval", "processors"],
            [
                [
                    name,
                    f"{found['ratio']:.4f}",
                    str(found["interval"]),
                    f"{found['ratio of processor seconds']:.4f}",
                ]
                for name, found in results.items()
                if name in arguments.models
            ],
        )
    )


if __name__ == "__main__":
    main()
