"""ONNX: a folder with a file for each endpoint, or one file with the first.

A graph of ONNX has one list of inputs, all of which a runtime asks for, so
that endpoints of other inputs need files of their own.
"""

import contextlib
import json
import logging
import warnings
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_ae.core.types import Json
from keras_ae.model.formats import base
from keras_ae.model.formats.base import Endpoints
from keras_ae.model.formats.base import Format

if TYPE_CHECKING:
    from keras_ae.model.base import BaseAutoencoder

OPSET = 18  # the newest that tf2onnx 1.17 writes


def convert(
    model: "BaseAutoencoder",
    endpoints: Endpoints,
    path: Path,
    opset_version: int = OPSET,
) -> Json:
    """See `Format.convert`; a path that ends in `.onnx` is one file.

    Raises:
        ValueError: On operations that ONNX has not, by their names.
    """
    del model  # the endpoints hold it
    if not FORMAT.is_folder(path):
        _convert_one(*endpoints["reconstruct"], path, opset_version)
        return None
    path.mkdir()
    said = {}
    for name, (function, specs) in endpoints.items():
        file = path / f"{name}.onnx"
        _convert_one(function, specs, file, opset_version)
        said[name] = {"file": file.name}
    return said


def _convert_one(
    function: Callable, specs: list, path: Path, opset: int
) -> None:
    import onnx
    import tf2onnx

    with _quiet():
        proto, _ = tf2onnx.convert.from_function(
            function,
            input_signature=specs,
            opset=opset,
            custom_op_handlers={n: (f, []) for n, f in _HANDLERS.items()},
            output_path=str(path),
        )
    known = onnx.defs.has
    unknown = {n.op_type for n in proto.graph.node if not known(n.op_type)}
    if unknown:
        raise ValueError(f"operations that ONNX has not: {sorted(unknown)}")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Names that NumPy 2 lacks and tf2onnx uses, and no tracebacks of
    optimizations that it leaves out."""
    level = logging.root.manager.disable
    logging.disable(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        missing = {n: t for n, t in _OLD.items() if not hasattr(np, n)}
        for name, kind in missing.items():
            setattr(np, name, kind)
        try:
            yield
        finally:
            for name in missing:
                delattr(np, name)
            logging.disable(level)


#: As Keras' own exporter puts them back.
_OLD = {"object": object, "cast": lambda dtype: np.dtype(dtype).type}


def _broadcast_args(ctx, node, name, args):  # noqa: ANN001, ANN202
    """The shape of what two shapes are broadcast to: Expand does it."""
    del name, args
    import onnx

    shapes = [
        ctx.make_node("Cast", [i], attr={"to": onnx.TensorProto.INT64})
        for i in node.input
    ]
    zeros = ctx.make_node("ConstantOfShape", shapes[0].output)
    both = ctx.make_node("Expand", [zeros.output[0], shapes[1].output[0]])
    shape = ctx.make_node("Shape", both.output)
    to = ctx.get_dtype(node.output[0])
    _replace(ctx, node, "Cast", shape.output, {"to": to})


def _expm1(ctx, node, name, args):  # noqa: ANN001, ANN202
    """2 sinh(x / 2) exp(x / 2): exact near 0, where exp(x) - 1 is not."""
    del name, args
    (x,) = node.input
    half = ctx.make_node("Mul", [x, _number(ctx, node, 0.5)])
    sinh = ctx.make_node("Sinh", half.output)
    exp = ctx.make_node("Exp", half.output)
    product = ctx.make_node("Mul", [sinh.output[0], exp.output[0]])
    _replace(ctx, node, "Mul", [product.output[0], _number(ctx, node, 2.0)])


def _log1p(ctx, node, name, args):  # noqa: ANN001, ANN202
    """2 atanh(x / (2 + x)) below 1, log(1 + x) from there on."""
    del name, args
    (x,) = node.input
    one, two = _number(ctx, node, 1.0), _number(ctx, node, 2.0)
    least = ctx.make_node("Min", [x, one]).output[0]
    below = ctx.make_node("Add", [least, two]).output[0]
    ratio = ctx.make_node("Div", [least, below])
    atanh = ctx.make_node("Atanh", ratio.output).output[0]
    near = ctx.make_node("Mul", [atanh, two]).output[0]
    far = ctx.make_node("Log", ctx.make_node("Add", [x, one]).output)
    small = ctx.make_node("Less", [x, one]).output[0]
    _replace(ctx, node, "Where", [small, near, far.output[0]])


_HANDLERS = {
    "BroadcastArgs": _broadcast_args,
    "Expm1": _expm1,
    "Log1p": _log1p,
}


def _number(ctx, node, value):  # noqa: ANN001, ANN202
    from tf2onnx import utils

    kind = utils.map_onnx_to_numpy_type(ctx.get_dtype(node.input[0]))
    return ctx.make_const(
        utils.make_name("number"), np.array(value, kind)
    ).output[0]


def _replace(ctx, node, kind, inputs, attr=None):  # noqa: ANN001, ANN202
    shapes, dtypes = node.output_shapes, node.output_dtypes
    ctx.remove_node(node.name)
    ctx.make_node(
        kind,
        inputs,
        attr=attr,
        name=node.name,
        outputs=node.output,
        shapes=shapes,
        dtypes=dtypes,
    )


def read(path: Path) -> dict[str, Callable]:
    """The endpoints, run by ONNX Runtime."""
    if not path.is_dir():
        return {"reconstruct": _read_one(path)}
    said = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    return {
        name: _read_one(path / about["file"])
        for name, about in said["endpoints"].items()
    }


def _read_one(path: Path) -> Callable:
    import onnx
    import onnxruntime

    # The checker's own view: the runtime runs some files that are not valid.
    onnx.checker.check_model(str(path))
    session = onnxruntime.InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]

    def answer(values: dict) -> dict:
        found = session.run(names, base.arrays(values))
        return dict(zip(names, found, strict=True))

    return answer


FORMAT = Format(
    convert,
    read,
    folder=True,
    suffix=".onnx",
    needs=("tf2onnx", "onnx", "onnxruntime"),
    lacks=base.DRAWS,
)
