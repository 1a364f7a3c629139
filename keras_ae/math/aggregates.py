"""The aggregate posterior q(z), the mean of q(z|x) over examples, in nats."""

from typing import NamedTuple

import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import replicas
from keras_ae.math import draws

tfd = tfp.distributions


class Decomposition(NamedTuple):
    """The parts of log q(z|x) - log p(z) at draws, `[(S,) N]` each.

    Attributes:
        mutual_information: log q(z|x) - log q(z).
        total_correlation: log q(z) - sum_j log q(z_j).
        dimension_kl: sum_j log q(z_j) - log p(z).
    """

    mutual_information: tf.Tensor
    total_correlation: tf.Tensor
    dimension_kl: tf.Tensor


def decomposed_kl(
    posterior: tfd.Independent,
    prior: tfd.Distribution,
    z: tf.Tensor,
    examples: int | None = None,
) -> Decomposition:
    """The KL in three parts that add up to it at every draw.

    q(z) is estimated from the batch, of all replicas.

    Formula:
        q(z_b) ~ q(z_b|x_b) / E + (1 - 1 / E) * mean_{c != b} q(z_b|x_c)

        unbiased for the E examples of a data set; with E the size of the
        batch the batch is taken for all examples.

    Args:
        posterior: q(z|x), batch `[B]`, independent over the latents.
        prior: p(z), batch `[]`.
        z: Draws of the posterior, `[(S,) B, event]`.
        examples: E. Defaults to the size of the batch.

    Returns:
        The parts, for the N examples of all replicas.

    Raises:
        TypeError: If the posterior does not factorize over the latents.

    Example:
        >>> q = tfd.Independent(tfd.Normal([[0.0], [9.0]], 1.0), 1)
        >>> p = tfd.Independent(tfd.Normal([0.0], 1.0), 1)
        >>> parts = decomposed_kl(q, p, q.mean())
        >>> round(float(tf.exp(parts.mutual_information[0])), 4)
        2.0

    Reference: Chen, Li, Grosse, Duvenaud, 2018. Isolating Sources of
        Disentanglement in Variational Autoencoders, equation 2 and appendix
        C.2; here the mean over the choice of the example that it draws.
        https://arxiv.org/abs/1802.04942
    """
    single, _ = draws.unwrapped(posterior)
    if single is posterior or len(single.event_shape):
        raise TypeError(
            "The parts of the KL are those of single latents. Expected a "
            "posterior that factorizes over numbers, `tfd.Independent` of "
            f"scalars, such as 'gaussian'. Received: {type(single).__name__}"
        )
    rank = len(posterior.event_shape)
    own = replicas.gather(posterior.log_prob(z), -1)  # [(S,) N]
    z = replicas.gather(z, -1 - rank)  # [(S,) N, event]
    # Of every draw under every posterior, [(S,) N, N, d].
    pairs = posterior.distribution.log_prob(tf.expand_dims(z, -1 - rank))
    pairs = flat(replicas.gather(pairs, -1 - rank), rank)
    size = tf.shape(pairs)[-2]
    share = tf.math.log(_shares(size, examples or size))
    joint = tf.reduce_logsumexp(tf.reduce_sum(pairs, -1) + share, axis=-1)
    single = tf.reduce_logsumexp(pairs + share[..., None], axis=-2)
    product = tf.reduce_sum(single, axis=-1)
    return Decomposition(
        own - joint, joint - product, product - prior.log_prob(z)
    )


