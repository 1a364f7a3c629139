"""StableHLO: portable programs and their weights, for JAX alone.

A program is for batches of one size; the reader beside them, `serve.py`, cuts
and fills batches so that they fit. Weights are stored once and are the
programs' last arguments.
"""

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from keras_ae.core import validation
from keras_ae.core.types import Json
from keras_ae.model.formats import serve
from keras_ae.model.formats.base import Endpoints
from keras_ae.model.formats.base import Format

if TYPE_CHECKING:
    from keras_ae.model.base import BaseAutoencoder

BATCH_SIZES = (1, 256)


def convert(
    model: "BaseAutoencoder",
    endpoints: Endpoints,
    path: Path,
    batch_sizes: tuple[int, ...] = BATCH_SIZES,
) -> Json:
    """See `Format.convert`.

    Args:
        model: What the endpoints are of.
        endpoints: A program for each and each size.
        path: Folder to make.
        batch_sizes: Rows of the programs.
    """
    del model  # the endpoints hold it
    sizes = validation.check_shape("batch_sizes", batch_sizes)
    path.mkdir()
    weights: dict[str, np.ndarray] = {}
    said = {}
    for name, (function, specs) in endpoints.items():
        programs = {}
        for size in sizes:
            code, held = program(function, specs, size)
            programs[str(size)] = f"{name}-{size}.mlirbc"
            (path / programs[str(size)]).write_bytes(code)
        names = [_kept(weights, *pair) for pair in held]
        said[name] = {"programs": programs, "weights": names}
    np.savez_compressed(path / "weights.npz", **weights)
    shutil.copyfile(serve.__file__, path / "serve.py")
    return said


def program(
    function: Callable, specs: list[tf.TensorSpec], size: int
) -> tuple[bytes, list[tuple[str, np.ndarray]]]:
    """A portable program for batches of one size, and its weights with their
    names, in the order in which they follow the inputs; outputs are sorted by
    name."""
    shapes = [tf.TensorSpec((size, *s.shape[1:]), s.dtype) for s in specs]
    compiled = tf.function(
        getattr(function, "python_function", function),
        input_signature=shapes,
        jit_compile=True,
        autograph=False,
    )
    concrete = compiled.get_concrete_function()
    values = [tf.zeros(s.shape, s.dtype) for s in shapes]
    lowered = compiled.experimental_get_compiler_ir(*values)
    code = lowered(stage="stablehlo_serialized")
    names = {id(v.handle): v.name.partition(":")[0] for v in concrete.variables}
    values = {id(v.handle): v for v in concrete.variables}
    return code, [
        (names.get(id(c), "constant"), values.get(id(c), c).numpy())
        for c in concrete.captured_inputs
    ]


def _kept(weights: dict, name: str, value: np.ndarray) -> str:
    """The name under which a weight is kept, added if it is not: layers of
    two networks may have one name."""
    for number in itertools.count():
        own = f"{name}_{number}" if number else name
        kept = weights.setdefault(own, value)
        if kept is value or np.array_equal(kept, value):
            return own


def reference(name: str, function: Callable, specs: list) -> Callable:
    """Random numbers of a seed are others under XLA: those are compared with
    TensorFlow's own XLA, all else with Python."""
    if name != "sample":
        return function
    compiled = tf.function(
        function, input_signature=specs, jit_compile=True, autograph=False
    )
    return compiled.get_concrete_function()


def read(path: Path) -> dict[str, Callable]:
    """The endpoints, run by JAX."""
    return {
        name: lambda values, f=f: f(**{n: v.numpy() for n, v in values.items()})
        for name, f in serve.load(path).items()
    }


FORMAT = Format(
    convert,
    read,
    folder=True,
    # The first TensorFlow that writes such programs, and the first JAX that
    # reads the bytecode that it writes.
    needs=("jax>=0.10", "tensorflow>=2.19"),
    lacks=("StatelessRandomGamma",),
    reference=reference,
)
