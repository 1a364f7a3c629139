"""Fits that share a model: made and compiled once, its weights kept by each."""

import collections
import contextlib
import json
import operator
import threading
from collections.abc import Iterator
from typing import Any
from typing import NamedTuple

import keras
import numpy as np

from keras_ae.core import registry
from keras_ae.model.base import BaseAutoencoder
from keras_ae.spaces import BaseSpace

KEPT = 16  # models that are kept with what was compiled; the oldest goes first
BATCH = 128
RATE = 1e-3  # of Adam at the start; it falls to 0 as a cosine


class Learned(NamedTuple):
    """What a fit left: numbers, and the text that says of which model.

    Two fits of one plan, as the folds of a search, run in one model, one
    after the other, so that it is compiled once; no fit sees the weights of
    another. It can be pickled.

    Attributes:
        plan: See `planned` and `described`.
        weights: As `keras.Model.get_weights` gives them.
    """

    plan: str
    weights: list[np.ndarray]

    @contextlib.contextmanager
    def model(self) -> Iterator[BaseAutoencoder]:
        """The shared model, inside with these weights; not to be kept."""
        shared = _shared(self.plan)
        with shared.lock:
            if shared.owner is not self.weights:
                shared.model.set_weights(self.weights)
                shared.owner = self.weights
            yield shared.model

    def copy(self) -> BaseAutoencoder:
        """A model of its own with these weights."""
        model = _made(self.plan)
        model.set_weights(self.weights)
        return model


def planned(variant: str, space: BaseSpace, steps: int, **options: Any) -> str:
    """The plan of a model that `create` makes, and of its training.

    Args:
        variant: Its name.
        space: What one example is.
        steps: Steps of training.
        **options: Other arguments of `create`; plain numbers and words.
    """
    space = keras.saving.serialize_keras_object(space)
    return json.dumps(
        {"create": [variant, space, options], "steps": steps},
        sort_keys=True,
        default=operator.methodcaller("tolist"),  # of NumPy's numbers
    )


def described(model: BaseAutoencoder, steps: int) -> Learned:
    """A user's model, which is left as it is, with its weights.

    Args:
        model: Built.
        steps: Steps of training that it is still to have.
    """
    config = keras.saving.serialize_keras_object(model)
    plan = json.dumps({"config": config, "steps": steps}, sort_keys=True)
    return Learned(plan, model.get_weights())


def trained(
    plan: str,
    rows: np.ndarray,
    steps: int,
    start: list[np.ndarray] | None = None,
) -> Learned:
    """The plan's model after training, from its first weights or others.

    Args:
        plan: Of the model.
        rows: Rows of its space, `[N, ...]`.
        steps: Batches of 128 rows, or of all, if there are fewer.
        start: Weights to start from, or None for those of the plan.
    """
    shared = _shared(plan)
    with shared.lock:
        shared.reset(start)
        shared.model.fit(
            rows, batch_size=BATCH, steps_per_epoch=steps, verbose=0
        )
        shared.owner = shared.model.get_weights()
        return Learned(plan, shared.owner)


class _Shared:
    """A model, the weights that it has now, and what it was when made."""

    def __init__(self, model: BaseAutoencoder):
        self.model, self.lock = model, threading.RLock()
        self.owner: list | None = None
        self.first = [np.array(v.numpy()) for v in self._variables()]

    def _variables(self) -> list:
        training = self.model.states() if self.model.compiled else []
        return [*self.model.variables, *training]

    def reset(self, weights: list[np.ndarray] | None) -> None:
        """All state as it was when made; other weights if there are some."""
        self.owner = None  # also of a training that fails
        for variable, value in zip(self._variables(), self.first, strict=True):
            variable.assign(value)
        if weights is not None:
            self.model.set_weights(weights)


_LOCK = threading.RLock()
_SHARED: collections.OrderedDict[str, _Shared] = collections.OrderedDict()


def _shared(plan: str) -> _Shared:
    with _LOCK:
        if plan not in _SHARED:
            while len(_SHARED) >= KEPT:
                _SHARED.popitem(last=False)
            _SHARED[plan] = _Shared(_made(plan))
        _SHARED.move_to_end(plan)
        return _SHARED[plan]


def _made(plan: str) -> BaseAutoencoder:
    """The model of a plan, built, and compiled where it is to be trained."""
    about = json.loads(plan)
    if "config" in about:
        model = keras.saving.deserialize_keras_object(about["config"])
    else:
        variant, space, arguments = about["create"]
        space = keras.saving.deserialize_keras_object(space)
        model = registry.create(variant, space, **arguments)
    if about["steps"] and not model.compiled:
        rates = keras.optimizers.schedules.CosineDecay(RATE, about["steps"])
        model.compile(keras.optimizers.Adam(rates))
        model.build_optimizers()
    return model
