"""How a model is compiled: settings, the speed policy, the compiled calls."""

import contextlib
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import final

import keras
import tensorflow as tf

from keras_ae.core import backend
from keras_ae.model import compiled
from keras_ae.model.training import feed
from keras_ae.model.training import speed
from keras_ae.model.training import spread
from keras_ae.model.training import streams
from keras_ae.model.training import watch
from keras_ae.parts import weights


class Settings:
    """Mixin for a `keras.Model`: `compile`, and what follows from it."""

    def compile(
        self,
        optimizer: Any = "adam",
        loss: Any = None,
        *,
        loss_weights: dict[str, Any] | None = None,
        steps_per_execution: int | str = "auto",
        jit_compile: bool | str = "auto",
        run_eagerly: bool = False,
        **kwargs: Any,
    ) -> None:
        """Configure training; the objective is the model's own.

        Args:
            optimizer: Keras optimizer or its name. Defaults to `"adam"`.
            loss: Not supported; the model computes its loss.
            loss_weights: Name of a term to a factor, a number, a schedule of
                optimizer steps or a control, on top of the model's own weight:
                `{"kl": schedules.Linear(0, 1, 2000)}` warms the KL up,
                `{"kl": weights.ControlVAE(target=20)}` holds it at 20 nats.
            steps_per_execution: Steps in one compiled call, or `"auto"`.
            jit_compile: Whether to use XLA, or `"auto"`: `fit` decides by
                what is faster in all, from the number of steps.
            run_eagerly: Run step by step in Python, for debugging.
            **kwargs: See `keras.Model.compile`; `metrics` compare the
                reconstruction with the target.

        Raises:
            ValueError: If `loss` is given, a factor is negative, or there are
                metrics and the model takes holes, of which they know nothing.
        """
        if loss is not None:
            raise ValueError(
                f"{type(self).__name__} computes its own loss. Expected no "
                f"`loss`. Received: loss={loss!r}. Remove the `loss` argument "
                "of `compile()`."
            )
        if self.missing == "mask":
            _check_no_metrics(kwargs)
        self.term_weights = weights.Weights(loss_weights or {}, self.terms)
        self._asked = {
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
        }
        self._chosen = {
            name: speed.Choice(value, "passed to compile()")
            for name, value in self._asked.items()
            if value != "auto"
        }
        if jit_compile == "auto" and run_eagerly:
            choice = speed.Choice(False, "run_eagerly=True")
            self._chosen["jit_compile"] = choice
        self._blocks = compiled.Functions()  # by step, mode, attributes
        self._streams = compiled.Functions()  # Keras' own, by step and mode
        self.compiled_functions = compiled.Functions()
        super().compile(
            optimizer,
            jit_compile=jit_compile if jit_compile != "auto" else False,
            run_eagerly=run_eagerly,
            steps_per_execution=1
            if steps_per_execution == "auto"
            else steps_per_execution,
            **kwargs,
        )

    def get_compile_config(self) -> dict:
        """What `compile` was called with, to compile again after loading."""
        config = super().get_compile_config()
        if not config:
            return config
        asked = self._asked | {"loss_weights": self.term_weights.named}
        return config | {
            name: keras.saving.serialize_keras_object(value)
            for name, value in asked.items()
        }

    def compile_from_config(self, config: dict) -> None:
        """Compile as saved and make the optimizers' variables."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built:
            self.build_optimizers()

    @final
    def load_weights(
        self, filepath: Any, skip_mismatch: bool = False, **kwargs: Any
    ) -> None:
        """As `keras.Model.load_weights`; a compiled model goes on with the
        optimizer's state in the file, if there is one.

        Args:
            filepath: A `.weights.h5` or `.keras` file.
            skip_mismatch: Whether to leave out layers that do not fit.
            **kwargs: See `keras.Model.load_weights`.
        """
        if self.compiled and self.built:
            self.build_optimizers()
        super().load_weights(filepath, skip_mismatch, **kwargs)

    @final
    def build_optimizers(self) -> None:
        """Make the optimizers' variables, each on all it will update."""
        for optimizer, variables in self.owners():
            if not optimizer.built:
                optimizer.build(variables)

    @final
    def owners(self) -> list[tuple[keras.Optimizer, list]]:
        """Each optimizer with the variables of all players that use it."""
        found: dict[int, tuple] = {}
        for player in self.players():
            _, variables = found.setdefault(
                id(player.optimizer), (player.optimizer, [])
            )
            variables.extend(player.variables)
        return list(found.values())

    @property
    def controls(self) -> list[weights.BaseControl]:
        """Those of `loss_weights`; Keras saves what it finds here."""
        return [*self.term_weights.controls.values()] if self.compiled else []

    @final
    def states(self) -> list[keras.Variable]:
        """What training changes beside weights, seeds and metrics: numbers of
        optimizers and controls."""
        optimizers = [optimizer for optimizer, _ in self.owners()]
        return [
            v for kept in optimizers + self.controls for v in kept.variables
        ]

    @final
    def speed_policy(self) -> str:
        """What was chosen for speed, and why, a line each.

        Raises:
            ValueError: If the model is not compiled.
        """
        if not self.compiled:
            raise ValueError(
                f"{self.name!r} is not compiled. Call `compile()` first."
            )
        chosen = {
            "jit_compile": self._jit_before_fit(),
            "steps_per_execution": speed.Choice(
                "auto", "chosen by fit() from the number of batches"
            ),
        } | self._chosen
        return "\n".join(
            f"{name} = {choice.value}: {choice.reason}"
            for name, choice in chosen.items()
        )

    def _jit_before_fit(self) -> speed.Choice:
        with backend.strategy(self).scope():
            choice = speed.jit_compile(self)
        if choice.value:
            return speed.Choice(
                "auto", "chosen by fit() from the number of steps"
            )
        return choice

    @final
    def block(self, name: str, hollow: bool = False) -> Callable:
        """The call that runs the steps of a block of batches.

        Args:
            name: `"train"` or `"test"`.
            hollow: Under a strategy, whether there are batches of fewer rows
                than replicas.

        Returns:
            Function of a block, a dict of `x` and, where given, `y` and
            `sample_weight`, `[steps, batch, ...]` each, and of the number of
            steps that count, int32 `[]`, to the logs. A `tf.function` unless
            `run_eagerly`, the same at each call.
        """
        jit = self._test_jit() if name == "test" else self.jit_compile
        # A change of a part's attribute makes another call.
        key = (name, jit, hollow, compiled.fingerprint(self))
        blocks = self._blocks.kept
        if key not in blocks:
            strategy = backend.strategy(self)
            with strategy.scope():
                spreads = tf.distribute.has_strategy()
            if spreads:
                block = spread.blocks(strategy, self, name, hollow)
            else:
                block = _block_of(self, getattr(self, f"{name}_step"))
            if not self.run_eagerly:
                block = tf.function(block, jit_compile=jit, autograph=False)
            blocks[key] = block
        return blocks[key]

    def _function(self, name: str, source: Any) -> Callable:
        """The compiled call for a source, of any number of rows."""
        if not isinstance(source, spread.StreamFeed):
            strategy = backend.strategy(self)
            hollow = source.shortest < strategy.num_replicas_in_sync
            function = self.block(name, hollow)
            if self.run_eagerly:
                return function
            return function.get_concrete_function(
                source.spec, tf.TensorSpec([], tf.int32)
            )
        strategy = backend.strategy(self)
        function = spread.streamed(strategy, self, name, source.spec)
        if self.run_eagerly:
            return function
        return tf.function(
            function,
            autograph=False,
            input_signature=[source.dataset.element_spec],
        )

    def _choose(
        self, source: Any, x: Any, epochs: int, steps: Any, callbacks: Any
    ) -> int:
        """Choose XLA or not for a fit, and the steps in an execution."""
        batches = source.steps if source else length(x, steps)
        with backend.strategy(self).scope():
            if self._asked["jit_compile"] == "auto" and not self.run_eagerly:
                total = batches * epochs if batches and self.built else None
                shapes = source.shapes if source else 2
                choice = speed.jit_compile_for(self, total, shapes)
                self.jit_compile = choice.value
                self._chosen["jit_compile"] = choice
            if self._asked["steps_per_execution"] == "auto":
                choice = speed.steps_per_execution(batches, callbacks)
                self.steps_per_execution = choice.value
                self._chosen["steps_per_execution"] = choice
        return self.steps_per_execution

    def _test_jit(self) -> bool:
        """Whether evaluation uses XLA: as asked, else only on a GPU, so that
        validation in `fit` and evaluation after it draw alike."""
        if self.run_eagerly or self._asked["jit_compile"] != "auto":
            return self.jit_compile
        with backend.strategy(self).scope():
            return speed.jit_compile_for(self, 0).value

    @contextlib.contextmanager
    def _keras_function(self, name: str, steps: int, jit: bool) -> Iterator:
        """Inside, Keras' own loop uses functions for so many steps a call;
        it fixes the number when a function is first called."""
        before = self.steps_per_execution, self.jit_compile
        self.steps_per_execution, self.jit_compile = steps, jit
        key = (name, steps, jit, compiled.fingerprint(self))
        setattr(self, f"{name}_function", self._streams.kept.get(key))
        getattr(self, f"make_{name}_function")()
        self._streams.kept[key] = getattr(self, f"{name}_function")
        try:
            yield
        finally:
            setattr(self, f"{name}_function", self._streams.kept[key])
            self.steps_per_execution, self.jit_compile = before

    def _watch(self, execution: int) -> watch.Watch:
        """Has Keras' own loop train with a call that is watched."""
        strategy = backend.strategy(self)
        with strategy.scope():
            spreads = tf.distribute.has_strategy()
        if spreads:  # batches of several devices are not kept
            call = self.train_function
            guard = watch.Watch(self, call, None)
            self.train_function = lambda iterator: guard.run(
                lambda: (call(iterator), (), 0, execution)
            )
            return guard
        key = ("steps", execution, self.jit_compile, compiled.fingerprint(self))
        kept = self._streams.kept
        if key not in kept:
            kept[key] = streams.Steps(
                self, execution, self.jit_compile, self.run_eagerly
            )
        steps = kept[key]
        guard = watch.Watch(self, steps.step, steps.singles)
        self.train_function = lambda iterator: guard.run(
            lambda: steps(iterator)
        )
        return guard


def _check_no_metrics(settings: dict) -> None:
    asked = [n for n in ("metrics", "weighted_metrics") if settings.get(n)]
    if asked:
        raise ValueError(
            "Metrics of Keras know nothing of holes and would count them as "
            "values. Expected none where the model takes holes; its terms "
            "count the observed values alone, and `impute` gives values to "
            'compare; or make it with missing="refuse". Received: '
            f"{', '.join(asked)}"
        )


def _block_of(model: keras.Model, step: Callable) -> Callable:
    def block(rows: dict, count: tf.Tensor) -> dict:
        def body(i: tf.Tensor) -> list:
            batch = keras.tree.map_structure(lambda t: t[i], rows)
            step(feed.pack(batch))
            return [i + 1]

        tf.while_loop(lambda i: i < count, body, [tf.constant(0)])
        return model.get_metrics_result()

    return block


def length(x: Any, steps: int | None) -> int | None:
    """Batches in an epoch of a stream, None if not known."""
    if steps is None and isinstance(x, tf.data.Dataset):
        steps = int(x.cardinality())
    elif steps is None and isinstance(x, keras.utils.PyDataset):
        steps = x.num_batches
    return steps if steps and steps > 0 else None
