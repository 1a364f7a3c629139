"""Scores: gradients of log-densities, from denoising."""

import tensorflow as tf


def denoising_score(
    reconstruction: tf.Tensor, x: tf.Tensor, variance: float
) -> tf.Tensor:
    """Score of the density of corrupted data, from the best denoiser.

    The best denoiser r(x) is the mean of the clean value given the corrupted
    one; for normal noise it differs from x by the score of the data's density
    smoothed by that noise (Tweedie's formula).

    Formula:
        d log p_sigma(x) / d x = (r(x) - x) / sigma^2,
        p_sigma = density of x + sigma * eps,  eps ~ N(0, I)

    Args:
        reconstruction: r(x), `[B, ...]`.
        x: `[B, ...]`.
        variance: sigma^2 of the normal noise.

    Returns:
        `[B, ...]`.

    Reference: Vincent, 2011. A Connection Between Score Matching and
        Denoising Autoencoders. Neural Computation 23. Alain, Bengio, 2014.
        What Regularized Auto-Encoders Learn from the Data-Generating
        Distribution. https://arxiv.org/abs/1211.4246
    """
    return (reconstruction - x) / variance
