"""Divergences between distributions, in nats."""

import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions


def has_analytic_kl(q: tfd.Distribution, p: tfd.Distribution) -> bool:
    """Whether TFP knows KL(q || p) in closed form.

    Example:
        >>> normal = tfd.Normal(0.0, 1.0)
        >>> has_analytic_kl(normal, normal)
        True
        >>> has_analytic_kl(normal, tfd.Logistic(0.0, 1.0))
        False
    """
    return _analytic(q, p) is not None


def _analytic(q: tfd.Distribution, p: tfd.Distribution) -> tf.Tensor | None:
    try:
        return tfd.kl_divergence(q, p)
    except NotImplementedError:
        return None


def kl_divergence(
    q: tfd.Distribution, p: tfd.Distribution, z: tf.Tensor
) -> tf.Tensor:
    """KL(q || p), in closed form where TFP has it, else by Monte Carlo.

    Formula:
        KL(q || p) = E_q[log q(z) - log p(z)]

    Args:
        q: Distribution of batch shape `[B]`.
        p: Distribution of batch shape `[]` or `[B]`, same event shape.
        z: Draws of `q`, `[(S,) B, event]`; used only without closed form.

    Returns:
        `[B]` in closed form, else one unbiased estimate a draw, `[(S,) B]`.

    Reference: Kingma, Welling, 2014. Auto-Encoding Variational Bayes,
        equation 7 and appendix B. https://arxiv.org/abs/1312.6114
    """
    kl = _analytic(q, p)
    return q.log_prob(z) - p.log_prob(z) if kl is None else kl


def kl_per_latent(q: tfd.Distribution, p: tfd.Distribution) -> tf.Tensor:
    """KL(q || p) of each latent, in closed form.

    Args:
        q: `tfd.Independent` of batch shape `[B]`.
        p: `tfd.Independent` of batch shape `[]`, same event shape `[d]`.

    Returns:
        `[B, d]`; the sum over the latents is KL(q || p).

    Raises:
        TypeError: If a distribution does not factorize over the latents.

    Example:
        >>> q = tfd.Independent(tfd.Normal([[0.0, 2.0]], 1.0), 1)
        >>> p = tfd.Independent(tfd.Normal([0.0, 0.0], 1.0), 1)
        >>> kl_per_latent(q, p).numpy().tolist()
        [[0.0, 2.0]]
    """
    for name, distribution in (("posterior", q), ("prior", p)):
        if not isinstance(distribution, tfd.Independent):
            raise TypeError(
                f"The {name} has no KL of single latents. Expected a "
                "distribution that factorizes, `tfd.Independent`. Received: "
                f"{type(distribution).__name__}. Use the standard normal "
                "prior, or a constraint on the whole KL such as `Capacity`."
            )
    return tfd.kl_divergence(q.distribution, p.distribution)
