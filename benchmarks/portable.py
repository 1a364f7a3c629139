"""All presets as programs for any accelerator, in one archive.

`python -m benchmarks.portable pack [--output FILE]` writes the reconstruction
of every preset as StableHLO programs, for 1 and for 256 examples, in float32
and in bfloat16, with the weights, which the programs share, with examples and
with the answers that TensorFlow gives to them on this machine. The archive
runs itself where there is JAX and nothing else: `python FILE`; so does
`python benchmarks/portable_run.py FILE`.

The reconstruction alone, since it is encoder and decoder, all products of
matrices that there are; a prior's weights and a discriminator's stay away.
Weights are rounded to bfloat16 before anything is computed, so that programs of
both types run on the same ones. In half precision, which the presets hold,
they would not compress as far: mantissas are noise.
"""

import argparse
import json
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from scipy import sparse

import keras_ae
from benchmarks import portable_run
from keras_ae.model import agreement
from keras_ae.model.formats import serve
from keras_ae.model.formats import stablehlo
from keras_ae.zoo import splits

SIZES = (1, 256)
#: Name in the archive -> policy of the layers; heads stay in float32.
PRECISIONS = {"float32": "float32", "bfloat16": "bfloat16"}
HALF = tf.bfloat16.as_numpy_dtype
LIMIT = 40_000_000  # bytes


def in_precision(
    model: keras_ae.BaseAutoencoder, policy: str
) -> keras_ae.BaseAutoencoder:
    """The same model with another dtype policy of all its layers."""
    if policy == "float32":
        return model
    text = json.dumps(keras.saving.serialize_keras_object(model))
    old = '"class_name": "DTypePolicy", "config": {"name": "float32"}'
    other = keras.saving.deserialize_keras_object(
        json.loads(text.replace(old, old.replace("float32", policy)))
    )
    if not other.built:
        specs = model.input_specs()
        shapes = [tuple(s.shape) for s in specs]
        other.build(shapes[0] if len(shapes) == 1 else shapes)
    other.set_weights(model.get_weights())
    return other


def examples(name: str, model: keras_ae.BaseAutoencoder) -> list[np.ndarray]:
    """The first test rows of a preset's data, over again where there are few,
    as a program takes them; images rounded to bytes, of which 255 is 1."""
    about = keras_ae.zoo.store.metadata(name)
    _, (rows, _) = splits.of(about["data"])[1]
    first, *given = rows if isinstance(rows, tuple) else (rows,)
    first = getattr(first, "iloc", first)[: max(SIZES)]
    first = model.space.rows("x", first)
    first = first.toarray() if sparse.issparse(first) else np.asarray(first)
    first = first.astype("float32")
    if isinstance(model.space, keras_ae.spaces.Image):
        first = np.round(first * 255).astype("uint8")
    first = first.reshape(len(first), *model.input_specs()[0].shape[1:])
    numbers = np.arange(max(SIZES)) % len(first)
    return [first[numbers], *(g[numbers].astype("int32") for g in given)]


def rounded(model: keras_ae.BaseAutoencoder) -> keras_ae.BaseAutoencoder:
    """The model with weights that bfloat16 holds exactly."""
    for variable in model.weights:
        if variable.dtype == "float32":
            half = tf.cast(variable.value, tf.bfloat16)
            variable.assign(tf.cast(half, tf.float32))
    return model


class Archive:
    """A zip file of programs, weights, examples, answers and a manifest."""

    def __init__(self, path: Path):
        self.file = zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA)
        self.manifest: dict = {"presets": {}, "tolerances": {}}
        self.known: dict[bytes, str] = {}

    def write(self, name: str, content: bytes) -> str:
        """Content under a name, or under that which the same has already."""
        if content not in self.known:
            self.file.writestr(name, content)
            self.known[content] = name
        return self.known[content]

    def write_array(self, name: str, array: np.ndarray) -> dict:
        """An array in planes of bytes, of which those of the exponents are
        easy to compress."""
        flat = np.ascontiguousarray(array).reshape(-1)  # it takes () for (1,)
        planes = flat.view("uint8").reshape(-1, array.itemsize)
        return {
            "file": self.write(name, planes.T.tobytes()),
            "shape": list(array.shape),
            "dtype": array.dtype.name,
        }

    def add(self, name: str) -> None:
        """The programs of a preset."""
        model = rounded(keras_ae.load(name))
        rows = examples(name, model)
        folder = f"presets/{name}"
        weights: list[dict] = []
        about = {
            "inputs": [
                self.write_array(f"{folder}/input-{i}.bin", r)
                for i, r in enumerate(rows)
            ],
            "weights": weights,
            "precisions": {},
        }
        for precision, policy in PRECISIONS.items():
            other = in_precision(model, policy)
            function, specs = other.export_endpoints()["reconstruct"]
            programs = {}
            for size in SIZES:
                code, held = stablehlo.program(function, specs, size)
                file = f"{folder}/{precision}-{size}.mlirbc"
                inputs = portable_run.batch(rows, size)
                answer = function(*map(tf.constant, inputs))["reconstruction"]
                programs[str(size)] = {
                    "program": self.write(file, code),
                    "output": [list(answer.shape), answer.dtype.name],
                    "answer": self.write_array(
                        f"{folder}/{precision}-{size}.bin",
                        portable_run.digest(np.asarray(answer)),
                    ),
                }
            if not weights:
                weights += [
                    self.write_array(f"{folder}/{i}.bin", value.astype(HALF))
                    for i, (_, value) in enumerate(held)
                ]
            about["precisions"][precision] = {
                "weights": [value.dtype.name for _, value in held],
                "programs": programs,
            }
        self.manifest["presets"][name] = about

    def close(self) -> None:
        """Add the manifest and what runs the archive."""
        self.manifest["tolerances"] = {
            p: agreement.TOLERANCES[p] for p in PRECISIONS
        }
        self.write("manifest.json", json.dumps(self.manifest).encode())
        for name, module in (("__main__", portable_run), ("serve", serve)):
            # Python runs what is compressed by DEFLATE alone.
            self.file.write(module.__file__, f"{name}.py", zipfile.ZIP_DEFLATED)
        self.file.close()


def pack(path: Path, pattern: str = "*") -> int:
    """Write the archive; its size in bytes."""
    archive = Archive(path)
    for name in keras_ae.list_presets(pattern):
        print(name, file=sys.stderr, flush=True)
        archive.add(name)
    archive.close()
    return path.stat().st_size


def main() -> int:
    """Pack, and say how large the archive is."""
    parser = argparse.ArgumentParser("python -m benchmarks.portable")
    commands = parser.add_subparsers(required=True)
    added = commands.add_parser("pack", help="write the archive")
    added.add_argument("pattern", nargs="?", default="*", help="of presets")
    added.add_argument("--output", type=Path, default=Path("portable.zip"))
    arguments = parser.parse_args()
    size = pack(arguments.output, arguments.pattern)
    print(f"{arguments.output}: {size / 1e6:.2f} MB")
    return int(size >= LIMIT)


if __name__ == "__main__":
    sys.exit(main())
