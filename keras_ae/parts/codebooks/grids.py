"""Codebooks without a table: the points of a grid."""

import abc
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import registry
from keras_ae.core import replicas
from keras_ae.core import validation
from keras_ae.core.types import Shape
from keras_ae.math import quantization
from keras_ae.parts.codebooks.base import BaseCodebook

if TYPE_CHECKING:
    from keras_ae.model.batch import Forward
    from keras_ae.model.batch import Moment

tfd = tfp.distributions


class BaseGrid(BaseCodebook, abc.ABC):
    """All vectors of a few values along each axis: nothing to learn."""

    weight = 0.0

    def build(self, input_shape: Shape) -> None:
        """Count the points for vectors along the last axis."""
        self.sides = self.values_along(input_shape[-1])
        self.size = math.prod(self.sides)
        validation.check_number("size", self.size, 1, 2**31 - 1)
        self.built = True

    @abc.abstractmethod
    def values_along(self, width: int) -> tuple[int, ...]:
        """How many values each of `width` numbers takes."""

    @property
    def steps(self) -> np.ndarray:
        """By how much the number of a point grows along each axis."""
        return np.cumprod([1, *self.sides[:-1]]).astype(np.int32)


@registry.register("finite_scalar")
class FiniteScalar(BaseGrid):
    """Each number of a code rounded to one of a few levels.

    Numbers are bounded before, so that every level is in reach; none falls
    out of use, and no term is needed that holds encoder and codes together.

    Formula:
        z' = (tanh(z + shift) * (L - 1) / 2 - offset) / floor(L / 2)
        offset = 1/2 for even L, else 0;  shift: z = 0 gives z' = 0
        e = round(z' * floor(L / 2)) / floor(L / 2)

    Args:
        levels: Values that each number takes, at least 2, or those of each
            along the last axis of a code. Defaults to 5.

    Example:
        >>> codebook = FiniteScalar([3, 5])
        >>> codebook.build((None, 2))
        >>> codebook.size, codebook.lookup(14).numpy().tolist()
        (15, [1.0, 1.0])

    Reference: Mentzer, Minnen, Agustsson, Tschannen, 2024. Finite Scalar
        Quantization: VQ-VAE Made Simple. ICLR.
        https://arxiv.org/abs/2309.15505
    """

    def __init__(self, levels: int | Sequence[int] = 5, **kwargs: Any):
        super().__init__(**kwargs)
        if np.ndim(levels):
            levels = [validation.check_count("levels", n, 2) for n in levels]
        else:
            levels = validation.check_count("levels", levels, 2)
        self.levels = levels

    def values_along(self, width: int) -> tuple[int, ...]:
        """See `BaseGrid.values_along`."""
        sides = self.levels if np.ndim(self.levels) else [self.levels] * width
        if len(sides) != width:
            expected = (
                f"a number, or {width}, one along the last axis of a code"
            )
            raise ValueError(validation.invalid("levels", expected, sides))
        return tuple(sides)

    def bounded(self, z: tf.Tensor) -> tf.Tensor:
        """See `BaseCodebook.bounded`."""
        return quantization.bounded(z, self.sides)

    def indices(self, z: tf.Tensor) -> tf.Tensor:
        """See `BaseCodebook.indices`; of vectors that are `bounded`."""
        half = np.array(self.sides) // 2
        places = tf.cast(tf.round(z * half), tf.int32) + half
        return tf.reduce_sum(places * self.steps, axis=-1)

    def lookup(self, indices: tf.Tensor) -> tf.Tensor:
        """See `BaseCodebook.lookup`."""
        indices = tf.convert_to_tensor(indices)[..., None]
        places = indices // self.steps % np.array(self.sides, np.int32)
        half = np.array(self.sides) // 2
        return tf.cast(places - half, tf.float32) / half

    def loss_weights(self, commitment: float) -> dict[str, float]:
        """See `BaseCodebook.loss_weights`; both only logged."""
        del commitment
        return {"codebook": 0.0, "commitment": 0.0}


@registry.register("lookup_free")
class LookupFree(BaseGrid):
    """The sign of each number of a code: 2**d codes of d bits.

    The entropy term makes each vector sure of its bits, and the bits of all
    of them differ.

    Formula:
        e = sign(z),  q(e_j = 1 | z) = sigmoid(4 * z_j)
        entropy = mean_i H(q(e | z_i)) - sum_j H(mean_i q(e_j | z_i))

        q is the softmax of -||z - e||**2 over the codes.

    Args:
        entropy: Weight of the entropy term. Defaults to 0.1.

    Example:
        >>> codebook = LookupFree()
        >>> codebook.build((None, 3))
        >>> codebook.size, int(codebook.indices(tf.constant([0.2, -1.0, 3.0])))
        (8, 5)

    Reference: Yu et al., 2024. Language Model Beats Diffusion: Tokenizer is
        Key to Visual Generation. ICLR. https://arxiv.org/abs/2310.05737
    """

    terms = {"entropy": "of the bits of each vector less that of all, nats"}
    batch_statistics = frozenset({"entropy"})

    def __init__(self, entropy: float = 0.1, **kwargs: Any):
        super().__init__(**kwargs)
        self.entropy = validation.check_number("entropy", entropy, 0)

    def values_along(self, width: int) -> tuple[int, ...]:
        """See `BaseGrid.values_along`."""
        return (2,) * width

    def indices(self, z: tf.Tensor) -> tf.Tensor:
        """See `BaseCodebook.indices`."""
        return tf.reduce_sum(tf.cast(z > 0, tf.int32) * self.steps, axis=-1)

    def lookup(self, indices: tf.Tensor) -> tf.Tensor:
        """See `BaseCodebook.lookup`."""
        bits = tf.convert_to_tensor(indices)[..., None] // self.steps % 2
        return 2.0 * tf.cast(bits, tf.float32) - 1.0

    def loss_terms(
        self, forward: "Forward", moment: "Moment"
    ) -> dict[str, tf.Tensor]:
        """See `BasePart.loss_terms`."""
        del moment
        z = forward.extras["z"]
        logits = 4.0 * tf.reshape(z, [-1, z.shape[-1]])
        own = tf.reduce_sum(tfd.Bernoulli(logits=logits).entropy(), axis=-1)
        # Both shares, of which one may be too small to leave the other.
        shares = replicas.mean(tf.sigmoid(tf.concat([logits, -logits], -1)))
        logs = tf.math.log(tf.maximum(shares, np.finfo(np.float32).tiny))
        every = -tf.reduce_sum(shares * logs)
        return {"entropy": replicas.mean(own) - every}

    def loss_weights(self, commitment: float) -> dict[str, float]:
        """See `BaseCodebook.loss_weights`."""
        return super().loss_weights(commitment) | {"entropy": self.entropy}
