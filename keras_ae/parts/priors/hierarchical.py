"""A prior of several levels."""

from collections.abc import Callable
from collections.abc import Sequence
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
from keras_ae.math import chains
from keras_ae.math import draws
from keras_ae.parts import heads
from keras_ae.parts.priors.base import BasePrior

if TYPE_CHECKING:
    from keras_ae.model.base import BaseAutoencoder

tfd = tfp.distributions


@registry.register("hierarchical")
class Hierarchical(BasePrior):
    """Normals in levels; those above say where a level lies, and how wide.

    A code is one vector of all levels, the top first; or a grid of such
    vectors, of which a level sees what is above it at a place and around it.
    The top has any prior: a flow, or the posteriors of pseudo-inputs.

    Formula:
        p(z) = p(z_1) * prod_l N(z_l; mean_l(above), stddev_l(above))

    Args:
        levels: Lengths of the levels; or how many, of about equal lengths, as
            long as each has a number. Defaults to 2.
        width: Hidden units of the network of a level, at each place of a
            grid. Defaults to 64.
        top: p(z_1), as in `priors.get`. Defaults to `"standard_normal"`.

    Example:
        >>> prior = Hierarchical([2, 3])
        >>> prior.build((None, 5))
        >>> prior.distribution(None).log_prob(tf.zeros([4, 5])).shape
        TensorShape([4])
        >>> type(Hierarchical([2, 3], top="flow").top).__name__
        'Flow'

    Reference: Sonderby et al., 2016. Ladder Variational Autoencoders.
        https://arxiv.org/abs/1602.02282
        Tomczak, Welling, 2018. VAE with a VampPrior, section 3.
        https://arxiv.org/abs/1705.07120
    """

    def __init__(
        self,
        levels: int | Sequence[int] = 2,
        width: int = 64,
        top: str | dict | BasePrior = "standard_normal",
        **kwargs: Any,
    ):
        super().__init__(**kwargs | {"dtype": "float32"})
        if np.ndim(levels):
            levels = [validation.check_count("levels", n) for n in levels]
        else:
            levels = validation.check_count("levels", levels)
        self.levels = levels
        self.width = validation.check_count("width", width)
        self.top = registry.part(BasePrior, top)
        if getattr(self.top, "neighbors", None) is not None:
            expected = "a prior of all its examples, `neighbors=None`"
            raise ValueError(validation.invalid("top", expected, top))

    def sizes(self, code_shape: Sequence[int]) -> list[int]:
        """Lengths of the levels of codes of a shape, without batch axis.

        Raises:
            ValueError: If levels are not as long together, or codes are grids
                of more than three sides.
        """
        *places, width = code_shape
        if np.ndim(self.levels):
            found = list(self.levels)
        else:
            count = min(self.levels, width)
            found = [width // count + (i < width % count) for i in range(count)]
        if len(places) > 3:
            expected = "vectors, or grids of them of one to three sides"
            raise ValueError(
                validation.invalid("code", expected, tuple(code_shape))
            )
        if sum(found) != width:
            expected = f"lengths that add up to that of a code, {width}"
            raise ValueError(
                validation.invalid("levels", expected, self.levels)
            )
        return found

    def build(
        self, code_shape: Shape, example_shape: Shapes | None = None
    ) -> None:
        """See `BasePrior.build`; a network for each level but the top."""
        sizes = self.sizes(code_shape[1:])
        if not self.top.built:
            self.top.build((*code_shape[:-1], sizes[0]), example_shape)
        places = [None] * (len(code_shape) - 2)  # grids of any size
        self.networks = []
        for above, size in zip(np.cumsum(sizes), sizes[1:], strict=False):
            inputs = keras.Input([*places, int(above)])
            x = _first(self.width, len(places))(inputs)
            x = keras.layers.Dense(2 * size)(x)
            self.networks.append(keras.Model(inputs, x))
        super().build(code_shape, example_shape)

    def adapt(self, model: "BaseAutoencoder", x: np.ndarray) -> None:
        """See `BasePart.adapt`; of the top."""
        self.top.adapt(model, x)

    def distribution(
        self, encode: Callable[[tf.Tensor], tfd.Distribution]
    ) -> chains.Chain:
        """See `BasePrior.distribution`."""
        return self._under(self.top.distribution(_first_level(encode)))

    def among(
        self, x: tf.Tensor, encode: Callable[[tf.Tensor], tfd.Distribution]
    ) -> chains.Chain:
        """See `BasePrior.among`."""
        return self._under(self.top.among(x, _first_level(encode)))

    def times(self, said: tfd.Distribution) -> chains.Chain:
        """The posterior: what an encoder says of all levels, normals of batch
        shape `[B]`, multiplied level by level with what those above say; of
        the top the encoder alone."""
        return chains.times(self._below(), said, self.sizes(self.event_shape))

    def _under(self, top: tfd.Distribution) -> chains.Chain:
        return chains.Chain(top, self._below(), self.sizes(self.event_shape))

    def _below(self) -> list[chains.Level]:
        return [self._level(network) for network in self.networks]

    def _level(self, network: keras.Model) -> chains.Level:
        rank = len(self.event_shape)

        def level(above: tf.Tensor) -> tfd.Distribution:
            shape = tf.shape(above)
            one = tf.concat([[-1], shape[-rank:-1], above.shape[-1:]], axis=0)
            made = network(tf.reshape(above, one))
            shape = tf.concat([shape[:-1], [made.shape[-1]]], axis=0)
            mean, raw = tf.split(tf.reshape(made, shape), 2, axis=-1)
            # At first 1, as the top's.
            scale = tf.nn.softplus(raw + heads.UNIT_SCALE)
            scale += heads.Gaussian.floor
            return tfd.Independent(draws.Normal(mean, scale), rank)

        return level


def _first_level(
    encode: Callable[[tf.Tensor], chains.Chain],
) -> Callable[[tf.Tensor], tfd.Distribution]:
    """An encoder of the top level alone."""
    return lambda x: encode(x).top


def _first(width: int, axes: int) -> keras.Layer:
    """What reads the levels above, and on a grid also the places around."""
    if not axes:
        return keras.layers.Dense(width, "tanh")
    conv = getattr(keras.layers, f"Conv{axes}D")
    return conv(width, 3, padding="same", activation="tanh")
