"""Bits of grey levels: drawn once, or anew at every epoch."""

import numpy as np
import tensorflow as tf

from keras_ae.core import rows
from keras_ae.core.types import ArrayLike


def binarize(x: ArrayLike, seed: int = 0) -> np.ndarray:
    """Bits drawn with the grey levels as probabilities.

    Args:
        x: Grey levels in [0, 1], `[N, ...]`.
        seed: Integer; the same bits for the same seed.

    Returns:
        uint8 zeros and ones, shape of `x`.

    Raises:
        ValueError: If a value is outside [0, 1].

    Example:
        >>> int(binarize(np.ones([3, 2])).sum())
        6

    Reference: Salakhutdinov, Murray, 2008. On the Quantitative Analysis of
        Deep Belief Networks. ICML.
    """
    x = _grey_levels(x)
    return _bits(tf.convert_to_tensor(x), tf.constant([seed, 0])).numpy()


def dynamic_binarization(
    x: ArrayLike | tf.data.Dataset, seed: int = 0
) -> rows.RedrawnRows | tf.data.Dataset:
    """Grey levels to be binarized anew at every epoch.

    Args:
        x: Grey levels in [0, 1] in memory, or a `tf.data.Dataset` of them
            (single images or batches).
        seed: Integer, for the data set; rows in memory draw from the seeds
            of the model that is fitted.

    Returns:
        What `fit` takes as `x`: rows that are drawn again at the start of
        each pass, or a data set that is.

    Example:
        >>> rows = dynamic_binarization(np.full([4, 2], 0.5))
        >>> np.unique(rows.draw(tf.constant([0, 0]))).tolist()
        [0, 1]
    """
    if not isinstance(x, tf.data.Dataset):
        return rows.RedrawnRows(_grey_levels(x), _bits)
    seeds = tf.data.Dataset.random(seed, rerandomize_each_iteration=True)
    keys = seeds.map(lambda s: tf.stack([s, tf.zeros_like(s)]))
    return tf.data.Dataset.zip(x, keys).map(_bits)


@tf.function(reduce_retracing=True)
def _bits(x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    uniform = tf.random.stateless_uniform(tf.shape(x), seed)
    return tf.cast(uniform < tf.cast(x, tf.float32), tf.uint8)


def _grey_levels(x: ArrayLike) -> np.ndarray:
    x = np.asarray(x, np.float32)
    if x.size == 0:
        raise ValueError(
            "There is nothing to binarize. Expected at least one image. "
            f"Received: shape {x.shape}"
        )
    low, high = float(x.min()), float(x.max())
    if not (0 <= low and high <= 1):
        raise ValueError(
            "Only grey levels can be binarized. Expected values in [0, 1]. "
            f"Received: values in [{low:g}, {high:g}]. Divide by 255?"
        )
    return x
