"""The speed policy: what `fit` chooses when `compile` was not told.

Each choice comes with its reason; `model.speed_policy()` prints both. What
the user passes to `compile` is never overruled. Every choice follows from the
model and from the numbers of epochs and batches alone, never from a clock or
from what ran before, so that a run that is resumed chooses as before.
"""

import math
from typing import Any
from typing import NamedTuple

import keras
import tensorflow as tf

from keras_ae.core import backend

LONGEST_BLOCK = 32  # steps between two updates of the progress bar

# What XLA costs and gains on a CPU beside a graph, measured on dense
# autoencoders of 300 to 1.1 million weights, two cores: compiling one shape of
# batch takes 0.6 to 1.2 s longer, 0.07 to 0.1 s for each variable that is
# trained; a step is 0.14 to 0.3 ms shorter in the smallest of them, 1.9 ms at
# 0.8 million weights, 2.6 ms at 1.1 million (see benchmarks/short_fits.py), and
# 45 ms at 0.35 million weights and 50 draws (see benchmarks/training.py).
COMPILATION = 0.1  # seconds for each trained variable and shape of batch
GAIN = 2.5e-4  # seconds a step
GAIN_OF_WEIGHT = 2e-9  # seconds a step, weight and draw

_CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
)


class Choice(NamedTuple):
    """A value and why it was chosen."""

    value: Any
    reason: str


def layers(model: keras.Layer) -> list[keras.Layer]:
    """The layer and all layers inside it, each once.

    Models say what they are made of; other layers do not, and may call any
    attribute `layers`, so that theirs are found among their attributes.
    """
    found = {id(model): model}
    waiting = [model]
    while waiting:
        part = waiting.pop()
        holds = part.layers if isinstance(part, keras.Model) else vars(part)
        for inner in keras.tree.flatten(holds):
            if isinstance(inner, keras.Layer) and id(inner) not in found:
                found[id(inner)] = inner
                waiting.append(inner)
    return list(found.values())


def jit_compile(model: keras.Model) -> Choice:
    """Whether work that lasts is faster under XLA: dense networks on a CPU,
    Keras' rule on a GPU, never under a distribution strategy."""
    if tf.distribute.has_strategy():
        return Choice(False, "a distribution strategy is in use")
    parts = layers(model)
    vetoes = [p.name for p in parts if not p.supports_jit]
    if vetoes:
        return Choice(False, f"layer {vetoes[0]!r} does not support XLA")
    if tf.config.list_physical_devices("GPU"):
        return Choice(True, "GPU found")
    if any(isinstance(p, _CONVOLUTIONS) for p in parts):
        return Choice(False, "convolutions on a CPU are slower under XLA")
    if any(isinstance(p, keras.layers.RNN) for p in parts):
        return Choice(False, "recurrent layers take XLA seconds to compile")
    return Choice(True, "dense network on a CPU")


def jit_compile_for(
    model: keras.Model, steps: int | None, shapes: int = 1
) -> Choice:
    """Whether XLA makes so many steps faster in all, compilation counted.

    Args:
        model: A built model.
        steps: Steps in all epochs; None where not known, 0 for what should
            not be compiled for a CPU.
        shapes: How many shapes of batch there are; each is compiled.
    """
    choice = jit_compile(model)
    if not choice.value or tf.config.list_physical_devices("GPU"):
        return choice
    if steps is None:
        return Choice(False, "the number of steps is not known")
    weights = [math.prod(v.shape) for v in model.trainable_variables]
    cost = COMPILATION * len(weights) * shapes
    work = sum(weights) * math.prod(model.sample_shape)
    needed = math.ceil(cost / (GAIN + GAIN_OF_WEIGHT * work))
    reason = f"{choice.reason}, {steps} steps in all, {needed} pay for XLA"
    return Choice(steps >= needed, reason)


def steps_per_execution(batches: int | None, callbacks: Any) -> Choice:
    """How many training steps one compiled call runs."""
    if tf.distribute.has_strategy():
        return Choice(1, "a distribution strategy is in use")
    watcher = _batch_watcher(callbacks)
    if watcher:
        return Choice(1, f"callback {watcher} watches single batches")
    if not batches:
        return Choice(1, "the number of batches is not known")
    executions = math.ceil(batches / LONGEST_BLOCK)
    return Choice(
        math.ceil(batches / executions),
        f"{batches} batches in {executions} equal calls of at most "
        f"{LONGEST_BLOCK} steps",
    )


def _batch_watcher(callbacks: Any) -> str | None:
    """Name of the first callback that acts on batches: with a hook on them,
    or, of Keras' own, with a frequency that counts them."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    if isinstance(callbacks, keras.callbacks.Callback):
        callbacks = [callbacks]
    hooks = (
        "on_batch_begin",
        "on_batch_end",
        "on_train_batch_begin",
        "on_train_batch_end",
    )
    for callback in callbacks or ():
        own = isinstance(callback, keras.callbacks.LambdaCallback)
        own = own or not backend.is_keras(type(callback))
        base = keras.callbacks.Callback
        if not own and _counts_batches(callback):
            return type(callback).__name__
        for hook in hooks:
            function = getattr(callback, hook)
            inherited = getattr(function, "__func__", None) is getattr(
                base, hook
            )
            if own and not inherited:
                return type(callback).__name__
    return None


def _counts_batches(callback: keras.callbacks.Callback) -> bool:
    """Whether a callback of Keras saves or writes every so many batches."""
    frequencies = (
        getattr(callback, name, "epoch")
        for name in ("save_freq", "update_freq")
    )
    return any(frequency != "epoch" for frequency in frequencies)
