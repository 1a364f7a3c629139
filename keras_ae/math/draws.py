"""Random numbers from a named generator.

Left to choose one ("auto_select"), XLA on a CPU takes a generator that needs
about 450 ns for a number; Philox needs 5. Drawing the codes was then most of a
training step. Eager mode and graphs give the same numbers for a seed; XLA
counts in another order and gives others, also the same each time.
"""

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

ALGORITHM = "philox"


def uniform(shape: Any, seed: Any) -> tf.Tensor:
    """Uniform numbers in [0, 1), float32.

    Args:
        shape: Shape of the result.
        seed: int32 `[2]`.
    """
    return tf.random.stateless_uniform(shape, seed, alg=ALGORITHM)


def normal(shape: Any, seed: Any) -> tf.Tensor:
    """Standard normal numbers, float32.

    Args:
        shape: Shape of the result.
        seed: int32 `[2]`.
    """
    return tf.random.stateless_normal(shape, seed, alg=ALGORITHM)


class Normal(tfp.distributions.Normal):
    """`tfd.Normal` with draws by `normal`, reparameterized."""

    def _sample_n(self, n: tf.Tensor, seed: Any = None) -> tf.Tensor:
        shape = tf.concat([[n], self.batch_shape_tensor()], 0)
        return self.loc + self.scale * normal(shape, seed)
