"""What the watch over numbers that are not finite costs `fit`.

`python -m benchmarks.finite [dense] [conv] [iwae] [--rounds 30]`. Each model
is trained for three passes with the watch and without, in alternating order,
many rounds in one run; a figure is the median of the ratios within a round.
"""

import argparse
import contextlib
import statistics
import time
from unittest import mock

import keras

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


def ratios(fit, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds with the watch in units of those without, in each round, by the
    clock and of the processors; the order turns from round to round."""
    fit()
    clock, processors = [], []
    for number in range(rounds):
        order = (True, False) if number % 2 else (False, True)
        taken = {watched: seconds(fit, watched) for watched in order}
        clock.append(taken[True][0] / taken[False][0])
        processors.append(taken[True][1] / taken[False][1])
    return clock, processors


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
        found, processors = ratios(fit, arguments.rounds)
        low, _, high = statistics.quantiles(found, n=4)
        results[name] = {
            "ratio": round(statistics.median(found), 4),
            "quartiles": [round(low, 4), round(high, 4)],
            "ratio of processor seconds": round(
                statistics.median(processors), 4
            ),
            "rounds": arguments.rounds,
            "steps": len(rows) // handwritten.BATCH * handwritten.PASSES,
        }
        common.write("finite", results)
    print(
        markdown.table(
            ["model", "with the watch / without", "quartiles", "processors"],
            [
                [
                    name,
                    f"{found['ratio']:.4f}",
                    str(found["quartiles"]),
                    f"{found['ratio of processor seconds']:.4f}",
                ]
                for name, found in results.items()
                if name in MODELS
            ],
        )
    )


if __name__ == "__main__":
    main()
