"""A view of rows: one score of a fitted detector, with what it learned."""

from typing import Any
from typing import NamedTuple
from typing import Self

import numpy as np
import tensorflow as tf

from keras_ae.jobs import scores as kinds
from keras_ae.jobs import training
from keras_ae.jobs.learned import Learned
from keras_ae.math import conformal
from keras_ae.model.base import BaseAutoencoder


class View(NamedTuple):
    """One of the scores of a fitted detector.

    Attributes:
        score: Which.
        learned: Its model.
        arrays: What it learned from training rows.
        tail: Of the score among held-out rows; None where it stands alone.
    """

    score: kinds.BaseScore
    learned: Learned
    arrays: dict[str, np.ndarray]
    tail: dict[str, np.ndarray] | None = None

    @classmethod
    def of(
        cls,
        score: kinds.BaseScore,
        learned: Learned,
        train: training.Part,
        ruler: training.Part | None,
    ) -> Self:
        """What a score learns of training rows, and how surprising it is
        among rows that are held out."""
        with learned.model() as model:
            view = cls(score, learned, score.learn(model, train.rows))
        if ruler is None:
            return view
        return view._replace(tail=conformal.tail(view.values(ruler.rows)))

    def values(self, rows: Any) -> np.ndarray:
        """Abnormality of rows, `[N]`: the score itself, or how surprising
        it is.

        Raises:
            ValueError: On rows outside the support of the likelihood.
        """
        with self.learned.model() as model:
            rows = model.check_rows(rows)
            found = kinds.values(self.score, model, rows, self.arrays)
        return self._seen(tf.constant(found)).numpy()

    def tensor(self, model: BaseAutoencoder, rows: tf.Tensor) -> tf.Tensor:
        """As `values`, in a graph, of a copy of the model."""
        known = {n: tf.constant(array) for n, array in self.arrays.items()}
        return self._seen(self.score.tensor(model, rows, known))

    def _seen(self, found: tf.Tensor) -> tf.Tensor:
        if self.tail is None:
            return found
        return conformal.surprise(found, self.tail)
