"""Callbacks for `fit`."""

import io
import math
import warnings
from collections.abc import Iterator
from pathlib import Path

import keras
import tensorflow as tf
from matplotlib.figure import Figure

from keras_ae.analysis import evaluation
from keras_ae.analysis import plots
from keras_ae.analysis import projector
from keras_ae.core import validation
from keras_ae.core.config import AutoConfig
from keras_ae.core.types import ArrayLike
from keras_ae.core.types import Logs
from keras_ae.core.types import Rows
from keras_ae.model.training.checkpoint import Checkpoint as Checkpoint
from keras_ae.parts import schedules


class CollapseMonitor(keras.callbacks.Callback):
    """Counts the latent units in use and warns in words when some collapse.

    A unit has collapsed when its posterior is the prior whatever the example:
    the decoder has learned to do without it. The count is logged after every
    epoch as `active_units`; the warning comes when it falls, or is not full
    at first.

    Args:
        x: Examples, some hundreds are enough.
        threshold: See `evaluation.active_units`. Defaults to 0.01.

    Example:
        >>> model = keras_ae.VAE.create((8,), latent_dim=2, hidden=(16,))
        >>> model.compile()
        >>> x = np.random.default_rng(0).random([64, 8])
        >>> monitor = CollapseMonitor(x, threshold=0.0)
        >>> history = model.fit(x, verbose=0, callbacks=[monitor])
        >>> history.history["active_units"]
        [2]
    """

    def __init__(self, x: Rows, threshold: float = 0.01):
        super().__init__()
        self.x = x
        self.threshold = validation.check_number("threshold", threshold, 0)

    def on_train_begin(self, logs: Logs = None) -> None:
        """Forget the last training."""
        self.active = None

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Count, log, and warn if fewer than before."""
        total = math.prod(self.model.encoder.event_shape)
        before = total if self.active is None else self.active
        self.active = evaluation.active_units(
            self.model, self.x, self.threshold
        )
        if logs is not None:
            logs["active_units"] = self.active
        if self.active < before:
            warnings.warn(
                f"Posterior collapse: after epoch {epoch + 1} only "
                f"{self.active} of {total} latent units of "
                f"{self.model.name!r} depend on the input, "
                f"{before - self.active} fewer than before. If this is not "
                "wanted, lower the weight of the KL, let it rise by a "
                "schedule, leave it free bits, or make the code shorter.",
                stacklevel=2,
            )


class EarlyStopping(keras.callbacks.EarlyStopping):
    """Keras' early stopping, which waits for the warm-up.

    While the weight of the KL rises, the loss does too, and a best epoch of
    that time says nothing. Epochs do not count before all schedules have come
    to their end: those of `compile(loss_weights=...)` and of the model's parts.

    Args: see `keras.callbacks.EarlyStopping`.

    Raises:
        ValueError: When training begins, if a schedule has no end.

    Example:
        >>> model = keras_ae.VAE.create((8,), latent_dim=2, hidden=(16,))
        >>> rise = keras_ae.schedules.Linear(0, 1, 4)
        >>> model.compile(loss_weights={"kl": rise})
        >>> stop = EarlyStopping("loss", patience=1, min_delta=1e6)
        >>> history = model.fit(
        ...     np.zeros([32, 8]), epochs=9, callbacks=[stop], verbose=0
        ... )
        >>> history.epoch  # from the fourth step on, no epoch is better
        [0, 1, 2, 3, 4]
    """

    def on_train_begin(self, logs: Logs = None) -> None:
        """See `keras.callbacks.Callback.on_train_begin`."""
        super().on_train_begin(logs)
        ends = [_end(own) for own in _schedules_of(self.model)]
        self.warm = max(ends, default=0)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """See `keras.callbacks.Callback.on_epoch_end`."""
        if int(self.model.step) >= self.warm:
            super().on_epoch_end(epoch, logs)


class Pictures(keras.callbacks.Callback):
    """Draws what a model does while it is trained.

    `examples`, with their reconstructions and new ones; the map of the `code`;
    what each of its `units` says; the learning `curves`. Of a model that
    cannot be drawn in some way, a warning says why.

    Args:
        x: Examples that are looked at, some hundreds are enough.
        to: Folder for files such as `code/epoch_0001.png`; or a writer of
            `tf.summary.create_file_writer`, for TensorBoard.
        labels: `[N]`, for the colors of the map.
        every: Epochs from one picture to the next. Defaults to 1.

    Example:
        >>> import os, tempfile
        >>> model = keras_ae.VAE.create((4, 4, 1), latent_dim=2, hidden=(8,))
        >>> model.compile()
        >>> x = np.random.default_rng(0).random([20, 4, 4, 1])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     pictures = Pictures(x, folder)
        ...     history = model.fit(x, verbose=0, callbacks=[pictures])
        ...     sorted(os.listdir(folder))
        ['code', 'curves', 'examples', 'units']
    """

    def __init__(
        self,
        x: Rows,
        to: str | Path | tf.summary.SummaryWriter,
        labels: ArrayLike | None = None,
        every: int = 1,
    ):
        super().__init__()
        self.x, self.to, self.labels = x, to, labels
        self.every = validation.check_count("every", every)

    def on_train_begin(self, logs: Logs = None) -> None:
        """Forget the last training."""
        self.curves: dict[str, list[float]] = {}
        self.left_out: set[str] = set()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Draw, if it is time."""
        for name, value in (logs or {}).items():
            self.curves.setdefault(name, []).append(float(value))
        if (epoch + 1) % self.every:
            return
        model = self.model
        drawings = {
            "examples": lambda: plots.examples(model, self.x),
            "code": lambda: plots.latent_map(model, self.x, self.labels),
            "units": lambda: plots.units(model, self.x),
            "curves": lambda: plots.history(self.curves),
        }
        for name in [n for n in drawings if n not in self.left_out]:
            try:
                figure = drawings[name]()
            except (ValueError, TypeError) as reason:
                self.left_out.add(name)
                warnings.warn(f"No picture of {name}: {reason}", stacklevel=2)
            else:
                self._put(name, figure, epoch + 1)

    def _put(self, name: str, figure: Figure, epoch: int) -> None:
        if isinstance(self.to, (str, Path)):
            folder = Path(self.to) / name
            folder.mkdir(parents=True, exist_ok=True)
            plots.save(figure, folder / f"epoch_{epoch:04d}.png")
            return
        file = io.BytesIO()
        figure.savefig(file, format="png")
        height, width, _ = tf.io.decode_png(file.getvalue()).shape
        # What `tf.summary.image` writes, which needs TensorBoard installed.
        plugin = tf.compat.v1.SummaryMetadata.PluginData(plugin_name="images")
        metadata = tf.compat.v1.SummaryMetadata(plugin_data=plugin)
        image = [str(width), str(height), file.getvalue()]
        with self.to.as_default():
            tf.summary.write(name, tf.constant(image), epoch, metadata)
        self.to.flush()


class Projector(keras.callbacks.Callback):
    """Writes the codes for TensorBoard's projector when training ends, see
    `projector.write`.

    Args:
        x, folder, labels: see `projector.write`.
    """

    def __init__(
        self, x: Rows, folder: str | Path, labels: ArrayLike | None = None
    ):
        super().__init__()
        self.x, self.folder, self.labels = x, folder, labels

    def on_train_end(self, logs: Logs = None) -> None:
        """Write."""
        projector.write(self.model, self.x, self.folder, self.labels)


def _schedules_of(model: keras.Model) -> Iterator[schedules.BaseSchedule]:
    """All that a model's weights and parts follow."""
    found = [*model.term_weights.named.values(), model]
    while found:
        value = found.pop()
        if isinstance(value, schedules.BaseSchedule):
            yield value
        elif isinstance(value, AutoConfig):
            found += [getattr(value, name) for name in value.parameters()]


def _end(schedule: schedules.BaseSchedule) -> int:
    if schedule.settled is None:
        raise ValueError(
            "There is nothing to wait for. Expected schedules that come to an "
            f"end. Received: {schedule!r}. Use keras.callbacks.EarlyStopping."
        )
    return schedule.settled
