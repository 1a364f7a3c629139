"""What the watch over numbers that are not finite costs `fit`.

`python -m benchmarks.finite [dense] [conv] [iwae] [--epochs 200]`. Each model
is trained in one `fit` whose epochs are watched and not in turn, as ABBA, so
that what disturbs a machine disturbs both: a figure is the median over the
pairs of neighbours of the ratio of their seconds, with its bootstrapped
interval of 95 % beside it. What `fit` looks at once, before its first epoch,
is not in it.
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

WARM = 8  # epochs that are not counted


class InTurn(keras.callbacks.Callback):
    """Watches every other epoch, and takes the time of each."""

    def __init__(self):
        super().__init__()
        self.taken = {True: [], False: []}

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """The watch starts after this."""
        self.watched = epoch % 4 in (0, 3)
        self.start = now()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """The watch has looked before this."""
        self.taken[self.watched].append(now() - self.start)

    @contextlib.contextmanager
    def patched(self):
        """Inside, a watch does its work in the epochs that are watched, and
        otherwise holds nothing."""
        start, run, check = (
            getattr(watch.Watch, name) for name in ("start", "run", "check")
        )

        def started(guard, epoch):
            start(guard, epoch)
            if not self.watched:
                guard.kept = None

        def ran(guard, call):
            return run(guard, call) if self.watched else call()[0]

        def checked(guard):
            if self.watched:
                check(guard)
            guard.kept = None

        with mock.patch.multiple(
            watch.Watch, start=started, run=ran, check=checked
        ):
            yield


def now() -> np.ndarray:
    """Seconds by the clock and of all processors, `[2]`."""
    return np.array([time.perf_counter(), time.process_time()])


def measured(model, rows, epochs: int) -> tuple[np.ndarray, np.ndarray]:
    """Seconds of the epochs with the watch and without, `[epochs / 2, 2]`
    each, by the clock and of the processors, neighbours side by side."""
    in_turn = InTurn()
    with in_turn.patched():
        model.fit(
            rows,
            batch_size=handwritten.BATCH,
            epochs=WARM + epochs // 4 * 4,
            verbose=0,
            callbacks=[in_turn],
        )
    return tuple(
        np.array(in_turn.taken[watched][WARM // 2 :])
        for watched in (True, False)
    )


def main() -> None:
    """Run, print a table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=list(MODELS))
    parser.add_argument("--epochs", type=int, default=200)
    arguments = parser.parse_args()
    keras.utils.set_random_seed(0)
    (images, _), _ = keras_ae.datasets.load("mnist")
    images = images.reshape(-1, 784)
    results = common.read("finite")
    for name in arguments.models:
        size, variant, options = MODELS[name]
        model, rows = training.compiled(variant, images[:size], **options)
        watched, without = measured(model, rows, arguments.epochs)
        clock, processors = (watched / without).T
        interval = stats.bootstrap(
            (clock,), np.median, rng=np.random.default_rng(0)
        ).confidence_interval
        results[name] = {
            "ratio": round(float(np.median(clock)), 4),
            "interval": [round(float(end), 4) for end in interval],
            "ratio of processor seconds": round(
                float(np.median(processors)), 4
            ),
            "pairs of epochs": len(clock),
            "steps in an epoch": len(rows) // handwritten.BATCH,
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
