"""What `fit`, `evaluate` and `predict` do with rows and with streams.

Rows in memory, and everything under a distribution strategy, run in the loop
of `epochs`: one compiled call runs up to `steps_per_execution` steps. Other
streams (`tf.data`, generators) go through Keras' own loop.
"""

from collections.abc import Callable
from typing import Any
from typing import final

import keras
import numpy as np
import tensorflow as tf

from keras_ae import spaces
from keras_ae.core import backend
from keras_ae.core import rows as rows_of
from keras_ae.core import shards
from keras_ae.core import validation
from keras_ae.model import finite
from keras_ae.model import infer
from keras_ae.model import magnitude
from keras_ae.model import streams
from keras_ae.model.training import checkpoint
from keras_ae.model.training import epochs as loop
from keras_ae.model.training import feed
from keras_ae.model.training import settings
from keras_ae.model.training import sharded
from keras_ae.model.training import single
from keras_ae.model.training import speed
from keras_ae.model.training import spread


class FastTraining(single.SingleBatches, settings.Settings):
    """Mixin for a `keras.Model`: fast defaults of the built-in loops."""

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
            x: Rows in memory (NumPy, pandas, tensors), rows on disk
                (`keras_ae.shards`) or a stream.
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
            NonFiniteError: At the first step that gives a term, a gradient or
                a weight that is NaN or infinite; the weights and all other
                state are then those of the last good step.
        """
        self._check_compiled("fit")
        single.check_no_class_weight(class_weight)
        x = self.as_rows(x)
        if y is not None:
            y = self.space.rows("y", rows_of.unmasked(y))
        data = (x, y, sample_weight)
        if self._in_memory(x):
            feed.check_redrawn(x, steps_per_epoch is not None)
            data = tuple(map(feed.arrays, data))
            if validation_split and validation_data is None:
                share = validation.check_number(
                    "validation_split", validation_split, 0, 1, open_high=True
                )
                data, validation_data = feed.split(data, share)
            validation_split = 0.0
        epochs, steps_per_epoch = loop.capped(epochs, steps_per_epoch)
        source = self._source(data, batch_size, steps_per_epoch, shuffle)
        if not self._in_memory(x):
            x = self._begun(x)
        validate = self._validation(
            validation_data,
            validation_batch_size or batch_size,
            validation_steps,
            validation_freq,
        )
        execution = self._choose(source, x, epochs, steps_per_epoch, callbacks)
        span = {"epochs": epochs, "initial_epoch": initial_epoch}
        callbacks = loop.listed(
            self,
            callbacks,
            verbose,
            add_history=True,
            epochs=epochs,
            steps=source.steps
            if source
            else settings.length(x, steps_per_epoch),
        )

        def validated(epoch: int) -> dict:
            return validate(epoch, callbacks)

        if source is not None:
            with checkpoint.arranged(callbacks, source):
                loop.train(
                    self,
                    source,
                    self._function("train", source),
                    callbacks,
                    execution=execution,
                    validate=validated,
                    **span,
                )
            return self.history
        callbacks.callbacks.insert(0, loop.Validation(validated))
        # Only indexed data sets are Keras' to shuffle.
        indexed = isinstance(x, keras.utils.PyDataset)
        indexed = indexed and x.num_batches is not None
        with (
            checkpoint.arranged(callbacks, source),
            self._keras_function("train", execution, self.jit_compile),
        ):
            guard = self._watch(execution)
            callbacks.callbacks.insert(0, loop.Watching(guard))
            return super().fit(
                x,
                y,
                sample_weight=sample_weight,
                validation_split=validation_split,
                shuffle=shuffle and indexed,
                steps_per_epoch=steps_per_epoch,
                callbacks=callbacks,
                **span,
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
            NonFiniteError: If the weights are not finite, or a term is NaN.
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

        Raises:
            ValueError: On rows that are not finite or do not fit the model.
            NonFiniteError: If the weights are not finite.
        """
        asked, rows = x, self.as_rows(x)
        if validation.is_array(rows) and steps is None and not callbacks:
            return self.reconstruct_rows(rows, batch_size, None, x)
        x = sharded.ordered(rows, batch_size)
        strategy = backend.strategy(self)
        if spread.has_workers(strategy) and isinstance(x, tf.data.Dataset):
            # Each worker for itself; Keras' way would need all at once.
            taken = x if steps is None else x.take(steps)
            return self.reconstruct(taken, batch_size)
        finite.check_weights(self)
        if not validation.is_array(x):
            _, x = streams.peeked(x)
        means = super().predict(x, batch_size, verbose, steps, callbacks)
        if np.isnan(means).any():
            axes = tuple(range(1, means.ndim))
            rows = np.flatnonzero(np.isnan(means).any(axis=axes))
            raise ValueError(
                "`x` holds rows that are not finite, or too large for the "
                f"model. Expected finite numbers. Received: {len(rows)} such "
                f"rows, the first at {rows[:5].tolist()}. Drop or fill them."
            )
        like = infer.first(asked) if validation.is_array(rows) else None
        return self.space.array(means, None, like if steps is None else None)

    @final
    def predict_step(self, data: Any) -> Any:
        """The means of a batch, see `keras.Model.predict_step`; NaN for rows
        that are not finite."""
        x = keras.utils.unpack_x_y_sample_weight(data)[0]
        return finite.told(
            self(x),
            keras.tree.map_structure(tf.convert_to_tensor, x),
            self.missing == "mask",
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
            data = tuple(map(feed.arrays, data))
            rows = self._checked(data, shuffle is not None)
            batch_size = validation.check_count(
                "batch_size", 32 if batch_size is None else batch_size
            )
            if isinstance(rows["x"], shards.Shards):
                source = sharded.feed(
                    rows, batch_size, bool(shuffle), steps, strategy
                )
            else:
                source = feed.Feed(
                    rows,
                    batch_size,
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
            if shuffle is not None and self._in_memory(data[0]):
                rows = keras.tree.flatten(rows_of.sources(data[0]))
                self.start_from(rows_of.held(rows[0]))
            self.build_optimizers()
            if backend.has_compiled_metrics(self):
                # The scope keeps what the metrics would have counted.
                with keras.StatelessScope():
                    prediction = self.reconstruction(batch, self.moment())
                    self.compute_metrics(batch.x, batch.target, prediction)
        return source

    def _begun(self, x: Any) -> Any:
        """A stream, once its first batch was checked and the model started
        from it."""
        rows, y, x = self._first_rows(x)
        if rows is None:
            return x
        magnitude.check_trained(self, rows, y)
        with backend.strategy(self).scope():
            self.start_from(keras.tree.flatten(rows)[0])
        return x

    def _first_rows(self, x: Any) -> tuple:
        """Rows and targets of the first batch of a stream, checked, or None,
        and the stream with all of it."""
        # Workers may shuffle a stream each in its own way.
        if spread.has_workers(backend.strategy(self)):
            return None, None, x
        begun, x = streams.peeked(x)
        if begun is None:
            return None, None, x
        rows, y, _ = keras.utils.unpack_x_y_sample_weight(begun)
        try:
            rows = self.check_rows(rows, y)
        except (TypeError, ValueError) as error:
            raise type(error)(
                f"The first batch of the stream: {error} A stream gives "
                "batches of rows, see `batch` of tf.data; the second of a "
                "pair is the target, not a label: labels of a model made with "
                "`given` come as ((x, labels),)."
            ) from None
        return rows, y, x

    def _evaluation(self, data: tuple, batch_size: Any, steps: Any) -> Callable:
        """Checked and prepared once; function of callbacks and verbosity to
        the logs of an evaluation."""
        x, y, weight = data
        y = None if y is None else self.space.rows("y", rows_of.unmasked(y))
        data = sharded.ordered(self.as_rows(x), batch_size), y, weight
        if self._in_memory(data[0]):
            data = (feed.fixed(data[0]), *data[1:])
        else:
            data = (self._first_rows(data[0])[2], *data[1:])
        source = self._source(data, batch_size, steps, None)
        execution = self.steps_per_execution
        if self._asked["steps_per_execution"] == "auto":
            batches = (
                source.steps if source else settings.length(data[0], steps)
            )
            with backend.strategy(self).scope():
                execution = speed.steps_per_execution(batches, None).value

        def logs(callbacks: Any, verbose: Any) -> dict:
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

        def run(callbacks: Any, verbose: Any) -> dict:
            finite.check_weights(self)
            with self.evaluation_seeds():
                found = logs(callbacks, verbose)
            finite.check_terms({n: found[n] for n in self.terms})
            return found

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
        if isinstance(data, list) and isinstance(self.space, spaces.Series):
            data = (data,)  # several series, no examples and targets
        data = keras.utils.unpack_x_y_sample_weight(data)
        run = self._evaluation(data, batch_size, steps)

        def validate(epoch: int, callbacks: Any) -> dict:
            if not loop.due(epoch, frequency):
                return {}
            logs = run(callbacks, 0)
            return {f"val_{name}": value for name, value in logs.items()}

        return validate

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
