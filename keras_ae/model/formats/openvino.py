"""OpenVINO: a folder with an intermediate representation an endpoint.

Made from ONNX files: the runtime reads them in a fraction of the time that it
needs for TensorFlow's graphs, and keeps the names.
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_ae.core.types import Json
from keras_ae.model.formats import base
from keras_ae.model.formats import onnx
from keras_ae.model.formats.base import Endpoints
from keras_ae.model.formats.base import Format

if TYPE_CHECKING:
    from keras_ae.model.base import BaseAutoencoder

#: Left to itself the runtime computes in half precision where it is faster.
SINGLE = {"INFERENCE_PRECISION_HINT": "f32"}


def convert(
    model: "BaseAutoencoder",
    endpoints: Endpoints,
    path: Path,
    compress_to_fp16: bool = False,
) -> Json:
    """See `Format.convert`.

    Args:
        model: What the endpoints are of.
        endpoints: A file `NAME.xml`, with its weights in `NAME.bin`, each.
        path: Folder to make.
        compress_to_fp16: Whether weights are stored in half precision.
    """
    import openvino

    path.mkdir()
    core = openvino.Core()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "onnx"
        said = onnx.convert(model, endpoints, source)
        for name in said:
            graph = core.read_model(source / said[name]["file"])
            file = path / f"{name}.xml"
            openvino.save_model(graph, file, compress_to_fp16)
            said[name] = {"file": file.name}
    return said


def read(path: Path) -> dict[str, Callable]:
    """The endpoints, run by OpenVINO on the CPU in single precision."""
    import openvino

    core = openvino.Core()
    said = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    answers = {}
    for name, about in said["endpoints"].items():
        model = core.compile_model(path / about["file"], "CPU", SINGLE)
        answers[name] = _answer(model, [o["name"] for o in about["outputs"]])
    return answers


def _answer(model: Callable, names: list[str]) -> Callable:
    def answer(values: dict) -> dict:
        found = model(base.arrays(values))
        return {name: np.array(found[name]) for name in names}

    return answer


FORMAT = Format(
    convert,
    read,
    folder=True,
    needs=("openvino", *onnx.FORMAT.needs),
    lacks=base.DRAWS,
)
