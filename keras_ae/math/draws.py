"""Random numbers from a named generator, for whole batches and for rows.

Left to choose one ("auto_select"), XLA on a CPU takes a generator that needs
about 450 ns for a number; Philox needs 5. Drawing the codes was then most of a
training step. Eager mode and graphs give the same numbers for a seed; XLA
counts in another order and gives others, also the same each time.
"""

import math
from collections.abc import Callable
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core.types import Shape

tfd = tfp.distributions

ALGORITHM = "philox"

#: Any seed that TensorFlow Probability takes: None, an integer, a pair.
Seed = int | Sequence[int] | tf.Tensor | None


class RowSeed(NamedTuple):
    """A seed for draws of which each row has a known share.

    Attributes:
        key: int32 `[2]`.
        axis: Where the rows stand, counted from the end, below 0.
        offset: Number of the first row among those of all replicas, or None
            to draw once for all rows.
        total: Rows of all replicas, or None.
    """

    key: tf.Tensor
    axis: int
    offset: tf.Tensor | None = None
    total: tf.Tensor | None = None

    @property
    def shared(self) -> bool:
        """Whether every row gets the same numbers."""
        return self.offset is None


class Rowwise:
    """Mark of a distribution that takes a `RowSeed`."""


class Own(tfd.Distribution):
    """Base of distributions over float32 vectors that TFP has not.

    Args:
        reparameterized: Whether draws have gradients.
    """

    def __init__(self, reparameterized: bool):
        kinds = tfd.NOT_REPARAMETERIZED, tfd.FULLY_REPARAMETERIZED
        super().__init__(
            dtype=tf.float32,
            reparameterization_type=kinds[reparameterized],
            validate_args=False,
            allow_nan_stats=True,
            parameters={},
        )


class Shaped(Own):
    """Base of those whose batch and event are the axes of a tensor.

    Args:
        like: `[(S...,) B, event]`.
        rank: Axes of the event.
        reparameterized: Whether draws have gradients.
    """

    def __init__(self, like: tf.Tensor, rank: int, reparameterized: bool):
        self._like, self._rank = tf.convert_to_tensor(like), rank
        super().__init__(reparameterized)

    def _batch_shape(self) -> tf.TensorShape:
        return self._like.shape[: -self._rank]

    def _batch_shape_tensor(self) -> tf.Tensor:
        return tf.shape(self._like)[: -self._rank]

    def _event_shape(self) -> tf.TensorShape:
        return self._like.shape[-self._rank :]

    def _event_shape_tensor(self) -> tf.Tensor:
        return tf.shape(self._like)[-self._rank :]


def uniform(shape: Shape | tf.Tensor, seed: Seed | RowSeed) -> tf.Tensor:
    """Uniform numbers in [0, 1), float32.

    Args:
        shape: Shape of the result.
        seed: Of TensorFlow Probability, or of rows.
    """
    return _by_rows(tf.random.stateless_uniform, shape, seed)


def normal(shape: Shape | tf.Tensor, seed: Seed | RowSeed) -> tf.Tensor:
    """Standard normal numbers, float32.

    Args:
        shape: Shape of the result.
        seed: Of TensorFlow Probability, or of rows.
    """
    return _by_rows(tf.random.stateless_normal, shape, seed)


def gumbel(shape: Shape | tf.Tensor, seed: Seed | RowSeed) -> tf.Tensor:
    """Standard Gumbel numbers, float32: added to logits, the largest is a
    draw of the classes.

    Formula:
        -log(-log(u)),  u ~ U(0, 1)

    Args:
        shape: Shape of the result.
        seed: Of TensorFlow Probability, or of rows.
    """
    u = uniform(shape, seed) + 2.0**-24  # now from neither end
    return -tf.math.log(-tf.math.log(u))


def gamma(n: tf.Tensor, alpha: tf.Tensor, seed: Seed | RowSeed) -> tf.Tensor:
    """Draws of gamma distributions of rate 1, reparameterized, float32.

    Not TFP's, whose draws differ between eager and graph; XLA has no kernel.

    Args:
        n: How many of each.
        alpha: Shapes of the distributions, `[B, ...]`.
        seed: Of TensorFlow Probability, or of rows; its axis counts one axis
            more behind the rows than `alpha` has.

    Returns:
        `[n, B, ...]`.
    """
    if not isinstance(seed, RowSeed):
        shape = tf.concat([[n], tf.shape(alpha)], 0)
        return tf.random.stateless_gamma(
            shape, tfp.random.sanitize_seed(seed), alpha
        )
    if seed.shared:
        rows = tf.map_fn(
            lambda a: tf.random.stateless_gamma(
                tf.concat([[n], tf.shape(a)], 0), seed.key, a
            ),
            alpha,
        )  # [B, n, ...]
        return tf.transpose(rows, [1, 0, *range(2, len(rows.shape))])
    # A draw depends on its own number and shape alone: other replicas' rows
    # can have any.
    before, size = seed.offset, tf.shape(alpha)[0]
    after = seed.total - before - size
    paddings = [[before, after], *[[0, 0]] * (len(alpha.shape) - 1)]
    padded = tf.pad(alpha, paddings, constant_values=1.0)
    shape = tf.concat([[n], tf.shape(padded)], 0)
    drawn = tf.random.stateless_gamma(shape, seed.key, padded)
    return drawn[:, before : before + size]


