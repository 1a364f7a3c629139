"""Numbers that are not finite, and the error that names them."""

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

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
        ...     bool(np.isfinite(model.predict(np.ones([1, 8]))).all())
        True
    """


def broken(model: "BaseAutoencoder", variables: list) -> list[str]:
    """Paths of the variables of a model that are not finite everywhere."""
    floats = [v for v in variables if keras.backend.is_float_dtype(v.dtype)]
    if not floats:
        return []
    values = [tf.convert_to_tensor(v) for v in floats]
    # A sum of finite numbers may overflow; it is NaN or infinite where one of
    # them is, and twice as fast as a look at each.
    kept = model.compiled_functions.kept
    total = kept.setdefault((_sum,), tf.function(functools.partial(_sum)))
    if np.isfinite(total(values).numpy()):
        return []
    return [
        v.path
        for v, value in zip(floats, values, strict=True)
        if not tf.reduce_all(tf.math.is_finite(value))
    ]


def _sum(values: list[tf.Tensor]) -> tf.Tensor:
    return tf.add_n([tf.cast(tf.reduce_sum(v), tf.float32) for v in values])


def check_weights(model: "BaseAutoencoder") -> None:
    """Refuse a model whose weights are not finite.

    Args:
        model: A model; one that is not built has none.

    Raises:
        NonFiniteError: With the names of the variables.

    Example:
        >>> model = keras_ae.Autoencoder.create((8,), 2, hidden=(4,))
        >>> check_weights(model)
        >>> model.weights[0].assign(model.weights[0] * np.nan)
        >>> check_weights(model)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        keras_ae.model.finite.NonFiniteError: The weights of 'autoencoder...
    """
    found = broken(model, model.weights)
    if found:
        raise NonFiniteError(
            f"The weights of {model.name!r} are not finite, so that its "
            "answers would mean nothing. Expected finite numbers. Received: "
            f"NaN or infinity in {listed(found)}. Load weights that are "
            "finite, or train a new model."
        )


def listed(names: Iterable[str], most: int = 3) -> str:
    """The first names, in quotes, and how many more there are.

    Example:
        >>> listed(["a", "b", "c"], 2)
        "'a', 'b' and 1 more"
    """
    names = [*names]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more
