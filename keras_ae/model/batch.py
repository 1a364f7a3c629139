"""What a step works on: the batch, the moment, one pass, the players."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.math import draws

tfd = tfp.distributions


class Batch(NamedTuple):
    """Examples and all that is known of them, made once by `unpack`.

    Attributes:
        x: Examples `[B, ...]`, float32; holes are filled with 0.
        target: What is reconstructed, `[B, ...]`; by default `x`.
        given: What the model is told beside `x`, `[B, ...]`, or None.
        mask: Which values of the target were observed, bool, or None for all.
        label: For objectives that use labels, or None.
        weight: Weights of the examples, `[B]`, or None.
        seen: Which values of `x` were observed, bool, or None for all.
    """

    x: tf.Tensor
    target: tf.Tensor
    given: tf.Tensor | None = None
    mask: tf.Tensor | None = None
    label: tf.Tensor | None = None
    weight: tf.Tensor | None = None
    seen: tf.Tensor | None = None

    @property
    def size(self) -> tf.Tensor:
        """Number of examples, int32 `[]`."""
        return tf.shape(self.x)[0]


class Moment(NamedTuple):
    """When and how a hook is called.

    Attributes:
        training: Whether parts behave as in training.
        step: Optimizer steps taken so far.
        keys: Gives the next key, int32 `[2]`.
        place: Where this replica's rows lie in the global batch, and its
            size, see `replicas.place`; None where there is one replica.
        shared: Whether all rows get the same draws, so that what is said of
            a row depends on that row alone.
    """

    training: bool
    step: tf.Tensor
    keys: Callable[[], tf.Tensor]
    place: tuple[tf.Tensor, tf.Tensor] | None = None
    shared: bool = False

    def seed(self, rank: int | None = None) -> tf.Tensor | draws.RowSeed:
        """The next seed.

        Args:
            rank: Axes of what is drawn behind that of the examples. None: for
                numbers that belong to no example, the same on all replicas.
        """
        key = self.keys()
        if rank is None:
            return key
        return draws.row_seed(key, rank, self.place, self.shared)

    def sample(
        self, distribution: tfd.Distribution, shape: tuple = ()
    ) -> tf.Tensor:
        """Draws `[*shape, B, event]` of a distribution over examples."""
        seed = self.seed(len(distribution.event_shape))
        return draws.sample(distribution, shape, seed)


class Forward(NamedTuple):
    """One pass through the model, and all it computed.

    Attributes:
        batch: What went in.
        posterior: q(z|x), batch `[B]`.
        latent: Draws of it, `[(S...,) B, ...]`.
        prior: p(z), batch `[]`; None where there is none.
        likelihood: p(x|z), batch `[(S...,) B]`, of the observed values.
        extras: What a variant wants to hand on.
    """

    batch: Batch
    posterior: tfd.Distribution
    latent: tf.Tensor
    prior: tfd.Distribution | None
    likelihood: tfd.Distribution
    extras: dict


class Player(NamedTuple):
    """Somebody who minimizes: terms, the variables to change, an optimizer.

    Attributes:
        terms: Names of the terms whose weighted sum is minimized.
        variables: What this player may change.
        optimizer: A Keras optimizer.
    """

    terms: tuple[str, ...]
    variables: list[keras.Variable]
    optimizer: keras.Optimizer


def joined(tensors: tuple) -> tf.Tensor | tuple:
    """Inputs as the model takes them: one tensor alone, several in a tuple."""
    return tensors[0] if len(tensors) == 1 else tensors
