"""Time per step and memory as the work grows.

`python -m benchmarks.scaling`. One dense VAE; batch, length of the code and
draws for each example grow in turn, each beside the smallest. Then the same
model trains from a stream of more and more rows, which no array holds, each
size in a process of its own: its peak memory should stay where it was.
"""

import argparse
import subprocess
import sys

import numpy as np

import keras_ae
from benchmarks import common
from keras_ae.core import markdown

STEPS = 32
GROWTH = {
    "batch": [32, 128, 512, 2048],
    "latent": [2, 20, 128, 512],
    "samples": [1, 5, 25, 50],
}
BASE = {"batch": 128, "latent": 20, "samples": 1}
STREAM = """
import resource, sys
import numpy as np, tensorflow as tf, keras_ae
rows = {rows}
def images():
    generator = np.random.default_rng(0)
    for _ in range(rows // 128):
        yield generator.random((128, 784), np.float32)
stream = tf.data.Dataset.from_generator(
    images, output_signature=tf.TensorSpec([128, 784])
).prefetch(2)
model = keras_ae.VAE.create((784,), 20, hidden=(512,), seed=0)
model.compile("adam")
model.fit(stream, verbose=0)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def trainer(batch: int, latent: int, samples: int):
    """A function that runs 32 steps on fresh batches."""
    rows = np.random.default_rng(0).random((STEPS * batch, 784), np.float32)
    model = keras_ae.VAE.create(
        (784,), latent, hidden=(512,), samples=samples, seed=0
    )
    model.compile("adam")
    return lambda: model.fit(rows, batch_size=batch, verbose=0)


def main() -> None:
    """Run, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--rows", type=int, nargs="*", default=[12_800, 128_000, 512_000]
    )
    arguments = parser.parse_args()
    results: dict = {}
    for axis, values in GROWTH.items():
        runs = {f"{v}": trainer(**(BASE | {axis: v})) for v in values}
        medians = common.medians(common.alternate(runs, arguments.rounds))
        peaks = {v: common.peak_megabytes(run) for v, run in runs.items()}
        results[axis] = {
            v: {"ms a step": t / STEPS * 1e3, "peak MB": peaks[v]}
            for v, t in medians.items()
        }
        first = medians[str(values[0])]
        print(f"\n{axis} grows\n")
        print(
            markdown.table(
                [axis, "ms a step", "times the first", "peak MB"],
                [
                    [
                        v,
                        f"{t / STEPS * 1e3:.2f}",
                        f"{t / first:.2f}",
                        f"{peaks[v]:.0f}",
                    ]
                    for v, t in medians.items()
                ],
            )
        )
    results["stream"] = {}
    for rows in arguments.rows:
        print(f"  stream of {rows} rows", file=sys.stderr, flush=True)
        done = subprocess.run(
            [sys.executable, "-c", STREAM.format(rows=rows)],
            capture_output=True,
            text=True,
            check=True,
        )
        results["stream"][rows] = float(done.stdout.split()[-1])
    print("\na stream of more and more rows\n")
    print(
        markdown.table(
            ["rows", "MB if in memory", "peak MB of the process"],
            [
                [rows, f"{rows * 784 * 4 / 2**20:.0f}", f"{peak:.0f}"]
                for rows, peak in results["stream"].items()
            ],
        )
    )
    common.write("scaling", results)


if __name__ == "__main__":
    main()
