"""What parts of an objective have in common."""

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from keras_ae.core.config import AutoConfig

if TYPE_CHECKING:
    from keras_ae.model.base import BaseAutoencoder
    from keras_ae.model.batch import Forward
    from keras_ae.model.batch import Moment


class BasePart(AutoConfig):
    """A part that may add terms to the objective of the model it is in.

    The base of all variants asks each part for its terms, tells it when a
    step is over, and hands it the examples of `adapt`.
    """

    #: name -> one line with unit; of the terms that this part adds.
    terms: dict[str, str] = {}
    #: Those that are one number a batch, not one for each example.
    batch_statistics: frozenset[str] = frozenset()

    def loss_terms(
        self, forward: "Forward", moment: "Moment"
    ) -> dict[str, tf.Tensor]:
        """The terms by name, as in `BaseAutoencoder.loss_terms`."""
        del forward, moment
        return {}

    def after_step(self, forward: "Forward", moment: "Moment") -> None:
        """Change state that no optimizer changes; equal on all replicas."""
        del forward, moment

    def adapt(self, model: "BaseAutoencoder", x: np.ndarray) -> None:
        """Initialize from examples as `space.tensor` gives them, `[N, ...]`,
        0 in holes, what is better not random."""
        del model, x


def parts_of(owner: AutoConfig) -> list[BasePart]:
    """The parts among the constructor arguments of an object."""
    values = owner.arguments().values()
    return [value for value in values if isinstance(value, BasePart)]