def permuted(z: tf.Tensor, order: tf.Tensor, axis: int = -2) -> tf.Tensor:
    """Codes whose latents come from different rows: draws of prod_j q(z_j).

    Args:
        z: Codes, `[(S,) N, event]`.
        order: Random numbers of that shape; their ranks along N say which row
            a latent is taken from.
        axis: That of N, below 0.

    Example:
        >>> z = tf.constant([[1.0, 3.0], [2.0, 4.0]])
        >>> permuted(z, [[0.9, 0.2], [0.1, 0.5]]).numpy().tolist()
        [[2.0, 3.0], [1.0, 4.0]]

    Reference: Kim, Mnih, 2018. Disentangling by Factorising, algorithm 1.
        https://arxiv.org/abs/1802.05983
    """
    rank = len(z.shape)
    rows = axis % rank
    last = [i for i in range(rank) if i != rows] + [rows]  # [(S,) event, N]
    order, columns = tf.transpose(order, last), tf.transpose(z, last)
    found = tf.gather(columns, tf.argsort(order), batch_dims=rank - 1)
    back = [*range(rows), rank - 1, *range(rows, rank - 1)]
    return tf.transpose(found, back)


def covariance(
    posterior: tfd.Distribution, means_alone: bool = False
) -> tf.Tensor:
    """Covariance of q(z), `[d, d]`, of the batches of all replicas.

    Formula:
        Cov z = Cov_x E[z|x] + E_x Cov[z|x]

    Args:
        posterior: q(z|x), batch `[B]`; event `[d]`, or one of more axes,
            taken as flat.
        means_alone: Whether the second part is left out.

    Raises:
        TypeError: If the posterior does not know its moments.

    Example:
        >>> q = tfd.Independent(tfd.Normal([[-1.0], [1.0]], 2.0), 1)
        >>> float(covariance(q)[0, 0]), float(covariance(q, True)[0, 0])
        (5.0, 1.0)
    """
    rank = len(posterior.event_shape)
    try:
        mean = flat(posterior.mean(), rank)
        within = 0.0 if means_alone else _within(posterior)
    except NotImplementedError as error:
        raise TypeError(
            "The covariance of codes needs that of each posterior. Expected a "
            "posterior with known moments, such as 'gaussian' or "
            f"'full_gaussian'. Received: {type(posterior).__name__} ({error})"
        ) from error
    centered = mean - replicas.mean(mean)
    between = replicas.mean(centered[:, :, None] * centered[:, None, :])
    return between + within


def from_identity(covariance: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Squared distances of a matrix from the identity: the sum of those off
    the diagonal, and of those on it.

    Example:
        >>> off, on = from_identity(tf.constant([[3.0, 1.0], [1.0, 1.0]]))
        >>> float(off), float(on)
        (2.0, 4.0)
    """
    variances = tf.linalg.diag_part(covariance)
    on = tf.reduce_sum((variances - 1) ** 2)
    return tf.reduce_sum(covariance**2) - tf.reduce_sum(variances**2), on


def flat(z: tf.Tensor, rank: int) -> tf.Tensor:
    """The last `rank` axes, those of an event, as one."""
    lead = tf.shape(z)[: len(z.shape) - rank]
    latents = z.shape[len(z.shape) - rank :].num_elements()
    return tf.reshape(z, tf.concat([lead, [latents]], 0))


def _within(posterior: tfd.Distribution) -> tf.Tensor:
    """E_x Cov[z|x], `[d, d]`: of independent vectors one block each."""
    single, axes = draws.unwrapped(posterior)
    if not len(single.event_shape):
        return tf.linalg.diag(replicas.mean(flat(posterior.variance(), axes)))
    blocks = replicas.mean(single.covariance())  # [..., k, k]
    blocks = tf.unstack(tf.reshape(blocks, [-1, *blocks.shape[-2:]]))
    return tf.linalg.LinearOperatorBlockDiag(
        [tf.linalg.LinearOperatorFullMatrix(block) for block in blocks]
    ).to_dense()


def _shares(size: tf.Tensor, examples: int | tf.Tensor) -> tf.Tensor:
    """Weights of the posteriors of a batch in q(z), `[N, N]`; the example of
    a batch of one has all of it."""
    own = tf.where(size > 1, 1 / tf.cast(examples, tf.float32), 1.0)
    others = tf.cast(size, tf.float32) - 1
    others = tf.math.divide_no_nan(1 - own, others)
    same = tf.eye(size)
    return same * own + (1 - same) * others
