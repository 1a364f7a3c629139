"""From a body to a distribution."""

import math
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.config import AutoConfig
from keras_ae.core.types import DType
from keras_ae.core.types import Shapes
from keras_ae.core.types import Tree
from keras_ae.parts import heads
from keras_ae.parts.networks.tied import Transposed

tfd = tfp.distributions

PROBES = 100  # random codes that tell how far an untrained network strays


@registry.register("distribution_network")
class DistributionNetwork(AutoConfig, keras.Layer):
    """Body, projection and head: a network that outputs a distribution.

    `body` maps tensors to tensors. If it keeps the event's leading axes (an
    image to an image), the projection works on the last axis; if its output
    is flat, the projection makes all values of the event at once. Sample
    axes in front of the batch are folded for the body and unfolded before
    the head: `[S, B, d]` in, batch shape `[S, B]` out.

    Args:
        body: A Keras layer or model, tensor in, tensor out.
        head: A head or its name (`"gaussian"`, `"bernoulli"`, ...).
        event_shape: Shape of one outcome, without batch axes; an int is a
            vector's length.
        tied: Whether the projection uses the weights of another network's,
            transposed, see `tie`. Defaults to False.

    Raises:
        ValueError: If the body's output fits the event in neither way.

    Example:
        >>> body = keras.Sequential([keras.layers.Dense(16, "relu")])
        >>> network = DistributionNetwork(body, "gaussian", event_shape=2)
        >>> network(tf.zeros([5, 8])).batch_shape
        TensorShape([5])
    """

    def __init__(
        self,
        body: keras.Layer,
        head: str | heads.BaseHead,
        event_shape: int | Sequence[int],
        tied: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.tied = tied
        self.body = validation.check_type("body", body, keras.Layer)
        self.head = heads.get(head)
        self.event_shape = validation.check_shape("event_shape", event_shape)

    def build(self, input_shape: Shapes) -> None:
        """Build the body, the projection to the head's numbers, the head."""
        if self.built:
            return
        shapes = input_shape if _is_shapes(input_shape) else [input_shape]
        self._input_shapes = tuple(map(tuple, shapes))
        self._input_rank = len(shapes[0])
        if not self.body.built:
            self.body.build(input_shape)
        features = self.body.compute_output_shape(input_shape)
        sizes = self.head.sizes(self.event_shape[-1])
        if len(features) == 2:
            places = math.prod(self.event_shape[:-1])
            sizes = tuple(places * size for size in sizes)
        elif tuple(features[1:-1]) != self.event_shape[:-1]:
            raise ValueError(
                f"The output of the body {self.body.name!r} does not fit the "
                f"event. Expected shape (batch, features) or (batch, "
                f"{', '.join(map(str, self.event_shape[:-1]))}, features) for "
                f"event_shape={self.event_shape}. Received: {tuple(features)}"
            )
        self.widths = sizes
        layer = Transposed if self.tied else keras.layers.Dense
        self.projection = layer(
            sum(sizes),
            bias_initializer=self._first_bias,
            name="projection",
            dtype=self.dtype_policy,
            trainable=self.trainable,
        )
        self.projection.build(features)
        if not self.head.built:
            self.head.build((None, *self.event_shape))
            self.head.built = True
        self.built = True

    def _first_bias(self, shape: tuple, dtype: DType = None) -> tf.Tensor:
        """What the projection's bias starts at."""
        starts = self.head.starts()
        parts = [starts.get(i, 0.0) for i in range(len(self.widths))]
        bias = np.repeat(np.float32(parts), self.widths).reshape(shape)
        return keras.ops.convert_to_tensor(bias, dtype)

    def adapt(self, rows: np.ndarray) -> None:
        """Start from the moments of examples, before training.

        The projection's bias is set such that what the network says where its
        body is silent has the mean of the rows, and the head's weights follow,
        for heads that start from data: all but a Gaussian whose learned scale
        starts at a number, a point behind an activation, and directions. Where
        the projection works on the last axis alone, its bias is the same at
        all places, and so is that mean. Done once: a bias that is not as it
        was made stays.

        Args:
            rows: Examples `[N, *event_shape]` in the units of the
                distribution; NaN is a value that was not observed.

        Raises:
            ValueError: If the network is not built, and on rows of another
                shape, or none.

        Example:
            >>> body = keras.Sequential([keras.layers.Dense(4, "relu")])
            >>> network = DistributionNetwork(body, "point", event_shape=2)
            >>> network.build((None, 3))
            >>> network.adapt(np.array([[1.0, 4.0], [3.0, 8.0]]))
            >>> network(tf.zeros([1, 3])).mean().numpy().tolist()
            [[2.0, 6.0]]
        """
        if not self.built:
            raise ValueError(
                f"{self.name!r} is not built. Expected a built network to "
                "start from examples. Call `build` first."
            )
        shape = np.shape(rows)
        if shape[1:] != self.event_shape or not shape[0]:
            raise ValueError(
                "Invalid shape of `rows`. Expected at least one row, (N, "
                f"{', '.join(map(str, self.event_shape))}). Received: shape "
                f"{shape}"
            )
        bias = self.projection.bias
        first = self._first_bias(bias.shape, bias.dtype).numpy()
        if not np.array_equal(bias.numpy(), first):
            return
        sizes = self.head.sizes(self.event_shape[-1])
        last = self.widths == sizes  # the projection is of the last axis
        mean, variance = _moments(
            rows, self.event_shape[-1:] if last else self.event_shape
        )
        spread = self._spread().reshape(mean.shape)
        found = self.head.start_from(
            mean, self.head.in_own_units(mean, variance) + spread
        )
        parts = np.split(first, np.cumsum(self.widths)[:-1])
        for i, part in found.items():
            parts[i] = np.ravel(part)
        bias.assign(np.concatenate(parts))

    def _spread(self) -> np.ndarray:
        """Mean square of the first part's numbers at standard normal inputs,
        `[widths[0]]`: how far an untrained network strays from its bias."""
        rng = np.random.default_rng(0)
        inputs = [
            tf.constant(rng.normal(size=(PROBES, *shape[1:])), tf.float32)
            for shape in self._input_shapes
        ]
        features = self.body(inputs if len(inputs) > 1 else inputs[0])
        numbers = self.projection(features)[..., : self.widths[0]]
        axes = range(len(numbers.shape) - 1)
        return np.mean(np.square(numbers, dtype=np.float64), axis=tuple(axes))

    def tie(self, other: "DistributionNetwork") -> None:
        """Use the weights of another network's projection, transposed; both
        are built.

        Raises:
            ValueError: If there is more than one layer in the way.
        """
        expected = (self.projection.units, self.projection.features)
        received = tuple(other.projection.kernel.shape)
        if self.body.weights or other.body.weights or received != expected:
            raise ValueError(
                "The networks cannot share their weights. Expected one layer "
                f"each, with a kernel of shape {expected} to transpose. "
                f"Received: {received}, {len(self.body.weights)} and "
                f"{len(other.body.weights)} weights of other layers. "
                "network='tied' is for heads of one number a value."
            )
        self.projection.tie(other.projection)

    def call(
        self,
        inputs: Tree,
        training: bool = False,
        exposure: tf.Tensor | None = None,
    ) -> tfd.Distribution:
        """The distribution; `inputs` is a tensor, or a list whose first
        entry is the tensor and whose others are conditions `[B, k]`, or
        `[S..., B, k]`. For `exposure` see `BaseHead.exposed`."""
        joint = isinstance(inputs, (list, tuple))
        first, *others = inputs if joint else [inputs]
        axes = sizes(first)
        lead = axes[: len(axes) - self._input_rank + 1]  # [(S...,) B]
        if len(lead) > 1:
            first = tf.reshape(first, [-1, *axes[len(lead) :]])
            others = [
                tf.reshape(
                    tf.broadcast_to(o, [*lead, o.shape[-1]]),
                    [-1, o.shape[-1]],
                )
                for o in others
            ]
        features = self.features([first, *others] if joint else first, training)
        return self.from_features(features, lead, exposure)

    def features(self, inputs: Tree, training: bool = False) -> tf.Tensor:
        """What the body makes of inputs, `[rows, ...]`."""
        return self.body(inputs, training=training)

    def from_features(
        self,
        features: tf.Tensor,
        lead: Sequence,
        exposure: tf.Tensor | None = None,
    ) -> tfd.Distribution:
        """The distribution, of batch shape `lead`, from `features` of as many
        rows."""
        parts = self.numbers(features, lead)
        return self.head(*parts, rank=len(self.event_shape), exposure=exposure)

    def numbers(self, features: tf.Tensor, lead: Sequence) -> list[tf.Tensor]:
        """What the head makes its distribution of, `[*lead, ...]` each."""
        numbers = tf.cast(self.projection(features), tf.float32)
        places = self.event_shape[:-1]
        return [
            tf.reshape(part, [*lead, *places, width])
            for part, width in zip(
                tf.split(numbers, self.widths, axis=-1),
                self.head.sizes(self.event_shape[-1]),
                strict=True,
            )
        ]


def _moments(rows: np.ndarray, shape: tuple) -> tuple:
    """Mean and variance over all axes but the last ones, of `shape`, in
    double precision, a few megabytes of rows at a time."""
    rows = np.asarray(rows)

    def total(function: Callable) -> np.ndarray:
        sums = [
            np.nansum(
                function(part.reshape(-1, *shape).astype(np.float64)), axis=0
            )
            for _, part in validation.parts(rows)
        ]
        return np.sum(sums, axis=0)

    count = np.maximum(total(lambda part: ~np.isnan(part)), 1)
    mean = total(lambda part: part) / count
    return mean, total(lambda part: (part - mean) ** 2) / count


def _is_shapes(shape: Shapes) -> bool:
    return bool(shape) and isinstance(shape[0], (list, tuple))


def sizes(x: tf.Tensor) -> list:
    """Sizes of all axes, static where known."""
    dynamic = tf.shape(x)
    return [dynamic[i] if n is None else n for i, n in enumerate(x.shape)]
