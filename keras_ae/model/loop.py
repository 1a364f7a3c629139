"""How `fit`, `evaluate` and `predict` feed the steps of a model.

Rows in memory are gathered inside the compiled call: one call draws the
indices of up to `steps_per_execution` batches from a permutation and runs that
many steps. Streams (`tf.data`, generators) go through Keras' own loop.
"""

import math
from collections.abc import Callable
from typing import Any
from typing import final

import keras
import numpy as np
import tensorflow as tf

from keras_ae.core import rows as rows_of
from keras_ae.core import validation
from keras_ae.model import speed
from keras_ae.parts import schedules


class Feed:
    """Rows in memory, and the batches of one pass over them.

    Args:
        rows: Dict with `x` and, where given, `y` and `sample_weight`; each a
            structure of arrays of equal length.
        batch_size: Rows in a batch; the last one of a pass may be shorter.
        shuffle: Whether each pass has an order of its own.
    """

    def __init__(self, rows: dict, batch_size: int, shuffle: bool):
        self.x = rows["x"]
        rows = rows | {"x": rows_of.drawn(self.x, tf.constant([0, 0]))}
        self.rows = keras.tree.map_structure(as_rows, rows)
        sizes = {len(leaf) for leaf in keras.tree.flatten(self.rows)}
        if len(sizes) != 1:
            raise ValueError(
                "The arrays differ in their numbers of rows. Expected equal "
                f"numbers. Received: {sorted(sizes)}"
            )
        self.size = sizes.pop()
        self.batch_size = min(batch_size, self.size)
        self.shuffle = shuffle
        self.batches = math.ceil(self.size / self.batch_size)

    def first(self, count: int) -> dict:
        """The first rows, as a batch."""
        return keras.tree.map_structure(lambda t: t[:count], self.rows)

    def start(self, seed: Callable[[], tf.Tensor]) -> None:
        """Begin a pass: draw its order, and its rows where they change,
        from the model's seeds."""
        if rows_of.redrawn(self.x):
            self.rows["x"] = keras.tree.map_structure(
                as_rows, rows_of.drawn(self.x, seed())
            )
        order = tf.range(self.size)
        if self.shuffle:
            order = tf.random.experimental.stateless_shuffle(order, seed())
        self.order = order.numpy()

    def blocks(self, execution: int, steps: int) -> list:
        """Row indices `[steps, batch]` of one execution, and how many of the
        steps count; a shorter last batch makes a block of its own."""
        low = execution * steps
        high = min(low + steps, self.batches)
        full = min(high, self.size // self.batch_size)
        blocks = []
        if full > low:
            taken = self.order[low * self.batch_size : full * self.batch_size]
            index = np.zeros((steps, self.batch_size), np.int32)
            index[: full - low] = taken.reshape(-1, self.batch_size)
            blocks.append((index, full - low))
        if high > full:
            tail = self.order[full * self.batch_size :]
            blocks.append((tail[None].astype(np.int32), 1))
        return blocks


def as_rows(value: Any) -> tf.Tensor:
    """An array as a tensor of rows; double precision becomes single."""
    if not tf.is_tensor(value):
        value = np.asarray(value)
        if value.dtype == np.float64:
            value = value.astype(np.float32)
    return tf.convert_to_tensor(value)


class FastTraining:
    """Mixin for a `keras.Model`: fast defaults of the built-in loops."""

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
            loss_weights: Name of a term to a factor, a number or a schedule
                of optimizer steps, on top of the model's own weight:
                `{"kl": schedules.Linear(0, 1, 2000)}` warms the KL up.
            steps_per_execution: Steps in one compiled call, or `"auto"`.
            jit_compile: Whether to use XLA, or `"auto"`.
            run_eagerly: Run step by step in Python, for debugging.
            **kwargs: See `keras.Model.compile`; `metrics` compare the
                reconstruction with the target.

        Raises:
            ValueError: If `loss` is given, or a factor is negative.
        """
        if loss is not None:
            raise ValueError(
                f"{type(self).__name__} computes its own loss. Expected no "
                f"`loss`. Received: loss={loss!r}. Remove the `loss` argument "
                "of `compile()`."
            )
        self.term_weights = schedules.named(
            loss_weights or {}, "loss_weights", self.terms
        )
        self._asked = {
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
        }
        if jit_compile == "auto":
            choice = speed.jit_compile(self)
            if run_eagerly:
                choice = speed.Choice(False, "run_eagerly=True")
        else:
            choice = speed.Choice(jit_compile, "passed to compile()")
        self._chosen = {"jit_compile": choice}
        if steps_per_execution != "auto":
            self._chosen["steps_per_execution"] = speed.Choice(
                steps_per_execution, "passed to compile()"
            )
        super().compile(
            optimizer,
            jit_compile=choice.value,
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
        del config["loss"]
        config["loss_weights"] = keras.saving.serialize_keras_object(
            self.term_weights
        )
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
        chosen = dict(self._chosen)
        chosen.setdefault(
            "steps_per_execution",
            speed.Choice("auto", "chosen by fit() from the number of batches"),
        )
        return "\n".join(
            f"{name} = {choice.value}: {choice.reason}"
            for name, choice in chosen.items()
        )

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
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Train. As `keras.Model.fit`; `y` defaults to `x`.

        Rows in memory are checked once (shape, finite, inside the
        likelihood's support) and shuffled from the model's own seeds, whose
        state is saved with the model.

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
            steps_per_epoch: Batches in an epoch, for endless streams.
            **kwargs: See `keras.Model.fit`.

        Returns:
            The history: one list for each logged term.

        Raises:
            ValueError: On data that the model cannot be trained on.
        """
        self._assert_compile_called("fit")
        if class_weight is not None:
            raise ValueError(
                "`class_weight` needs class labels, which the targets of an "
                "autoencoder are not. Pass `sample_weight` instead."
            )
        arrays = self._takes_arrays(x) and steps_per_epoch is None
        if arrays and validation_split:
            split = validation.check_number(
                "validation_split", validation_split, 0, 1, open_high=True
            )
            if validation_data is None:
                (x, y, sample_weight), validation_data = _split(
                    (x, y, sample_weight), split
                )
            validation_split = 0.0
        if isinstance(validation_data, (list, tuple)):
            validation_data = tuple(map(_fixed, validation_data))
        validation_data = _fixed(validation_data)
        kwargs |= {
            "epochs": epochs,
            "verbose": verbose,
            "validation_split": validation_split,
            "validation_data": validation_data,
            "initial_epoch": initial_epoch,
        }
        kwargs["callbacks"] = callbacks
        if not arrays:
            if rows_of.redrawn(x):
                raise ValueError(
                    "Rows that are drawn anew at every epoch cannot be cut by "
                    "`steps_per_epoch` or spread by a distribution strategy. "
                    f"Expected a stream. Received: {type(x).__name__}. Call "
                    "dynamic_binarization on a tf.data.Dataset."
                )
            # Only arrays and indexed data sets are Keras' to shuffle.
            indexed = isinstance(x, keras.utils.PyDataset)
            indexed = indexed and x.num_batches is not None
            if validation.is_array(x):
                self.check_rows(x, y)
                kwargs["batch_size"] = batch_size
                indexed = True
            kwargs["shuffle"] = shuffle and indexed
            self._choose_steps(_cardinality(x, steps_per_epoch), callbacks)
            return super().fit(
                x,
                y,
                sample_weight=sample_weight,
                steps_per_epoch=steps_per_epoch,
                **kwargs,
            )
        feed = self._feed(x, y, sample_weight, batch_size, shuffle)
        kwargs.setdefault("validation_batch_size", feed.batch_size)
        self._choose_steps(feed.batches, callbacks)
        self._feeds["train"] = feed
        try:
            return super().fit(
                _counter(feed),
                shuffle=False,
                steps_per_epoch=feed.batches,
                **kwargs,
            )
        finally:
            del self._feeds["train"]

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
        **kwargs: Any,
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
            steps: Batches to draw from a stream.
            callbacks: Keras callbacks.
            return_dict: Return a dict of terms instead of a list.
            **kwargs: See `keras.Model.evaluate`.

        Returns:
            The terms, in nats per example.
        """
        self._assert_compile_called("evaluate")
        kwargs |= {
            "verbose": verbose,
            "callbacks": callbacks,
            "return_dict": return_dict,
        }
        with self.evaluation_seeds():
            if not self._takes_arrays(x) or steps is not None:
                return super().evaluate(
                    x,
                    y,
                    batch_size=batch_size,
                    sample_weight=sample_weight,
                    steps=steps,
                    **kwargs,
                )
            feed = self._feed(x, y, sample_weight, batch_size, shuffle=False)
            # The iterator that `fit` made for the rows is not used.
            kwargs.pop("_use_cached_eval_dataset", None)
            self._feeds["test"] = feed
            before = self.steps_per_execution
            if self._asked["steps_per_execution"] == "auto":
                self.steps_per_execution = speed.steps_per_execution(
                    feed.batches, None
                ).value
            try:
                return super().evaluate(
                    _counter(feed), steps=feed.batches, **kwargs
                )
            finally:
                self.steps_per_execution = before
                del self._feeds["test"]

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
            return self.reconstruct(x, batch_size)
        return super().predict(x, batch_size, verbose, steps, callbacks)

    @final
    def make_train_function(self, force: bool = False) -> Callable:
        """See `keras.Model.make_train_function`."""
        if self.train_function is None or force:
            self.train_function = self._route("train", self.train_step)
        return self.train_function

    @final
    def make_test_function(self, force: bool = False) -> Callable:
        """See `keras.Model.make_test_function`."""
        if self.test_function is None or force:
            self.test_function = self._route("test", self.test_step)
        return self.test_function

    def _takes_arrays(self, x: Any) -> bool:
        if x is None:
            raise ValueError(
                "`x` is missing. Expected rows in memory or a stream. "
                "Received: x=None"
            )
        in_memory = validation.is_array(rows_of.sources(x))
        with self.distribute_strategy.scope():
            return in_memory and not tf.distribute.has_strategy()

    def _feed(
        self, x: Any, y: Any, weight: Any, batch_size: int | None, shuffle: bool
    ) -> Feed:
        """Checked rows; the model, its optimizers and metrics built on them."""
        self.check_rows(rows_of.sources(x), y)
        rows = {"x": x, "y": y, "sample_weight": weight}
        rows = {k: v for k, v in rows.items() if v is not None}
        rows = {k: _no_lists(v) for k, v in rows.items()}
        if weight is not None:
            validation.check_data("sample_weight", rows["sample_weight"], ())
        feed = Feed(
            rows,
            validation.check_count(
                "batch_size", 32 if batch_size is None else batch_size
            ),
            bool(shuffle),
        )
        batch = self.unpack(_pack(feed.first(1)))
        self.build_optimizers()
        if any(m.name == "compile_metrics" for m in self.metrics):
            self.compute_metrics(
                batch.x,
                batch.target,
                self.reconstruction(batch, self.moment()),
            )
            self.reset_metrics()
        return feed

    def _choose_steps(self, batches: int | None, callbacks: Any) -> None:
        if self._asked["steps_per_execution"] == "auto":
            with self.distribute_strategy.scope():
                choice = speed.steps_per_execution(batches, callbacks)
            self.steps_per_execution = choice.value
            self._chosen["steps_per_execution"] = choice

    def _stream(self, name: str) -> Callable:
        """Keras' own function for streams; it fixes the number of steps in
        an execution when it is first called."""
        make = getattr(super(), f"make_{name}_function")
        ours = getattr(self, f"{name}_function")
        make(force=True)
        theirs = getattr(self, f"{name}_function")
        setattr(self, f"{name}_function", ours)
        return theirs

    def _route(self, name: str, step: Callable) -> Callable:
        """The function that Keras' loop calls once an execution."""
        streams: dict[int, Callable] = {}

        def block(rows: dict, index: tf.Tensor, count: tf.Tensor) -> dict:
            def body(i: tf.Tensor) -> tf.Tensor:
                batch = keras.tree.map_structure(
                    lambda t: tf.gather(t, index[i]), rows
                )
                step(_pack(batch))
                return [i + 1]

            tf.while_loop(lambda i: i < count, body, [tf.constant(0)])
            return self.get_metrics_result()

        if not self.run_eagerly:
            block = tf.function(
                block,
                jit_compile=self.jit_compile,
                autograph=False,
            )

        def function(iterator: Any) -> dict:
            feed = self._feeds.get(name)
            if feed is None:
                steps = self.steps_per_execution
                if steps not in streams:
                    streams[steps] = self._stream(name)
                return streams[steps](iterator)
            execution = int(next(iterator))
            if execution == 0:
                feed.start(self.next_seed)
            for index, count in feed.blocks(
                execution, min(self.steps_per_execution, feed.batches)
            ):
                logs = block(feed.rows, tf.constant(index), tf.constant(count))
            return logs

        function.block = block  # for tests that count traces
        return function


def _counter(feed: Feed) -> tf.data.Dataset:
    """The numbers of the executions, all that Keras' loop has to iterate."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    options.autotune.enabled = False
    return tf.data.Dataset.range(feed.batches).with_options(options)


def _pack(rows: dict) -> tuple:
    return rows["x"], rows.get("y"), rows.get("sample_weight")


def _no_lists(value: Any) -> Any:
    return np.asarray(value) if isinstance(value, list) else value


def _fixed(value: Any) -> Any:
    """Rows for validation; those that change are drawn once."""
    return rows_of.drawn(_no_lists(value), tf.constant([0, 0]))


def _cardinality(x: Any, steps: int | None) -> int | None:
    if steps is None and isinstance(x, tf.data.Dataset):
        steps = int(x.cardinality())
    elif steps is None and isinstance(x, keras.utils.PyDataset):
        steps = x.num_batches
    return steps if steps and steps > 0 else None


def _split(data: tuple, fraction: float) -> tuple[tuple, tuple]:
    """Rows before and after the cut, as Keras cuts: the last are kept."""
    data = tuple(
        d
        if d is None
        else keras.tree.map_structure(
            lambda t: t if hasattr(t, "draw") else np.asarray(t), _no_lists(d)
        )
        for d in data
    )
    rows = len(keras.tree.flatten(data[0])[0])
    cut = int(math.floor(rows * (1.0 - fraction)))
    if cut in (0, rows):
        raise ValueError(
            f"`validation_split` leaves no rows for "
            f"{'training' if cut == 0 else 'validation'}. Expected a fraction "
            f"that splits {rows} rows. Received: {fraction}"
        )

    def take(part: slice) -> tuple:
        return tuple(
            None
            if d is None
            else keras.tree.map_structure(lambda t: t[part], d)
            for d in data
        )

    return take(slice(cut)), take(slice(cut, None))
