"""New examples from the prior, and new values in the holes of old ones."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import validation
from keras_ae.core.types import Given
from keras_ae.core.types import Rows
from keras_ae.math import bounds
from keras_ae.math import resampling
from keras_ae.model import compiled
from keras_ae.model.batch import Batch
from keras_ae.model.batch import joined

if TYPE_CHECKING:
    from keras_ae.model.base import BaseAutoencoder

tfd = tfp.distributions

IMPUTE_BLOCK = 500  # draws of the posterior that are decoded at once
IMPUTE_ROWS = 32  # examples in one compiled call


def row_seeds(n: int, seed: int | None) -> np.ndarray:
    """One int32 seed for each of `n` examples, no two alike; a prefix of
    those of more."""
    first, step = np.random.SeedSequence(seed).generate_state(2)
    words = first + (step | 1) * np.arange(n, dtype=np.uint32)
    # Steps that have a way back, of MurmurHash3: neighbors become unlike.
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        words = (words ^ (words >> np.uint32(shift))) * np.uint32(factor)
    return words.view(np.int32)


def seed_words(model: "BaseAutoencoder", seed: int | None) -> int | list[int]:
    """The user's seed, checked, or words from the model's next one."""
    if seed is None:
        return [int(s) & 0xFFFFFFFF for s in model.next_seed().numpy()]
    return validation.check_count("seed", seed, 0)


def draw_codes(model: "BaseAutoencoder", seeds: tf.Tensor) -> tf.Tensor:
    """Codes to decode, `[n, d]`, the i-th from the i-th seed alone."""
    law = model.source.distribution(model.encode_tensors)
    seeds = tf.cast(seeds, tf.int32)
    keys = tf.stack([seeds, tf.zeros_like(seeds)], axis=1)
    if hasattr(law, "sample_each"):  # all at once
        return law.sample_each(keys)
    return tf.map_fn(
        lambda key: law.sample(seed=key),
        keys,
        fn_output_signature=tf.float32,
    )


def sample(
    model: "BaseAutoencoder", n: int, seed: int | None, given: Given | None
) -> np.ndarray:
    """Means of p(x|z), or draws, at `n` draws of the prior or the sampler.

    Args:
        model: Any variant.
        n: How many.
        seed: Integer, or None for the model's next seed.
        given: What the model is told, one for all or `[n, ...]`; None where
            it is told nothing.
    """
    if model.source is None:
        raise TypeError(
            f"{type(model).__name__} has no prior to draw from. Expected a "
            "variant with a prior, such as VAE, or a sampler. Call "
            "keras_ae.fit_sampler(model, x) with the training examples first."
        )
    if not model.built:
        raise ValueError(
            f"{model.name!r} is not built, so it has no weights. Expected a "
            "built model. Call `fit`, `build` or `create` first."
        )
    n = validation.check_count("n", n)
    rows = (row_seeds(n, seed_words(model, seed)),)
    if model.given is not None:
        rows += (model.given.check("given", given, n),)
    elif given is not None:
        raise ValueError(
            f"{model.name!r} is told nothing beside examples. Expected no "
            f"`given`. Received: given={given!r}"
        )
    return compiled.batched(model, lambda rows: _examples(model, *rows), rows)


def endpoint(model: "BaseAutoencoder") -> tuple:
    """`sample(seed)`: one example for each seed, int32 `[None]`; what the
    decoder takes beside codes follows the seed."""

    def serve(seed: tf.Tensor, *given: tf.Tensor) -> dict:
        return {"mean": _examples(model, seed, *given)}

    seeds = tf.TensorSpec([None], tf.int32, name="seed")
    return serve, [seeds, *model.latent_specs()[1:]]


def _examples(
    model: "BaseAutoencoder", seeds: tf.Tensor, *given: tf.Tensor
) -> tf.Tensor:
    z = draw_codes(model, seeds)
    if not model.space.drawn:
        return model.decode(joined((z, *given))).mean()
    # A row's draws follow from its own seed, another than that of its code.
    keys = tf.stack([tf.cast(seeds, tf.int32), tf.ones_like(seeds)], axis=1)
    return tf.map_fn(
        lambda row: model.decode(
            keras.tree.map_structure(lambda t: t[None], joined(row[:-1]))
        ).sample(seed=row[-1])[0],
        (z, *given, keys),
        fn_output_signature=tf.float32,
    )


def swap(
    model: "BaseAutoencoder", x: Rows, given: Given, new_given: Given
) -> np.ndarray:
    """Examples as if told something else, see `ConditionalVAE.swap`."""
    x, given = model.check_inputs((x, given))
    new = model.given.check("new_given", new_given, len(x))
    means = compiled.batched(
        model,
        lambda rows: model.decode(
            (model.code(model.encode(rows[:2])), rows[2])
        ).mean(),
        (x, given, new),
    )
    return model.space.array(means)


def impute(
    model: "BaseAutoencoder",
    x: Rows,
    draws: int | None,
    seed: int | None,
    samples: int,
) -> np.ndarray:
    """Examples with their holes filled, see `Inference.impute`.

    Returns:
        `[N, ...]`, or `[draws, N, ...]`.
    """
    size = len(keras.tree.flatten(x)[0])
    words = row_seeds(size, seed_words(model, seed))

    def function(rows: tuple) -> tf.Tensor:
        x, seeds = rows
        filled = tf.map_fn(
            lambda row: _filled(model, *row, draws, samples),
            (x, tf.stack([seeds, tf.zeros_like(seeds)], axis=1)),
            fn_output_signature=tf.float32,
        )
        raw = model.space.tensor(keras.tree.flatten(x)[0])
        raw = raw if draws is None else raw[:, None]
        return tf.where(tf.math.is_nan(raw), filled, raw)

    filled = compiled.batched(model, function, (x, words), IMPUTE_ROWS)
    return filled if draws is None else np.moveaxis(filled, 1, 0)


def _filled(
    model: "BaseAutoencoder",
    x: Rows,
    key: tf.Tensor,
    draws: int | None,
    samples: int,
) -> tf.Tensor:
    """One example, its holes filled: `[...]` or `[draws, ...]`."""
    batch = model.batch(keras.tree.map_structure(lambda t: t[None], x))
    posterior = model.posterior(batch, model.moment())
    samples = 1 if model.prior is None else samples
    block = min(IMPUTE_BLOCK, samples)
    shape = model.space.shape if draws is None else (draws, *model.space.shape)

    def add(b: tf.Tensor, running: tuple, kept: tf.Tensor) -> tuple:
        codes, choice, chance = tf.unstack(
            tf.random.experimental.stateless_split(
                tf.random.experimental.stateless_fold_in(key, b), 3
            )
        )
        values, drawn, log_weights = _candidates(
            model, batch, posterior, block, codes
        )
        taken = tf.range(block) < samples - b * block
        log_weights = tf.where(taken, log_weights, -np.inf)
        running, before, weights = resampling.add(running, log_weights)
        if draws is None:
            kept = before * kept + tf.tensordot(weights, values, 1)
            return b + 1, running, kept
        chosen = tf.random.stateless_categorical(
            log_weights[None], draws, choice
        )[0]
        share = tf.reduce_sum(weights) / running.total
        newer = tf.random.stateless_uniform([draws], chance) < share
        newer = tf.reshape(newer, [draws] + [1] * len(model.space.shape))
        return b + 1, running, tf.where(newer, drawn(chosen), kept)

    _, running, kept = tf.while_loop(
        lambda b, *_: b * block < samples,
        add,
        [
            tf.constant(0),
            resampling.start(),
            tf.zeros(shape) if draws is None else tf.fill(shape, np.nan),
        ],
        parallel_iterations=1,
    )
    return kept / running.total if draws is None else kept


def _candidates(
    model: "BaseAutoencoder",
    batch: Batch,
    posterior: tfd.Distribution,
    block: int,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, Callable, tf.Tensor]:
    """What one example may be filled with, at `block` codes.

    Returns:
        Values to take the mean of, `[block, ...]`; a function of the numbers
        of some codes to draws, `[n, ...]`; and `log_weights`, `[block]`.
    """
    moment = model.moment()
    codes, values = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    if model.prior is None:
        z = model.code(posterior)[None]  # [1, 1, d]
        means = model.likelihood(z, batch, moment).mean()[:, 0]
        log_weights = tf.zeros([1])
    else:
        z = posterior.sample(block, seed=codes)  # [block, 1, d]
        likelihood = model.likelihood(z, batch, moment)
        means = likelihood.mean()[:, 0]
        log_weights = bounds.importance_weights(
            batch.target,
            z,
            posterior,
            model.observed(likelihood, batch),
            model.p_z(),
        )[:, 0]
    if model.mechanism is None:
        return (
            means,
            lambda chosen: model.likelihood(
                tf.gather(z, chosen), batch, moment
            ).sample(seed=values)[:, 0],
            log_weights,
        )
    # Weights that know of a draw of x are those of that draw.
    x = likelihood.sample(seed=values)
    x = tf.where(batch.mask, batch.target, x)
    log_weights += model.mechanism.log_prob(x, batch.mask)[:, 0]
    return x[:, 0], lambda chosen: tf.gather(x[:, 0], chosen), log_weights
