"""Codes of what exceeds a threshold that is learned."""

from typing import TYPE_CHECKING
from typing import Any

import keras
import tensorflow as tf

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.types import Shape
from keras_ae.math import gradients
from keras_ae.math import sparse
from keras_ae.parts.sparsity.base import BaseSparsity

if TYPE_CHECKING:
    from keras_ae.model.batch import Forward
    from keras_ae.model.batch import Moment


@registry.register("jump_relu")
class JumpReLU(BaseSparsity, keras.Layer):
    """Keeps what exceeds a threshold, learned for each unit; units in use are
    counted.

    The count has no gradient; that of its expectation over a narrow kernel
    around the threshold stands for it.

    Formula:
        h_j = a_j * H(a_j - threshold_j),  H(u) = 1 for u > 0, else 0
        penalty = sum_j H(a_j - threshold_j)

    Args:
        threshold: Where all thresholds start, at least 0. Defaults to 0.01.
        bandwidth: Width of the kernel, in units of the encoder's numbers.
            Defaults to 0.05.

    Example:
        >>> part = JumpReLU(threshold=1.0)
        >>> part.build((None, 2))
        >>> part.code(tf.constant([[0.5, 1.5]])).numpy().tolist()
        [[0.0, 1.5]]

    Reference: Rajamanoharan et al., 2024. Jumping Ahead: Improving
        Reconstruction Fidelity with JumpReLU Sparse Autoencoders, equations 9
        to 12. https://arxiv.org/abs/2407.14435
    """

    def __init__(
        self, threshold: float = 0.01, bandwidth: float = 0.05, **kwargs: Any
    ):
        super().__init__(**kwargs | {"dtype": "float32"})
        self.threshold = validation.check_number("threshold", threshold, 0)
        self.bandwidth = validation.check_number(
            "bandwidth", bandwidth, 0, open_low=True
        )

    def build(self, code_shape: Shape) -> None:
        """See `BaseSparsity.build`."""
        if self.built:
            return
        shape = tuple(code_shape[1:])
        self.thresholds = self.add_weight(
            shape=shape,
            initializer=keras.initializers.Constant(self.threshold),
            constraint=keras.constraints.NonNeg(),
            name="thresholds",
        )
        self.built = True

    def code(self, h: tf.Tensor, training: bool = False) -> tf.Tensor:
        """See `BaseSparsity.code`."""
        del training  # the same in training and evaluation
        return sparse.jump_relu(h, self.positive(), self.bandwidth)

    def penalty(
        self, h: tf.Tensor, before: tf.Tensor | None = None
    ) -> tf.Tensor:
        """See `BaseSparsity.penalty`; the units in use."""
        del h
        active = sparse.step(before, self.positive(), self.bandwidth)
        return tf.reduce_sum(active, axis=list(range(1, len(before.shape))))

    def positive(self) -> tf.Tensor:
        """The thresholds, `[..., d]`: below 0 they would be none."""
        # Not their logarithms: small ones would hardly move. Unlike that of
        # relu, the gradient at 0, where the constraint holds them, is 1.
        return tf.maximum(tf.convert_to_tensor(self.thresholds), 0.0)


@registry.register("gated")
class Gated(BaseSparsity, keras.Layer):
    """One number says whether a unit is in use, another, with the same
    directions, how much.

    An L1 penalty makes codes sparse and too small; here it falls on the gate
    alone, which has to reconstruct the example too, with the decoder as it
    is: the term `gate`.

    Formula:
        h_j = H(a_j) * relu(exp(r_j) * a_j + c_j),  r, c learned
        penalty = sum_j relu(a_j)
        gate = -log p(x | relu(a)),  without gradient of the decoder

    Example:
        >>> part = Gated()
        >>> part.build((None, 2))
        >>> part.code(tf.constant([[-1.0, 2.0]])).numpy().tolist()
        [[0.0, 2.0]]

    Reference: Rajamanoharan et al., 2024. Improving Dictionary Learning with
        Gated Sparse Autoencoders, equations 6 to 9.
        https://arxiv.org/abs/2404.16014
    """

    terms = {"gate": "-log p(x | relu(a)), the decoder fixed, nats"}

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs | {"dtype": "float32"})

    def build(self, code_shape: Shape) -> None:
        """See `BaseSparsity.build`."""
        if self.built:
            return
        shape = tuple(code_shape[1:])
        self.log_gain = self.add_weight(
            shape=shape, initializer="zeros", name="log_gain"
        )
        self.offset = self.add_weight(
            shape=shape, initializer="zeros", name="offset"
        )
        self.built = True

    def code(self, h: tf.Tensor, training: bool = False) -> tf.Tensor:
        """See `BaseSparsity.code`."""
        del training  # the same in training and evaluation
        gain = tf.exp(tf.convert_to_tensor(self.log_gain))
        magnitude = tf.nn.relu(gain * h + tf.convert_to_tensor(self.offset))
        return tf.where(h > 0, magnitude, 0.0)

    def penalty(
        self, h: tf.Tensor, before: tf.Tensor | None = None
    ) -> tf.Tensor:
        """See `BaseSparsity.penalty`."""
        del h
        axes = list(range(1, len(before.shape)))
        return tf.reduce_sum(tf.nn.relu(before), axis=axes)

    def loss_terms(
        self, forward: "Forward", moment: "Moment"
    ) -> dict[str, tf.Tensor]:
        """See `BasePart.loss_terms`."""
        del moment
        decode, x = forward.extras["decode"], forward.batch.target
        cost = gradients.along_path(
            lambda z: -decode(z).log_prob(x),
            tf.nn.relu(forward.extras["before"]),
        )
        return {"gate": cost}
