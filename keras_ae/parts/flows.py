"""Flows: changes of variables that are learned."""

import abc
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.types import Shape
from keras_ae.parts.part import BasePart

tfb = tfp.bijectors
layers = keras.layers

#: Of a last layer: the map is nearly the identity, and all layers learn.
SMALL = {"class_name": "RandomNormal", "config": {"stddev": 0.01}}


class BaseFlow(BasePart, keras.Layer, abc.ABC):
    """A chain of invertible maps of vectors; at first about the identity.

    Args:
        depth: Maps in the chain; between two, the order of the values is
            reversed. Defaults to 4.
        width: Hidden units of the network of a map. Defaults to 64.
    """

    kind = "flow"

    def __init__(self, depth: int = 4, width: int = 64, **kwargs: Any):
        super().__init__(**kwargs | {"dtype": "float32"})
        self.depth = validation.check_count("depth", depth)
        self.width = validation.check_count("width", width)

    def build(self, input_shape: Shape) -> None:
        """Make a network for each map, of vectors along the last axis.

        Raises:
            ValueError: If a vector has one value alone.
        """
        if self.built:
            return
        self.size = validation.check_count("size", input_shape[-1], 2)
        self.networks = [self.network() for _ in range(self.depth)]
        self.built = True

    @abc.abstractmethod
    def network(self) -> keras.Model:
        """Shifts and logarithms of scales, beside each other, of a vector."""

    @abc.abstractmethod
    def one(self, network: keras.Model) -> tfb.Bijector:
        """The map of a network, on vectors."""

    def bijector(self) -> tfb.Bijector:
        """The chain: from noise forward, to noise inverse."""
        chain: list = []
        for network in self.networks:
            reverse = np.arange(self.size)[::-1].copy()
            chain += [self.one(network), tfb.Permute(reverse)]
        return tfb.Chain(chain[:-1])

    def drawing(self) -> tfb.Bijector:
        """The chain in the direction in which noise is moved in one pass."""
        return self.bijector()


@registry.register("coupling")
class Coupling(BaseFlow):
    """Half of the values says how the other half is moved and scaled; both
    ways are fast.

    Formula:
        y_a = x_a,  y_b = x_b * exp(s(x_a)) + t(x_a)

    Args: see `BaseFlow`.

    Example:
        >>> flow = Coupling(depth=2)
        >>> flow.build((None, 3))
        >>> flow.bijector().forward(tf.ones([1, 3])).numpy().round(0).tolist()
        [[1.0, 1.0, 1.0]]

    Reference: Dinh, Sohl-Dickstein, Bengio, 2017. Density Estimation Using
        Real NVP. ICLR. https://arxiv.org/abs/1605.08803
    """

    def network(self) -> keras.Model:
        """See `BaseFlow.network`."""
        kept = self.size // 2
        inputs = keras.Input([kept])
        x = layers.Dense(self.width, "tanh")(inputs)
        x = layers.Dense(self.width, "tanh")(x)
        x = layers.Dense(2 * (self.size - kept), kernel_initializer=SMALL)(x)
        return keras.Model(inputs, x)

    def one(self, network: keras.Model) -> tfb.Bijector:
        """See `BaseFlow.one`."""
        return tfb.RealNVP(
            num_masked=self.size // 2,
            shift_and_log_scale_fn=lambda x, units, **_: _pair(network, x),
        )


@registry.register("autoregressive")
class Autoregressive(BaseFlow):
    """All values before say how a value is moved and scaled: to noise in one
    pass, from noise in as many as there are values.

    Formula:
        y_j = x_j * exp(s_j(y_1 .. y_(j-1))) + t_j(y_1 .. y_(j-1))

    Args: see `BaseFlow`.

    Example:
        >>> flow = Autoregressive(depth=1)
        >>> flow.build((None, 3))
        >>> flow.bijector().inverse(tf.ones([1, 3])).numpy().round(0).tolist()
        [[1.0, 1.0, 1.0]]

    Reference: Papamakarios, Pavlakou, Murray, 2017. Masked Autoregressive
        Flow for Density Estimation. NeurIPS.
        https://arxiv.org/abs/1705.07057
    """

    def network(self) -> keras.Model:
        """See `BaseFlow.network`; no output reads its own value, or later
        ones."""
        degrees = np.arange(1, self.size + 1)
        hidden = np.arange(self.width) % (self.size - 1) + 1
        inputs = keras.Input([self.size])
        x = MaskedDense(reads(degrees, hidden, own=True), "tanh")(inputs)
        x = MaskedDense(reads(hidden, hidden, own=True), "tanh")(x)
        out = reads(hidden, np.tile(degrees, 2), own=False)
        return keras.Model(inputs, MaskedDense(out, start=SMALL)(x))

    def one(self, network: keras.Model) -> tfb.Bijector:
        """See `BaseFlow.one`."""
        return tfb.MaskedAutoregressiveFlow(
            shift_and_log_scale_fn=lambda x, **_: _pair(network, x)
        )

    def drawing(self) -> tfb.Bijector:
        """See `BaseFlow.drawing`; the chain the other way round."""
        return tfb.Invert(self.bijector())


