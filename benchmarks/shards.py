"""What docs/scale.md takes its measured figures from.

`python -m benchmarks.shards`. Rows on disk against rows in memory; bytes of an
image on disk; a step, the parameters, a checkpoint and the memory of a
convolutional VAE of photographs of 64x64. 4 minutes of two cores. Seconds are
wall time, best of some rounds; on a busy machine look at the CPU seconds.
"""

import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

import keras_ae
from benchmarks import common
from keras_ae.core import markdown

CONV = {"network": "strided", "hidden": (64, 128, 256, 512), "latent_dim": 256}


def timed(work: Callable[[], object], rounds: int = 3) -> tuple[float, float]:
    """Least wall time, and least CPU time of all threads."""
    found = []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        found.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(w for w, _ in found), min(c for _, c in found)


def rate(count: int, seconds: tuple[float, float]) -> list[str]:
    """So many a second of wall time, and of CPU time."""
    return [f"{count / value:,.0f}" for value in seconds]


def reading(folder: Path, shape: tuple, count: int) -> list[list[str]]:
    """Rows of a second, and of a CPU second, that reading gives."""
    rows = np.random.default_rng(0).integers(0, 256, (count, *shape), "uint8")
    name = "x".join(map(str, shape))
    wall, _ = timed(lambda: keras_ae.shards.write(folder / name, rows), 1)
    shards = keras_ae.shards.Shards(folder / name)
    size = sum(f.stat().st_size for f in (folder / name).glob("*.tfrecord"))
    seed = iter(range(100))

    def run() -> None:
        for _ in shards.shuffled(512, (0, next(seed))):
            pass

    run()
    read = rate(shards.batches(512) * 512, timed(run))
    return [
        [f"{name}: bytes of an image on disk", f"{size / count:,.0f}", ""],
        [f"{name}: images written a second", f"{count / wall:,.0f}", ""],
        [f"{name}: images read and shuffled a second", *read],
    ]


def fitting(folder: Path) -> list[list[str]]:
    """Rows of a second in `fit`, from memory and from shards."""
    rows = np.random.default_rng(0).integers(0, 256, (60_000, 28, 28, 1))
    rows = rows.astype("uint8")
    shards = keras_ae.shards.write(folder / "fit", rows)
    space = keras_ae.spaces.Image(28, 28)
    table = []
    for name, x in {"memory": rows, "shards": shards}.items():
        model = keras_ae.VAE.create(space, 50, hidden=(200, 200), seed=0)
        model.compile(jit_compile=False)
        model.fit(x, batch_size=512, verbose=0)
        seconds = timed(
            lambda m=model, x=x: m.fit(x, batch_size=512, epochs=3, verbose=0)
        )
        label = f"`fit`, dense VAE, batch 512, images a second from {name}"
        table.append([label, *rate(3 * 60_000, seconds)])
    return table


def model_of_photographs(folder: Path) -> list[list[str]]:
    """A step, the parameters, a checkpoint and the memory."""
    space = keras_ae.spaces.Image(64, 64, 3)
    model = keras_ae.VAE.create(space, likelihood="gaussian", seed=0, **CONV)
    model.compile(keras.optimizers.Adam(1e-4), jit_compile=False)
    rows = np.random.default_rng(0).integers(0, 256, (256, 64, 64, 3), "uint8")
    checkpoint = keras_ae.callbacks.Checkpoint(folder / "checkpoints")
    model.fit(rows, batch_size=128, verbose=0, callbacks=[checkpoint])
    step, cpu = timed(lambda: model.fit(rows, batch_size=128, verbose=0))
    (path,) = (folder / "checkpoints").glob("*.h5")
    begin = time.perf_counter()
    model.fit(rows, epochs=2, batch_size=128, verbose=0, callbacks=[checkpoint])
    with_checkpoint = time.perf_counter() - begin
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    label = f"conv VAE {CONV['hidden']}, 64x64x3"
    return [
        [f"{label}: parameters", f"{model.count_params():,}", ""],
        [f"{label}: images a second, batch 128", *rate(256, (step, cpu))],
        [
            f"{label}: MB of a checkpoint",
            f"{path.stat().st_size / 1e6:,.0f}",
            "",
        ],
        [
            f"{label}: s of a checkpoint, read once and written once",
            f"{with_checkpoint - step:.1f}",
            "",
        ],
        [f"{label}: GB of memory at most, batch 128", f"{memory:.1f}", ""],
    ]


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = [
            *model_of_photographs(folder),
            *reading(folder, (28, 28, 1), 60_000),
            *reading(folder, (64, 64, 3), 20_000),
            *fitting(folder),
        ]
    print(common.machine())
    print(markdown.table(["figure", "wall", "CPU seconds"], table))


if __name__ == "__main__":
    main()
