"""What runs where, and how exactly: every variant in every format.

`python -m benchmarks.serving [VARIANT ...]` exports a small model of each
variant, opens the file by the format's own runtime, and compares all endpoints
with Python on rows that the export itself did not look at. Written to
`results/` and, as tables, to `docs/serving.md`; `--table` only writes the
tables anew.
"""

import argparse
import re
import sys
import tempfile
import warnings
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from benchmarks import common
from keras_ae.core import markdown
from keras_ae.core import registry
from keras_ae.model import base
from keras_ae.model import export

PAGE = Path(__file__).parents[1] / "docs" / "serving.md"
TITLES = {
    "tf_saved_model": "SavedModel (TensorFlow)",
    "onnx": "ONNX (ONNX Runtime)",
    "litert": "LiteRT",
    "openvino": "OpenVINO (CPU, single precision)",
    "stablehlo": "StableHLO (JAX)",
}
ENDPOINTS = ("reconstruct", "encode", "decode", "score", "sample", "codes")


def values(model: base.BaseAutoencoder, x) -> dict[str, tf.Tensor]:
    """Rows, their codes and seeds by name."""
    specs = [*model.input_specs(), *model.latent_specs()[:1]]
    rows = [*keras.tree.flatten(x), model.embed(x)]
    known = {
        s.name: tf.cast(r, s.dtype) for s, r in zip(specs, rows, strict=True)
    }
    return known | {"seed": tf.range(len(rows[0]))}


def measure(name: str, format: str) -> dict[str, float | str]:
    """Endpoint -> the largest difference relative to the output's largest
    number (or 1), or why the format has it not."""
    cls = registry.get(name)
    arguments, x = cls.contract_case()
    model = cls.create(**arguments | {"seed": 0})
    known = values(model, x)
    chosen = export.FORMATS[format]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model{'' if chosen.folder else chosen.suffix}"
        written = model.export(path, format=format)
        answers = chosen.open(path)
        found = dict(written.left_out)
        for endpoint in written.endpoints:
            function, specs = model.export_endpoints()[endpoint]
            given = {s.name: known[s.name] for s in specs}
            reference = chosen.reference(endpoint, function, specs)
            expected = reference(*given.values())
            received = answers[endpoint](given)
            found[endpoint] = max(
                _difference(np.asarray(expected[key]), received[key])
                for key in expected
            )
    return found


def _difference(expected: np.ndarray, received: np.ndarray) -> float:
    scale = max(1.0, float(np.abs(expected).max()))
    return float(np.abs(expected - np.asarray(received)).max() / scale)


def tables(found: dict) -> str:
    """One table for each format."""
    parts = []
    for format, title in TITLES.items():
        rows = [
            [f"`{name}`", *(_cell(by[format].get(e, "")) for e in ENDPOINTS)]
            for name, by in sorted(found.items())
            if name != "machine"
        ]
        head = ["variant", *(f"`{e}`" for e in ENDPOINTS)]
        parts.append(f"### {title}\n\n{markdown.table(head, rows)}")
    return "\n\n".join(parts)


def _cell(value: float | str) -> str:
    if isinstance(value, str):
        return value.replace("the format lacks", "no:")
    return f"{value:.0e}" if value else "0"


def renewed(page: str, found: dict) -> str:
    """The page with its tables made anew."""
    return re.sub(
        r"(<!-- table: formats -->\n).*(<!-- end -->)",
        lambda match: f"{match[1]}\n{tables(found)}\n\n{match[2]}",
        page,
        flags=re.DOTALL,
    )


def main() -> None:
    """Measure, write the JSON and the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variants", nargs="*", default=registry.variants())
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    if not arguments.table:
        warnings.filterwarnings("ignore", "The .* export of")
        found = common.read(Path(__file__).stem)
        for name in arguments.variants:
            print(name, file=sys.stderr, flush=True)
            found[name] = {f: measure(name, f) for f in TITLES}
            common.write(Path(__file__).stem, dict(sorted(found.items())))
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(renewed(page, common.read("serving")), encoding="utf-8")


if __name__ == "__main__":
    main()
