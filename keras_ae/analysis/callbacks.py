"""Callbacks for `fit`."""

import math
import warnings

import keras

from keras_ae.analysis import evaluation
from keras_ae.core import validation
from keras_ae.core.types import Logs
from keras_ae.core.types import Rows
from keras_ae.model.checkpoint import Checkpoint as Checkpoint


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
