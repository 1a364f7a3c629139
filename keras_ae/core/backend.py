"""All that the package uses of Keras beyond its documentation.

Keras may change these without notice; `setup.py` therefore has a ceiling on
Keras, and `tests/test_core/test_backend.py` a test of each. No other file of
the package may touch what is not documented.
"""

import contextlib
import random
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.common import global_state
from keras.src.saving import saving_lib

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


def layers_with_losses(model: keras.Model) -> list[str]:
    """Names of the layers whose last calls have added losses; regularizers
    of weights are none of them."""
    return [
        layer.name
        for layer in model._flatten_layers()
        if layer._get_own_losses()
    ]


def quantized_layers(model: keras.Model) -> list[str]:
    """Names of the layers that `quantize` has changed."""
    policy = keras.dtype_policies.QuantizedDTypePolicy
    return [
        layer.name
        for layer in model._flatten_layers()
        if isinstance(layer.dtype_policy, policy)
    ]


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


@contextlib.contextmanager
def deferred_weights() -> Iterator[list[keras.Variable]]:
    """Inside, variables are made without values, see `allocate`.

    Keras lists them to give them values at some later point; the list is
    taken away, so that those of a model that is dropped stay without.

    Yields:
        The variables that were made, a list that grows.
    """
    name = "uninitialized_variables"
    others = global_state.get_global_attribute(name)
    made: list[keras.Variable] = []
    global_state.set_global_attribute(name, made)
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield made
    finally:
        global_state.set_global_attribute(name, others)


def allocate(
    variable: keras.Variable, initializer: keras.Initializer | None = None
) -> None:
    """Give a deferred variable its first value, by default by its own
    initializer."""
    if initializer is not None:
        variable._initializer = initializer
    variable._deferred_initialize()


class _Recorder(saving_lib.H5IOStore):
    """A weights file that only notes what would be written to it."""

    def __init__(self):
        self.entries: dict[str, dict] = {}

    def __bool__(self):
        return True

    def make(self, path: str, metadata: dict | None = None) -> dict:
        del metadata  # the name of a layer
        return self.entries.setdefault(f"{path}/vars".lstrip("/"), {})


def weights_layout(
    model: keras.Model,
) -> dict[str, dict[str, keras.Variable | np.ndarray]]:
    """What `model.save_weights` would write: group to name to value."""
    recorder = _Recorder()
    saving_lib._save_state(model, recorder, None, "", set())
    return recorder.entries


def set_layer(owner: keras.Layer, name: str, layer: keras.Layer) -> None:
    """Give a built layer another layer as an attribute, which Keras refuses
    otherwise; what was there before is no longer tracked."""
    tracker, before = owner._tracker, getattr(owner, name, None)
    tracker.unlock()
    try:
        if isinstance(before, keras.Layer):
            tracker.untrack(before)
        setattr(owner, name, layer)
    finally:
        tracker.lock()


def value(variable: keras.Variable) -> tf.Tensor:
    """The value of a variable as it is now, not copied.

    Keras' way takes five times as long, which counts where all variables of
    a model are read; a variable of several replicas has no handle of its own.
    """
    held = variable.value
    if not tf.executing_eagerly() or hasattr(held, "values"):
        return tf.convert_to_tensor(variable)
    return tf.raw_ops.ReadVariableOp(resource=held.handle, dtype=held.dtype)


def strategy(model: keras.Model) -> tf.distribute.Strategy:
    """The strategy that a model was made under, the default one if none."""
    return model.distribute_strategy
