"""New examples from the prior, each from a seed of its own."""

from typing import Any

import numpy as np
import tensorflow as tf

from keras_ae import inference
from keras_ae import validation


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


def sample(model: Any, n: int, seed: int | None) -> np.ndarray:
    """Means of p(x|z) at `n` draws of the prior."""
    n = validation.check_count("n", n)
    if seed is None:
        seed = [int(s) & 0xFFFFFFFF for s in model.next_seed().numpy()]
    else:
        validation.check_count("seed", seed, 0)
    return inference.batched(
        model,
        "sample",
        lambda seeds: model.decode(draw_codes(model, seeds)).mean(),
        row_seeds(n, seed),
    )


def endpoint(model: Any) -> tuple:
    """`sample(seed)`: one example for each seed, int32 `[None]`."""

    def serve(seed: tf.Tensor) -> dict:
        z = draw_codes(model, seed)
        return {"mean": model.decode(z).mean()}

    return serve, [tf.TensorSpec([None], tf.int32, name="seed")]
