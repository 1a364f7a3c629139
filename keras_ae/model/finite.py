"""Numbers that are not finite, and the error that names them."""

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from keras_ae.core import backend
from keras_ae.core.types import Tree

if TYPE_CHECKING:
    from keras_ae.model.base import BaseAutoencoder


class NonFiniteError(ArithmeticError):
    """A term, a gradient or a weight that is NaN or infinite.

    Example:
        >>> model = keras_ae.Autoencoder.create((8,), 2, hidden=(4,))
        >>> model.compile(keras.optimizers.SGD(1e30))
        >>> try:
        ...     model.fit(np.ones([32, 8]), epochs=5, verbose=0)
        ... except keras_ae.NonFiniteError:
        ...     all(np.isfinite(w).all() for w in model.get_weights())
        True
    """


class Seen:
    """Weights that were found finite, known by where they lie in memory.

    As long as their tensors are held here, TensorFlow writes new values of
    the variables elsewhere: what lies where it lay is what it was.
    """

    def __init__(self):
        self.values: list[tf.Tensor] = []
        self.places: list[int] | None = None
        # By the model that owns this; counted for it alone.
        self.total = tf.function(functools.partial(_sum))

    def check(self, model: "BaseAutoencoder", values: list[tf.Tensor]) -> None:
        """Refuse values of `model.weights` that are not finite.

        Raises:
            NonFiniteError: With the names of the variables.
        """
        places = [_place(value) for value in values]
        if None not in places and places == self.places:
            return
        found = self.broken(model.weights, values)
        if found:
            raise NonFiniteError(
                f"The weights of {model.name!r} are not finite, so that its "
                "answers would mean nothing. Expected finite numbers. "
                f"Received: NaN or infinity in {listed(found)}. Load weights "
                "that are finite, or train a new model."
            )
        self.values, self.places = values, places

    def broken(self, variables: list, values: list[tf.Tensor]) -> list[str]:
        """Paths of the variables whose values are not finite everywhere."""
        floats = [v for v in values if v.dtype.is_floating]
        # A sum is NaN or infinite where one number is. That of finite ones
        # may overflow, but a look at each takes longer.
        if not floats or np.isfinite(self._sum(floats)):
            return []
        return [
            variable.path
            for variable, value in zip(variables, values, strict=True)
            if value.dtype.is_floating
            and not tf.reduce_all(tf.math.is_finite(value))
        ]

    def _sum(self, values: list[tf.Tensor]) -> float:
        if any(_place(value) is None for value in values):
            return float(self.total(values))
        # Of squares, where they lie, by the fastest routine that there is.
        flat = [np.ravel(memoryview(value)) for value in values]
        with np.errstate(over="ignore", invalid="ignore"):
            return float(sum(np.dot(part, part) for part in flat))


def check_weights(model: "BaseAutoencoder") -> None:
    """Refuse a model whose weights are not finite.

    Args:
        model: A model; one that is not built has none.

    Raises:
        NonFiniteError: With the names of the variables.

    Example:
        >>> model = keras_ae.Autoencoder.create((8,), 2, hidden=(4,))
        >>> check_weights(model)
        >>> _ = model.weights[0].assign(model.weights[0] * np.nan)
        >>> try:
        ...     check_weights(model)
        ... except keras_ae.NonFiniteError as error:
        ...     "NaN or infinity in 'dense" in str(error)
        True
    """
    model.compiled_functions.seen.check(model, read(model.weights))


def check_terms(terms: dict[str, float]) -> None:
    """Refuse terms of an evaluation that are NaN; infinity may be a fact.

    Raises:
        NonFiniteError: With their names.

    Example:
        >>> check_terms({"reconstruction": 3.0, "kl": float("inf")})
    """
    found = [name for name, value in terms.items() if np.isnan(value)]
    if found:
        raise NonFiniteError(
            f"The evaluation gives NaN. Expected numbers. Received: "
            f"{', '.join(f'{name}=nan' for name in found)}. The rows hold NaN, "
            "or numbers too large for the model; drop or fill them, or bring "
            "them to the scale of those it was trained on."
        )


def told(values: tf.Tensor, rows: Tree, holes: bool = False) -> tf.Tensor:
    """Values about rows, NaN for the rows that are not finite; -1 where the
    values are integers.

    A NaN does not always come through a network by itself: some fused kernels
    take the larger of it and zero, and a nearest code is one in any case.

    Args:
        values: `[B, ...]`.
        rows: Structure of `[B, ...]`, what the values are told of.
        holes: Whether NaN stands for what was not observed.

    Example:
        >>> told(tf.ones([2]), tf.constant([[0.0, 1.0], [np.nan, 1.0]])).numpy()
        array([ 1., nan], dtype=float32)
    """
    floats = [t for t in keras.tree.flatten(rows) if t.dtype.is_floating]
    if not floats:
        return values
    good = tf.constant(True)
    for t in floats:
        fine = tf.abs(t) <= t.dtype.max  # false of NaN
        if holes:
            fine |= tf.math.is_nan(t)
        good &= tf.reduce_all(fine, axis=range(1, len(t.shape)))
    good = tf.reshape(good, [-1, *[1] * (len(values.shape) - 1)])
    nothing = np.nan if values.dtype.is_floating else -1
    return tf.where(good, values, tf.cast(nothing, values.dtype))


def read(variables: list[keras.Variable]) -> list[tf.Tensor]:
    """The values of variables as they are now, not copied."""
    return [backend.value(v) for v in variables]


def _sum(values: list[tf.Tensor]) -> tf.Tensor:
    return tf.add_n([tf.cast(tf.reduce_sum(v), tf.float32) for v in values])


def _place(value: tf.Tensor) -> int | None:
    """Address of a tensor in the processor's memory; None elsewhere."""
    if not value.device.endswith("CPU:0") or value.dtype == tf.bfloat16:
        return None
    return np.asarray(memoryview(value)).__array_interface__["data"][0]


def listed(names: Iterable[str], most: int = 3) -> str:
    """The first names, in quotes, and how many more there are.

    Example:
        >>> listed(["a", "b", "c"], 2)
        "'a', 'b' and 1 more"
    """
    names = [*names]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more
