"""Steps on one batch, whose rows are checked as those of `fit` are."""

from typing import Any
from typing import final

from keras_ae.core import rows as rows_of
from keras_ae.core import validation
from keras_ae.core.types import ArrayLike
from keras_ae.core.types import Rows
from keras_ae.model import magnitude
from keras_ae.model.training import feed


class SingleBatches:
    """Mixin for a `keras.Model`: `train_on_batch`, `test_on_batch`."""

    @final
    def train_on_batch(
        self,
        x: Rows,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """One step on a batch. As `keras.Model.train_on_batch`; `y` defaults
        to `x`.

        Args:
            x: Rows in memory.
            y: Targets, if not `x` itself.
            sample_weight: `[N]` weights of the examples in every term.
            class_weight: Not supported.
            return_dict: Return a dict of terms instead of a list.

        Returns:
            The terms of the batch, in nats per example.

        Raises:
            ValueError: On data that the model cannot be trained on.

        Example:
            >>> vae = keras_ae.VAE.create((8,), latent_dim=2, hidden=(16,))
            >>> vae.compile("adam")
            >>> terms = vae.train_on_batch(np.zeros([32, 8]), return_dict=True)
            >>> sorted(terms)
            ['kl', 'loss', 'reconstruction', 'scale']
        """
        check_no_class_weight(class_weight)
        batch = self._batch_of_rows(x, y, sample_weight, True)
        return super().train_on_batch(*batch, return_dict=return_dict)

    @final
    def test_on_batch(
        self,
        x: Rows,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        return_dict: bool = False,
    ) -> Any:
        """The terms of a batch. As `keras.Model.test_on_batch`; arguments,
        result and errors: see `train_on_batch`."""
        batch = self._batch_of_rows(x, y, sample_weight, False)
        return super().test_on_batch(*batch, return_dict=return_dict)

    def _batch_of_rows(self, x: Any, y: Any, weight: Any, train: bool) -> tuple:
        if y is not None:
            y = self.space.rows("y", rows_of.unmasked(y))
        data = tuple(map(feed.arrays, (self.as_rows(x), y, weight)))
        return feed.Feed(self._checked(data, train), 1, False).whole()

    def _checked(self, data: tuple, train: bool) -> dict:
        """Rows in memory `(x, y, sample_weight)` that fit the model, those of
        them that are given, for a `Feed`.

        Raises:
            ValueError: On data that the model cannot be trained on, if it is
                to be; else on such as do not fit it.
        """
        x, y, weight = data
        self.check_rows(rows_of.sources(x), y)
        if train:
            magnitude.check_trained(self, rows_of.sources(x), y)
        if weight is not None:
            validation.check_data("sample_weight", weight, ())
        rows = {"x": x, "y": y, "sample_weight": weight}
        return {name: v for name, v in rows.items() if v is not None}


def check_no_class_weight(class_weight: Any) -> None:
    """Refuse weights of classes.

    Raises:
        ValueError: If there are some.
    """
    if class_weight is not None:
        raise ValueError(
            "`class_weight` needs class labels, which the targets of an "
            "autoencoder are not. Pass `sample_weight` instead."
        )
