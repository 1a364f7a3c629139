"""Squared Frobenius norms of Jacobians, per example, differentiable.

All forms differentiate with an inner `tf.GradientTape`; none makes a loop of
`batch_jacobian`, which XLA compiles anew for every batch when the result is
differentiated again.
"""

from collections.abc import Callable
from collections.abc import Sequence

import tensorflow as tf

from keras_ae.math import draws


def frobenius_exact(
    fn: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor, size: int
) -> tf.Tensor:
    """||d fn(x) / d x||_F^2 of any function: one copy of each example for
    each of its outputs, and one vector-Jacobian product.

    Formula:
        ||J||_F^2 = sum_k ||e_k' J||^2

    Args:
        fn: Maps `[B, ...]` to `[B, ...]`, each example on its own.
        x: `[B, ...]`.
        size: Number of values that `fn` gives for an example; the cost in
            time and memory grows with it.

    Returns:
        `[B]`.
    """
    return tf.reduce_sum(
        _projected(fn, x, size, lambda y: tf.eye(size, dtype=y.dtype)[:, None]),
        axis=0,
    )


def frobenius_hutchinson(
    fn: Callable[[tf.Tensor], tf.Tensor],
    x: tf.Tensor,
    seed: tf.Tensor,
    probes: int = 1,
) -> tf.Tensor:
    """Unbiased estimate of ||d fn(x) / d x||_F^2 from random projections.

    Formula:
        ||J||_F^2 = E ||v' J||^2,  v_k = -1 or 1 with equal probability

    Args:
        fn: Maps `[B, ...]` to `[B, ...]`, each example on its own.
        x: `[B, ...]`.
        seed: int32 `[2]`.
        probes: Projections for each example; the variance falls as
            1 / probes, the cost grows with `probes` alone.

    Returns:
        `[B]`.

    Reference: Hutchinson, 1989. A stochastic estimator of the trace of the
        influence matrix. Hoffman, Roberts, Yaida, 2019. Robust Learning with
        Jacobian Regularization. https://arxiv.org/abs/1908.02729
    """

    def signs(y: tf.Tensor) -> tf.Tensor:
        heads = draws.uniform(tf.shape(y), seed) < 0.5
        return 2 * tf.cast(heads, y.dtype) - 1

    return tf.reduce_mean(_projected(fn, x, probes, signs), axis=0)


def frobenius_dense(
    kernels: Sequence[tf.Tensor], slopes: Sequence[tf.Tensor]
) -> tf.Tensor:
    """||d f(x) / d x||_F^2 of one dense layer, or of a linear code on one
    hidden dense layer; the cost does not grow with the code.

    Formula:
        f(x) = phi(W' x):         sum_j D_j^2 ||W_j||^2,  D = phi'(W' x)
        f(x) = V' phi(W' x):      D' ((W' W) * (V V')) D

    Args:
        kernels: `[W]` or `[W, V]`, each `[inputs, units]`.
        slopes: `[D]`: derivatives of the activation of W, `[B, units]`.

    Returns:
        `[B]`.

    Reference: Rifai, Vincent, Muller, Glorot, Bengio, 2011. Contractive
        Auto-Encoders. ICML, equation 6 (one layer).
    """
    first, *second = kernels
    (slope,) = slopes
    if not second:
        norms = tf.reduce_sum(first**2, axis=0)  # [units]
        return tf.linalg.matvec(slope**2, norms)
    gram = tf.matmul(first, first, transpose_a=True)
    gram *= tf.matmul(second[0], second[0], transpose_b=True)
    return tf.reduce_sum(tf.matmul(slope, gram) * slope, axis=-1)


def slope(
    activation: Callable[[tf.Tensor], tf.Tensor], a: tf.Tensor
) -> tf.Tensor:
    """Derivative of an elementwise function at every value, shape of `a`."""
    with tf.GradientTape() as tape:
        tape.watch(a)
        h = activation(a)
    return tape.gradient(h, a)


def _projected(
    fn: Callable, x: tf.Tensor, copies: int, vectors: Callable
) -> tf.Tensor:
    """||v' J||^2 for `copies` vectors v and each example, `[copies, B]`.

    `vectors` maps outputs `[copies, B, size]` to the vectors, broadcastable.
    """
    sizes = tf.shape(x)
    shape = tf.concat([[copies * sizes[0]], sizes[1:]], 0)
    repeated = tf.broadcast_to(x, tf.concat([[copies], sizes], 0))
    repeated = tf.ensure_shape(
        tf.reshape(repeated, shape), [None, *x.shape[1:]]
    )
    with tf.GradientTape() as tape:
        tape.watch(repeated)
        y = fn(repeated)
        y = tf.reshape(y, [copies, sizes[0], y.shape[1:].num_elements()])
        product = tf.reduce_sum(y * vectors(y))
    rows = tape.gradient(product, repeated)
    rows = tf.reshape(rows, [copies, sizes[0], x.shape[1:].num_elements()])
    return tf.reduce_sum(rows**2, axis=-1)
