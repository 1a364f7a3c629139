"""Rules that make codes sparse."""

import tensorflow as tf

from keras_ae.core import replicas


def largest(h: tf.Tensor, k: int) -> tf.Tensor:
    """The `k` largest values along the last axis, 0 for the others.

    Memory is that of the codes, whatever `k`.

    Args:
        h: `[..., d]`.
        k: At most d; of equal values the first are kept.

    Example:
        >>> largest(tf.constant([1.0, 3.0, 2.0]), 2).numpy().tolist()
        [0.0, 3.0, 2.0]
    """
    width = h.shape[-1]
    rows = tf.reshape(h, [-1, width])
    values, places = tf.math.top_k(rows, k)  # [N, k]
    count = tf.shape(rows)[0]
    numbers = tf.range(count)[:, None] * width + places
    kept = tf.scatter_nd(
        tf.reshape(numbers, [-1, 1]),
        tf.reshape(values, [-1]),
        tf.stack([count * width]),
    )
    return tf.reshape(kept, tf.shape(h))


def step(a: tf.Tensor, threshold: tf.Tensor, bandwidth: float) -> tf.Tensor:
    """1 where `a` exceeds the threshold, else 0.

    The gradient for the threshold is that of the expectation over `a`,
    estimated by a kernel; there is none for `a`.

    Formula:
        H(a - threshold)
        d / d threshold := -K((a - threshold) / bandwidth) / bandwidth
        K(u) = 1 for |u| < 1/2, else 0

    Args:
        a: `[B, ...]`.
        threshold: `[...]`.
        bandwidth: Positive.

    Reference: Rajamanoharan et al., 2024. Jumping Ahead, equation 12.
        https://arxiv.org/abs/2407.14435
    """
    return _above(a, threshold, bandwidth, tf.ones_like(a), 1.0)


def jump_relu(
    a: tf.Tensor, threshold: tf.Tensor, bandwidth: float
) -> tf.Tensor:
    """`a` where it exceeds the threshold, else 0.

    Formula:
        a * H(a - threshold)
        d / d a = H(a - threshold)
        d / d threshold := -threshold * K((a - threshold) / bandwidth)
                           / bandwidth

    Arguments: see `step`.

    Reference: Rajamanoharan et al., 2024. Jumping Ahead, equation 11.
        https://arxiv.org/abs/2407.14435
    """
    return _above(a, threshold, bandwidth, a, threshold)


def explained_variance(
    x: tf.Tensor, mean: tf.Tensor, mask: tf.Tensor | None = None
) -> tf.Tensor:
    """Share of the variance of a batch, about its mean, that is explained.

    Formula:
        1 - sum((x - mean)**2) / sum((x - mean_batch(x))**2)

    Args:
        x: Examples, `[B, ...]`.
        mean: What is said of them, likewise.
        mask: Which values count, bool, or None for all.

    Returns:
        A number up to 1, 0 for saying the mean of the batch.
    """
    if mask is None:
        mask = tf.ones_like(x, tf.bool)
    count = tf.cast(mask, x.dtype)
    shares = tf.math.divide_no_nan(count, replicas.mean(count))
    center = replicas.mean(shares * x)

    def squares(residual: tf.Tensor) -> tf.Tensor:
        own = tf.where(mask, residual**2, 0.0)
        return replicas.total(tf.reduce_sum(own))

    return 1 - tf.math.divide_no_nan(squares(x - mean), squares(x - center))


def _above(
    a: tf.Tensor,
    threshold: tf.Tensor,
    bandwidth: float,
    value: tf.Tensor,
    height: tf.Tensor | float,
) -> tf.Tensor:
    """`value` where `a` exceeds the threshold, a jump of `height`."""
    passed = tf.where(a > threshold, value, 0.0)
    near = tf.abs(a - threshold) < bandwidth / 2
    slope = tf.stop_gradient(tf.where(near, -height / bandwidth, 0.0))
    # Worth 0; the jump's gradient.
    return passed + slope * (threshold - tf.stop_gradient(threshold))
