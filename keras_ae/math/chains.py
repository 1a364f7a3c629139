"""Distributions of codes in levels, each given those above."""

from collections.abc import Callable
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.math import divergences as kl
from keras_ae.math import draws

tfd = tfp.distributions

#: From the codes of all levels above, `[..., (places,) d]`, to the law of a
#: level.
Level = Callable[[tf.Tensor], tfd.Distribution]


class Chain(draws.Rowwise, draws.Own):
    """A vector, or a grid of vectors, in blocks along the last axis: each
    depends on those before it. Its `mean` and `stddev` are those of each block
    at the means of those before.

    Formula:
        p(z) = p(z_1) * prod_l p(z_l | z_1 .. z_(l-1))

    Args:
        top: p(z_1), over vectors or grids of them.
        below: The other levels.
        sizes: Lengths of all blocks.

    Example:
        >>> top = tfd.MultivariateNormalDiag(tf.zeros([5, 2]))
        >>> below = lambda z: tfd.MultivariateNormalDiag(z[..., :1])
        >>> chain = Chain(top, [below], [2, 1])
        >>> z = chain.sample(3, seed=(0, 0))
        >>> z.shape, chain.log_prob(z).shape
        (TensorShape([3, 5, 3]), TensorShape([3, 5]))

    Reference: Sonderby et al., 2016. Ladder Variational Autoencoders.
        https://arxiv.org/abs/1602.02282
    """

    def __init__(
        self,
        top: tfd.Distribution,
        below: Sequence[Level],
        sizes: Sequence[int],
    ):
        self.top, self._below, self._sizes = top, below, list(sizes)
        super().__init__(reparameterized=True)

    def levels(self, z: tf.Tensor) -> list[tfd.Distribution]:
        """The law of each level, given what is above it in `z`,
        `[..., (places,) d]`."""
        found, end = [self.top], 0
        for size, level in zip(self._sizes, self._below, strict=False):
            end += size
            found.append(level(z[..., :end]))
        return found

    def blocks(self, z: tf.Tensor) -> list[tf.Tensor]:
        """The parts of `z`, `[..., (places,) d]`, top first."""
        return tf.split(z, self._sizes, axis=-1)

    def _log_prob(self, z: tf.Tensor) -> tf.Tensor:
        pairs = zip(self.levels(z), self.blocks(z), strict=True)
        return tf.add_n([level.log_prob(part) for level, part in pairs])

    def _sample_n(
        self, n: tf.Tensor, seed: draws.Seed | draws.RowSeed = None
    ) -> tf.Tensor:
        first, *seeds = draws.split(seed, len(self._sizes))
        z = draws.sample(self.top, n, first)
        for level, own in zip(self._below, seeds, strict=True):
            z = tf.concat([z, draws.sample(level(z), (), own)], axis=-1)
        return z

    def _mean(self) -> tf.Tensor:
        z = self.top.mean()
        for level in self._below:
            z = tf.concat([z, level(z).mean()], axis=-1)
        return z

    def _stddev(self) -> tf.Tensor:
        # Of each level at the means above it.
        levels = self.levels(self._mean())
        return tf.concat([level.stddev() for level in levels], axis=-1)

    def _batch_shape(self) -> tf.TensorShape:
        return self.top.batch_shape

    def _batch_shape_tensor(self) -> tf.Tensor:
        return self.top.batch_shape_tensor()

    def _event_shape(self) -> tf.TensorShape:
        return self.top.event_shape[:-1] + [sum(self._sizes)]

    def _event_shape_tensor(self) -> tf.Tensor:
        places = self.top.event_shape_tensor()[:-1]
        return tf.concat([places, [sum(self._sizes)]], axis=0)


def divergences(q: Chain, p: Chain, z: tf.Tensor) -> list[tf.Tensor]:
    """KL of each level of two chains given what is above it, in closed form
    where TFP has it, as of normals; else by Monte Carlo.

    Args:
        q: Batch shape `[B]`.
        p: Batch shape `[]` or `[B]`.
        z: Draws of `q`, `[(S,) B, (places,) d]`.

    Returns:
        `[(S,) B]` each; their sum is on average KL(q || p).
    """
    shape = tf.shape(z)[: -len(q.event_shape)]
    levels = zip(q.levels(z), p.levels(z), q.blocks(z), strict=True)
    found = [kl.kl_divergence(*level) for level in levels]
    return [tf.broadcast_to(each, shape) for each in found]


def times(
    below: Sequence[Level], normals: tfd.Independent, sizes: Sequence[int]
) -> Chain:
    """A chain of normals: levels, but for the top, multiplied by others,
    which take the top's place.

    Args:
        below: The levels below the top, of normals.
        normals: The others, as one code of batch shape `[B]`.
        sizes: Lengths of all blocks.
    """
    law, rank = normals.distribution, normals.reinterpreted_batch_ndims
    blocks = (tf.split(t, list(sizes), axis=-1) for t in (law.loc, law.scale))
    top, *others = (
        tfd.Independent(draws.Normal(*pair), rank)
        for pair in zip(*blocks, strict=True)
    )
    levels = [
        lambda z, level=level, other=other: product(level(z), other)
        for level, other in zip(below, others, strict=True)
    ]
    return Chain(top, levels, sizes)


def product(p: tfd.Distribution, q: tfd.Distribution) -> tfd.Distribution:
    """The normal whose density is that of two normals multiplied.

    Formula:
        precision = 1 / s_p**2 + 1 / s_q**2
        mean = (m_p / s_p**2 + m_q / s_q**2) / precision

    Args:
        p, q: `tfd.Independent` of normals.

    Reference: Sonderby et al., 2016. Ladder Variational Autoencoders,
        equations 11 to 13. https://arxiv.org/abs/1602.02282
    """
    one, other = p.distribution, q.distribution
    share = one.scale**2 / (one.scale**2 + other.scale**2)
    scale = one.scale * other.scale / tf.sqrt(one.scale**2 + other.scale**2)
    mean = one.loc + share * (other.loc - one.loc)
    return tfd.Independent(
        draws.Normal(mean, scale), p.reinterpreted_batch_ndims
    )
