"""Priors over codes that are integers, one number after the other."""

import abc
import math
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.math import draws
from keras_ae.parts.codebooks.base import BaseCodebook
from keras_ae.parts.networks import transformer
from keras_ae.parts.part import BasePart

if TYPE_CHECKING:
    from keras_ae.model.batch import Forward
    from keras_ae.model.batch import Moment

tfd = tfp.distributions
layers = keras.layers


class BaseCodePrior(BasePart, keras.Layer, abc.ABC):
    """p(k) of the numbers of a code, in raster order.

    Formula:
        p(k) = prod_t p(k_t | k_1 .. k_(t-1))

    What a code costs, -log p(k), is exact: divided by log(2), its bits.
    """

    kind = "code_prior"
    terms = {"prior": "-log p(k) of the code, nats"}

    def __init__(self, width: int = 128, depth: int = 2, **kwargs: Any):
        super().__init__(**kwargs)
        self.width = validation.check_count("width", width)
        self.depth = validation.check_count("depth", depth)

    def join(self, codebook: BaseCodebook, code_shape: tuple) -> None:
        """Learn the codes of a codebook that is built; for one `code_shape`,
        without batch axis."""
        # A function is not tracked: the codebook remains the model's part.
        self._codebook = lambda: codebook
        self.event_shape = tuple(code_shape)
        self.index_shape = codebook.index_shape(code_shape)
        if not self.built:
            self.build((None, math.prod(self.index_shape), codebook.size))

    def build(self, input_shape: tuple) -> None:
        """Make the network, for `[B, T, K]`: T numbers below K."""
        _, self.places, self.size = input_shape
        tokens = keras.Input([self.places], dtype="int32")
        x = layers.Embedding(self.size + 1, self.width)(tokens)
        x = self.causal(x)
        x = layers.LayerNormalization()(x)
        logits = layers.Dense(self.size, kernel_initializer="zeros")(x)
        self.body = keras.Model(tokens, logits)
        self.built = True

    @abc.abstractmethod
    def causal(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Features `[B, T, width]` of tokens, each of it and those before."""

    def logits(self, numbers: tf.Tensor) -> tf.Tensor:
        """Of each number given those before it: `[B, T]` to `[B, T, K]`."""
        first = tf.fill([tf.shape(numbers)[0], 1], self.size)
        before = tf.concat([first, numbers[:, :-1]], axis=1)
        return tf.cast(self.body(before), tf.float32)

    def log_prob(self, indices: tf.Tensor) -> tf.Tensor:
        """log p(k) of numbers `[(S...,) B, *index_shape]`: `[(S...,) B]`."""
        numbers = tf.reshape(indices, [-1, self.places])
        each = tfd.Categorical(logits=self.logits(numbers)).log_prob(numbers)
        rank = len(indices.shape) - len(self.index_shape)
        return tf.reshape(tf.reduce_sum(each, -1), tf.shape(indices)[:rank])

    def chosen(self, shares: tf.Tensor) -> tf.Tensor:
        """Draws of p(k) from uniform numbers `[B, T]`, one for each place:
        int32 `[B, *index_shape]`."""

        def add(t: tf.Tensor, numbers: tf.Tensor) -> tuple:
            logits = self.logits(numbers)[:, t]
            below = tf.cumsum(tf.nn.softmax(logits), axis=-1)
            own = tf.reduce_sum(
                tf.cast(below < shares[:, t, None], tf.int32), axis=-1
            )
            own = tf.minimum(own, self.size - 1)
            here = tf.one_hot(t, self.places, dtype=tf.int32)
            return t + 1, numbers + own[:, None] * here

        _, numbers = tf.while_loop(
            lambda t, _: t < self.places,
            add,
            [tf.constant(0), tf.zeros_like(shares, tf.int32)],
        )
        return tf.reshape(numbers, [-1, *self.index_shape])

    def distribution(
        self, encode: Callable[[tf.Tensor], tfd.Distribution]
    ) -> tfd.Distribution:
        """p over codes, `[*code_shape]`; see `BasePrior.distribution`."""
        del encode  # does not depend on data
        return Codes(self, self._codebook())

    def loss_terms(
        self, forward: "Forward", moment: "Moment"
    ) -> dict[str, tf.Tensor]:
        """See `BasePart.loss_terms`; integers have no gradient, so that the
        prior learns and the code does not."""
        del moment
        return {"prior": -self.log_prob(forward.extras["indices"])}


@registry.register("causal_transformer")
class CausalTransformer(BaseCodePrior):
    """Attention to all numbers before.

    Args:
        width: Features of a token. Defaults to 128.
        depth: Blocks of attention. Defaults to 2.

    Reference: Esser, Rombach, Ommer, 2021. Taming Transformers for
        High-Resolution Image Synthesis. https://arxiv.org/abs/2012.09841
    """

    def causal(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """See `BaseCodePrior.causal`."""
        return transformer.blocks(x, (self.width,) * self.depth, causal=True)


@registry.register("masked_convolution")
class MaskedConvolution(BaseCodePrior):
    """Gated convolutions that see what lies before, twice as far each.

    Args:
        width: Channels. Defaults to 128.
        depth: Layers; the last sees 2**(depth + 1) - 1 numbers. Defaults
            to 2.

    Reference: van den Oord et al., 2016. WaveNet: A Generative Model for Raw
        Audio, sections 2.1 to 2.4. https://arxiv.org/abs/1609.03499
    """

    def causal(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """See `BaseCodePrior.causal`."""
        x = transformer.Positions()(x)
        for i in range(self.depth):
            value, gate = (
                layers.Conv1D(
                    self.width,
                    3,
                    padding="causal",
                    dilation_rate=2**i,
                    activation=activation,
                )(x)
                for activation in ("tanh", "sigmoid")
            )
            y = layers.Multiply()([value, gate])
            x = layers.Add()([x, layers.Dense(self.width)(y)])
        return x


class CodeMass(tfd.Independent):
    """A point mass at a code that knows its `indices`: a code that is a sum
    of others may have several."""

    def __init__(
        self,
        distribution: tfd.Distribution,
        reinterpreted_batch_ndims: int | None = None,
        indices: tf.Tensor | None = None,
    ):
        self.indices = indices
        super().__init__(distribution, reinterpreted_batch_ndims)


class Codes(draws.Own):
    """A distribution over vectors of a codebook, by their numbers; of vectors
    alone, by those that the codebook gives them.

    Args:
        prior: p(k).
        codebook: Vectors of the numbers.
    """

    def __init__(self, prior: BaseCodePrior, codebook: BaseCodebook):
        self._prior, self._codebook = prior, codebook
        super().__init__(reparameterized=False)

    def sample_each(self, keys: tf.Tensor) -> tf.Tensor:
        """Codes `[n, *event]`, one for each key, int32 `[n, 2]`."""
        places = self._prior.places
        shares = tf.map_fn(
            lambda key: draws.uniform([places], key),
            keys,
            fn_output_signature=tf.float32,
        )
        return self._codebook.lookup(self._prior.chosen(shares))

    def _sample_n(self, n: tf.Tensor, seed: draws.Seed = None) -> tf.Tensor:
        shares = draws.uniform([n, self._prior.places], seed)
        return self._codebook.lookup(self._prior.chosen(shares))

    def of_numbers(self, indices: tf.Tensor) -> tf.Tensor:
        """log p(k), `[(S...,) B]`."""
        return self._prior.log_prob(indices)

    def _log_prob(self, z: tf.Tensor) -> tf.Tensor:
        return self.of_numbers(self._codebook.indices(z))

    def _batch_shape(self) -> tf.TensorShape:
        return tf.TensorShape([])

    def _batch_shape_tensor(self) -> tf.Tensor:
        return tf.constant([], tf.int32)

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape(self._prior.event_shape)

    def _event_shape_tensor(self) -> tf.Tensor:
        return tf.constant(self._prior.event_shape, tf.int32)


@tfd.RegisterKL(CodeMass, Codes)
def _kl(q: CodeMass, p: Codes, name: str | None = None) -> tf.Tensor:
    """What the numbers cost, `[B]`."""
    del name
    if q.indices is None:  # a copy, which forgot them
        return -p.log_prob(q.mean())
    return -p.of_numbers(q.indices)


def get(identifier: str | dict | BaseCodePrior) -> BaseCodePrior:
    """A prior over codes by name, by `{name: arguments}`, or itself.

    Example:
        >>> get({"causal_transformer": {"depth": 3}}).depth
        3
    """
    return registry.part(BaseCodePrior, identifier)
