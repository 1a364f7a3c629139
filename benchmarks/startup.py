"""How long until work starts: import, and the first training step; and how
large what is installed is.

`python -m benchmarks.startup [--rounds 5]`. Every time is the median over
fresh processes, alternating.
"""

import argparse
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from benchmarks import common
from keras_ae.core import markdown
from tools import supply

ROOT = Path(__file__).parents[1]
STARTED = "import time; start = time.perf_counter()\n"
FIT = """
import keras_ae, numpy as np
model = keras_ae.VAE.create((784,), 20, hidden=(512,))
model.compile("adam"{})
model.fit(np.zeros([128, 784]), batch_size=128, verbose=0)
"""
PROGRAMS = {
    "import tensorflow": "import tensorflow",
    "import tensorflow, keras": "import tensorflow, keras",
    "import tensorflow, keras_ae": "import tensorflow, keras_ae",
    "first step, XLA (default)": FIT.format(""),
    "first step, graph": FIT.format(", jit_compile=False"),
    "first step, eager": FIT.format(", run_eagerly=True"),
}


def seconds(program: str) -> float:
    """Seconds of a program in a new process, the interpreter's start aside."""
    text = STARTED + program + "\nprint(time.perf_counter() - start)"
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])


def megabytes() -> dict[str, float]:
    """Of the wheel, of the package in it, and of all that it requires."""
    with tempfile.TemporaryDirectory() as folder:
        build = ["wheel", "--no-deps", "--quiet", "--wheel-dir", folder, ROOT]
        subprocess.run([sys.executable, "-m", "pip", *build], check=True)
        (path,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(path) as wheel:
            own = sum(file.file_size for file in wheel.infolist())
        found = {"the wheel": path.stat().st_size, "the package": own}
    required = supply.installed("keras_ae")
    del required["keras-ae"]
    found["what it requires, on this system"] = sum(
        Path(file.locate()).stat().st_size
        for distribution in required.values()
        for file in distribution.files or ()
        if Path(file.locate()).is_file()
    )
    return {name: size / 1e6 for name, size in found.items()}


def main() -> None:
    """Run, print a table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    found: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for number in range(arguments.rounds):
        for name, program in PROGRAMS.items():
            found[name].append(seconds(program))
        print(f"  round {number + 1} of {arguments.rounds}", file=sys.stderr)
    medians = common.medians(found)
    added = (
        medians["import tensorflow, keras_ae"] - medians["import tensorflow"]
    )
    print(
        markdown.table(
            ["from a new process", "median seconds"],
            [[name, f"{value:.2f}"] for name, value in medians.items()],
        )
    )
    print(f"\nimport keras_ae adds {added:.2f} s to import tensorflow.")
    sizes = megabytes()
    rows = [[name, f"{value:.1f}"] for name, value in sizes.items()]
    print(markdown.table(["installed", "MB"], rows))
    common.write(
        "startup",
        {"seconds": found, "import adds": added, "megabytes": sizes},
    )


if __name__ == "__main__":
    main()
