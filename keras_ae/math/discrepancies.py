"""Distances between two laws, estimated from draws of both."""

from collections.abc import Callable

import tensorflow as tf

from keras_ae.math import draws


def inverse_multiquadratic(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Kernels with heavy tails and seven widths, added up; the widths are
    those of distances between standard normal draws.

    Formula:
        k(a, b) = sum_s c_s / (c_s + ||a - b||^2),  c_s = 2 * d * s,
                  s = 0.1, 0.2, 0.5, 1, 2, 5, 10

    Args:
        a, b: `[..., N, d]` and `[..., M, d]`.

    Returns:
        `[..., N, M]`; 7 where two points are the same.

    Reference: Tolstikhin, Bousquet, Gelly, Schoelkopf, 2018. Wasserstein
        Auto-Encoders, section 4. https://arxiv.org/abs/1711.01558
    """
    distance = tf.reduce_sum(
        (a[..., :, None, :] - b[..., None, :, :]) ** 2, axis=-1
    )
    widths = [2.0 * a.shape[-1] * s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10)]
    return tf.add_n([width / (width + distance) for width in widths])


def mmd(
    a: tf.Tensor, b: tf.Tensor, kernel: Callable = inverse_multiquadratic
) -> tf.Tensor:
    """Squared maximum mean discrepancy of two laws, without bias.

    Formula:
        mean_{i != j} k(a_i, a_j) + mean_{i != j} k(b_i, b_j)
            - 2 * mean_{ij} k(a_i, b_j)

    Args:
        a, b: Draws, `[..., N, d]` and `[..., M, d]`.
        kernel: Of both, `[..., N, M]`.

    Returns:
        `[...]`; 0 on average where the laws are equal, and then as often
        below; the means of one draw with itself are 0.

    Reference: Gretton et al., 2012. A Kernel Two-Sample Test. JMLR, lemma 6.
    """

    def among(draws: tf.Tensor) -> tf.Tensor:
        values = kernel(draws, draws)
        total = tf.reduce_sum(values, [-2, -1]) - tf.linalg.trace(values)
        size = tf.cast(tf.shape(draws)[-2], draws.dtype)
        return tf.math.divide_no_nan(total, size * (size - 1))

    return among(a) + among(b) - 2 * tf.reduce_mean(kernel(a, b), [-2, -1])


def sliced_wasserstein(
    a: tf.Tensor, b: tf.Tensor, seed: draws.Seed, slices: int = 50
) -> tf.Tensor:
    """Squared 2-Wasserstein distance of projections to random lines, a mean.

    On a line the best transport is that of the sorted values.

    Formula:
        mean_l mean_i (sorted(a theta_l)_i - sorted(b theta_l)_i)^2,
        theta_l uniform on the sphere

    Args:
        a, b: As many draws of each, `[..., N, d]`.
        seed: Of the lines.
        slices: How many lines.

    Returns:
        `[...]`.

    Reference: Kolouri, Pope, Martin, Rohde, 2019. Sliced Wasserstein
        Auto-Encoders, equation 8. ICLR. https://arxiv.org/abs/1804.01947
    """
    lines = draws.normal([a.shape[-1], slices], seed)
    lines = tf.math.l2_normalize(lines, axis=0)

    def along(values: tf.Tensor) -> tf.Tensor:
        projected = tf.matmul(values, lines)  # [..., N, slices]
        return tf.sort(tf.linalg.matrix_transpose(projected))

    return tf.reduce_mean((along(a) - along(b)) ** 2, axis=[-2, -1])
