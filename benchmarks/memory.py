"""Peak memory of `fit` on many rows in memory.

`python -m benchmarks.memory [--gigabytes 0 1 4]`. Rows of bytes, in a process
of its own for each size; 0 stands for a process that trains on a few rows.
What a process needs beyond its rows should not grow with them.
"""

import argparse
import subprocess
import sys

from benchmarks import common
from keras_ae.core import markdown

WIDTH = 784
FIT = """
import resource, time
import numpy as np, keras_ae
rows = np.empty(({rows}, {width}), np.uint8)
generator = np.random.default_rng(0)
for start in range(0, len(rows), 65536):
    part = rows[start : start + 65536]
    part[:] = generator.integers(0, 256, part.shape, np.uint8)
model = keras_ae.Autoencoder.create(
    ({width},), 2, hidden=(8,), likelihood=keras_ae.heads.Gaussian(64.0), seed=0
)
model.compile("adam", jit_compile=False)
begin = time.perf_counter()
model.fit(rows, batch_size=1024, validation_split=0.1, verbose=0)
print(time.perf_counter() - begin)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def peak(rows: int) -> tuple[float, float]:
    """Seconds of `fit`, and peak megabytes of its process."""
    done = subprocess.run(
        [sys.executable, "-c", FIT.format(rows=rows, width=WIDTH)],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, megabytes = done.stdout.split()[-2:]
    return float(seconds), float(megabytes)


def main() -> None:
    """Run, print a table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, nargs="*", default=[0, 1, 4])
    arguments = parser.parse_args()
    results: dict = {}
    lines = []
    for size in arguments.gigabytes:
        rows = max(4096, int(size * 2**30) // WIDTH)
        megabytes = rows * WIDTH / 2**20
        print(f"  {megabytes:.0f} MB of rows", file=sys.stderr, flush=True)
        seconds, highest = peak(rows)
        results[str(size)] = {
            "MB of rows": megabytes,
            "seconds": seconds,
            "peak MB": highest,
        }
        beyond = highest - megabytes
        lines.append([f"{megabytes:.0f}", f"{highest:.0f}", f"{beyond:.0f}"])
    print(
        markdown.table(
            ["MB of rows", "peak MB of the process", "MB beyond the rows"],
            lines,
        )
    )
    common.write("memory", results)


if __name__ == "__main__":
    main()
