"""What `fit`, `evaluate` and `predict` do with rows and with streams.

Rows in memory, and everything under a distribution strategy, run in the loop
of `epochs`: one compiled call runs up to `steps_per_execution` steps. Other
streams (`tf.data`, generators) go through Keras' own loop.
"""

import contextlib
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import final

import keras
import numpy as np
import tensorflow as tf

from keras_ae.core import backend
from keras_ae.core import rows as rows_of
from keras_ae.core import validation
from keras_ae.model import compiled
from keras_ae.model import epochs as loop
from keras_ae.model import feed
from keras_ae.model import speed
from keras_ae.model import spread


class FastTraining:
    """Mixin for a `keras.Model`: fast defaults of the built-in loops."""

    def compile(
        self,
        optimizer: Any = "adam",
        loss: Any = None,
        *,
        steps_per_execution: int | str = "auto",
        jit_compile: bool | str = "auto",
        run_eagerly: bool = False,
        **kwargs: Any,
    ) -> None:
        """Configure training; the objective is the model's own.

        Args:
            optimizer: Keras optimizer or its name. Defaults to `"adam"`.
            loss: Not supported; the model computes its loss.
            steps_per_execution: Steps in one compiled call, or `"auto"`.
            jit_compile: Whether to use XLA, or `"auto"`: `fit` decides by
                what is faster in all, from the number of steps.
            run_eagerly: Run step by step in Python, for debugging.
            **kwargs: See `keras.Model.compile`; `metrics` compare the
                reconstruction with the target.

        Raises:
            ValueError: If `loss` or `loss_weights` is given.
        """
        if loss is not None or kwargs.get("loss_weights") is not None:
            raise ValueError(
                f"{type(self).__name__} computes its own loss. Expected no "
                "`loss` and no `loss_weights`. Received: "
                f"loss={loss!r}. Remove the `loss` argument of `compile()`."
            )
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
        self._blocks = {}  # compiled calls by step and mode
        self._streams = {}  # Keras' own, by step and mode
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
        return config | {
            name: keras.saving.serialize_keras_object(value)
            for name, value in self._asked.items()
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
        owned: dict[int, list] = {}
        players = self.players()
        for player in players:
            owned.setdefault(id(player.optimizer), []).extend(player.variables)
        for player in players:
            if not player.optimizer.built:
                player.optimizer.build(owned[id(player.optimizer)])

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
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> keras.callbacks.History:
        """Train. As `keras.Model.fit`; `y` defaults to `x`.

        Rows in memory are checked once (shape, finite, inside the
        likelihood's support) and shuffled from the model's own seeds, whose
        state is saved with the model. Bytes stay bytes until their batch is
        due; the rows are not copied. Under a distribution strategy, also of
        several workers, `batch_size` is that of all replicas together, and
        every worker is given the same rows, or the same `tf.data.Dataset`.

        Args:
            x: Rows in memory (NumPy, pandas, tensors) or a stream.
            y: Targets, if not `x` itself (for example clean images).
            batch_size: Rows in a batch. Defaults to 32.
            epochs: Passes over the data, see `keras.Model.fit`.
            verbose: 0 silent, 1 progress bar, 2 one line an epoch.
            callbacks: Keras callbacks.
            validation_split: Last fraction of the rows, kept for validation.
            validation_data: `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)`.
            shuffle: Whether each epoch has an order of its own.
            class_weight: Not supported.
            sample_weight: `[N]` weights of the examples in every term.
            initial_epoch: Number of the first epoch.
            steps_per_epoch: Batches in an epoch, for endless streams; of rows
                in memory, an epoch goes on where the one before ended.
            validation_steps: Batches to validate on. Defaults to all.
            validation_batch_size: Defaults to `batch_size`.
            validation_freq: Validate after every so many epochs, or after
                those whose numbers, from 1, are listed.

        Returns:
            The history: one list for each logged term.

        Raises:
            ValueError: On data that the model cannot be trained on.
            RuntimeError: When another worker is lost.
        """
        self._check_compiled("fit")
        if class_weight is not None:
            raise ValueError(
                "`class_weight` needs class labels, which the targets of an "
                "autoencoder are not. Pass `sample_weight` instead."
            )
        data = (x, y, sample_weight)
        if self._in_memory(x):
            _check_redrawn(x, steps_per_epoch is not None)
            data = tuple(map(feed.arrays, data))
            if validation_split and validation_data is None:
                share = validation.check_number(
                    "validation_split", validation_split, 0, 1, open_high=True
                )
                data, validation_data = feed.split(data, share)
            validation_split = 0.0
        epochs, steps_per_epoch = loop.capped(epochs, steps_per_epoch)
        source = self._source(data, batch_size, steps_per_epoch, shuffle)
        validate = self._validation(
            validation_data,
            validation_batch_size or batch_size,
            validation_steps,
            validation_freq,
        )
        execution = self._choose(source, x, epochs, steps_per_epoch, callbacks)
        settings = {"epochs": epochs, "initial_epoch": initial_epoch}
        callbacks = loop.listed(
            self,
            callbacks,
            verbose,
            add_history=True,
            epochs=epochs,
            steps=source.steps if source else _length(x, steps_per_epoch),
        )

        def validated(epoch: int) -> dict:
            return validate(epoch, callbacks)

        if source is not None:
            loop.train(
                self,
                source,
                self._function("train", source),
                callbacks,
                execution=execution,
                validate=validated,
                **settings,
            )
            return self.history
        callbacks.callbacks.insert(0, loop.Validation(validated))
        # Only indexed data sets are Keras' to shuffle.
        indexed = isinstance(x, keras.utils.PyDataset)
        indexed = indexed and x.num_batches is not None
        with self._keras_function("train", execution, self.jit_compile):
            return super().fit(
                x,
                y,
                sample_weight=sample_weight,
                validation_split=validation_split,
                shuffle=shuffle and indexed,
                steps_per_epoch=steps_per_epoch,
                callbacks=callbacks,
                **settings,
            )

    @final
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Mean of every term over the data. As `keras.Model.evaluate`.

        Draws come from seeds of their own, the same at each call, so that
        two evaluations of one model agree and training is not disturbed.

        Args:
            x: Rows in memory or a stream.
            y: Targets, if not `x` itself.
            batch_size: Rows in a batch. Defaults to 32.
            verbose: 0 silent, 1 progress bar, 2 one line.
            sample_weight: `[N]` weights of the examples.
            steps: Batches to evaluate. Defaults to all.
            callbacks: Keras callbacks.
            return_dict: Return a dict of terms instead of a list.

        Returns:
            The terms, in nats per example.

        Raises:
            ValueError: On data that do not fit the model.
            RuntimeError: When another worker is lost.
        """
        self._check_compiled("evaluate")
        run = self._evaluation((x, y, sample_weight), batch_size, steps)
        logs = run(callbacks, verbose)
        if return_dict:
            return logs
        values = [logs[name] for name in self.get_metrics_result()]
        return values[0] if len(values) == 1 else values

    @final
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> np.ndarray:
        """Means of the reconstructions, `[N, event]`; deterministic.

        Args:
            x: Rows in memory or a stream.
            batch_size: Rows in a compiled call; the result does not depend on
                it. Defaults to 256.
            verbose: For streams, see `keras.Model.predict`.
            steps: Batches to draw from a stream.
            callbacks: Keras callbacks, for streams.
        """
        if validation.is_array(x) and steps is None and not callbacks:
            return compiled.reconstruct(self, x, batch_size)
        strategy = backend.strategy(self)
        if spread.has_workers(strategy) and isinstance(x, tf.data.Dataset):
            # Each worker for itself; Keras' way would need all at once.
            parts = [
                compiled.reconstruct(self, batch, batch_size)
                for batch in map(
                    _examples, x if steps is None else x.take(steps)
                )
            ]
            return np.concatenate(parts)
        return super().predict(x, batch_size, verbose, steps, callbacks)

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
        key = (name, jit, hollow)
        if key not in self._blocks:
            strategy = backend.strategy(self)
            with strategy.scope():
                spreads = tf.distribute.has_strategy()
            if spreads:
                block = spread.blocks(strategy, self, name, hollow)
            else:
                block = _block_of(self, getattr(self, f"{name}_step"))
            if not self.run_eagerly:
                block = tf.function(block, jit_compile=jit, autograph=False)
            self._blocks[key] = block
        return self._blocks[key]

    def _function(self, name: str, source: Any) -> Callable:
        """The compiled call for a source, of any number of rows."""
        if isinstance(source, feed.Feed):
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

    def _source(
        self, data: tuple, batch_size: Any, steps: Any, shuffle: bool | None
    ) -> Any:
        """What our own loop runs over, checked, the model, its optimizers and
        metrics built; None for streams that are left to Keras.

        Args:
            data: `(x, y, sample_weight)`.
            batch_size: Rows in a batch, or None for 32.
            steps: Batches in an epoch, or None for all.
            shuffle: None in evaluation.
        """
        strategy = backend.strategy(self)
        if self._in_memory(data[0]):
            x, y, weight = map(feed.arrays, data)
            feed.check(self, rows_of.sources(x), y)
            if weight is not None:
                validation.check_data("sample_weight", weight, ())
            rows = {"x": x, "y": y, "sample_weight": weight}
            source = feed.Feed(
                {k: v for k, v in rows.items() if v is not None},
                validation.check_count(
                    "batch_size", 32 if batch_size is None else batch_size
                ),
                bool(shuffle),
                steps,
                endless=shuffle is not None and steps is not None,
            )
        else:
            with strategy.scope():
                spreads = tf.distribute.has_strategy()
            if spreads and isinstance(data[0], tf.data.Dataset):
                source = spread.StreamFeed(strategy, data[0], steps)
            elif spread.has_workers(strategy):
                raise ValueError(
                    "Several workers train on rows in memory or on a "
                    "tf.data.Dataset. Expected one of them. Received: "
                    f"{type(data[0]).__name__}"
                )
            else:
                return None
        with strategy.scope():
            batch = self.unpack(source.first())
            self.build_optimizers()
            if backend.has_compiled_metrics(self):
                # The scope keeps what the metrics would have counted.
                with keras.StatelessScope():
                    prediction = self(batch[0], training=False)
                    self.compute_metrics(batch[0], batch[1], prediction)
        return source

    def _evaluation(self, data: tuple, batch_size: Any, steps: Any) -> Callable:
        """Checked and prepared once; function of callbacks and verbosity to
        the logs of an evaluation."""
        if self._in_memory(data[0]):
            data = (feed.fixed(data[0]), *data[1:])
        source = self._source(data, batch_size, steps, None)
        execution = self.steps_per_execution
        if self._asked["steps_per_execution"] == "auto":
            batches = source.steps if source else _length(data[0], steps)
            with backend.strategy(self).scope():
                execution = speed.steps_per_execution(batches, None).value

        def run(callbacks: Any, verbose: Any) -> dict:
            with self.evaluation_seeds():
                if source is None:
                    return self._keras_evaluate(
                        data[0], steps, execution, callbacks, verbose
                    )
                callbacks = loop.listed(
                    self, callbacks, verbose, epochs=1, steps=source.steps
                )
                function = self._function("test", source)
                return loop.evaluate(
                    self, source, function, callbacks, execution=execution
                )

        return run

    def _keras_evaluate(
        self, x: Any, steps: Any, execution: int, callbacks: Any, verbose: Any
    ) -> dict:
        with self._keras_function("test", execution, self._test_jit()):
            return super().evaluate(
                x,
                steps=steps,
                callbacks=callbacks,
                verbose=verbose,
                return_dict=True,
            )

    def _validation(
        self, data: Any, batch_size: Any, steps: Any, frequency: Any
    ) -> Callable:
        """Function of an epoch and callbacks to the logs of validation."""
        if data is None:
            return lambda epoch, callbacks: {}
        data = keras.utils.unpack_x_y_sample_weight(data)
        run = self._evaluation(data, batch_size, steps)

        def validate(epoch: int, callbacks: Any) -> dict:
            if not loop.due(epoch, frequency):
                return {}
            logs = run(callbacks, 0)
            return {f"val_{name}": value for name, value in logs.items()}

        return validate

    def _choose(
        self, source: Any, x: Any, epochs: int, steps: Any, callbacks: Any
    ) -> int:
        """Choose XLA or not for a fit, and the steps in an execution."""
        batches = source.steps if source else _length(x, steps)
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
        key = (name, steps, jit)
        setattr(self, f"{name}_function", self._streams.get(key))
        getattr(self, f"make_{name}_function")()
        self._streams[key] = getattr(self, f"{name}_function")
        try:
            yield
        finally:
            self.steps_per_execution, self.jit_compile = before

    def _in_memory(self, x: Any) -> bool:
        if x is None:
            raise ValueError(
                "`x` is missing. Expected rows in memory or a stream. "
                "Received: x=None"
            )
        return validation.is_array(rows_of.sources(x))

    def _check_compiled(self, name: str) -> None:
        if not self.compiled:
            raise ValueError(
                f"You must call `compile()` before calling `{name}()`."
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


def _check_redrawn(x: Any, cut: bool) -> None:
    if cut and rows_of.redrawn(x):
        raise ValueError(
            "Rows that are drawn anew at every epoch cannot be cut by "
            "`steps_per_epoch`. Expected a stream. Received: "
            f"{type(x).__name__}. Call dynamic_binarization on a "
            "tf.data.Dataset."
        )


def _examples(batch: Any) -> Any:
    x = keras.utils.unpack_x_y_sample_weight(batch)[0]
    return keras.tree.map_structure(np.asarray, x)


def _length(x: Any, steps: int | None) -> int | None:
    """Batches in an epoch of a stream, None if not known."""
    if steps is None and isinstance(x, tf.data.Dataset):
        steps = int(x.cardinality())
    elif steps is None and isinstance(x, keras.utils.PyDataset):
        steps = x.num_batches
    return steps if steps and steps > 0 else None
