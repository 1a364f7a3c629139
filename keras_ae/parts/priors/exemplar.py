"""Training examples as a prior."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.types import Shape
from keras_ae.core.types import Shapes
from keras_ae.math import draws
from keras_ae.parts import heads
from keras_ae.parts.priors import base

if TYPE_CHECKING:
    from keras_ae.model.base import BaseAutoencoder
    from keras_ae.model.batch import Forward
    from keras_ae.model.batch import Moment

tfd = tfp.distributions

REFRESHED = 500  # examples whose codes are renewed after a step
REAL = tfd.Normal, tfd.Laplace, tfd.StudentT, tfd.MultivariateNormalTriL
IMPOSSIBLE = -1e9  # the logarithm of 0, that has a gradient


@registry.register("exemplar")
class Exemplar(base.BasePrior):
    """Mixture of the posteriors of training examples.

    They are not learned, so that many cost no more than their encoding;
    `adapt` takes them from the training data, before it they are noise. In
    training an example does not count for itself, or all posteriors would
    shrink to points.

    Tens of thousands are too many to encode at each step. With `neighbors`,
    training takes those alone whose codes are nearest to a draw z, a lower
    bound of p(z): others are far, and add little. They are looked up among
    codes that were remembered, 500 of which are renewed after each step, in
    turn. In use the prior is the whole mixture.

    An example is itself in the mixture where the two are equal. Of grey levels
    that are binarized anew at every epoch it never is: there it is the
    exemplar that gives its bits with the highest probability, if that is one
    that such draws have.

    Formula:
        p(z) = mean_k q(z | x_k)
        in training: over the k with x_k != x
        with neighbors: p(z) >= sum_k q(z | x_k) / K over the nearest k alone,
        of K examples that count
        tied: N(z; E[q(z | x_k)], scale**2) in place of q(z | x_k)

    Args:
        components: Number of examples; all rows if there are not more.
            Defaults to 500.
        leave_one_out: Whether an example is left out of its own prior in
            training. Defaults to True.
        neighbors: How many of them count in training, the nearest ones; or
            None for all. Defaults to None.
        tied: Whether all have one deviation, which is learned, as in the
            reference. Posteriors' own are as narrow as one example is known,
            and bend those of others to theirs. Defaults to False.

    Raises:
        ValueError: At the first use, if examples are tied whose posteriors
            are none of real numbers.

    Example:
        >>> vae = keras_ae.VAE.create((8,), 2, prior="exemplar", hidden=(16,))
        >>> vae.adapt(np.random.default_rng(0).random((600, 8)))
        >>> vae.prior.distribution(vae.encode).log_prob(tf.zeros([5, 2])).shape
        TensorShape([5])

    Reference: Norouzi, Fleet, Norouzi, 2020. Exemplar VAE: Linking Generative
        Models, Nearest Neighbor Retrieval, and Data Augmentation. NeurIPS.
        https://arxiv.org/abs/2004.04795
    """

    def __init__(
        self,
        components: int = 500,
        leave_one_out: bool = True,
        neighbors: int | None = None,
        tied: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.components = validation.check_count("components", components)
        self.leave_one_out = bool(leave_one_out)
        self.tied = bool(tied)
        if neighbors is not None:
            neighbors = validation.check_count("neighbors", neighbors)
        self.neighbors = neighbors

    def build(
        self, code_shape: Shape, example_shape: Shapes | None = None
    ) -> None:
        """See `BasePrior.build`; a place for examples, and who has one.

        Raises:
            ValueError: Without the shape of one example.
        """
        normal = keras.initializers.RandomNormal()
        shape = base.single(example_shape)
        self.examples = self._place("examples", shape, normal)
        self.there = self._place("there", (), "ones")
        if self.neighbors is not None:
            self.codes = self._place("codes", tuple(code_shape[1:]), "zeros")
        if self.tied:
            self.raw_scale = self.add_weight(
                shape=(),
                initializer=keras.initializers.Constant(heads.UNIT_SCALE),
                dtype="float32",
                autocast=False,
                name="raw_scale",
            )
        super().build(code_shape, example_shape)

    def adapt(self, model: "BaseAutoencoder", x: np.ndarray) -> None:
        """See `BasePart.adapt`; examples drawn without replacement."""
        count = min(self.components, len(x))
        examples = self.examples.numpy()
        examples[:count] = base.some(x, count, model)
        self.examples.assign(examples)
        self.there.assign(np.arange(self.components) < count)
        if self.neighbors is not None:
            for low in range(0, count, REFRESHED):
                numbers = np.arange(low, min(low + REFRESHED, count))
                self._renew(numbers, model.encode_tensors)

    def distribution(
        self, encode: Callable[[tf.Tensor], tfd.Distribution]
    ) -> tfd.Distribution:
        """See `BasePrior.distribution`."""
        return self.mixture(encode, tf.convert_to_tensor(self.there))

    def among(
        self, x: tf.Tensor, encode: Callable[[tf.Tensor], tfd.Distribution]
    ) -> tfd.Distribution:
        """See `BasePrior.among`."""
        shares = tf.convert_to_tensor(self.there)
        if self.leave_one_out:
            own = _same(x, tf.convert_to_tensor(self.examples), shares)
            shares = tf.where(own, 0.0, shares)  # [B, K]
        if self.neighbors is None:
            return self.mixture(encode, shares)
        return Nearest(self, encode, shares)

    def after_step(self, forward: "Forward", moment: "Moment") -> None:
        """See `BasePart.after_step`; some codes are renewed, in turn."""
        if not isinstance(forward.prior, Nearest):
            return
        count = min(REFRESHED, self.components)
        turn = tf.cast(moment.step, tf.int32) % -(-self.components // count)
        numbers = (turn * count + tf.range(count)) % self.components
        self._renew(numbers, forward.prior.encode)

    def mixture(
        self, encode: Callable[[tf.Tensor], tfd.Distribution], shares: tf.Tensor
    ) -> tfd.Distribution:
        """Of the posteriors of all examples, by shares `[(B,) K]`."""
        return tfd.MixtureSameFamily(
            tfd.Categorical(logits=_logits(shares)),
            self.component(encode)(tf.convert_to_tensor(self.examples)),
        )

    def component(self, encode: Callable) -> Callable:
        """Makes of examples the laws that the mixture is of."""
        if not self.tied:
            return encode

        def around(examples: tf.Tensor) -> tfd.Distribution:
            mean = _mean(encode(examples))
            scale = tf.nn.softplus(tf.convert_to_tensor(self.raw_scale))
            scale = tf.fill(tf.shape(mean), scale + heads.Gaussian.floor)
            normal = draws.Normal(mean, scale)
            return tfd.Independent(normal, len(self.event_shape))

        return around

    def _place(self, name: str, shape: tuple, start: Any) -> keras.Variable:
        return self.add_weight(
            shape=(self.components, *shape),
            initializer=start,
            trainable=False,
            dtype="float32",
            autocast=False,
            name=name,
        )

    def _renew(self, numbers: tf.Tensor, encode: Callable) -> None:
        """Remember the codes of examples by number, `[n]`."""
        examples = tf.gather(tf.convert_to_tensor(self.examples), numbers)
        old, new = tf.convert_to_tensor(self.codes), encode(examples).mean()
        self.codes.assign(
            tf.tensor_scatter_nd_update(old, numbers[:, None], new)
        )


class Nearest(draws.Own):
    """A lower bound of a mixture's density: of the components alone whose
    remembered codes are nearest to the code asked about.

    Args:
        prior: An `Exemplar` with `neighbors`.
        encode: The model's encoder.
        shares: Who counts, `[(B,) K]`.
    """

    def __init__(self, prior: Exemplar, encode: Callable, shares: tf.Tensor):
        self.prior, self.encode, self.shares = prior, encode, shares
        super().__init__(reparameterized=False)

    def _log_prob(self, z: tf.Tensor) -> tf.Tensor:
        event = self.prior.event_shape
        lead = tf.shape(z)[: len(z.shape) - len(event)]
        flat = tf.reshape(z, tf.concat([lead, [-1]], 0))  # [(S,) B, d]
        codes = tf.convert_to_tensor(self.prior.codes)
        codes = tf.reshape(codes, [self.prior.components, -1])
        near = 2 * tf.tensordot(flat, codes, [[-1], [-1]])
        near += _logits(self.shares) - tf.reduce_sum(codes**2, axis=-1)
        count = min(self.prior.neighbors, self.prior.components)
        _, found = tf.math.top_k(tf.stop_gradient(near), count)  # [(S,) B, k]
        densities = self._components(z, found)
        shares = tf.nn.log_softmax(_logits(self.shares))
        shares = tf.broadcast_to(shares, tf.shape(near))
        shares = tf.gather(shares, found, batch_dims=len(found.shape) - 1)
        return tf.reduce_logsumexp(densities + shares, axis=-1)

    def _components(self, z: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
        """Log densities at codes under the posteriors of some examples each,
        `[(S,) B, k]`."""
        event = self.prior.event_shape
        examples = tf.convert_to_tensor(self.prior.examples)
        examples = tf.gather(examples, tf.reshape(numbers, [-1]))
        z = tf.expand_dims(z, len(numbers.shape) - 1)
        shape = tf.concat([tf.shape(numbers), event], 0)
        z = tf.reshape(tf.broadcast_to(z, shape), [-1, *event])
        laws = self.prior.component(self.encode)(examples)
        return tf.reshape(laws.log_prob(z), tf.shape(numbers))

    def _sample_n(self, n: tf.Tensor, seed: Any = None) -> tf.Tensor:
        return self.prior.mixture(self.encode, self.shares).sample(n, seed=seed)

    def _batch_shape(self) -> tf.TensorShape:
        return self.shares.shape[:-1]

    def _batch_shape_tensor(self) -> tf.Tensor:
        return tf.shape(self.shares)[:-1]

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape(self.prior.event_shape)

    def _event_shape_tensor(self) -> tf.Tensor:
        return tf.constant(self.prior.event_shape, tf.int32)


def _mean(law: tfd.Distribution) -> tf.Tensor:
    """Of a law of real numbers."""
    inner, _ = draws.unwrapped(law)
    if not isinstance(inner, REAL):
        raise ValueError(
            "Tied examples are normal around the means of posteriors. Expected "
            "a posterior of real numbers that knows its mean: Gaussian, "
            f"Laplace, Student-t. Received: {inner.name}. Use tied=False."
        )
    return law.mean()


def _logits(shares: tf.Tensor) -> tf.Tensor:
    """Not log(0), whose gradient is none: so rare that it adds nothing."""
    return tf.where(shares > 0, 0.0, IMPOSSIBLE)


def _logs(p: tf.Tensor) -> tf.Tensor:
    """Logarithms of probabilities; of others, that of 0."""
    can = (p > 0) & (p <= 1)
    return tf.where(can, tf.math.log(tf.where(can, p, 1.0)), IMPOSSIBLE)


def _same(x: tf.Tensor, examples: tf.Tensor, there: tf.Tensor) -> tf.Tensor:
    """Which examples, of those that are there, the rows of a batch are or are
    drawn from: bool `[B, K]`."""
    equal = _keys(x)[:, None] == _keys(examples)
    rows, levels = (tf.reshape(t, [tf.shape(t)[0], -1]) for t in (x, examples))
    bits = tf.reduce_all((rows == 0) | (rows == 1), axis=1, keepdims=True)

    def drawn() -> tf.Tensor:
        ones, zeros = _logs(levels), _logs(1 - levels)
        chance = tf.matmul(rows, ones, transpose_b=True)
        chance += tf.matmul(1 - rows, zeros, transpose_b=True) + _logits(there)
        best = tf.reduce_max(chance, axis=1, keepdims=True)
        # log p(row | levels) of rows that the levels give: mean, variance.
        mean = tf.reduce_sum(levels * ones + (1 - levels) * zeros, 1)
        odds = (ones - zeros) ** 2
        variance = tf.reduce_sum(levels * (1 - levels) * odds, 1)
        least = tf.maximum(mean - 5 * tf.sqrt(variance), IMPOSSIBLE / 2)
        return bits & (chance == best) & (chance >= least)

    none = tf.zeros_like(equal)
    return equal | tf.cond(tf.reduce_any(bits), drawn, lambda: none)


def _keys(x: tf.Tensor) -> tf.Tensor:
    """A number for each example, equal for equal ones, int32 `[B]`."""
    values = tf.reshape(x, [tf.shape(x)[0], -1]) + 0.0  # -0 is 0
    bits = tf.bitcast(values, tf.int32)
    odd = (2 * tf.range(tf.shape(bits)[1]) + 1) * 0x2C1B3C6D
    return tf.reduce_sum(_stirred(_stirred(bits) * odd), axis=1)


def _stirred(bits: tf.Tensor) -> tf.Tensor:
    """High bits reach low ones too."""
    return tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, 15))
