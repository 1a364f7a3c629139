"""Files that answer like the model, without Python code of the package.

A file is written beside its place, opened again and compared with Python
before it is put there: what `write` leaves behind is right, or nothing.
"""

import contextlib
import importlib
import importlib.util
import logging
import warnings
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import NamedTuple

import keras
import tensorflow as tf

from keras_ae.core import files
from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.types import Rows
from keras_ae.core.types import Tree
from keras_ae.model import agreement
from keras_ae.model.batch import joined

if TYPE_CHECKING:
    from keras_ae.model.base import BaseAutoencoder


class Format(NamedTuple):
    """How a kind of file is written and opened.

    Attributes:
        convert: `(model, path, **options)`; writes the file.
        open: A path to the file's endpoints by name, each a function of
            arrays by name to arrays by name.
        folder: Whether it is a folder.
        suffix: How a path must end.
        needs: Modules without which it can not be written or opened.
    """

    convert: Callable
    open: Callable
    folder: bool = False
    suffix: str = ""
    needs: tuple[str, ...] = ()


def endpoints(model: "BaseAutoencoder") -> dict[str, tuple]:
    """The endpoints that every autoencoder has; all batch-shaped.

    `reconstruct(x)` gives `reconstruction`; `encode(x)` gives `mean` and
    `stddev` of q(z|x); `decode(z)` gives `mean` of p(x|z); `score(x)` gives
    one number per example and term, in nats (see `score_terms`).

    Returns:
        name -> (function of tensors, list of `tf.TensorSpec`).
    """

    def reconstruct(*x: tf.Tensor) -> dict:
        return {"reconstruction": model(joined(x))}

    def encode(*x: tf.Tensor) -> dict:
        posterior = model.encode(joined(x))
        return {"mean": model.code(posterior), "stddev": posterior.stddev()}

    def decode(*z: tf.Tensor) -> dict:
        return {"mean": model.decode(joined(z)).mean()}

    def score(*x: tf.Tensor) -> dict:
        return model.score_terms(joined(x))

    inputs = model.input_specs()
    return {
        "reconstruct": (reconstruct, inputs),
        "encode": (encode, inputs),
        "decode": (decode, model.latent_specs()),
        "score": (score, inputs),
    }


def write(
    model: "BaseAutoencoder",
    filepath: str | Path,
    format: str = "tf_saved_model",
    *,
    tolerance: float | None = None,
    **options: Any,
) -> None:
    """Write a model in a format, once the file gave the numbers of Python.

    Args:
        model: A built model.
        filepath: Local path to write: a folder for `"tf_saved_model"`; for
            `"litert"` a name that ends in `.tflite`. Missing folders above
            are made. A SavedModel in a folder that exists replaces the one
            there and leaves other files alone.
        format: A name of `FORMATS`.
        tolerance: Largest difference from Python, relative to an output's
            largest number (or 1). Defaults to one of
            `agreement.TOLERANCES`.
        **options: Of `keras.Model.export` for the format.

    Raises:
        ValueError: If the format is unknown, the path does not fit it, or
            the model is not built.
        ImportError: If a package that the format needs is not installed.
        RuntimeError: If the model can not be converted, or the file can not
            be opened or gives other numbers. Nothing is left behind.

    Example:
        >>> import tempfile
        >>> model = keras_ae.VAE.create((8,), 2, hidden=(16,))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write(model, folder)
        ...     sorted(tf.saved_model.load(folder).signatures)[:3]
        ['decode', 'encode', 'reconstruct']
    """
    if format not in FORMATS:
        raise ValueError(registry.unknown("format", format, FORMATS))
    if not model.built:
        raise ValueError(
            f"{model.name!r} is not built, so its input shape is not known. "
            "Expected a built model. Call `fit`, `build` or `create` first."
        )
    if tolerance is None:
        tolerance = agreement.tolerance(model)
    tolerance = validation.check_number("tolerance", tolerance, 0)
    chosen = FORMATS[format]
    missing = [n for n in chosen.needs if importlib.util.find_spec(n) is None]
    if missing:
        raise ImportError(
            f"Export as {format!r} needs packages that are not installed. "
            f"Expected {list(chosen.needs)}. Missing: {missing}. Install "
            'them by `pip install "keras-ae[export]"`.'
        )
    target = _checked_path(filepath, chosen)
    with files.replacing(target, "saved_model.pb") as product:
        with _explained(model, format, "can not be converted", OSError):
            chosen.convert(model, product, **options)
        with _explained(model, format, "can not be opened or run"):
            sizes = agreement.batch_sizes(**options)
            answers = chosen.open(product)
            found = agreement.difference(model, answers, sizes, tolerance)
        if found:
            raise RuntimeError(
                f"The {format!r} export of {model.name!r} differs from "
                f"Python. Expected {found}. Nothing was written. If the "
                "file is less precise on purpose (quantized, say), give a "
                "larger `tolerance`; else export as 'tf_saved_model'."
            )


