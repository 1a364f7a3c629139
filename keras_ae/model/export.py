"""Files that answer like the model, without Python code of the package.

A file is written beside its place, opened again and compared with Python
before it is put there: what `write` leaves behind is right, or nothing.
"""

import contextlib
import functools
import os
import warnings
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keras_ae.core import files
from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.types import Tree
from keras_ae.model import agreement
from keras_ae.model import finite
from keras_ae.model.batch import joined
from keras_ae.model.formats import FORMATS
from keras_ae.model.formats import Format
from keras_ae.model.formats import base
from keras_ae.model.formats import conversion
from keras_ae.model.formats import requests

if TYPE_CHECKING:
    from keras_ae.model.base import BaseAutoencoder


class Written(NamedTuple):
    """What a file answers.

    Attributes:
        endpoints: Their names.
        left_out: Those that the format can not hold: name to why.
    """

    endpoints: list[str]
    left_out: dict[str, str]


def endpoints(model: "BaseAutoencoder") -> dict[str, tuple]:
    """The endpoints that every autoencoder has; all batch-shaped.

    `reconstruct(x)` gives `reconstruction`; `encode(x)` gives as `mean` the
    code, and `stddev` of q(z|x) where that has one in closed form;
    `decode(z)` gives `mean` of p(x|z); `score(x)` gives one number per
    example and term, in nats (see `score_terms`), NaN where an example lies
    outside the space or the support of the likelihood. Of a row that is not
    finite they give NaN.

    Returns:
        name -> (function of tensors, list of `tf.TensorSpec`).
    """

    def reconstruct(*x: tf.Tensor) -> dict:
        return {"reconstruction": model(joined(x))}

    def encode(*x: tf.Tensor) -> dict:
        posterior = model.encode(joined(x))
        found = {"mean": model.code(posterior)}
        with contextlib.suppress(NotImplementedError):  # no closed form
            found["stddev"] = posterior.stddev()
        return found

    def decode(*z: tf.Tensor) -> dict:
        return {"mean": model.decode(joined(z)).mean()}

    def score(*x: tf.Tensor) -> dict:
        terms = model.score_terms(joined(x))
        if not requests.support(model):
            return terms
        target = model.space.tensor(x[0])
        axes = [*range(1, len(target.shape))]
        inside = tf.reduce_all(requests.inside(model, target), axes)
        return {n: tf.where(inside, t, np.nan) for n, t in terms.items()}

    inputs = model.input_specs()
    return {
        "reconstruct": (honest(model, reconstruct), inputs),
        "encode": (honest(model, encode), inputs),
        "decode": (honest(model, decode), model.latent_specs()),
        "score": (honest(model, score), inputs),
    }


def honest(model: "BaseAutoencoder", function: Callable) -> Callable:
    """An endpoint that gives NaN, or of integers -1, for rows that are not
    finite: a graph cannot refuse them one by one."""
    holes = model.missing == "mask"
    return lambda *rows: {
        name: finite.told(value, rows, holes)
        for name, value in function(*rows).items()
    }


