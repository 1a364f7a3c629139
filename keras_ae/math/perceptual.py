"""How alike images look, and a cost in the place of a likelihood."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.math import draws

tfd = tfp.distributions

WINDOW = 11  # pixels a side
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # weights, finest first
FLOOR = 1e-4  # of a similarity, whose power has no gradient at 0


def most_levels(height: int, width: int) -> int:
    """How many scales images have room for, at most five: each halves the
    sides, and the window of 11 pixels has to fit. 0 if it never does.

    Example:
        >>> [most_levels(n, n) for n in (10, 11, 28, 64, 176, 999)]
        [0, 1, 2, 3, 5, 5]
    """
    return min(len(SCALES), (min(height, width) // WINDOW).bit_length())


def ms_ssim(x: tf.Tensor, y: tf.Tensor, levels: int) -> tf.Tensor:
    """Multiscale structural similarity of images: 1 if they are equal.

    That of `tf.image.ssim_multiscale`, whose gradient is NaN where a scale is
    negatively correlated: here a similarity below 1e-4 counts as that. The
    weights are the first of the five published ones, divided by their sum;
    with one level it is the structural similarity. GPUs that multiply in
    TensorFloat-32 are off by up to 0.02 for images without structure.

    Formula:
        m, v, c: mean, variance, covariance in windows, Gaussian, deviation 1.5
        l = (2 m_x m_y + C1) / (m_x**2 + m_y**2 + C1),  C1 = 0.01**2
        s = (2 c_xy + C2) / (v_x + v_y + C2),           C2 = 0.03**2
        prod_j mean(s_j)**w_j * mean(l s)**w_last, the mean over channels

    Args:
        x, y: Images in [0, 1], `[N, height, width, channels]`.
        levels: Scales, at most `most_levels`; each halves the sides.

    Returns:
        `[N]`, from 1e-4 to 1.

    Example:
        >>> x = tf.random.stateless_uniform([2, 16, 16, 1], [0, 0])
        >>> ms_ssim(x, x, levels=1).numpy().tolist()
        [1.0, 1.0]

    Reference: Wang, Simoncelli, Bovik, 2003. Multiscale Structural Similarity
        for Image Quality Assessment. Asilomar.
    """
    weights = np.array(SCALES[:levels]) / sum(SCALES[:levels])
    product = 1.0
    for level, weight in enumerate(weights, 1):
        luminance, structure = _compared(x, y)
        found = luminance * structure if level == levels else structure
        found = tf.maximum(tf.reduce_mean(found, axis=[2, 3]), FLOOR)
        product *= found ** float(weight)  # [N, channels]
        if level < levels:
            x, y = (tf.nn.avg_pool2d(z, 2, 2, "SAME") for z in (x, y))
    return tf.reduce_mean(product, axis=-1)


class Energy(draws.Rowwise, draws.Shaped):
    """exp(-cost) without the constant that would make it a density.

    What a likelihood is to a model, for a distance that has none: `log_prob`
    is the negative cost, up to a constant that is not known and may change
    with `loc`. Mean, mode and draws are `loc`.

    Args:
        loc: What an outcome is compared with, `[(S...,) B, event]`.
        rank: Axes of the event.
        cost: Of `N` outcomes and as many to compare them with, both
            `[N, event]`, to nats `[N]`.

    Example:
        >>> energy = Energy(tf.zeros([1, 2]), 1, lambda x, y: x[:, 0] ** 2)
        >>> energy.log_prob([[3.0, 0.0]]).numpy().tolist()
        [-9.0]
    """

    def __init__(self, loc: tf.Tensor, rank: int, cost: Callable):
        self._cost = cost
        super().__init__(loc, rank, reparameterized=True)

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        pair = x + tf.zeros_like(self._like), self._like + tf.zeros_like(x)
        event = self._like.shape[-self._rank :]
        cost = self._cost(*(tf.reshape(rows, [-1, *event]) for rows in pair))
        return -tf.reshape(cost, _sizes(pair[0])[: -self._rank])

    def _mean(self) -> tf.Tensor:
        return self._like

    def _mode(self) -> tf.Tensor:
        return self._like

    def _sample_n(self, n: tf.Tensor, seed: Any = None) -> tf.Tensor:
        del seed  # there is one outcome
        shape = tf.concat([[n], tf.shape(self._like)], 0)
        return tf.broadcast_to(self._like, shape)


def _compared(x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Luminance and structure of each window, `[N, c, h - 10, w - 10]`."""
    # About grey, where squares are small, and differences of their means need
    # few digits: products of matrices on a GPU have three.
    x, y = x - 0.5, y - 0.5
    maps = tf.concat([x, y, x**2 + y**2, x * y], axis=-1)
    maps = tf.transpose(maps, [0, 3, 1, 2])
    for _ in range(2):  # along the width, then along the height
        windows = _windows(maps.shape[-1])
        maps = tf.tensordot(maps, windows, [[-1], [1]])
        maps = tf.linalg.matrix_transpose(maps)
    x, y, squares, product = tf.split(maps, 4, axis=1)
    variances = squares - (x**2 + y**2)
    structure = (2 * (product - x * y) + 0.03**2) / (variances + 0.03**2)
    x, y = x + 0.5, y + 0.5
    luminance = (2 * x * y + 0.01**2) / (x**2 + y**2 + 0.01**2)
    return luminance, structure


def _windows(size: int) -> tf.Tensor:
    """Weights of pixels in each window along a side, `[size - 10, size]`."""
    places = np.arange(size) - np.arange(size - WINDOW + 1)[:, None]
    places = places - WINDOW // 2  # from a window's middle
    weights = np.exp(-(places**2) / (2 * 1.5**2))
    weights *= abs(places) <= WINDOW // 2
    return tf.constant(weights / weights.sum(1, keepdims=True), tf.float32)


def _sizes(x: tf.Tensor) -> list:
    """Sizes of all axes, static where known."""
    dynamic = tf.shape(x)
    return [dynamic[i] if n is None else n for i, n in enumerate(x.shape)]
