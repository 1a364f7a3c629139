"""What the checks share."""

import contextlib
import functools
import re
import tempfile
import typing
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow_probability as tfp

from keras_ae.core.types import ArrayLike
from keras_ae.core.types import Optimizer
from keras_ae.core.types import Rows
from keras_ae.model.base import BaseAutoencoder

tfd = tfp.distributions

#: Relative to max(1, |expected|): terms and outputs are of order 1 to 10.
TOLERANCES = {
    # The same operations on the same numbers in the same order.
    "same": 0.0,
    # Single precision rounds at 6e-8; one output adds up at most 16 products
    # in each of about 4 layers, and a term 8 outputs: some 100 roundings.
    "rounding": 1e-5,
    # Gradients differ by rounding, 1e-6 of their size. Adam divides by that
    # size, so the rare weight whose gradient is itself mere rounding may go
    # another way: 1e-3 for each of 8 steps, along a flat direction.
    "training": 1e-4,
    # Half precision has 11 bits: 5e-4 for one number, 16 products in each of
    # 4 layers of random sign.
    "half": 1e-2,
}
#: Standard errors between two means of the same random numbers.
SIGMAS = 5.0


def require(condition: bool, message: str) -> None:
    """Raise `AssertionError` unless the condition holds."""
    if not condition:
        raise AssertionError(message)


def require_declared(model: BaseAutoencoder) -> None:
    """Require that `batch_statistics` are terms."""
    unknown = sorted(model.batch_statistics - set(model.terms))
    require(not unknown, f"batch_statistics names no terms: {unknown}")


def close(
    value: ArrayLike, expected: ArrayLike, tolerance: str, what: str
) -> None:
    """Require equal shapes and numbers within one of `TOLERANCES`."""
    value, expected = np.asarray(value), np.asarray(expected)
    require(
        value.shape == expected.shape,
        f"{what}: shape {value.shape}, expected {expected.shape}",
    )
    require(np.isfinite(value).all(), f"{what}: {value} is not finite")
    error = np.abs(value - expected) / np.maximum(1.0, np.abs(expected))
    worst = error.max(initial=0.0)
    require(
        worst <= TOLERANCES[tolerance],
        f"{what}: off by {worst:.3g}, allowed {TOLERANCES[tolerance]:.3g}",
    )


def close_logs(value: dict, expected: dict, tolerance: str, what: str) -> None:
    """`close` for each entry of two dicts with the same keys."""
    require(
        set(value) == set(expected),
        f"{what}: {sorted(value)}, expected {sorted(expected)}",
    )
    for name in expected:
        numbers, others = value[name], expected[name]
        if not isinstance(numbers, list):
            numbers, others = [numbers], [others]
        for number, other in zip(numbers, others, strict=True):
            close(number, other, tolerance, f"{what}: {name}")


@contextlib.contextmanager
def refused(
    message: str, kinds: type | tuple[type, ...] = (ValueError, TypeError)
) -> Iterator[None]:
    """Require an error of a kind whose text matches a pattern."""
    try:
        yield
    except kinds as error:
        require(
            re.search(message, str(error), re.S),
            f"the message does not match {message!r}: {error}",
        )
    else:
        raise AssertionError(f"nothing was refused; expected {message!r}")


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


def tree(function: Callable, x: Rows) -> Rows:
    """`function` of each array of an input."""
    return keras.tree.map_structure(function, x)


def rows(cls: type[BaseAutoencoder]) -> Rows:
    """The 32 examples that the checks use."""
    return cls.contract_case()[1]


def size_of(x: Rows) -> int:
    """The number of rows."""
    return len(keras.tree.flatten(x)[0])


def make(
    cls: type[BaseAutoencoder], seed: int = 0, **options: Any
) -> BaseAutoencoder:
    """A small model."""
    return cls.create(**cls.contract_case()[0] | {"seed": seed} | options)


def compiled(
    cls: type[BaseAutoencoder],
    seed: int = 0,
    optimizer: Optimizer = "adam",
    jit_compile: bool = False,
    **settings: Any,
) -> BaseAutoencoder:
    """A small model, ready to train."""
    model = make(cls, seed)
    model.compile(optimizer, jit_compile=jit_compile, **settings)
    return model


@functools.lru_cache(maxsize=1)
def trained(cls: type[BaseAutoencoder]) -> tuple[BaseAutoencoder, Rows]:
    """One trained model and its rows, for checks that change neither."""
    model, x = compiled(cls, run_eagerly=True), rows(cls)
    model.fit(x, epochs=2, verbose=0)
    return model, x


def steps(model: BaseAutoencoder, x: Rows, count: int) -> None:
    """Optimizer steps in Python on one batch."""
    model.build_optimizers()
    for _ in range(count):
        model.train_step((x,))


def evaluate(
    model: BaseAutoencoder, x: Rows, batch_size: int = 32, **settings: Any
) -> dict[str, float]:
    """The terms by name."""
    return model.evaluate(
        x, batch_size=batch_size, verbose=0, return_dict=True, **settings
    )


def examples(x: Rows) -> np.ndarray:
    """The examples alone, without what is given beside them; holes are 0, as
    in targets."""
    return np.nan_to_num(keras.tree.flatten(x)[0])


def likelihood(
    model: BaseAutoencoder, z: ArrayLike, x: Rows
) -> tfd.Distribution:
    """p(x|z), with what is given beside the examples."""
    return model.likelihood(z, model.batch(x), model.moment())


def snapshot(model: BaseAutoencoder) -> dict[str, np.ndarray]:
    """Values of the trainable variables."""
    return {v.path: v.numpy() for v in model.trainable_variables}


def unmoved(model: BaseAutoencoder, before: dict) -> list[str]:
    """Names of the trainable variables that are as before."""
    return [
        v.path
        for v in model.trainable_variables
        if np.array_equal(v.numpy(), before[v.path])
    ]


def families(cls: type[BaseAutoencoder]) -> list[type[BaseAutoencoder]]:
    """The classes that it builds on."""
    return [b for b in cls.__mro__[1:] if issubclass(b, BaseAutoencoder)]


def own_numbers(cls: type[BaseAutoencoder]) -> dict[str, float | None]:
    """Numeric arguments beyond the base's, with their defaults or None."""
    found = {}
    for name, parameter in cls.parameters().items():
        kinds = typing.get_args(parameter.annotation) or (parameter.annotation,)
        default = parameter.default
        is_number = isinstance(default, (int, float))
        if isinstance(default, bool) or name in BaseAutoencoder.parameters():
            continue
        if is_number or int in kinds or float in kinds:
            found[name] = default if is_number else None
    return found
