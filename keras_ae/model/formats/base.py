"""What a format is, and what the formats share."""

import importlib.util
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import keras
import tensorflow as tf
from packaging import requirements

from keras_ae.core.types import Json
from keras_ae.core.types import Tree

#: name -> (compiled function of tensors, its signature).
Endpoints = dict[str, tuple[Callable, list[tf.TensorSpec]]]
#: Operations that only TensorFlow has: draws from a seed of the caller.
DRAWS = ("StatelessRandom",)


def _as_it_is(name: str, function: Callable, specs: list) -> Callable:
    del name, specs  # all alike
    return function


class Format(NamedTuple):
    """How a kind of file is written and opened.

    Attributes:
        convert: `(model, endpoints, path, **options)`; writes the endpoints.
            Gives what a manifest is to say of each, or None where the file
            says it itself.
        open: A path to the file's endpoints by name, each a function of
            arrays by name to arrays by name.
        folder: Whether it is a folder.
        suffix: How a path must end; of a folder, what makes the path a single
            file with the reconstruction alone.
        last: Of a folder, the file without which nobody takes it for whole;
            it is put into its place after the others.
        needs: Modules without which it can not be written or opened, with
            the least version where older ones will not do: `"jax>=0.10"`.
        lacks: Beginnings of the names of operations that it never has.
        reference: Name, Python function and signature of an endpoint to the
            function that its answers are compared with.
    """

    convert: Callable
    open: Callable
    folder: bool = False
    suffix: str = ""
    last: str = "manifest.json"
    needs: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    reference: Callable = _as_it_is

    def missing(self) -> list[str]:
        """Those of `needs` that are not installed."""
        return [need for need in self.needs if not _is_there(need)]

    def is_folder(self, path: Path) -> bool:
        """Whether what is to be written to a path is a folder."""
        return self.folder and not (
            self.suffix and path.name.endswith(self.suffix)
        )


def _is_there(need: str) -> bool:
    """Whether a module is installed, in a version that will do."""
    asked = requirements.Requirement(need)
    if importlib.util.find_spec(asked.name) is None:
        return False
    if not asked.specifier:
        return True
    package = metadata.packages_distributions()[asked.name][0]
    version = metadata.version(package)  # without an import of the module
    return asked.specifier.contains(version, prereleases=True)


def compiled(endpoints: Endpoints, input_signature: Tree | None) -> Endpoints:
    """Endpoints as graphs, traced once whoever asks for them.

    Args:
        endpoints: As of `model.export_endpoints()`.
        input_signature: None, or a structure of `tf.TensorSpec` whose batch
            of a fixed size is that of all endpoints.
    """
    given = keras.tree.flatten(input_signature)
    size = next((s.shape[0] for s in given if s is not None), None)
    found = {}
    for name, (function, specs) in endpoints.items():
        specs = [
            tf.TensorSpec((size, *s.shape[1:]), s.dtype, s.name) for s in specs
        ]
        graph = tf.function(function, input_signature=specs, autograph=False)
        found[name] = graph, specs
    return found


def operations(function: Callable) -> set[str]:
    """Names of the operations of a compiled function.

    Example:
        >>> double = tf.function(
        ...     lambda x: 2 * x, input_signature=[tf.TensorSpec([])]
        ... )
        >>> "Mul" in operations(double)
        True
    """
    graph = function.get_concrete_function().graph.as_graph_def()
    bodies = (graph.node, *(f.node_def for f in graph.library.function))
    return {node.op for body in bodies for node in body}


def described(name: str, shape: tf.TensorShape, dtype: tf.DType) -> Json:
    """A tensor as a manifest says it; the size of a batch is None."""
    return {"name": name, "shape": [None, *shape[1:]], "dtype": dtype.name}


def signature(function: Callable, specs: list[tf.TensorSpec]) -> Json:
    """Inputs and outputs of an endpoint, for a manifest."""
    outputs = function.get_concrete_function().structured_outputs
    return {
        "inputs": [described(s.name, s.shape, s.dtype) for s in specs],
        "outputs": [
            described(n, outputs[n].shape, outputs[n].dtype)
            for n in sorted(outputs)
        ],
    }


def arrays(values: dict[str, tf.Tensor]) -> dict:
    """Tensors by name as NumPy arrays."""
    return {name: value.numpy() for name, value in values.items()}
