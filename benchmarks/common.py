"""What the benchmarks share: the machine, alternating timings, results."""

import datetime
import importlib.metadata
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from keras_ae.zoo import reproduction

RESULTS = Path(__file__).parent / "results"
PACKAGES = (
    "keras",
    "tensorflow",
    "tensorflow-probability",
    "numpy",
    "torch",
    "jax",
    "pythae",
)


def machine() -> dict:
    """Processor, cores, versions and date."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "versions": versions,
        "date": datetime.date.today().isoformat(),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def alternate(
    contestants: dict[str, Callable[[], None]], rounds: int
) -> dict[str, list[float]]:
    """Seconds of each contestant in each round, one after the other.

    Every contestant runs once before, untimed, so that it is compiled.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for name, run in contestants.items():
        print(f"  warming up {name}", file=sys.stderr, flush=True)
        run()
    for number in range(rounds):
        for name, run in contestants.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
        print(f"  round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    return seconds


def medians(seconds: dict[str, list[float]]) -> dict[str, float]:
    """Median seconds by name."""
    return {name: statistics.median(s) for name, s in seconds.items()}


def ratio(seconds: dict[str, list[float]], name: str, reference: str) -> float:
    """How many times as fast `name` is as `reference`: median over rounds of
    the ratio within a round, which cancels what slows both."""
    return statistics.median(
        r / s for s, r in zip(seconds[name], seconds[reference], strict=True)
    )


def write(name: str, results: dict, folder: Path | None = None) -> Path:
    """Write results with the machine to `<name>.json`, in `RESULTS` or in
    another folder."""
    folder = folder or RESULTS
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(
        json.dumps(results | {"machine": machine()}, indent=2) + "\n"
    )
    print(f"written: {path.name}", file=sys.stderr)
    return path


def read(name: str) -> dict:
    """What `write` wrote, here or for the package; empty if there is
    nothing."""
    path = RESULTS / f"{name}.json"
    if path.is_file():
        return json.loads(path.read_text())
    return reproduction.benchmark(name) or {}


def peak_megabytes(run: Callable[[], None]) -> float | None:
    """Most memory that `run` held at once beyond what was held before.

    Linux only (the kernel's mark of the highest resident size, reset before);
    None elsewhere.
    """
    status, refs = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not refs.exists():
        return None
    run()
    refs.write_text("5")
    before = _status(status, "VmRSS")
    run()
    return max(0.0, _status(status, "VmHWM") - before)


def _status(path: Path, key: str) -> float:
    """A figure of the process in megabytes."""
    for line in path.read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) / 1024
    raise ValueError(f"{path} has no line {key!r}.")
