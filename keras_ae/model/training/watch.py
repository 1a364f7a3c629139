"""A training call that stops at the first step that is not finite.

The compiled call stays as it is: a loss that is not finite shows in the logs
that it returns, weights that are not in a look at all of them, a fraction of
a step's time, every `STEPS` steps and at the end of each epoch. Only then are
the steps since the last look made again, one by one, to find the one to
blame. The state to go back to costs little but the memory that it takes:
TensorFlow writes to a variable in place while nobody else holds its tensor,
and to a new one otherwise.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from keras_ae.core import backend
from keras_ae.core.types import Tree
from keras_ae.model import finite
from keras_ae.model.training import causes
from keras_ae.model.training import spread

if TYPE_CHECKING:
    from keras_ae.model.base import BaseAutoencoder

STEPS = 256  # training steps between two looks at all weights
KEPT = 2**26  # bytes of batches that are kept to be run again


class Watch:
    """A training call that stops at the first step that is not finite.

    Args:
        model: A compiled model.
        function: The call: arguments to logs.
        singles: Arguments of a call to an iterator over its steps: arguments
            of a call of one step alone, and the step's data as `train_step`
            takes them. None where steps cannot be made again.
    """

    def __init__(
        self,
        model: "BaseAutoencoder",
        function: Callable,
        singles: Callable | None,
    ):
        self.model = model
        self.function = function
        self.singles = singles
        self.strategy = backend.strategy(model)
        self.workers = spread.has_workers(self.strategy)
        self.states: list[keras.Variable] = []
        self.seeds = backend.seed_states(model)
        self.calls: list = []

    def start(self, epoch: int) -> None:
        """An epoch begins; what callbacks did before it is kept."""
        self.epoch, self.step = epoch, 0
        if not self.model.built:
            return
        if not self.states:
            finite.check_weights(self.model)
            with self.strategy.scope():
                self.model.build_optimizers()
            self.states = states(self.model)
        self.keep(finite.read(self.states))

    def keep(self, values: list[tf.Tensor]) -> None:
        """The state is good: go back to here, if at all."""
        self.kept = values
        self.calls, self.since, self.size = [], self.step, 0

    def run(self, call: Callable[[], tuple[dict, tuple, int, int]]) -> dict:
        """Make a call, and look at what it left behind where that is due.

        Args:
            call: Gives the logs, the arguments of `singles` and the bytes
                that those keep, and how many steps were made.
        """
        # Between calls the loop draws the order of the rows.
        seeds = finite.read(self.seeds)
        logs, arguments, size, steps = call()
        if not self.states:
            self.start(self.epoch)
            self.step += steps
            return logs
        self.calls.append((self.step, seeds, arguments))
        self.step += steps
        self.size += size
        # Logs are those of a worker alone, and all must stop alike.
        if not self.workers and not np.isfinite(float(logs["loss"])):
            self.find()
        if self.step - self.since >= STEPS or self.size > KEPT:
            self.check()
        return logs

    def check(self) -> None:
        """Look at the state, and keep it if it is good.

        Raises:
            NonFiniteError: If it is not.
        """
        if not self.states:
            return
        if self.workers and not np.isfinite(self._logs()["loss"]):
            self.find()
        values = finite.read(self.states)
        if self._broken(values):
            self.find()
        self.keep(values)

    def find(self) -> None:
        """Go back, make the steps again and stop before the bad one.

        Raises:
            NonFiniteError: Always.
        """
        last = self.step
        self._restore(self.kept, self.states)
        for first, seeds, arguments in self.calls if self.singles else ():
            self._restore(seeds, self.seeds)
            for number, (single, data) in enumerate(self.singles(*arguments)):
                before = finite.read(self.states)
                self._reset()
                logs = self.function(*single)
                terms = self._bad_terms(logs)
                variables = self._broken(finite.read(self.states))
                if terms or variables:
                    self._restore(before, self.states)
                    self._raise(terms, variables, first + number + 1, data)
        self._restore(self.kept, self.states)
        self._reset()
        place = f"one of the steps {self.since + 1} to {last}"
        raise finite.NonFiniteError(
            self._message("a term or a weight", place)
            + f" {causes.likely(self.model)}"
        )

    def _raise(
        self, terms: list[str], variables: list[str], step: int, data: Tree
    ) -> None:
        before = finite.read(self.states)
        examine = tf.function(
            self.model.examine,
            jit_compile=self.model.jit_compile,
            autograph=False,
        )
        seen = keras.tree.map_structure(lambda t: t.numpy(), examine(data))
        self._restore(before, self.states)
        self._reset()
        where, gradient = causes.largest(seen["gradients"])
        if terms:
            what = f"the term {finite.listed(terms)}"
        elif not np.isfinite(gradient):
            what = f"the gradient of {where!r}"
        else:
            what = f"the variable {finite.listed(variables)}"
        values = ", ".join(f"{n}={v:.4g}" for n, v in seen["terms"].items())
        raise finite.NonFiniteError(
            self._message(what, f"step {step}")
            + f" Received: {values}, largest input {seen['input']:.4g}, "
            f"largest gradient {gradient:.4g} (of {where!r}). "
            + causes.likely(self.model, seen["input"], gradient)
        )

    def _message(self, what: str, place: str) -> str:
        return (
            f"Training has stopped at {place} of epoch {self.epoch + 1}, which "
            f"gives NaN or infinity in {what}. The model is back in its last "
            "good state. Expected finite numbers."
        )

    def _bad_terms(self, logs: dict) -> list[str]:
        logs = self._logs() if self.workers else logs
        names = [*self.model.terms, "loss"]
        bad = [n for n in names if not np.isfinite(float(logs[n]))]
        return [n for n in bad if n != "loss"] or bad

    def _broken(self, values: list[tf.Tensor]) -> list[str]:
        return self.model.compiled_functions.seen.broken(self.states, values)

    def _logs(self) -> dict:
        """The metrics over all replicas and workers."""
        with self.strategy.scope():
            logs = self.model.get_metrics_result()
        return {name: float(logs[name]) for name in (*self.model.terms, "loss")}

    def _reset(self) -> None:
        with self.strategy.scope():
            self.model.reset_metrics()

    def _restore(self, values: list[tf.Tensor], variables: list) -> None:
        with self.strategy.scope():
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)


def states(model: "BaseAutoencoder") -> list[keras.Variable]:
    """All that a step changes beside metrics: weights, states of seeds, of
    optimizers and of controls."""
    return [*model.weights, *backend.seed_states(model), *model.states()]
