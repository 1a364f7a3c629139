"""Checkpoints: the whole state of a training in one file that cannot tear."""

import contextlib
import hashlib
import itertools
import json
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import tensorflow as tf

from keras_ae.core import backend
from keras_ae.core import files
from keras_ae.core import replicas
from keras_ae.core import validation
from keras_ae.core.types import Json
from keras_ae.core.types import Logs
from keras_ae.model.training import feed
from keras_ae.model.training import spread

SUFFIX = ".weights.h5"  # Keras insists on it
STATE = "checkpoint"  # the entry of the file beside what Keras writes


class Checkpoint(keras.callbacks.Callback):
    """Keeps the state of a training, and goes on from it when `fit` begins.

    A training that is ended at any moment, by `kill -9` too, and started
    again by the same script ends with the weights of one that ran through, to
    the last bit. Everything is in one file for each checkpoint, which is
    written beside its place, flushed and renamed: weights, optimizers, seeds,
    epoch, step, history, seconds. A file that something else has damaged is
    set aside with a warning, and the one before is taken.

    `fit` calls this callback after all others. It returns the whole history,
    of the epochs before a restart too. A training that is complete is
    restored and not trained on; delete the folder to begin anew. Rows in
    memory go on where they were; a `tf.data.Dataset` begins a pass, in the
    order that it would have in a new process. Other callbacks begin anew, so
    that `EarlyStopping` counts from the restart on. Of several workers the
    first one writes and all read: the folder is one that they share.

    Args:
        folder: Folder of the checkpoints, of one training at a time.
        every: Epochs from one checkpoint to the next. The last epoch always
            has one.
        keep: How many of them stay.

    Attributes:
        seconds: Wall time of all epochs so far, over restarts.

    Raises:
        ValueError: In `fit`: if the checkpoint is one of another model, if
            the model is not built, if several workers call `fit` inside the
            strategy's scope, if another process has the folder, or if
            workers find different checkpoints.

    Example:
        >>> import tempfile
        >>> model = keras_ae.VAE.create((8,), latent_dim=2, hidden=(16,))
        >>> model.compile()
        >>> x = np.random.default_rng(0).random([64, 8])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     checkpoint = Checkpoint(folder)
        ...     _ = model.fit(x, epochs=2, verbose=0, callbacks=[checkpoint])
        ...     history = model.fit(
        ...         x, epochs=3, verbose=0, callbacks=[Checkpoint(folder)]
        ...     )
        >>> history.epoch
        [0, 1, 2]
    """

    def __init__(self, folder: str | Path, every: int = 1, keep: int = 2):
        super().__init__()
        self.folder = Path(folder)
        self.every = validation.check_count("every", every)
        self.keep = validation.check_count("keep", keep)
        self.seconds = 0.0
        self.source: Any = None
        self._locked = contextlib.ExitStack()

    def on_train_begin(self, logs: Logs = None) -> None:
        """Restore the newest checkpoint, if there is one."""
        if not self.model.built:
            raise ValueError(
                f"{self.model.name!r} is not built, so there is nothing to "
                "restore to. Expected a built model. Call `build` or `create` "
                "first."
            )
        strategy = backend.strategy(self.model)
        if spread.has_workers(strategy) and tf.distribute.has_strategy():
            raise ValueError(
                "A checkpoint is written by one worker alone, which inside a "
                "strategy's scope would wait for the others. Expected `fit` "
                "outside of `strategy.scope()`. Received: inside. Only "
                "`create` and `compile` belong there."
            )
        self._chief = replicas.is_chief(strategy)
        self.seconds = 0.0
        with contextlib.ExitStack() as stack:
            if self._chief:
                stack.enter_context(files.lock(self.folder))
            found = self._newest()
            epoch = 0 if found is None else found[1]["epoch"]
            if spread.has_workers(strategy):
                _check_agreement(strategy, epoch, self.folder)
            if found is not None:
                self._restore(*found)
            self._locked = stack.pop_all()
        backend.set_first_epoch(self.model, epoch or None)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Start the clock."""
        backend.set_first_epoch(self.model, None)  # of this `fit` alone
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write a checkpoint, if one is due."""
        self.seconds += time.monotonic() - self._started
        last = epoch + 1 == self.params["epochs"] or self.model.stop_training
        if self._chief and (last or (epoch + 1) % self.every == 0):
            self._write(epoch + 1)

    def on_train_end(self, logs: Logs = None) -> None:
        """Let others have the folder."""
        self.release()

    def release(self) -> None:
        """Hold neither the folder nor the rows any more."""
        if self.model is not None:
            backend.set_first_epoch(self.model, None)
        self.source = None
        self._locked.close()

    def _write(self, epoch: int) -> None:
        history = self.model.history
        state = {
            "epoch": epoch,
            "step": int(self.model.step),
            "seconds": self.seconds,
            "history": history.history,
            "epochs": history.epoch,
            "place": self.source and self.source.place_in_pass(),
            "variables": _described(self.model),
        }
        path = self.folder / f"epoch-{epoch:06}{SUFFIX}"
        with files.replacing(path) as part:
            self.model.save_weights(part)
            with h5py.File(part, "a") as file:
                file[STATE] = json.dumps(state, default=_plain)
                file.attrs["sha256"] = _sha256(file)
        for old in self._paths()[: -self.keep]:
            old.unlink()

    def _paths(self) -> list[Path]:
        """The checkpoints there are, the newest last."""
        return sorted(self.folder.glob(f"epoch-*{SUFFIX}"))

    def _newest(self) -> tuple[Path, dict[str, Any]] | None:
        """The newest whole checkpoint, and its state."""
        for path in reversed(self._paths()):
            try:
                return path, _read(path)
            except (OSError, ValueError, KeyError, RuntimeError) as error:
                warnings.warn(
                    f"The checkpoint {str(path)!r} is damaged and is set "
                    "aside. Training goes on from the one before; if there is "
                    f"none, it begins anew. Received: {error}",
                    stacklevel=2,
                )
                if self._chief:
                    path.rename(path.with_name(f"{path.name}.damaged"))
        return None

    def _restore(self, path: Path, state: dict[str, Any]) -> None:
        self.model.build_optimizers()
        pairs = itertools.zip_longest(
            _described(self.model), state["variables"], fillvalue="nothing"
        )
        for expected, received in pairs:
            if expected != received:
                raise ValueError(
                    f"The checkpoint {str(path)!r} is one of another model or "
                    f"optimizer. Expected {expected}. Received: {received}. "
                    "Choose another folder, or delete this one to begin anew."
                )
        self.model.load_weights(path)
        self.model.history.history = state["history"]
        self.model.history.epoch = state["epochs"]
        self.seconds = state["seconds"]
        if self.source and state["place"]:
            self.source.go_on(state["place"])


