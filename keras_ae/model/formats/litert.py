"""LiteRT, formerly TensorFlow Lite: one file, a signature an endpoint."""

import importlib
import re
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import keras
import tensorflow as tf

from keras_ae.model.formats import base
from keras_ae.model.formats.base import Endpoints
from keras_ae.model.formats.base import Format

if TYPE_CHECKING:
    from keras_ae.model.base import BaseAutoencoder


def convert(
    model: "BaseAutoencoder", endpoints: Endpoints, path: Path, **options: Any
) -> None:
    """See `Format.convert`.

    Args:
        model: What the endpoints are of.
        endpoints: To be signatures.
        path: File to write.
        **options: Attributes of `tf.lite.TFLiteConverter`.

    Raises:
        ValueError: On unknown options, and on operations that LiteRT has not,
            by their names.
    """
    archive = keras.export.ExportArchive()
    archive.track(model)
    for name, (function, _) in endpoints.items():
        archive.add_endpoint(name, function)
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=list(endpoints)
        )
        # Without TensorFlow's own operations: few runtimes have them.
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        converter.experimental_enable_resource_variables = True
        for name, value in options.items():
            if not hasattr(converter, name):
                raise ValueError(f"the converter has no attribute {name!r}")
            setattr(converter, name, value)
        try:
            path.write_bytes(converter.convert())
        except Exception as error:
            lacking = re.findall(r"(?:TF Select|Custom) ops: (.*)", str(error))
            if not lacking:
                raise
            raise ValueError(
                f"operations that LiteRT has not: {'; '.join(lacking)}"
            ) from error


def read(path: Path) -> dict[str, Callable]:
    """The endpoints, run by the interpreter."""
    kind = getattr(tf.lite, "Interpreter", None)
    if kind is None:  # it is to leave TensorFlow for a package of its own
        kind = importlib.import_module("ai_edge_litert.interpreter").Interpreter
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of that
        interpreter = kind(str(path))
    return {
        name: _answer(interpreter.get_signature_runner(name))
        for name in interpreter.get_signature_list()
    }


def _answer(runner: Callable) -> Callable:
    return lambda values: runner(**values)


FORMAT = Format(convert, read, suffix=".tflite", lacks=base.DRAWS)
