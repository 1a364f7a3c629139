"""Cost of the contractive penalty, in plain training steps.

`python -m benchmarks.jacobians [dense-1] [dense-2] [conv] [--sizes 2 512]`.
Exact and estimated penalties over the length of the code, against the same
autoencoder without penalty in the same run. Every step has a new batch; a
figure is the median of the ratios within a round.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

DUMP = tempfile.TemporaryDirectory()
# XLA leaves files for each program that it compiles: they are counted.
os.environ["XLA_FLAGS"] = f"--xla_dump_to={DUMP.name}"

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

import keras_ae  # noqa: E402
from benchmarks import common  # noqa: E402
from keras_ae.core import markdown  # noqa: E402
from keras_ae.math import jacobians  # noqa: E402
from keras_ae.model.training import speed  # noqa: E402

SIZES = (2, 8, 32, 128, 512)
#: Encoder -> (shape of an example, rows in a batch, steps in a call, options)
ENCODERS = {
    "dense-1": (
        (784,),
        128,
        16,
        {"network": "linear", "posterior": "sigmoid"},
    ),
    "dense-2": ((784,), 128, 16, {"hidden": (256,)}),
    "conv": ((28, 28, 1), 32, 4, {"network": "strided", "hidden": (8, 16)}),
}
LABELS = {
    "dense-1": "784-h, sigmoid code",
    "dense-2": "784-256-h, linear code",
    "conv": "28x28, two convolutions, h",
}
#: Replication of an encoder that has a cheaper form, up to this length.
LONGEST_REPLICATION = 32


class Replicated(keras_ae.ContractiveAutoencoder):
    """Takes the form of last resort."""

    def contraction(self, x, moment=None):
        return jacobians.frobenius_exact(
            lambda x: self.encode(x).mean(), x, self.encoder.event_shape[0]
        )


def contestants(encoder: str, size: int) -> dict:
    """Name -> class and options."""
    contractive = keras_ae.ContractiveAutoencoder
    found = {
        "plain": (keras_ae.Autoencoder, {}),
        "exact": (contractive, {}),
        "Hutchinson, 1 probe": (contractive, {"probes": 1}),
    }
    if encoder != "conv" and size <= LONGEST_REPLICATION:
        found["replication"] = (Replicated, {})
    return found


def training(cls, options: dict, encoder: str, size: int):
    """A function that trains for some steps, and its compiled call."""
    shape, batch, steps, settings = ENCODERS[encoder]
    settings = dict(settings)
    if "posterior" in settings:
        settings["posterior"] = keras_ae.heads.Point(settings["posterior"])
    model = cls.create(shape, size, seed=0, **settings, **options)
    jit = speed.jit_compile(model).value
    model.compile(keras.optimizers.Adam(1e-4), jit_compile=jit)
    model.build_optimizers()
    block = model.block("train")
    rng = np.random.default_rng(0)
    x = tf.constant(rng.uniform(size=(2 * batch * steps, *shape)), tf.float32)

    def run():
        index = rng.choice(len(x), (steps, batch), replace=False)
        index = tf.constant(index, tf.int32)
        logs = block({"x": tf.gather(x, index)}, tf.constant(steps))
        if not np.isfinite(float(logs["loss"])):
            raise FloatingPointError(f"{encoder}, {size}: {logs}")

    return run, block


def programs() -> set[Path]:
    """One file for each program that XLA compiled so far."""
    return set(Path(DUMP.name).glob("*before_optimizations.txt"))


def compiled(before: set[Path]) -> tuple[int, float | None]:
    """Programs since, and MiB that the largest works in (XLA only)."""
    fresh = programs() - before
    sizes = []
    for path in fresh:
        stem = path.name.split(".before_optimizations")[0]
        for report in path.parent.glob(f"{stem}*memory-usage-report.txt"):
            words = report.read_text().split("Total bytes used:", 1)[-1]
            sizes.append(int(words.split()[0]) / 2**20)
    return len(fresh), round(max(sizes), 1) if sizes else None


def measure(encoder: str, size: int, rounds: int) -> dict:
    """Figures of all contestants for one encoder and length of the code."""
    print(f"{encoder}, h = {size}", file=sys.stderr, flush=True)
    runs, blocks, figures = {}, {}, {}
    for name, (cls, options) in contestants(encoder, size).items():
        runs[name], blocks[name] = training(cls, options, encoder, size)
        before = programs()
        runs[name]()
        count, memory = compiled(before)
        figures[name] = {"compilations": count, "memory_mib": memory}
    before = programs()
    seconds = common.alternate(runs, rounds)
    if programs() - before:
        raise RuntimeError("A program was compiled anew for a new batch.")
    steps = ENCODERS[encoder][2]
    for name, middle in common.medians(seconds).items():
        figures[name] |= {
            "traces": blocks[name].experimental_get_tracing_count(),
            "milliseconds": round(1000 * middle / steps, 3),
            "plain_steps": round(common.ratio(seconds, "plain", name), 2),
        }
    keras.backend.clear_session()
    return {"encoder": encoder, "latent_dim": size, "figures": figures}


def main() -> None:
    """Measure, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("encoders", nargs="*", default=list(ENCODERS))
    parser.add_argument("--sizes", nargs="*", type=int, default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    results = [
        measure(encoder, size, arguments.rounds)
        for encoder in arguments.encoders
        for size in arguments.sizes
    ]
    rows = [
        [
            LABELS[result["encoder"]],
            result["latent_dim"],
            name,
            figure["plain_steps"],
            figure["milliseconds"],
            figure["memory_mib"] or "",
            figure["traces"],
            figure["compilations"],
        ]
        for result in results
        for name, figure in result["figures"].items()
    ]
    head = "encoder|h|penalty|plain steps|ms a step|MiB|traces|XLA programs"
    print(markdown.table(head.split("|"), rows))
    common.write(
        "jacobians",
        {
            "what": "one training step, new batch at every step; plain_steps: "
            "median over rounds of the time relative to a plain step; "
            "memory_mib and compilations: of programs under XLA",
            "batch": {name: e[1] for name, e in ENCODERS.items()},
            "rounds": arguments.rounds,
            "results": results,
        },
    )


if __name__ == "__main__":
    main()