@contextlib.contextmanager
def arranged(
    callbacks: keras.callbacks.CallbackList, source: Any
) -> Iterator[None]:
    """Put checkpoints after all callbacks whose work they keep, and tell them
    the source of rows; warn of Keras' own. After the block, which may end by
    an error, others may have their folders.

    Args:
        callbacks: Those of a `fit`.
        source: `Feed`, or None for what cannot go on in the middle of a pass.
    """
    for callback in callbacks.callbacks:
        if isinstance(callback, Checkpoint):
            callback.source = source if isinstance(source, feed.Feed) else None
        elif isinstance(callback, keras.callbacks.BackupAndRestore):
            warnings.warn(
                "keras.callbacks.BackupAndRestore cannot resume after a kill "
                "while it writes, or does an epoch twice. Use "
                f"keras_ae.callbacks.Checkpoint({str(callback.backup_dir)!r}).",
                stacklevel=4,
            )
    callbacks.callbacks.sort(key=lambda c: isinstance(c, Checkpoint))
    try:
        yield
    finally:
        for callback in callbacks.callbacks:
            if isinstance(callback, Checkpoint):
                callback.release()


def _read(path: Path) -> dict[str, Any]:
    """The state in a checkpoint, all of which is as it was written."""
    with h5py.File(path) as file:
        expected, received = file.attrs["sha256"], _sha256(file)
        if expected != received:
            raise ValueError(f"sha256 {received} instead of {expected}")
        return json.loads(file[STATE][()])


def _sha256(file: h5py.File) -> str:
    """Hex digest of all arrays in an HDF5 file, with their names."""
    digest = hashlib.sha256()

    def add(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            value = np.asarray(node[()])
            digest.update(f"{name} {value.shape} {value.dtype}".encode())
            digest.update(value.tobytes())

    file.visititems(add)
    return digest.hexdigest()


def _described(model: keras.Model) -> list[str]:
    """What a checkpoint has to agree on: class, and variables in order."""
    return [
        type(model).__name__,
        *(f"{v.dtype} of shape {tuple(v.shape)}" for v in model.weights),
        *(
            f"{v.dtype} of shape {tuple(v.shape)}, of training"
            for v in model.states()
        ),
    ]


def _plain(value: Any) -> Json:
    """A number or an array that a callback has logged, for JSON."""
    return np.asarray(value).tolist()


def _check_agreement(
    strategy: tf.distribute.Strategy, epoch: int, folder: Path
) -> None:
    """Refuse that workers go on from different epochs."""
    with spread.guarded(strategy):
        same = replicas.agree(strategy, epoch)
    if not same:
        raise ValueError(
            "The workers found different checkpoints. Expected the same in "
            f"{str(folder)!r} on all of them, a folder that they share. "
            f"Received: epoch {epoch} on this one, others elsewhere."
        )
