"""Mixtures as priors."""

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
from keras_ae.math import draws
from keras_ae.parts import heads
from keras_ae.parts.priors import base
from keras_ae.parts.priors.base import BasePrior

if TYPE_CHECKING:
    from keras_ae.model.base import BaseAutoencoder

tfd = tfp.distributions


@registry.register("gaussian_mixture")
class GaussianMixture(BasePrior):
    """A learned mixture of normals with deviations of their own.

    Formula:
        p(z) = sum_k softmax(logits)_k N(z; mean_k, diag(stddev_k**2))

    Args:
        components: Number of normals. Defaults to 10.

    Example:
        >>> prior = GaussianMixture(components=3)
        >>> prior.build((None, 2))
        >>> prior.distribution(encode=None).log_prob(tf.zeros([5, 2])).shape
        TensorShape([5])

    Reference: Dilokthanakul et al., 2016. Deep Unsupervised Clustering with
        Gaussian Mixture VAEs. https://arxiv.org/abs/1611.02648
    """

    def __init__(self, components: int = 10, **kwargs: Any):
        super().__init__(**kwargs)
        self.components = validation.check_count("components", components)

    def build(
        self, code_shape: Shape, example_shape: Shapes | None = None
    ) -> None:
        """See `BasePrior.build`; normals of deviation 1, means drawn from the
        standard normal, equal shares."""
        shape = (self.components, *code_shape[1:])
        self.logits = _weight(self, "logits", shape[:1], 0.0)
        self.means = _weight(self, "means", shape, (0.0, 1.0))
        self.raw_scales = _weight(self, "raw_scales", shape, heads.UNIT_SCALE)
        super().build(code_shape, example_shape)

    def distribution(
        self, encode: Callable[[tf.Tensor], tfd.Distribution]
    ) -> tfd.Distribution:
        """See `BasePrior.distribution`."""
        del encode  # does not depend on data
        scales = tf.nn.softplus(tf.convert_to_tensor(self.raw_scales))
        normals = draws.Normal(
            tf.convert_to_tensor(self.means), scales + heads.Gaussian.floor
        )
        return tfd.MixtureSameFamily(
            tfd.Categorical(logits=tf.convert_to_tensor(self.logits)),
            tfd.Independent(normals, len(self.event_shape)),
        )


@registry.register("vamp")
class VampPrior(BasePrior):
    """Mixture of the posteriors of learned examples, the pseudo-inputs.

    The best prior for the evidence lower bound is the average posterior of
    all training examples; this one averages over a few that are learned.
    They are moved by the optimizer and kept inside the range of the data.
    They start near `0.05`, as in the reference's experiments, or, after
    `VAE.adapt`, as training examples.

    Formula:
        p(z) = mean_k q(z | u_k)

    Args:
        components: Number K of pseudo-inputs. Defaults to 500.
        limits: Smallest and largest value of the data, or None for data
            without limits. Defaults to (0, 1).

    Example:
        >>> prior = VampPrior(components=4)
        >>> vae = keras_ae.VAE.create((8,), 2, prior=prior, hidden=(16,))
        >>> prior.distribution(vae.encode).log_prob(tf.zeros([5, 2])).shape
        TensorShape([5])

    Reference: Tomczak, Welling, 2018. VAE with a VampPrior.
        https://arxiv.org/abs/1705.07120
    """

    def __init__(
        self,
        components: int = 500,
        limits: Sequence[float] | None = (0.0, 1.0),
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.components = validation.check_count("components", components)
        if limits is not None:
            low, high = limits
            low = validation.check_number("limits[0]", low)
            limits = (low, validation.check_number("limits[1]", high, low))
        self.limits = limits

    def build(
        self, code_shape: Shape, example_shape: Shapes | None = None
    ) -> None:
        """See `BasePrior.build`.

        Raises:
            ValueError: Without the shape of one example.
        """
        shape = base.single(example_shape)
        self.pseudo_inputs = _weight(
            self,
            "pseudo_inputs",
            (self.components, *shape),
            (0.05, 0.01),
            constraint=self.clip,
        )
        super().build(code_shape, example_shape)

    def clip(self, values: tf.Tensor) -> tf.Tensor:
        """`values` moved inside the limits; done after each step."""
        if self.limits is None:
            return values
        return tf.clip_by_value(values, *self.limits)

    def adapt(self, model: "BaseAutoencoder", x: np.ndarray) -> None:
        """See `BasePart.adapt`; examples drawn without replacement."""
        if len(x) < self.components:
            raise ValueError(
                "There are too few examples to start from. Expected at least "
                f"{self.components}, one a component. Received: {len(x)}"
            )
        rows = base.some(x, self.components, model)
        self.pseudo_inputs.assign(self.clip(rows))

    def distribution(
        self, encode: Callable[[tf.Tensor], tfd.Distribution]
    ) -> tfd.Distribution:
        """See `BasePrior.distribution`."""
        posteriors = encode(tf.convert_to_tensor(self.pseudo_inputs))
        return tfd.MixtureSameFamily(
            tfd.Categorical(logits=tf.zeros(self.components)), posteriors
        )


def _weight(
    prior: BasePrior,
    name: str,
    shape: tuple,
    start: float | tuple,
    **options: Any,
) -> keras.Variable:
    """A float32 weight; `start` is a constant, or mean and deviation."""
    if isinstance(start, tuple):
        initializer = keras.initializers.RandomNormal(*start)
    else:
        initializer = keras.initializers.Constant(start)
    return prior.add_weight(
        shape=shape,
        initializer=initializer,
        dtype="float32",
        autocast=False,
        name=name,
        **options,
    )
