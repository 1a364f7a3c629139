"""The loop over epochs and executions, with Keras' callbacks.

It uses what Keras documents: `CallbackList`, `reset_metrics`,
`get_metrics_result`, `stop_training`, `stop_evaluating`.
"""

import warnings
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import keras

from keras_ae.core import backend
from keras_ae.model.training import feed
from keras_ae.model.training import spread
from keras_ae.model.training import watch

CallbackList = keras.callbacks.CallbackList


def listed(
    model: keras.Model, callbacks: Any, verbose: Any, **settings: Any
) -> CallbackList:
    """Callbacks as Keras' `fit` and `evaluate` make them.

    Args:
        model: What they belong to.
        callbacks: Callbacks, one, or a list made before, which is kept.
        verbose: 0 adds no progress bar.
        **settings: `epochs`, `steps`, `add_history`.
    """
    if isinstance(callbacks, CallbackList):
        return callbacks
    return CallbackList(
        callbacks,
        add_progbar=verbose != 0,
        verbose=verbose,
        model=model,
        **settings,
    )


def train(
    model: keras.Model,
    source: Any,
    function: Callable,
    callbacks: CallbackList,
    *,
    execution: int,
    epochs: int,
    initial_epoch: int,
    validate: Callable[[int], dict],
) -> None:
    """Train a model over epochs.

    Args:
        model: A compiled model; metrics and optimizers built.
        source: `Feed` or `StreamFeed`.
        function: Compiled call, of the source's arguments, to logs.
        callbacks: Whom to tell.
        execution: Steps in an execution.
        epochs: Number of the last epoch.
        initial_epoch: Number of the first one, unless a backup is restored.
        validate: Number of an epoch to the logs to add to its own.

    Raises:
        RuntimeError: When another worker is lost.
    """
    guard = watch.Watch(model, function, source.singles)

    def guarded(*arguments: Any) -> dict:
        steps = int(arguments[-1]) if len(arguments) == 2 else 1
        size = feed.nbytes(arguments)
        return guard.run(lambda: (function(*arguments), arguments, size, steps))

    model.stop_training = False
    callbacks.on_train_begin()
    logs = None
    for epoch in range(backend.first_epoch(model, initial_epoch), epochs):
        _reset(model)
        callbacks.on_epoch_begin(epoch)
        guard.start(epoch)
        for batch, logs in _pass(
            model, source, guarded, execution, callbacks.on_train_batch_begin
        ):
            callbacks.on_train_batch_end(batch, logs)
            if model.stop_training:
                break
        guard.check()
        logs = _result(model) | validate(epoch)
        callbacks.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    if epochs > 0:
        finish(model)
    callbacks.on_train_end(logs)


def evaluate(
    model: keras.Model,
    source: Any,
    function: Callable,
    callbacks: CallbackList,
    *,
    execution: int,
) -> dict[str, float]:
    """Mean of every term over one epoch of a source. See `train`."""
    model.stop_evaluating = False
    callbacks.on_test_begin()
    _reset(model)
    for batch, logs in _pass(
        model, source, function, execution, callbacks.on_test_batch_begin
    ):
        callbacks.on_test_batch_end(batch, logs)
        if model.stop_evaluating:
            break
    logs = _result(model)
    callbacks.on_test_end(logs)
    return logs


def finish(model: keras.Model) -> None:
    """Let each optimizer put its averages, if it keeps any, in place."""
    for optimizer, variables in model.owners():
        optimizer.finalize_variable_values(variables)


def capped(epochs: int, steps: int | None) -> tuple[int, int | None]:
    """Epochs and steps, no more than `keras.config` allows for a trial."""
    most = keras.config.max_epochs()
    if most and most < epochs:
        warnings.warn(f"Limiting epochs to {most}", stacklevel=3)
        epochs = most
    return epochs, capped_steps(steps)


def capped_steps(steps: int | None) -> int | None:
    """Steps in an epoch, no more than `keras.config` allows for a trial."""
    most = keras.config.max_steps_per_epoch()
    if most and (steps is None or most < steps):
        warnings.warn(f"Limiting steps_per_epoch to {most}", stacklevel=3)
        return most
    return steps


def due(epoch: int, frequency: Any) -> bool:
    """Whether an epoch is followed by validation: every so many, or those
    whose numbers, from 1, are listed."""
    if isinstance(frequency, int):
        return (epoch + 1) % frequency == 0
    return epoch + 1 in frequency


class Validation(keras.callbacks.Callback):
    """Adds validation to the logs of Keras' own loop, before others see
    them.

    Args:
        validate: Number of an epoch to the logs to add to its own.
    """

    def __init__(self, validate: Callable[[int], dict]):
        super().__init__()
        self.validate = validate

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """See `keras.callbacks.Callback`."""
        logs.update(self.validate(epoch))


class Watching(keras.callbacks.Callback):
    """Tells a watch of the epochs of Keras' own loop.

    Args:
        guard: Of the training call.
    """

    def __init__(self, guard: watch.Watch):
        super().__init__()
        self.guard = guard

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """See `keras.callbacks.Callback`."""
        self.guard.start(epoch)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """See `keras.callbacks.Callback`."""
        self.guard.check()


def _pass(
    model: keras.Model,
    source: Any,
    function: Callable,
    execution: int,
    begin: Callable[[int], None],
) -> Iterator[tuple[int, dict]]:
    """One pass over a source: for each execution, of whose first batch
    `begin` is told, the number of its last batch and the logs after it. A
    worker that is lost is named."""
    with spread.guarded(backend.strategy(model)):
        for first, last, calls in source.epoch(model.next_seed, execution):
            begin(first)
            logs: dict = {}
            for arguments in calls:
                logs = function(*arguments)
            yield last, logs


def _reset(model: keras.Model) -> None:
    strategy = backend.strategy(model)
    with strategy.scope(), spread.guarded(strategy):
        model.reset_metrics()


def _result(model: keras.Model) -> dict[str, Any]:
    """The metrics as numbers, over all replicas."""
    strategy = backend.strategy(model)
    with strategy.scope(), spread.guarded(strategy):
        return {n: number(v) for n, v in model.get_metrics_result().items()}


def number(value: Any) -> Any:
    """A float where there is one number, else the value as it is."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return value
