"""Run an archive of portable programs: `python portable_run.py ARCHIVE`.

Needs JAX, alone: no TensorFlow, no keras_ae. Runs on whatever device JAX
finds; checks the answers against those in the archive, and measures latency
at batch 1, throughput at batch 256, memory, and the share of the device's
peak, which a product of large matrices of the same type measures.

    python portable_run.py ARCHIVE [--output JSON] [--pattern vae_*]

An archive runs itself, too: `python ARCHIVE`. What is in the JSON file of other
devices stays there.
"""

import argparse
import datetime
import fnmatch
import functools
import importlib.util
import json
import platform
import statistics
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

SECONDS = 0.5  # that each timing lasts at least
MOST_CALLS = 2000
#: Sizes of the square matrices whose product is the peak, by kind of device.
PEAK_SIZES = {"cpu": 2048}
PEAK_SIZE = 8192
#: Largest difference in float32 where matrix units round what they multiply
#: to fewer bits: TF32 has 10 for float32's 23.
ROUNDED = 1e-2
ROWS = 4  # of a batch that are compared in full


def batch(rows: list[np.ndarray], size: int) -> list[np.ndarray]:
    """The first rows, as programs take them: bytes as numbers in [0, 1]."""
    return [
        r[:size].astype("float32") / np.float32(255)
        if r.dtype == "uint8"
        else r[:size]
        for r in rows
    ]


