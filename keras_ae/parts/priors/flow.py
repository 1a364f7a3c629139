"""A prior that is a flow."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import registry
from keras_ae.core.types import Shape
from keras_ae.core.types import Shapes
from keras_ae.math import draws
from keras_ae.parts import flows
from keras_ae.parts.priors.base import BasePrior

tfd = tfp.distributions
tfb = tfp.bijectors


@registry.register("flow")
class Flow(BasePrior):
    """Standard normal noise, moved by a flow that is learned.

    Formula:
        z = f(eps),  eps ~ N(0, I)
        log p(z) = log N(f^-1(z); 0, I) + log |det d f^-1 / d z|

    Args:
        flow: `"coupling"`, `"autoregressive"`, or one of `flows`. Defaults to
            the first.

    Example:
        >>> prior = Flow("autoregressive")
        >>> prior.build((None, 2))
        >>> prior.distribution(None).log_prob(tf.zeros([5, 2])).shape
        TensorShape([5])

    Reference: Chen et al., 2017. Variational Lossy Autoencoder. ICLR.
        https://arxiv.org/abs/1611.02731
    """

    def __init__(
        self, flow: str | dict | flows.BaseFlow = "coupling", **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.flow = flows.get(flow)

    def build(
        self, code_shape: Shape, example_shape: Shapes | None = None
    ) -> None:
        """See `BasePrior.build`; codes of several axes are flat inside."""
        self.flow.build((None, tf.TensorShape(code_shape[1:]).num_elements()))
        super().build(code_shape, example_shape)

    def distribution(
        self, encode: Callable[[tf.Tensor], tfd.Distribution]
    ) -> tfd.Distribution:
        """See `BasePrior.distribution`."""
        del encode  # does not depend on data
        noise = draws.Normal(tf.zeros([self.flow.size]), 1.0)
        bijector = self.flow.bijector()
        if len(self.event_shape) > 1:
            shape = tfb.Reshape(self.event_shape, [self.flow.size])
            bijector = tfb.Chain([shape, bijector])
        return tfd.TransformedDistribution(tfd.Independent(noise, 1), bijector)
