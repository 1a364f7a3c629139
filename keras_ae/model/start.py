"""Where a model starts from training examples, not from random numbers."""

from typing import final

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae import spaces
from keras_ae.core import rows as row_sources
from keras_ae.core.types import Rows
from keras_ae.model import streams
from keras_ae.model.batch import Batch
from keras_ae.parts import part
from keras_ae.parts.networks import principal

tfd = tfp.distributions

START_ROWS = 10_000  # as many tell mean and variance to one in a hundred


class Start:
    """Mixin of `BaseAutoencoder`: what happens before the first step."""

    @final
    def adapt(self, x: Rows | row_sources.RedrawnRows) -> None:
        """Initialize from training examples what is better not random; to
        be called before `fit`, if at all.

        Args:
            x: Rows in memory, or a `tf.data.Dataset` of batches, of which the
                first 10,000 rows or a little more are taken.

        Raises:
            ValueError: On rows that do not fit the model, or too few.

        Example:
            >>> model = keras_ae.Autoencoder.create(
            ...     (6,), 2, hidden=(8,), linear_path=True
            ... )
            >>> x = np.random.default_rng(0).normal(size=(50, 6))
            >>> model.adapt(x)  # now it is principal component analysis
            >>> np.allclose(model.embed(x).var(axis=0, ddof=1), 1, rtol=1e-4)
            True
        """
        if isinstance(x, tf.data.Dataset):
            x = streams.gathered(x, START_ROWS)
        x = self.check_inputs(self.as_rows(row_sources.sources(x)))
        self.build_on(x)
        examples = keras.tree.flatten(x)[0]
        self.start_from(examples)
        examples = np.concatenate([*self.space.chunks(examples)])
        if isinstance(self.decoder, principal.PrincipalNetwork):
            self._start_from_components(examples)
        examples[np.isnan(examples)] = 0  # weights have no holes
        for own in part.parts_of(self):
            own.adapt(self, examples)

    @final
    def encode_tensors(self, x: tf.Tensor) -> tfd.Distribution:
        """q(z|x) of examples as `space.tensor` gives them, `[B, ...]`, NaN in
        holes: of those that a part keeps from the training data."""
        return self.posterior(self.batch_of(x), self.moment())

    @final
    def batch_of(self, x: tf.Tensor, y: tf.Tensor | None = None) -> Batch:
        """A batch of examples, and targets, as `space.tensor` gives them,
        `[B, ...]`, NaN in holes."""
        target = x if y is None else y
        mask = seen = None
        if self.missing == "mask":
            mask, seen = ~tf.math.is_nan(target), ~tf.math.is_nan(x)
            target = tf.where(mask, target, 0.0)
            x = tf.where(tf.math.is_nan(x), 0.0, x)  # ONNX has no ~ here
        return Batch(x, target, mask=mask, seen=seen)

    @final
    def start_from(self, examples: np.ndarray) -> None:
        """Start the likelihood from checked examples `[N, ...]`, where its
        head was made with `start="data"` and nothing is trained yet."""
        if self.decoder.head.start == "data":
            first = self.space.chunks(examples[:START_ROWS])
            self.decoder.adapt(np.concatenate([*first]))

    def _start_from_components(self, examples: np.ndarray) -> None:
        """Start linear paths at the principal subspace."""
        if type(self.space).features is not spaces.BaseSpace.features:
            raise ValueError(
                "Principal components of examples are no start for what reads "
                "something else. Expected a space whose values are read as "
                "they are, such as an Array, Image or Series, for "
                f"linear_path=True. Received: {self.space!r}"
            )
        principal.start(self.encoder, self.decoder, examples)
