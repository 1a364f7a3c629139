"""Vector quantization: codes from a finite table."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from keras_ae.core import replicas


def nearest_code(z: tf.Tensor, table: tf.Tensor) -> tf.Tensor:
    """Number of the row of `table` that is nearest to each vector.

    Formula:
        k = argmin_k ||z - e_k||**2 = argmin_k ||c_k||**2 / 2 - <z - m, c_k>,
        m: mean of the codes, c_k = e_k - m

    About their mean, so that codes far from zero and close together are told
    apart; and in units of the largest, so that no square overflows.

    Args:
        z: Vectors, `[..., d]`.
        table: Codes, `[K, d]`.

    Returns:
        int32 `[...]`; the first of equally near codes.

    Reference: van den Oord et al., 2017. Neural Discrete Representation
        Learning, equation 1. https://arxiv.org/abs/1711.00937
    """
    mean = tf.reduce_mean(table, axis=0)
    centered = table - mean
    unit = tf.reduce_max(tf.abs(centered))
    directions = tf.math.divide_no_nan(centered, unit)  # [K, d]
    half_squares = unit * tf.reduce_sum(directions**2, axis=-1) / 2  # [K]
    # Not tf.einsum, whose "..." TensorFlow 2.18 gets wrong.
    along = tf.tensordot(z - mean, directions, [[-1], [-1]])
    scores = half_squares - along
    return tf.argmin(scores, axis=-1, output_type=tf.int32)


def straight_through(z: tf.Tensor, code: tf.Tensor) -> tf.Tensor:
    """The value of `code`, to the last bit, with the gradient of `z`.

    Formula:
        stop_gradient(code) + (z - stop_gradient(z))

    Reference: van den Oord et al., 2017. Neural Discrete Representation
        Learning, section 3.2. https://arxiv.org/abs/1711.00937
    """
    # z + (code - z) would lose the code where z is far larger.
    return tf.stop_gradient(code) + (z - tf.stop_gradient(z))


def rotated(z: tf.Tensor, code: tf.Tensor) -> tf.Tensor:
    """The value of `code`, with the gradient of the rotation and scaling that
    takes `z` there, as if they did not depend on `z`.

    The gradient keeps its angle to the code; by `straight_through` all
    vectors of a code get the same.

    Formula:
        |e| / |z| * R z,  R = I - 2 r r^T + 2 e^ z^T^,  r = unit(z^ + e^),
        z^ = z / |z|,  e^ = e / |e|

    Args:
        z: Vectors, `[..., d]`.
        code: Their codes, `[..., d]`.

    Reference: Fifty et al., 2025. Restructuring Vector Quantization with the
        Rotation Trick, equation 2. ICLR. https://arxiv.org/abs/2410.06424
    """
    start, goal = (tf.stop_gradient(_unit(v)) for v in (z, code))
    between = _unit(start + goal)

    def along(v: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(v * z, axis=-1, keepdims=True)

    turned = z - 2 * between * along(between) + 2 * goal * along(start)
    lengths = [tf.norm(v, axis=-1, keepdims=True) for v in (code, z)]
    scale = tf.stop_gradient(tf.math.divide_no_nan(*lengths))
    turned *= scale
    return tf.stop_gradient(code) + (turned - tf.stop_gradient(turned))


def bounded(z: tf.Tensor, levels: Sequence[int]) -> tf.Tensor:
    """Numbers in the reach of a few levels, whose ends are at -1 and 1.

    Formula: see `FiniteScalar`; (L - 1) / 2 is enlarged by 1/1000, so that
        the ends are reached.

    Args:
        z: `[..., d]`.
        levels: How many, for each along the last axis.

    Reference: Mentzer et al., 2024. Finite Scalar Quantization, appendix A.
        https://arxiv.org/abs/2309.15505
    """
    levels = np.array(levels)
    reach = (levels - 1) * 1.001 / 2
    offset = np.where(levels % 2, 0.0, 0.5)
    shift = np.arctanh(offset / reach)
    moved = tf.tanh(z + shift.astype(np.float32)) * reach.astype(np.float32)
    return (moved - offset.astype(np.float32)) / (levels // 2)


def squared_distance(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """||x - y||**2 of each example: `[B, ...]` to `[B]`."""
    return tf.reduce_sum((x - y) ** 2, axis=list(range(1, len(x.shape))))


def ema_update(
    table: tf.Tensor,
    usage: tf.Tensor,
    z: tf.Tensor,
    indices: tf.Tensor,
    decay: float,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Codes moved towards the running mean of the vectors assigned to them.

    Counts are relative to a batch that uses all codes equally, so that
    batches of different sizes weigh the same. Rows are those of all replicas.

    Formula:
        n_k = K / N * count(i: k_i = k)
        m_k = K / N * sum(z_i: k_i = k)
        usage_k' = decay * usage_k + (1 - decay) * n_k
        e_k' = (decay * usage_k * e_k + (1 - decay) * m_k) / usage_k'
             = e_k + (1 - decay) * (m_k - n_k * e_k) / usage_k'

    Args:
        table: Codes e, `[K, d]`.
        usage: Running counts, `[K]`.
        z: Vectors, `[N, d]`.
        indices: The code of each, `[N]`.
        decay: In [0, 1).

    Returns:
        The new table and usage; a code without any usage stays.

    Reference: van den Oord et al., 2017. Neural Discrete Representation
        Learning, appendix A.1. https://arxiv.org/abs/1711.00937
    """
    size = table.shape[0]
    # A product with one-hot rows adds in a fixed order, on GPUs too.
    one_hot = tf.one_hot(indices, size)  # [N, K]
    scale = size / replicas.total(tf.cast(tf.shape(z)[0], tf.float32))
    counts = scale * replicas.total(tf.reduce_sum(one_hot, axis=0))
    sums = scale * replicas.total(tf.matmul(one_hot, z, transpose_a=True))
    usage = decay * usage + (1 - decay) * counts
    # The second form: a code that is not used stays where it is, however
    # small its usage; the first would be a quotient of two underflows.
    change = (1 - decay) * (sums - counts[:, None] * table)
    return table + tf.math.divide_no_nan(change, usage[:, None]), usage


def perplexity(indices: tf.Tensor, size: int) -> tf.Tensor:
    """How many codes are in use, weighed by how often.

    Formula:
        exp(-sum_k p_k log p_k),  p_k: share of code k

    Args:
        indices: Codes, `[...]`.
        size: Number of codes in the table.

    Returns:
        A number between 1 and `size`.

    Example:
        >>> round(float(perplexity(tf.constant([0, 1, 2, 3]), 8)), 4)
        4.0
    """
    rows = tf.reshape(indices, [-1, 1])
    counts = tf.scatter_nd(rows, tf.ones_like(rows[:, 0], tf.float32), [size])
    counts = replicas.total(counts)
    shares = counts / tf.reduce_sum(counts)
    return tf.exp(-tf.reduce_sum(tf.math.xlogy(shares, shares)))


def _unit(v: tf.Tensor) -> tf.Tensor:
    """Vectors of length 1 along the last axis; 0 for 0."""
    return tf.math.l2_normalize(v, axis=-1, epsilon=1e-24)
