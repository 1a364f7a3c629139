"""Heads of codes beyond independent normals."""

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.types import Shape
from keras_ae.math import correlated
from keras_ae.math import draws
from keras_ae.math import hyperbolic
from keras_ae.parts import flows
from keras_ae.parts.heads.base import BaseHead
from keras_ae.parts.heads.location import UNIT_SCALE

tfd = tfp.distributions
tfb = tfp.bijectors

FLOOR = 1e-5  # of deviations


@registry.register("full_gaussian")
class FullGaussian(BaseHead):
    """Normals along the last axis with a covariance of their own.

    Formula:
        N(loc, L L^T),  L lower triangular, its diagonal through softplus

    Example:
        >>> head = FullGaussian()
        >>> normal = head(tf.zeros([1, 2]), tf.zeros([1, 3]), rank=1)
        >>> normal.sample(seed=0).shape
        TensorShape([1, 2])

    Reference: Kingma, Welling, 2019. An Introduction to Variational
        Autoencoders, section 2.5.1. https://arxiv.org/abs/1906.02691
    """

    def sizes(self, width: int) -> tuple[int, ...]:
        """See `BaseHead.sizes`."""
        return (width, width * (width + 1) // 2)

    def distribution(self, loc: tf.Tensor, raw: tf.Tensor) -> tfd.Distribution:
        """See `BaseHead.distribution`."""
        lower = tfp.math.fill_triangular(raw)
        scale = tf.nn.softplus(tf.linalg.diag_part(lower)) + FLOOR
        return correlated.Correlated(loc, tf.linalg.set_diag(lower, scale))

    def call(
        self, *parts: tf.Tensor, rank: int, **known: Any
    ) -> tfd.Distribution:
        """See `BaseHead.call`; of flat codes as it is, so that TFP finds its
        divergences."""
        if rank == 1:
            return self.distribution(*parts)
        return super().call(*parts, rank=rank, **known)


@registry.register("dirichlet")
class Dirichlet(BaseHead):
    """Shares along the last axis, that add up to 1: mixtures of topics.

    Concentrations pass through softplus, and are at least 0.1. For
    `prior="dirichlet"`.

    Example:
        >>> head = Dirichlet()
        >>> shares = head(tf.zeros([1, 4]), rank=1).mean()
        >>> shares.numpy().tolist()
        [[0.25, 0.25, 0.25, 0.25]]

    Reference: Joo, Lee, Park, Moon, 2020. Dirichlet Variational Autoencoder.
        Pattern Recognition 107. https://arxiv.org/abs/1901.02739. Gradients:
        Figurnov, Mohamed, Mnih, 2018. Implicit Reparameterization Gradients.
        https://arxiv.org/abs/1805.08498
    """

    floor = 0.1  # below it, draws are 0 in single precision

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_jit = False  # XLA has no kernel for gamma draws

    def distribution(self, raw: tf.Tensor) -> tfd.Distribution:
        """See `BaseHead.distribution`."""
        return draws.Dirichlet(tf.nn.softplus(raw) + self.floor)


@registry.register("wrapped_normal")
class WrappedNormal(BaseHead):
    """Points of the Poincare ball: room for trees, whose leaves grow as fast
    as its border. For `prior="wrapped_normal"`.

    Example:
        >>> head = WrappedNormal()
        >>> law = head(tf.zeros([1, 2]), tf.zeros([1, 2]), rank=1)
        >>> bool(tf.norm(law.sample(seed=0)) < 1)
        True

    Reference: Mathieu, Le Lan, Maddison, Tomioka, Teh, 2019. Continuous
        Hierarchical Representations with Poincare Variational Auto-Encoders.
        NeurIPS. https://arxiv.org/abs/1901.06033
    """

    parts = 2

    def distribution(
        self, raw: tf.Tensor, scale: tf.Tensor
    ) -> tfd.Distribution:
        """See `BaseHead.distribution`."""
        loc = hyperbolic.exponential(raw)
        return hyperbolic.WrappedNormal(loc, tf.nn.softplus(scale) + FLOOR)

    def code(self, posterior: tfd.Distribution) -> tf.Tensor:
        """See `BaseHead.code`; the point around which the others lie."""
        return posterior.distribution.loc


@registry.register("flow")
class FlowGaussian(BaseHead):
    """Normals, moved by a flow that is learned and is that of all examples.

    Args:
        flow: One of `flows`, or its name: `"autoregressive"`, drawn in one
            pass, an inverse autoregressive flow; `"coupling"`; `"planar"`.
            Defaults to the first.

    Example:
        >>> head = FlowGaussian("planar")
        >>> head.build((None, 2))
        >>> head(tf.zeros([1, 2]), tf.zeros([1, 2]), rank=1).sample().shape
        TensorShape([1, 2])

    Reference: Kingma et al., 2016. Improving Variational Inference with
        Inverse Autoregressive Flow. NeurIPS.
        https://arxiv.org/abs/1606.04934
    """

    parts = 2

    def __init__(
        self,
        flow: str | dict | flows.BaseFlow = "autoregressive",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.flow = flows.get(flow)

    def build(self, input_shape: Shape) -> None:
        """Make the flow, along the last axis."""
        self.flow.build(input_shape)
        self.built = True

    def distribution(self, loc: tf.Tensor, raw: tf.Tensor) -> tfd.Distribution:
        """See `BaseHead.distribution`."""
        scale = tf.nn.softplus(raw + UNIT_SCALE) + FLOOR
        noise = tfd.Independent(draws.Normal(loc, scale), 1)
        return Moved(noise, self.flow.drawing())

    def call(self, *parts: tf.Tensor, rank: int, **known: Any) -> "Moved":
        """See `BaseHead.call`; as it is, or it would forget where its draws
        came from."""
        if rank != 1:
            expected = "codes of one axis for a flow"
            raise ValueError(validation.invalid("event_shape", expected, rank))
        return self.distribution(*parts)

    def code(self, posterior: tfd.Distribution) -> tf.Tensor:
        """See `BaseHead.code`; where the mean of the noise is moved to."""
        return posterior.bijector.forward(posterior.distribution.mean())


class Moved(draws.Rowwise, tfd.TransformedDistribution):
    """`tfd.TransformedDistribution`, which takes the seed of rows where its
    noise does."""
