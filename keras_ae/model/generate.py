"""New examples from the prior, each from a seed of its own."""

from typing import Any

import numpy as np
import tensorflow as tf

from keras_ae.core import validation
from keras_ae.model import compiled
from keras_ae.model import export


def row_seeds(n: int, seed: int | None) -> np.ndarray:
    """One int32 seed for each of `n` examples; a prefix of those of more."""
    words = np.random.SeedSequence(seed).generate_state(n)
    return words.view(np.int32)


def draw_codes(model: Any, seeds: tf.Tensor) -> tf.Tensor:
    """Draws of the prior `[n, d]`, the i-th from the i-th seed alone."""
    prior = model.prior.distribution(model.encode)
    seeds = tf.cast(seeds, tf.int32)
    keys = tf.stack([seeds, tf.zeros_like(seeds)], axis=1)
    return tf.map_fn(
        lambda key: prior.sample(seed=key),
        keys,
        fn_output_signature=tf.float32,
    )


def sample(model: Any, n: int, seed: int | None, *given: Any) -> np.ndarray:
    """Means of p(x|z) at `n` draws of the prior.

    Args:
        model: A variant with a prior.
        n: How many.
        seed: Integer, or None for the model's next seed.
        *given: What the decoder takes beside codes, rows `[n, ...]`.
    """
    n = validation.check_count("n", n)
    if seed is None:
        seed = [int(s) & 0xFFFFFFFF for s in model.next_seed().numpy()]
    else:
        validation.check_count("seed", seed, 0)
    return compiled.batched(
        model,
        "sample",
        lambda rows: _means(model, *rows),
        (row_seeds(n, seed), *given),
    )


def endpoint(model: Any) -> tuple:
    """`sample(seed)`: one example for each seed, int32 `[None]`; what the
    decoder takes beside codes follows the seed."""

    def serve(seed: tf.Tensor, *given: tf.Tensor) -> dict:
        return {"mean": _means(model, seed, *given)}

    seeds = tf.TensorSpec([None], tf.int32, name="seed")
    return serve, [seeds, *model.latent_specs()[1:]]


def _means(model: Any, seeds: tf.Tensor, *given: tf.Tensor) -> tf.Tensor:
    z = draw_codes(model, seeds)
    return model.decode(export.joined((z, *given))).mean()
