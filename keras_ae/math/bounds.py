"""Bounds on the log-likelihood log p(x), in nats."""

from collections.abc import Callable

import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.math import densities
from keras_ae.math import divergences

tfd = tfp.distributions


def elbo(log_px: tf.Tensor, kl: tf.Tensor) -> tf.Tensor:
    """Evidence lower bound.

    Formula:
        elbo = E_q[log p(x|z)] - KL(q(z|x) || p(z)) <= log p(x)

    Args:
        log_px: log p(x|z) of draws z from the posterior, `[(S,) B]`.
        kl: `[B]` or `[(S,) B]`.

    Returns:
        `[(S,) B]`: one unbiased estimate a draw.

    Reference: Kingma, Welling, 2014. Auto-Encoding Variational Bayes,
        equation 3. https://arxiv.org/abs/1312.6114
    """
    return log_px - kl


def importance_weights(
    x: tf.Tensor,
    z: tf.Tensor,
    posterior: tfd.Distribution,
    likelihood: tfd.Distribution,
    prior: tfd.Distribution,
    path_alone: bool = False,
) -> tf.Tensor:
    """Logarithms of the importance weights of draws from the posterior.

    Formula:
        log w = log p(x|z) + log p(z) - log q(z|x)

        of a point mass, all of whose draws are one, log p(x|z) - KL(q || p)

    Args:
        x: Targets, `[B, event]`.
        z: Draws of the posterior, `[(S,) B, d]`.
        posterior: q(z|x), batch `[B]`.
        likelihood: p(x|z), batch `[(S,) B]`.
        prior: p(z), batch `[]`.
        path_alone: Whether log q is a `path_log_prob`.

    Returns:
        `[(S,) B]`.

    Reference: Burda, Grosse, Salakhutdinov, 2016. Importance Weighted
        Autoencoders, equation 8. https://arxiv.org/abs/1509.00519
    """
    log_px = likelihood.log_prob(x)
    if densities.is_point(posterior):
        return log_px - divergences.kl_divergence(posterior, prior, z)
    log_joint = log_px + prior.log_prob(z)
    if path_alone:
        return log_joint - path_log_prob(posterior, z)
    return log_joint - posterior.log_prob(z)


def path_log_prob(posterior: tfd.Distribution, z: tf.Tensor) -> tf.Tensor:
    """log q(z|x) whose gradient is that of the way through z alone: that of
    the posterior's own numbers, the score, is 0 on average, and left out.

    Args:
        posterior: q(z|x), batch `[B]`.
        z: Draws of it, `[(S,) B, d]`.

    Returns:
        `[(S,) B]`.

    Raises:
        ValueError: If the posterior knows the density of its own draws alone.

    Reference: Roeder, Wu, Duvenaud, 2017. Sticking the Landing.
        https://arxiv.org/abs/1703.09194
    """
    try:
        score = posterior.log_prob(tf.stop_gradient(z))
    except NotImplementedError as error:
        raise ValueError(
            "A gradient along the path needs the density of the posterior at "
            "any code. Expected a posterior such as 'gaussian', or a flow "
            "that has an inverse. Received: "
            f"{type(posterior).__name__} ({error}). Use "
            "gradient='reparameterized', or an autoregressive flow."
        ) from error
    return posterior.log_prob(z) - score + tf.stop_gradient(score)


def scaled_gradient(z: tf.Tensor, factor: Callable[[], tf.Tensor]) -> tf.Tensor:
    """`z`, whose gradient is multiplied by what `factor` then gives.

    Args:
        z: Draws, `[S, B, ...]`.
        factor: Called when the gradient is taken, gives `[S, B]`.
    """

    @tf.custom_gradient
    def same(z: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        def backward(slope: tf.Tensor) -> tf.Tensor:
            scale = tf.stop_gradient(factor())
            while len(scale.shape) < len(slope.shape):
                scale = scale[..., None]
            return slope * scale

        return tf.identity(z), backward

    return same(z)


def importance_bound(log_weights: tf.Tensor, power: float = 1.0) -> tf.Tensor:
    """Importance-weighted bound of S draws, tighter as S grows; or that of
    Renyi's divergence of order 1 - power, which lies below it.

    Formula:
        bound = log(mean_s w_s**power) / power
              = m + log1p(mean_s expm1(power * (log w_s - m))) / power,
                m = max_s log w_s: without overflow, and without dividing a
                rounding error by a small power

    Args:
        log_weights: `[S, ...]`.
        power: In (0, 1]. Defaults to 1.

    Returns:
        `[...]`; towards power 0 the mean of the logarithms.

    Example:
        >>> bound = importance_bound(tf.math.log([1.0, 3.0]))
        >>> round(float(tf.exp(bound)), 4)
        2.0

    Reference: Burda, Grosse, Salakhutdinov, 2016. Importance Weighted
        Autoencoders, equation 8. https://arxiv.org/abs/1509.00519. Li, Turner,
        2016. Renyi Divergence Variational Inference, equation 6.
        https://arxiv.org/abs/1602.02311
    """
    # The bound does not depend on m: it needs no gradient.
    most = tf.stop_gradient(tf.reduce_max(log_weights, axis=0))
    # Weights that are all 0 have no largest logarithm to start from.
    most = tf.where(tf.math.is_finite(most), most, 0.0)
    excess = tf.math.expm1(power * (log_weights - most))
    return most + tf.math.log1p(tf.reduce_mean(excess, axis=0)) / power