def write(
    model: "BaseAutoencoder",
    filepath: str | Path,
    format: str = "tf_saved_model",
    *,
    tolerance: float | None = None,
    input_signature: Tree | None = None,
    **options: Any,
) -> Written:
    """Write a model in a format, once the file gave the numbers of Python.

    Endpoints with operations that the format has not are left out, which a
    warning tells, and the manifest of a folder that has one; without
    `reconstruct` nothing is written.

    Args:
        model: A built model.
        filepath: Local path to write: for `"litert"` a name that ends in
            `.tflite`; for `"onnx"` a folder, or a name that ends in `.onnx`
            for the reconstruction alone; for the others a folder. Missing
            folders above are made. What is written into a folder that exists
            replaces what is there under its names; other files stay.
        format: A name of `FORMATS`.
        tolerance: Largest difference from Python, relative to an output's
            largest number (or 1). Defaults to one of
            `agreement.TOLERANCES`.
        input_signature: Structure of `tf.TensorSpec` whose fixed batch is
            that of all endpoints, or None for batches of any size.
        **options: Of the format's `convert`, see `keras_ae.model.formats`.

    Returns:
        The endpoints that were written, and why others were not.

    Raises:
        ValueError: If the format is unknown, the path does not fit it, or
            the model is not built.
        ImportError: If a package that the format needs is not installed.
        NonFiniteError: If the weights are not finite.
        RuntimeError: If the model can not be converted, or the file can not
            be opened or gives other numbers. Nothing is left behind.

    Example:
        >>> import tempfile
        >>> model = keras_ae.VAE.create((8,), 2, hidden=(16,))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write(model, folder).endpoints
        ['reconstruct', 'encode', 'decode', 'score', 'sample']
    """
    if format not in FORMATS:
        raise ValueError(registry.unknown("format", format, FORMATS))
    if not model.built:
        raise ValueError(
            f"{model.name!r} is not built, so its input shape is not known. "
            "Expected a built model. Call `fit`, `build` or `create` first."
        )
    finite.check_weights(model)
    if tolerance is None:
        tolerance = agreement.tolerance(model)
    tolerance = validation.check_number("tolerance", tolerance, 0)
    chosen = FORMATS[format]
    missing = chosen.missing()
    if missing:
        asked = " ".join(f'"{need}"' for need in missing)
        raise ImportError(
            f"Export as {format!r} needs packages that are not installed. "
            f"Expected {list(chosen.needs)}. Missing: {missing}. Install "
            f'them by `pip install "keras-ae[export]" {asked}`.'
        )
    target = _checked_path(filepath, chosen)
    with files.replacing(target, chosen.last) as product:
        with _explained(model, format, "can not be converted", OSError):
            python = model.export_endpoints()
            if chosen.folder and not chosen.is_folder(target):
                python = {"reconstruct": python["reconstruct"]}
            ends = base.compiled(python, input_signature)
            convert = functools.partial(chosen.convert, model, **options)
            place = product.parent, target.name
            made, out = conversion.convert(convert, chosen, ends, *place)
        with _explained(model, format, "can not be opened or run"):
            sizes = agreement.batch_sizes(input_signature)
            answers = chosen.open(made)
            references = {
                n: (chosen.reference(n, *end), end[1])
                for n, end in python.items()
            }
            found = agreement.difference(
                model, answers, sizes, tolerance, references
            )
        if found:
            raise RuntimeError(
                f"The {format!r} export of {model.name!r} differs from "
                f"Python. Expected {found}. Nothing was written. If the "
                "file is less precise on purpose (quantized, say), give a "
                "larger `tolerance`; else export as 'tf_saved_model'."
            )
        os.replace(made, product)
    if out:
        warnings.warn(
            f"The {format!r} export of {model.name!r} has no "
            + ", no ".join(f"{name!r} ({why})" for name, why in out.items())
            + ". Export as 'tf_saved_model' for all endpoints.",
            stacklevel=3,
        )
    return Written([name for name in ends if name not in out], out)


def _checked_path(filepath: str | Path, chosen: Format) -> Path:
    """The path to write, absolute, if the format can be written there."""
    path = Path(filepath).absolute()
    if "://" in str(filepath):
        expected = "a local path; copy the export from there"
    elif not (chosen.folder or path.name.endswith(chosen.suffix)):
        expected = f"a path that ends in {chosen.suffix!r}"
    elif path.exists() and path.is_dir() != chosen.is_folder(path):
        folder = chosen.is_folder(path)
        expected = "a folder" if folder else "a file, not a folder"
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
        raise RuntimeError(
            f"The {format!r} export of {model.name!r} {what}. Expected "
            "operations that the format has, and valid options. Received: "
            f"{conversion.in_short(error)}. Nothing was written. Export as "
            "'tf_saved_model', which has every operation of TensorFlow, or "
            "replace the layer that needs it."
        ) from error