def digest(answer: np.ndarray) -> np.ndarray:
    """What is kept of an answer `[N, ...]`: the mean of each row, and some
    rows in full; float32, one axis."""
    flat = np.asarray(answer, "float32").reshape(len(answer), -1)
    step = max(1, len(flat) // ROWS)
    return np.concatenate([flat.mean(1), flat[::step].ravel()])


class Archive:
    """The files of an archive, widened to what programs take."""

    def __init__(self, path: str | Path):
        self.file = zipfile.ZipFile(path)
        self.manifest = json.loads(self.file.read("manifest.json"))

    def array(self, about: dict) -> np.ndarray:
        """An array from its planes of bytes."""
        import jax  # NumPy alone does not know bfloat16

        dtype = jax.numpy.dtype(about["dtype"])
        planes = np.frombuffer(self.file.read(about["file"]), "uint8")
        values = planes.reshape(dtype.itemsize, -1).T.copy().view(dtype)
        return values.reshape(about["shape"])


def reader():  # noqa: ANN201
    """The module `serve` that is exported beside programs: in the archive
    that runs, or in the project of which this file is a part."""
    try:
        import serve
    except ImportError:
        own = Path(__file__).resolve().parents[1]
        path = own / "keras_ae" / "model" / "formats" / "serve.py"
        spec = importlib.util.spec_from_file_location("serve", path)
        serve = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(serve)
    return serve


def _call(function: Callable, given: list) -> None:
    function(*given)[0].block_until_ready()


def seconds(run: Callable, choose: Callable = statistics.median) -> float:
    """Median seconds of a call, or what else is chosen of many, once it is
    warm."""
    run()
    start, taken = time.perf_counter(), []
    while len(taken) < 5 or (
        time.perf_counter() - start < SECONDS and len(taken) < MOST_CALLS
    ):
        before = time.perf_counter()
        run()
        taken.append(time.perf_counter() - before)
    return choose(taken)


def peak(dtype: str) -> float:
    """Operations a second of a product of two large matrices."""
    import jax

    size = PEAK_SIZES.get(jax.default_backend(), PEAK_SIZE)
    a = jax.numpy.ones((size, size), dtype)
    product = jax.jit(lambda a: a @ a).lower(a).compile()
    best = seconds(functools.partial(_call, lambda a: [product(a)], [a]), min)
    return 2 * size**3 / best


def measure(archive: Archive, name: str, precision: str, serve) -> dict:  # noqa: ANN001
    """Figures of one preset in one precision; a key for each batch size."""
    import jax

    about = archive.manifest["presets"][name]
    chosen = about["precisions"][precision]
    rows = [archive.array(r) for r in about["inputs"]]
    weights = [
        jax.device_put(archive.array(held).astype(dtype))
        for held, dtype in zip(about["weights"], chosen["weights"], strict=True)
    ]
    figures = {}
    for size, kept in chosen["programs"].items():
        given = [jax.device_put(r) for r in batch(rows, int(size))] + weights
        like = [(g.shape, g.dtype) for g in given]
        code = archive.file.read(kept["program"])
        lowered = serve.program(code, like, [kept["output"]]).lower(*given)
        start = time.perf_counter()
        compiled = lowered.compile()
        compiling = time.perf_counter() - start
        (answer,) = compiled(*given)
        expected = archive.array(kept["answer"])
        worst = np.abs(digest(np.asarray(answer)) - expected).max()
        taken = seconds(functools.partial(_call, compiled, given))
        memory = compiled.memory_analysis()
        figures[size] = {
            "seconds": taken,
            "examples/s": int(size) / taken,
            "compile s": compiling,
            "difference": float(worst / max(1, np.abs(expected).max())),
            "operations": float(lowered.cost_analysis().get("flops", 0)),
            "memory MB": sum(
                getattr(memory, f"{kind}_size_in_bytes")
                for kind in ("argument", "output", "temp")
            )
            / 1e6,
        }
    return figures


def device() -> dict:
    """What JAX runs on."""
    import jax

    (first, *_) = jax.devices()
    kind = first.device_kind
    if first.platform == "cpu":
        kind = _processor() or kind
    return {
        "platform": first.platform,
        "kind": kind,
        "jax": jax.__version__,
        "python": platform.python_version(),
        "date": datetime.date.today().isoformat(),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line for line in lines if line.startswith("model name")]
    return names[0].split(":", 1)[1].strip() if names else ""


def run(path: str | Path, pattern: str = "*") -> dict:
    """Figures of all presets in an archive, and whether all agree."""
    archive, serve = Archive(path), reader()
    found = {"device": device(), "peak": {}, "presets": {}}
    rounds = found["device"]["platform"] != "cpu"
    for precision, tolerance in archive.manifest["tolerances"].items():
        limit = max(tolerance, ROUNDED) if rounds else tolerance
        found["peak"][precision] = peak(precision)
        for name in fnmatch.filter(archive.manifest["presets"], pattern):
            figures = measure(archive, name, precision, serve)
            for size, values in figures.items():
                values["agrees"] = values["difference"] <= limit
                work = values["operations"] / values["seconds"]
                values["share of peak"] = work / found["peak"][precision]
                print(
                    f"{name:28} {precision:9} {size:>4}: "
                    f"{values['seconds'] * 1e3:9.3f} ms, "
                    f"{values['examples/s']:12,.0f} examples/s, "
                    f"{values['memory MB']:7.1f} MB, "
                    f"{values['share of peak']:6.1%} of the peak, differs by "
                    f"{values['difference']:.1e}"
                    f"{'' if values['agrees'] else '  TOO MUCH'}",
                    flush=True,
                )
            found["presets"].setdefault(name, {})[precision] = figures
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run, print a line for each program, add the device to a JSON file; 1 if
    an answer differs too much."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    if zipfile.is_zipfile(sys.argv[0]):
        parser.set_defaults(archive=sys.argv[0])
    else:
        parser.add_argument("archive")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--pattern", default="*", help="of presets")
    given = parser.parse_args(arguments)
    found = run(given.archive, given.pattern)
    if given.output:
        kept = {}
        if given.output.is_file():
            kept = json.loads(given.output.read_text())
        kept[found["device"]["platform"]] = found
        given.output.write_text(json.dumps(kept, indent=1) + "\n")
    sizes = [
        values
        for by_precision in found["presets"].values()
        for by_size in by_precision.values()
        for values in by_size.values()
    ]
    wrong = sum(not values["agrees"] for values in sizes)
    print(f"{len(sizes)} programs, {wrong} with other answers.")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