def split(seed: Seed | RowSeed, count: int) -> list:
    """Seeds of the same kind, `count` of them; constants of a graph if it is
    one."""
    if not isinstance(seed, RowSeed):
        return tf.unstack(tfp.random.split_seed(seed, count))
    known = tf.get_static_value(seed.key)
    if known is None:
        keys = tf.unstack(tfp.random.split_seed(seed.key, count))
    else:
        with tf.init_scope():
            keys = [k.numpy() for k in tfp.random.split_seed(known, count)]
    return [seed._replace(key=tf.convert_to_tensor(key)) for key in keys]


def _by_rows(
    draw: Callable, shape: Shape | tf.Tensor, seed: Seed | RowSeed
) -> tf.Tensor:
    if not isinstance(seed, RowSeed):
        key = tfp.random.sanitize_seed(seed)
        return draw(shape, key, alg=ALGORITHM)
    shape = tf.convert_to_tensor(shape)
    place = shape.shape[0] + seed.axis
    if seed.shared:
        one = tf.concat([shape[:place], [1], shape[place + 1 :]], 0)
        return tf.broadcast_to(_same_numbers(draw, one, seed.key), shape)
    here = tf.one_hot(place, shape.shape[0], dtype=tf.int32)
    full = shape + here * (seed.total - shape)
    numbers = draw(full, seed.key, alg=ALGORITHM)
    return tf.slice(numbers, here * seed.offset, shape)


def _same_numbers(
    draw: Callable, shape: tf.Tensor, key: tf.Tensor
) -> tf.Tensor:
    """Numbers of one row; constants of a graph where key and shape are known
    when it is made, so that it runs where there is no such generator, and
    gives the same numbers under XLA."""
    known, size = tf.get_static_value(key), tf.zeros(shape).shape
    if known is None or not size.is_fully_defined():
        return draw(shape, key, alg=ALGORITHM)
    with tf.init_scope():
        numbers = draw(size, known, alg=ALGORITHM)
    return tf.constant(numbers.numpy())


def sample(
    distribution: tfd.Distribution,
    shape: Shape | tf.Tensor = (),
    seed: Seed | RowSeed = None,
) -> tf.Tensor:
    """Draws of a distribution, also from the seed of rows.

    A distribution that is not `Rowwise` is drawn row by row where all rows
    get the same numbers, and from other keys on every replica.

    Args:
        distribution: Batch shape `[(S...,) B]`.
        shape: Sample axes in front.
        seed: Of TensorFlow Probability, or of rows.

    Returns:
        `[*shape, (S...,) B, event]`.
    """
    if not isinstance(seed, RowSeed) or takes_rows(distribution):
        return distribution.sample(shape, seed=seed)
    if not seed.shared:
        key = tf.random.experimental.stateless_fold_in(seed.key, seed.offset)
        return distribution.sample(shape, seed=key)
    rows = tf.map_fn(
        lambda i: distribution[..., i].sample(shape, seed=seed.key),
        tf.range(distribution.batch_shape_tensor()[-1]),
        fn_output_signature=distribution.dtype,
    )  # [B, *shape, (S...,) event]
    axes = len(tf.TensorShape(shape)) + len(distribution.batch_shape) - 1
    order = [*range(1, axes + 1), 0, *range(axes + 1, len(rows.shape))]
    return tf.transpose(rows, order)


def takes_rows(distribution: tfd.Distribution) -> bool:
    """Whether a distribution takes a `RowSeed`."""
    law, _ = unwrapped(distribution)
    return isinstance(law, (Rowwise, tfd.Deterministic))


def unwrapped(law: tfd.Distribution) -> tuple[tfd.Distribution, int]:
    """What `tfd.Independent` holds, and of how many axes."""
    axes = 0
    # Not by its class: of parts that are no `CompositeTensor` it is another.
    while hasattr(law, "reinterpreted_batch_ndims"):
        axes += int(tf.get_static_value(law.reinterpreted_batch_ndims))
        law = law.distribution
    return law, axes


