"""Several levels of codes as one flat code."""

from collections.abc import Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.math import draws

tfd = tfp.distributions


class Levels(draws.Rowwise, tfd.Blockwise):
    """A chain of distributions over one vector, the levels side by side.

    Formula:
        log p(z) = log p(z_1) + log p(z_2|z_1) + log p(z_3|z_1, z_2) + ...

    Args:
        levels: The first level, a distribution over vectors `[d_1]`, then
            functions from the levels before, nearest first, to the next.
        batch_ndims: Batch axes of the first level. Defaults to 1.

    Example:
        >>> top = tfd.MultivariateNormalDiag(tf.zeros([5, 2]))
        >>> chain = Levels(
        ...     [top, lambda z: tfd.MultivariateNormalDiag(z[..., :1])]
        ... )
        >>> z = chain.sample(3, seed=(0, 0))
        >>> z.shape, chain.log_prob(z).shape
        (TensorShape([3, 5, 3]), TensorShape([3, 5]))

    Reference: Sonderby et al., 2016. Ladder Variational Autoencoders.
        https://arxiv.org/abs/1602.02282
    """

    def __init__(self, levels: Sequence, batch_ndims: int = 1):
        self.levels = tuple(levels)
        joint = tfd.JointDistributionSequential(
            list(levels), batch_ndims=batch_ndims, use_vectorized_map=False
        )
        super().__init__(joint)

    def _sample_n(self, n: tf.Tensor, seed: draws.Seed = None) -> tf.Tensor:
        found: list[tf.Tensor] = []
        for level, key in zip(
            self.levels, draws.split(seed, len(self.levels)), strict=True
        ):
            if not found:
                found.append(draws.sample(level, n, key))
                continue
            below = level(*found[::-1][: _inputs(level)])
            found.append(draws.sample(below, (), key))
        return tf.concat(found, axis=-1)

    def code(self) -> tf.Tensor:
        """The means in order, each level at the means of those before,
        `[B, d]`: a code, not the mean of the chain, which has no closed
        form."""
        found: list[tf.Tensor] = []
        for level in self.levels:
            if found:
                level = level(*found[::-1][: _inputs(level)])
            found.append(level.mean())
        return tf.concat(found, axis=-1)


def _inputs(level: object) -> int:
    """How many levels before it a function looks at."""
    return level.__code__.co_argcount