@registry.register("planar")
class Planar(BaseFlow):
    """Bends along one direction, again and again; for posteriors alone, since
    there is no way back.

    Formula:
        y = x + u tanh(<w, x> + b),  <w, u> > -1

    Args:
        depth: Maps in the chain. Defaults to 4.

    Reference: Rezende, Mohamed, 2015. Variational Inference with Normalizing
        Flows, equations 10 to 12. https://arxiv.org/abs/1505.05770
    """

    fixed = ("width",)

    def __init__(self, depth: int = 4, **kwargs: Any):
        super().__init__(depth, 1, **kwargs)

    def network(self) -> keras.layers.Layer:
        """See `BaseFlow.network`; w, u and b."""
        layer = keras.layers.Layer(dtype="float32")
        layer.numbers = layer.add_weight(
            shape=(2 * self.size + 1,),
            initializer=keras.initializers.RandomNormal(stddev=0.1),
            name="numbers",
        )
        layer.built = True
        return layer

    def one(self, network: keras.layers.Layer) -> tfb.Bijector:
        """See `BaseFlow.one`."""
        numbers = tf.convert_to_tensor(network.numbers)
        return _Bend(*tf.split(numbers, [self.size, self.size, 1]))


class _Bend(tfb.Bijector):
    """One planar map."""

    def __init__(self, w: tf.Tensor, u: tf.Tensor, b: tf.Tensor):
        super().__init__(forward_min_event_ndims=1)
        along = tf.reduce_sum(w * u)
        # Appendix A.1: so that it is invertible.
        wanted = tf.nn.softplus(along) - 1
        share = (wanted - along) / (tf.reduce_sum(w**2) + 1e-8)
        self._w, self._u, self._b = w, u + share * w, b[0]

    def _slope(self, x: tf.Tensor) -> tf.Tensor:
        return tf.tensordot(x, self._w, 1) + self._b

    def _forward(self, x: tf.Tensor) -> tf.Tensor:
        return x + self._u * tf.tanh(self._slope(x))[..., None]

    def _forward_log_det_jacobian(self, x: tf.Tensor) -> tf.Tensor:
        slope = 1 - tf.tanh(self._slope(x)) ** 2
        return tf.math.log1p(slope * tf.reduce_sum(self._w * self._u))


class MaskedDense(keras.layers.Layer):
    """A dense layer some of whose connections are cut.

    Args:
        mask: 1 for a connection, 0 for none, `[inputs, units]`.
        activation: Name of a Keras activation, or None.
        start: Initializer of the kernel.
    """

    def __init__(
        self,
        mask: np.ndarray,
        activation: str | None = None,
        start: str | dict = "glorot_uniform",
    ):
        super().__init__(dtype="float32")
        self._mask = mask.astype(np.float32)
        self._activation = keras.activations.get(activation)
        self._start = start

    def build(self, input_shape: Shape) -> None:
        """Make kernel and bias."""
        del input_shape  # the mask's
        self.kernel = self.add_weight(
            shape=self._mask.shape,
            initializer=keras.initializers.get(self._start),
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=self._mask.shape[1:], initializer="zeros", name="bias"
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """`[..., inputs]` to `[..., units]`."""
        kernel = self._mask * tf.convert_to_tensor(self.kernel)
        return self._activation(tf.tensordot(inputs, kernel, 1) + self.bias)


def reads(below: np.ndarray, above: np.ndarray, own: bool) -> np.ndarray:
    """Which unit reads which: of the same degree, or of a lower one alone."""
    gap = above[None] - below[:, None]
    return gap >= 0 if own else gap > 0


def _pair(network: keras.Model, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Shift, and logarithm of a scale between exp(-3) and exp(3)."""
    numbers = network(tf.reshape(x, [-1, x.shape[-1]]))
    shape = tf.concat([tf.shape(x)[:-1], [numbers.shape[-1]]], axis=0)
    shift, raw = tf.split(tf.reshape(numbers, shape), 2, axis=-1)
    return shift, 3.0 * tf.tanh(raw / 3.0)


def get(identifier: str | dict | BaseFlow) -> BaseFlow:
    """A flow by name, by `{name: arguments}`, or itself.

    Example:
        >>> get({"coupling": {"depth": 8}}).depth
        8
    """
    return registry.part(BaseFlow, identifier)