def row_seed(
    key: tf.Tensor, rank: int, place: tuple | None, shared: bool = False
) -> tf.Tensor | RowSeed:
    """The seed of draws whose rows stand before the last `rank` axes.

    Args:
        key: int32 `[2]`.
        rank: Axes behind that of the rows.
        place: `replicas.place` of this replica's rows, or None where there is
            one replica.
        shared: Whether every row gets the same numbers.

    Returns:
        The key itself where there is one replica and rows differ.
    """
    if shared:
        return RowSeed(key, -1 - rank)
    return key if place is None else RowSeed(key, -1 - rank, *place)


class Normal(Rowwise, tfd.Normal):
    """`tfd.Normal` with draws by `normal`, reparameterized.

    Its density is that of (x - loc) / scale. TFP's takes the difference of
    x / scale and loc / scale, which round by more than they differ where the
    scale is small or the data are far from zero.
    """

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        standard = tfd.Normal(tf.zeros([], self.dtype), 1.0)
        distance = (x - self.loc) / self.scale
        return standard.log_prob(distance) - tf.math.log(self.scale)

    def _sample_n(self, n: tf.Tensor, seed: Seed | RowSeed = None) -> tf.Tensor:
        return self.loc + self.scale * normal([n, *_batch(self)], seed)


class Laplace(Rowwise, tfd.Laplace):
    """`tfd.Laplace` with draws by `uniform`, reparameterized.

    Formula:
        x = loc - scale * sign(u) * log(1 - |u|),  u ~ U(-1, 1)
    """

    def _sample_n(self, n: tf.Tensor, seed: Seed | RowSeed = None) -> tf.Tensor:
        # Multiples of 2**-22: now from neither end.
        u = 2 * uniform([n, *_batch(self)], seed) - 1 + 2.0**-24
        return self.loc - self.scale * tf.sign(u) * tf.math.log1p(-tf.abs(u))


class Dirichlet(Rowwise, tfd.Dirichlet):
    """`tfd.Dirichlet` with draws by `gamma`, none of which is 0."""

    def _sample_n(self, n: tf.Tensor, seed: Seed | RowSeed = None) -> tf.Tensor:
        parts = tf.maximum(gamma(n, self.concentration, seed), 1e-30)
        shares = parts / tf.reduce_sum(parts, axis=-1, keepdims=True)
        return tf.maximum(shares, 1e-30)


class OneHot(Rowwise, tfd.OneHotCategorical):
    """`tfd.OneHotCategorical` by its logits, with draws by `gumbel`."""

    def _sample_n(self, n: tf.Tensor, seed: Seed | RowSeed = None) -> tf.Tensor:
        scores = self.perturbed([n], seed)
        classes = tf.argmax(scores, axis=-1)
        return tf.one_hot(classes, scores.shape[-1], dtype=self.dtype)

    def perturbed(self, shape: Shape | list, seed: Seed | RowSeed) -> tf.Tensor:
        """Logits and Gumbel numbers, `[*shape, B, classes]`."""
        full = tf.concat([shape, tf.shape(self.logits)], 0)
        return self.logits + gumbel(full, seed)


class StudentT(Rowwise, tfd.StudentT):
    """`tfd.StudentT` with draws by `uniform`, reparameterized, in `df` too.

    TFP divides by a gamma, which is drawn by rejection.

    Formula:
        t = sqrt(df * (u**(-2 / df) - 1)) * cos(2 * pi * v),  u, v ~ U(0, 1)

    Reference: Bailey, 1994. Polar Generation of Random Variates with the
        t-Distribution. Mathematics of Computation 62.
    """

    def _sample_n(self, n: tf.Tensor, seed: Seed | RowSeed = None) -> tf.Tensor:
        shape = [n, *_batch(self)]
        u, v = (uniform(shape, part) for part in split(seed, 2))
        u += 2.0**-24  # multiples of 2**-23: now from neither 0 nor 1
        radius = tf.sqrt(self.df * tf.math.expm1(-2 / self.df * tf.math.log(u)))
        return self.loc + self.scale * radius * tf.cos(2 * math.pi * v)


def _batch(distribution: tfd.Distribution) -> list:
    """The batch shape, in numbers where they are known."""
    rank = len(distribution.batch_shape)
    found = tf.unstack(distribution.batch_shape_tensor(), rank)
    known = zip(distribution.batch_shape, found, strict=True)
    return [found if size is None else size for size, found in known]
