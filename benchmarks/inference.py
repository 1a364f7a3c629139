"""Inference speed of every pretrained model, form by form and device by device.

`python -m benchmarks.inference [pattern] [--rounds 5]`. A model reconstructs
in four forms: eager calls, `tf.function`, XLA, and the exported SavedModel.
Measured are the latency of one example, the throughput at batch 256, the peak
memory above what the process held before, and how far the forms' outputs
differ from the eager ones.
"""

import argparse
import functools
import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

import keras_ae
from benchmarks import common
from keras_ae.core import markdown
from keras_ae.zoo import splits

CALLS = 20  # in one timing
ONE, MANY = 1, 256


def forms(model, folder: str) -> dict:
    """The ways to call a model: name to a function of its inputs."""
    names = [spec.name for spec in model.input_specs()]
    reconstruct, signature = model.export_endpoints()["reconstruct"]
    model.export(folder)
    served = tf.saved_model.load(folder).signatures["reconstruct"]

    def graph(jit: bool):
        return tf.function(
            reconstruct, input_signature=signature, jit_compile=jit
        )

    return {
        "eager": reconstruct,
        "tf.function": graph(False),
        "XLA": graph(True),
        "SavedModel": lambda *x: served(**dict(zip(names, x, strict=True))),
    }


def batch(model, rows, size: int) -> list:
    """The first rows as tensors of the model's input signature."""
    rows = rows if isinstance(rows, tuple) else (rows,)
    return [
        tf.constant(np.resize(r, (size, *r.shape[1:])), spec.dtype)
        for r, spec in zip(rows, model.input_specs(), strict=True)
    ]


def measure(name: str, device: str, rounds: int) -> dict:
    """Figures of one preset on one device."""
    model = keras_ae.load(name)
    about = keras_ae.zoo.store.metadata(name)
    _, (rows, _) = splits.of(about["data"])[1]
    with tempfile.TemporaryDirectory() as folder, tf.device(device):
        calls = forms(model, folder)
        one, many = (batch(model, rows, size) for size in (ONE, MANY))
        expected = calls["eager"](*many)["reconstruction"].numpy()
        figures = {}
        for form, call in calls.items():
            found = call(*many)["reconstruction"].numpy()
            figures[form] = {
                "largest difference": float(np.abs(found - expected).max()),
                "peak MB": common.peak_megabytes(
                    functools.partial(_repeat, call, many)
                ),
            }
        for key, inputs in (("one", one), ("many", many)):
            runs = {
                form: functools.partial(_repeat, call, inputs)
                for form, call in calls.items()
            }
            seconds = common.medians(common.alternate(runs, rounds))
            for form, total in seconds.items():
                if key == "one":
                    figures[form]["latency ms"] = total / CALLS * 1e3
                else:
                    figures[form]["examples/s"] = CALLS * MANY / total
    return figures


def _repeat(call, inputs: list) -> None:
    for _ in range(CALLS):
        outputs = call(*inputs)
    outputs["reconstruction"].numpy()


def main() -> None:
    """Run, print a table for each device, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pattern", nargs="?", default="*")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    devices = ["CPU:0"] + [
        f"GPU:{i}" for i, _ in enumerate(tf.config.list_physical_devices("GPU"))
    ]
    results = {}
    for device in devices:
        results[device] = {}
        for name in keras_ae.list_presets(arguments.pattern):
            print(f"{name} on {device}", file=sys.stderr, flush=True)
            results[device][name] = measure(name, device, arguments.rounds)
        columns = ["latency ms", "examples/s", "peak MB", "largest difference"]
        print(f"\n{device}\n")
        print(
            markdown.table(
                ["preset", "form", *columns],
                [
                    [name, form, *(f"{figures[c]:.3g}" for c in columns)]
                    for name, by_form in results[device].items()
                    for form, figures in by_form.items()
                ],
            )
        )
    common.write(Path(__file__).stem, results)


if __name__ == "__main__":
    main()
