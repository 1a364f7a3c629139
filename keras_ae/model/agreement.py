"""Whether a file gives the numbers of the model that it was written from."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from keras_ae.core.types import Tree
from keras_ae.model.formats.base import Endpoints

if TYPE_CHECKING:
    from keras_ae.model.base import BaseAutoencoder

#: Largest difference from Python, relative to an output's largest number (or
#: 1), by the lowest precision in the model. In single precision a number
#: rounds at 6e-8, so the sum of a thousand products taken in another order
#: moves by 2e-6, and ten such layers by 2e-5; a KL that is the difference of
#: numbers a thousand times its size moves by 6e-5, and some are more so. A
#: wrong operation moves an output by about its own size. Half precision
#: rounds at 5e-4 and 4e-3, and layers keep their sums in single precision:
#: ten roundings, of either side.
TOLERANCES = {"float32": 1e-3, "float16": 1e-2, "bfloat16": 8e-2}
#: Rows of the batches that are compared; neither is the size traced.
ROWS = (1, 3)


def tolerance(model: "BaseAutoencoder") -> float:
    """Of `TOLERANCES`, that of the least precise network.

    Example:
        >>> tolerance(keras_ae.Autoencoder.create((8,), 2, hidden=(16,)))
        0.001
    """
    parts = (model.encoder, model.decoder)
    layers = (model, *parts, *(getattr(p, "body", p) for p in parts))
    return max(
        TOLERANCES.get(layer.compute_dtype, TOLERANCES["float32"])
        for layer in layers
    )


def batch_sizes(input_signature: Tree | None = None) -> tuple:
    """`ROWS`, or the rows of a batch that the user's signature fixes.

    Args:
        input_signature: None, or a structure of `tf.TensorSpec`.

    Example:
        >>> batch_sizes(), batch_sizes([tf.TensorSpec([7, 8])])
        ((1, 3), (7,))
    """
    specs = keras.tree.flatten(input_signature)
    fixed = {s.shape[0] for s in specs if s is not None} - {None}
    return tuple(fixed) or ROWS


def difference(
    model: "BaseAutoencoder",
    answers: dict[str, Callable],
    sizes: tuple[int, ...],
    tolerance: float,
    references: Endpoints | None = None,
) -> str:
    """Where a file differs from Python.

    Args:
        model: What was written.
        answers: The file's endpoints, all among `model.export_endpoints()`:
            name -> function of tensors by name to arrays by name.
        sizes: Rows of the batches to try.
        tolerance: Largest difference, relative to an output's largest number
            (or 1). Integers, shapes and names are to be equal. Endpoints that
            draw numbers without a seed of the caller are held to the shapes.
        references: What to compare with. Defaults to
            `model.export_endpoints()`.

    Returns:
        What was expected and received in the first place that differs, or
        the empty string.

    Example:
        >>> model = keras_ae.Autoencoder.create((8,), 2, hidden=(16,))
        >>> wrong = {"encode": lambda v: {"mean": v["x"]}}
        >>> difference(model, wrong, (1,), 1e-3)
        "'encode' of 1 rows: outputs ['mean', 'stddev']. Received: ['mean']"
    """
    python = references or model.export_endpoints()
    # Of the same processor: others multiply matrices in fewer bits.
    with tf.device("CPU"), model.evaluation_seeds():
        for rows in sizes:
            known = _examples(model, rows)
            for name in [n for n in python if n in answers]:
                function, specs = python[name]
                values = {s.name: _rows(s, rows, known) for s in specs}
                expected = function(*values.values())
                received = answers[name](values)
                found = _mismatch(expected, received, tolerance)
                if found and _draws(function, values, expected):
                    found = _mismatch(expected, received, np.inf)
                if found:
                    return f"{name!r} of {rows} rows: {found}"
    return ""


def _examples(model: "BaseAutoencoder", rows: int) -> dict[str, tf.Tensor]:
    """Codes, and examples that the decoder draws from them: whatever the
    likelihood, they lie in its support."""
    specs = model.latent_specs()
    known = {s.name: _rows(s, rows, {}) for s in specs}
    z = tuple(known[s.name] for s in specs)
    likelihood = model.decode(z if len(z) > 1 else z[0])
    first = model.input_specs()[0]
    drawn = likelihood.sample(seed=(0, 1))
    drawn = model.space.nearest(drawn).numpy()
    rows_of_them = model.space.array(drawn, like=drawn)
    return known | {first.name: tf.cast(rows_of_them, first.dtype)}


def _rows(spec: tf.TensorSpec, rows: int, known: dict) -> tf.Tensor:
    """What is known by a name, else numbers in [0, 1), or 0, 1, 0, ... where
    they are integers: classes, seeds, masks."""
    if spec.name in known:
        return known[spec.name]
    shape = (rows, *spec.shape[1:])
    if spec.dtype.is_floating:
        return tf.constant(np.random.default_rng(0).random(shape), spec.dtype)
    return tf.cast(np.indices(shape).sum(0) % 2, spec.dtype)


def _mismatch(expected: dict, received: dict, tolerance: float) -> str:
    """The first output that differs: expected and received, or ""."""
    if set(expected) != set(received):
        return f"outputs {sorted(expected)}. Received: {sorted(received)}"
    for name in sorted(expected):
        ours, theirs = np.asarray(expected[name]), np.asarray(received[name])
        if ours.shape != theirs.shape or ours.dtype.kind != theirs.dtype.kind:
            return (
                f"{name!r} {ours.dtype} of shape {ours.shape}. Received: "
                f"{theirs.dtype} of shape {theirs.shape}"
            )
        size = np.abs(ours[np.isfinite(ours)]).max(initial=1)
        limit = tolerance * float(size)
        if ours.dtype.kind != "f" and limit < np.inf:
            limit = 0.0  # integers do not round
        a, b = ours.astype(np.float64), theirs.astype(np.float64)
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        with np.errstate(invalid="ignore"):
            worst = np.where(same, 0.0, np.abs(a - b)).max(initial=0.0)
        if not worst <= limit:
            return f"{name!r} within {limit:.3g}. Received: off by {worst:.3g}"
    return ""


def _draws(function: Callable, values: dict, expected: dict) -> bool:
    """Whether Python itself gives other numbers the second time."""
    return bool(_mismatch(expected, function(*values.values()), 0.0))
