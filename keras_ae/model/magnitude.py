"""How large examples may be for the numbers that a model is made of."""

from typing import TYPE_CHECKING

import keras
import numpy as np

from keras_ae.core import rows as rows_of
from keras_ae.core import validation
from keras_ae.core.types import ArrayLike
from keras_ae.core.types import Rows

if TYPE_CHECKING:
    from keras_ae.model.base import BaseAutoencoder

#: In training. Objectives square the examples and optimizers square their
#: gradients: the fourth power, 1e36, is still a number in single precision.
TRAINED = 1e9
#: In float16, whose largest number is four times as large: layers add up.
HALF = 2.0**14


def check_half(model: "BaseAutoencoder", x: Rows) -> None:
    """Refuse examples that networks of type float16 cannot compute with.

    Args:
        model: Any variant; others than of that type take any number.
        x: Examples `[N, ...]`, with what is given.

    Raises:
        ValueError: If a value is too large.
    """
    networks = (model.encoder, model.decoder)
    if any(network.compute_dtype == "float16" for network in networks):
        _check(model, "x", x, HALF, "networks of type float16")


def check_trained(
    model: "BaseAutoencoder", x: Rows, y: ArrayLike | None = None
) -> None:
    """Refuse examples that no model can be trained on. Those that are scored
    alone may be any number: they may be outliers.

    Args:
        model: Any variant.
        x: Examples `[N, ...]`, with what is given.
        y: Targets, if not the examples.

    Raises:
        ValueError: If a value is too large.
    """
    for name, rows in (("x", x), ("y", y)):
        if rows is not None:
            _check(model, name, rows, TRAINED, "training in single precision")


def _check(
    model: "BaseAutoencoder", name: str, rows: Rows, largest: float, why: str
) -> None:
    examples = rows_of.held(keras.tree.flatten(rows)[0])
    low, high = validation.limits(examples, holes=True)
    if max(-low, high) <= largest:
        return
    # A space may make small numbers of them.
    ends = [
        validation.limits(part, holes=True)
        for part in model.space.chunks(examples)
    ]
    low, high = np.fmin.reduce(ends)[0], np.fmax.reduce(ends)[1]
    if max(-low, high) > largest:
        raise ValueError(
            f"`{name}` holds values too large for {why}. Expected values in "
            f"[{-largest:g}, {largest:g}]. Received: values in [{low:g}, "
            f"{high:g}]. Standardize the data: subtract the mean of each "
            "value and divide by its standard deviation."
        )
