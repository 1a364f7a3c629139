"""The latent space: tangent planes, lines, traversals, and mere copying.

Users reach these functions as `keras_ae.evaluation`.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_ae import spaces
from keras_ae.core import validation
from keras_ae.core.types import Rows
from keras_ae.model import compiled
from keras_ae.model.base import BaseAutoencoder


class TangentSpace(NamedTuple):
    """Directions that the code of each example is most sensitive to.

    Attributes:
        singular_values: `[N, rank]`, largest first: how far the code moves
            for a unit step along each direction.
        directions: `[N, rank, ...]`, orthonormal, each of one example's shape.
    """

    singular_values: np.ndarray
    directions: np.ndarray


def tangent_space(
    model: BaseAutoencoder, x: Rows, rank: int | None = None
) -> TangentSpace:
    """Singular value decomposition of the encoder's Jacobian at each example.

    A well regularized code changes only along the manifold of the data: then
    a few singular values stand out and their directions span its tangent
    plane, while the others fall towards zero. A step is one of values as
    networks see them: pixels in [0, 1], numbers of a `Series` scaled.

    Formula:
        d mean(q(z|x)) / d x = U diag(singular_values) directions

    Args:
        model: Any variant.
        x: Examples, `[N, ...]`.
        rank: How many directions. Defaults to all: the smaller of the lengths
            of a code and of an example.

    Example:
        >>> model = keras_ae.Autoencoder.create((5,), 2)
        >>> tangent_space(model, np.zeros([3, 5])).directions.shape
        (3, 2, 5)

    Reference: Rifai, Dauphin, Vincent, Bengio, Muller, 2011. The Manifold
        Tangent Classifier. NeurIPS.
    """
    x = model.check_inputs(model.as_rows(x))
    event_shape = model.space.shape
    inputs, outputs = map(math.prod, (event_shape, model.encoder.event_shape))
    full = min(inputs, outputs)
    rank = full if rank is None else validation.check_count("rank", rank)
    if rank > full:
        raise ValueError(
            validation.invalid("rank", f"an integer of at most {full}", rank)
        )

    def function(x: Rows) -> TangentSpace:
        batch = model.batch(x)
        with tf.GradientTape() as tape:
            tape.watch(batch.x)
            posterior = model.posterior(batch, model.moment())
            code = tf.reshape(model.code(posterior), [-1, outputs])
        jacobian = tape.batch_jacobian(code, batch.x)
        values, _, right = tf.linalg.svd(
            tf.reshape(jacobian, [-1, outputs, inputs])
        )
        right = tf.linalg.matrix_transpose(right)[:, :rank]
        return TangentSpace(
            values[:, :rank], tf.reshape(right, [-1, rank, *event_shape])
        )

    return compiled.batched(model, function, x)


def draws(model: BaseAutoencoder, x: Rows, seed: int) -> np.ndarray:
    """A draw of q(z|x) of each example, `[N, ...]`; of a model without prior
    the code."""
    rows = model.check_inputs(model.as_rows(x))
    size = len(keras.tree.flatten(rows)[0])
    keys = np.stack([np.full(size, seed), np.arange(size)], axis=1)

    def function(rows: tuple) -> tf.Tensor:
        x, keys = rows
        posterior = model.encode(x)
        if model.prior is None:
            return model.code(posterior)
        return posterior.sample(seed=keys[0])

    return compiled.batched(model, function, (rows, keys.astype(np.int32)))


def interpolate(
    model: BaseAutoencoder, a: Rows, b: Rows, steps: int = 8
) -> np.ndarray:
    """Examples on the straight line between the codes of `a` and `b`.

    Formula:
        z(t) = (1 - t) mean(q(z|a)) + t mean(q(z|b)),  t = 0 ... 1

    Args:
        model: Any variant; a conditional one keeps the condition of `a`.
        a: Examples, `[N, ...]`, where the lines start.
        b: As many examples, where they end.
        steps: Points on a line, ends included; at least 2.

    Returns:
        `[N, steps, ...]`: means of p(x|z). The first are the reconstructions
        of `a`, the last those of `b`.

    Example:
        >>> model = keras_ae.Autoencoder.create((5,), 2)
        >>> interpolate(model, np.zeros([3, 5]), np.ones([3, 5]), 4).shape
        (3, 4, 5)
    """
    steps = validation.check_count("steps", steps, 2)
    start, end = (np.asarray(model.embed(x)) for x in (a, b))
    if start.shape != end.shape:
        raise ValueError(
            "`a` and `b` are not pairs. Expected as many examples in both. "
            f"Received: {len(start)} and {len(end)}"
        )
    codes = np.linspace(start, end, steps, axis=1, dtype=np.float32)
    return _decode(model, codes, a)


def traverse(
    model: BaseAutoencoder,
    x: Rows,
    dimensions: Sequence[int] | None = None,
    values: Sequence[float] = (-3, -2, -1, 0, 1, 2, 3),
) -> np.ndarray:
    """Examples decoded from codes of which one number is replaced.

    Args:
        model: Any variant.
        x: Examples, `[N, ...]`, whose mean codes are varied.
        dimensions: Which numbers of the flat code, each in turn. Defaults to
            all.
        values: What they are replaced by. The default suits codes with a
            standard normal prior.

    Returns:
        `[N, dimensions, values, ...]`: means of p(x|z).

    Example:
        >>> model = keras_ae.VAE.create((5,), 2)
        >>> traverse(model, np.zeros([3, 5]), values=(-1, 1)).shape
        (3, 2, 2, 5)

    Reference: Higgins et al., 2017. beta-VAE. ICLR, figure 1.
    """
    codes = np.asarray(model.embed(x))
    flat = codes.reshape(len(codes), -1)
    length = flat.shape[1]
    if dimensions is None:
        dimensions = range(length)
    for dimension in dimensions:
        validation.check_in("dimensions", dimension, range(length))
    shape = (len(codes), len(dimensions), len(values), length)
    varied = np.broadcast_to(flat[:, None, None], shape).copy()
    for i, dimension in enumerate(dimensions):
        varied[:, i, :, dimension] = values
    return _decode(model, varied.reshape(*shape[:3], *codes.shape[1:]), x)


def _decode(model: BaseAutoencoder, codes: np.ndarray, x: Rows) -> np.ndarray:
    """Means of p(x|z) for codes `[N, ..., *latent]` made from `x`."""
    lead = codes.shape[: codes.ndim - len(model.encoder.event_shape)]
    repeats = math.prod(lead[1:])
    asked = model.check_inputs(model.as_rows(x))
    rows = keras.tree.map_structure(
        lambda t: np.repeat(t, repeats, axis=0), asked
    )
    decoded = compiled.batched(
        model,
        lambda pair: model.likelihood(
            pair[0], model.batch(pair[1]), model.moment()
        ).mean(),
        (codes.reshape(-1, *model.encoder.event_shape), rows),
    )
    values = decoded.reshape(*lead, *decoded.shape[1:])
    if isinstance(model.space, spaces.Table):  # rows, no frame of each
        return model.space.array(values, like=keras.tree.flatten(asked)[0])
    return model.space.array(values)


def in_units(model: BaseAutoencoder, x: Rows) -> np.ndarray:
    """Examples in the units of their reconstructions, `[N, ...]`; what the
    model is told beside them is left out."""
    rows = keras.tree.flatten(model.check_inputs(model.as_rows(x)))[0]
    return model.space.array(np.concatenate([*model.space.chunks(rows)]))


class Copying(NamedTuple):
    """Shares of the variance that a model gives back.

    Attributes:
        on_data: Of the data. 1: reconstructed without error.
        off_data: Of data whose columns were shuffled. 1: anything is copied;
            0 or less: what is unlike the data is not reconstructed.
    """

    on_data: float
    off_data: float


def copying(model: BaseAutoencoder, x: Rows, seed: int = 0) -> Copying:
    """Whether a model has learned the data or merely to copy its input.

    An overcomplete code can pass any input through. To see whether it does,
    each column of the data is shuffled: every value is still as likely as
    before, but what held them together is gone. A model of the data brings
    back the data and not these; the identity brings back both.

    Formula:
        share(x) = 1 - sum(square(x - reconstruct(x)))
                     / sum(square(x - mean(x)))

    Args:
        model: A variant whose input is its target.
        x: Examples, `[N, ...]`, not all equal.
        seed: Integer for the shuffling.

    Example:
        >>> model = keras_ae.Autoencoder.create((5,), 20, seed=0)
        >>> x = np.random.default_rng(0).normal(size=(9, 5))
        >>> max(copying(model, x)) < 0.5  # not trained: copies nothing yet
        True

    Reference: Alain, Bengio, 2014. What Regularized Auto-Encoders Learn from
        the Data Generating Distribution. JMLR 15, section 2.
    """
    x = in_units(model, x)
    columns = x.reshape(len(x), -1)
    total = np.sum(np.square(columns - columns.mean(axis=0)))
    if not total > 0:
        raise ValueError(
            "`x` does not vary. Expected at least two different examples. "
            f"Received: {len(x)} examples, all equal"
        )
    shuffled = np.random.default_rng(seed).permuted(columns, axis=0)

    def share(rows: np.ndarray) -> float:
        residual = np.square(rows - model.reconstruct(rows))
        return float(1 - np.sum(residual) / total)

    return Copying(share(x), share(shuffled.reshape(x.shape)))
