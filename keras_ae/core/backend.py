"""All that the package uses of Keras beyond its documentation.

Keras may change these without notice; `setup.py` therefore has a ceiling on
Keras, and `tests/test_core/test_backend.py` a test of each. No other file of
the package may touch what is not documented.
"""

import contextlib
import random
from collections.abc import Iterator

import keras
import tensorflow as tf

#: Modules in whose configs Keras names functional and sequential models.
NETWORK_MODULES = (
    "keras.src.models.functional",
    "keras.src.models.sequential",
)


def is_keras(cls: type) -> bool:
    """Whether a class is one of Keras' own; its modules are private."""
    return cls.__module__.split(".")[0] == "keras"


def seed_states(model: keras.Model) -> list[keras.Variable]:
    """States of all seed generators in a model, int64 `[2]` each.

    Keras lists them among the variables and neither saves them nor gives
    another way to find them than the last part of their path.
    """
    return [
        v
        for v in model.non_trainable_variables
        if v.path.split("/")[-1] == "seed_generator_state"
    ]


def loss_metric(model: keras.Model) -> keras.Metric:
    """The metric `loss` of a compiled model, which Keras makes itself.

    Raises:
        ValueError: If the model is not compiled.
    """
    for metric in model.metrics:
        if metric.name == "loss":
            return metric
    raise ValueError(f"{model.name!r} has no `loss`. Call `compile()` first.")


def has_compiled_metrics(model: keras.Model) -> bool:
    """Whether `compile(metrics=...)` asked for any."""
    return any(metric.name == "compile_metrics" for metric in model.metrics)


def first_epoch(model: keras.Model, initial_epoch: int) -> int:
    """Number of the epoch that a `fit` starts with.

    `keras.callbacks.BackupAndRestore` leaves the number that it restored on
    the model, where Keras' `fit` looks for it.
    """
    return getattr(model, "_initial_epoch", None) or initial_epoch


def set_first_epoch(model: keras.Model, epoch: int | None) -> None:
    """Have the `fit` that begins start with an epoch; None is as asked.

    The number stays on the model until it is set to None.
    """
    model._initial_epoch = epoch


@contextlib.contextmanager
def seeded_weights(seed: int | None) -> Iterator[None]:
    """Inside, Keras initializers without a seed follow from `seed`.

    Keras draws the default seed of an initializer from Python's `random`
    when the initializer is made; the state of `random` is put back after.
    """
    if seed is None:
        yield
        return
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def strategy(model: keras.Model) -> tf.distribute.Strategy:
    """The strategy that a model was made under, the default one if none."""
    return model.distribute_strategy
