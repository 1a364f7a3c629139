"""Hamiltonian dynamics: motion that keeps an energy and volumes."""

from collections.abc import Callable
from collections.abc import Sequence

import tensorflow as tf


def leapfrog(
    z: tf.Tensor,
    momentum: tf.Tensor,
    gradient: Callable[[tf.Tensor], tf.Tensor],
    step: tf.Tensor | float,
    factors: Sequence[tf.Tensor | float],
) -> tuple[tf.Tensor, tf.Tensor]:
    """Moves of a particle down an energy U, one for each factor.

    The energy U(z) + |momentum|**2 / 2 is kept to the order of `step**2`,
    volumes exactly, but for the factors; with the momentum turned around the
    particle comes back.

    Formula:
        r' = r - step / 2 * dU(z),  z' = z + step * r',
        r'' = factor * (r' - step / 2 * dU(z'))

    Args:
        z: Places, `[..., d]`.
        momentum: `[..., d]`.
        gradient: dU, of places.
        step: Length of a step, positive, `[]` or `[d]`.
        factors: What the momentum is multiplied by after each move; 1 for
            motion that nothing cools.

    Returns:
        Places and momentum at the end.

    Reference: Neal, 2011. MCMC Using Hamiltonian Dynamics, section 2.3.
        https://arxiv.org/abs/1206.1901. Caterini, Doucet, Sejdinovic, 2018.
        Hamiltonian Variational Auto-Encoder, section 3.2.
        https://arxiv.org/abs/1805.11328
    """
    force = gradient(z)
    for factor in factors:
        momentum = momentum - step / 2 * force
        z = z + step * momentum
        force = gradient(z)
        momentum = factor * (momentum - step / 2 * force)
    return z, momentum


def cooling(start: tf.Tensor | float, steps: int) -> list[tf.Tensor]:
    """Factors that bring the inverse temperature from `start` to 1.

    Formula:
        1 / sqrt(beta_k) = (1 - 1 / sqrt(start)) * k**2 / steps**2
                           + 1 / sqrt(start)
        factor_k = sqrt(beta_(k-1) / beta_k)

    Args:
        start: In (0, 1]; at 1 all factors are 1.
        steps: How many.

    Reference: Caterini, Doucet, Sejdinovic, 2018. Hamiltonian Variational
        Auto-Encoder, section 3.2. https://arxiv.org/abs/1805.11328
    """
    root = 1 / start**0.5
    heat = [(1 - root) * (k / steps) ** 2 + root for k in range(steps + 1)]
    return [
        after / before for before, after in zip(heat, heat[1:], strict=False)
    ]