def _checked_path(filepath: str | Path, chosen: Format) -> Path:
    """The path to write, absolute, if the format can be written there."""
    path = Path(filepath).absolute()
    if "://" in str(filepath):
        expected = "a local path; copy the export from there"
    elif not path.name.endswith(chosen.suffix):
        expected = f"a path that ends in {chosen.suffix!r}"
    elif path.exists() and path.is_dir() != chosen.folder:
        expected = "a folder" if chosen.folder else "a file, not a folder"
    else:
        return path
    raise ValueError(validation.invalid("filepath", expected, str(filepath)))


@contextlib.contextmanager
def _explained(
    model: "BaseAutoencoder", format: str, what: str, *passed: type[Exception]
) -> Iterator[None]:
    """Say which export failed, and what can be done; not of errors that are
    `passed` on, since they are no matter of the model: no room, no right."""
    try:
        yield
    except passed:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise RuntimeError(
            f"The {format!r} export of {model.name!r} {what}. Expected "
            "operations that the format has, and valid options. Received: "
            f"{reason[:500]}. Nothing was written. Export as "
            "'tf_saved_model', which has every operation of TensorFlow, or "
            "replace the layer that needs it."
        ) from error


def _saved_model(
    model: "BaseAutoencoder", path: Path, verbose: bool = False
) -> None:
    """All of `model.export_endpoints()` as signatures.

    The first endpoint, `reconstruct`, is `serving_default` too. Batches have
    any size; inputs and outputs carry names.
    """
    archive = keras.export.ExportArchive()
    archive.track(model)
    for name, (function, signature) in model.export_endpoints().items():
        archive.add_endpoint(name, function, input_signature=signature)
    archive.write_out(str(path), verbose=verbose)


def _open_saved_model(path: Path) -> dict[str, Callable]:
    signatures = dict(tf.saved_model.load(str(path)).signatures)
    signatures.pop("serving_default")  # a second name of the first
    return {n: lambda v, f=f: f(**v) for n, f in signatures.items()}


class _Reconstruction(keras.Model):
    """The model with its output named, for the exporters of Keras, which
    hold what `call` gives."""

    def __init__(self, model: "BaseAutoencoder"):
        super().__init__(name=model.name, dtype=model.dtype_policy)
        self.model = model
        self.built = True

    def call(self, x: Rows, training: bool = False) -> dict:
        """See `endpoints`."""
        return {"reconstruction": self.model(x, training=training)}


def _by_keras(format: str) -> Callable:
    """The reconstruction by an exporter of Keras."""

    def convert(
        model: "BaseAutoencoder",
        path: Path,
        verbose: bool = False,
        input_signature: Tree | None = None,
        **options: Any,
    ) -> None:
        specs = model.input_specs()
        given = keras.tree.flatten(input_signature or specs)
        named = tuple(
            tf.TensorSpec(g.shape, g.dtype, name=s.name)
            for g, s in zip(given, specs, strict=True)
        )
        # It tells by a traceback of an optimization that it left out.
        logging.getLogger("tf2onnx.optimizer").setLevel(logging.ERROR)
        with warnings.catch_warnings():
            # Keras adapts tf2onnx to NumPy 2 by a name that NumPy warns of.
            warnings.filterwarnings("ignore", "In the future `np.object`")
            _Reconstruction(model).export(
                str(path),
                format=format,
                verbose=verbose,
                # Keras calls a model with one argument, if need be a tuple.
                input_signature=[joined(named)],
                **options,
            )

    return convert


def _open_onnx(path: Path) -> dict[str, Callable]:
    import onnx
    import onnxruntime

    # The checker's own view: the runtime runs some files that are not valid.
    onnx.checker.check_model(str(path))
    session = onnxruntime.InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]

    def reconstruct(values: dict) -> dict:
        arrays = {n: v.numpy() for n, v in values.items()}
        return dict(zip(names, session.run(names, arrays), strict=True))

    return {"reconstruct": reconstruct}


def _open_litert(path: Path) -> dict[str, Callable]:
    kind = getattr(tf.lite, "Interpreter", None)
    if kind is None:  # it is to leave TensorFlow for a package of its own
        kind = importlib.import_module("ai_edge_litert.interpreter").Interpreter
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of that
        runner = kind(str(path)).get_signature_runner()
    return {"reconstruct": lambda values: runner(**values)}


#: name -> `Format`; the names are those of `keras.Model.export`.
FORMATS = {
    "tf_saved_model": Format(_saved_model, _open_saved_model, folder=True),
    "onnx": Format(
        _by_keras("onnx"),
        _open_onnx,
        needs=("tf2onnx", "onnx", "onnxruntime"),
    ),
    "litert": Format(_by_keras("litert"), _open_litert, suffix=".tflite"),
}
