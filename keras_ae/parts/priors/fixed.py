"""Priors without weights."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.math import draws
from keras_ae.math import hyperbolic
from keras_ae.parts.priors.base import BasePrior

tfd = tfp.distributions


@registry.register("standard_normal")
class StandardNormal(BasePrior):
    """Independent normals of mean 0 and deviation 1."""

    def distribution(
        self, encode: Callable[[tf.Tensor], tfd.Distribution]
    ) -> tfd.Distribution:
        """See `BasePrior.distribution`."""
        del encode  # does not depend on data
        zeros = tf.zeros(self.event_shape)
        return tfd.Independent(draws.Normal(zeros, 1.0), len(self.event_shape))


@registry.register("hyperspherical_uniform")
class HypersphericalUniform(BasePrior):
    """All unit vectors along the last axis are equally likely."""

    def distribution(
        self, encode: Callable[[tf.Tensor], tfd.Distribution]
    ) -> tfd.Distribution:
        """See `BasePrior.distribution`."""
        del encode  # does not depend on data
        *places, width = self.event_shape
        uniform = tfd.SphericalUniform(width, batch_shape=places)
        return tfd.Independent(uniform, len(places))


@registry.register("standard_laplace")
class StandardLaplace(BasePrior):
    """Independent Laplace distributions of mean 0 and scale 1: sparse codes.

    With `posterior="laplace"` the divergence has a closed form.

    Example:
        >>> prior = StandardLaplace()
        >>> prior.build((None, 2))
        >>> round(float(prior.distribution(None).log_prob([0.0, 1.0])), 4)
        -2.3863
    """

    def distribution(
        self, encode: Callable[[tf.Tensor], tfd.Distribution]
    ) -> tfd.Distribution:
        """See `BasePrior.distribution`."""
        del encode  # does not depend on data
        zeros = tf.zeros(self.event_shape)
        return tfd.Independent(draws.Laplace(zeros, 1.0), len(self.event_shape))


@registry.register("dirichlet")
class SymmetricDirichlet(BasePrior):
    """Shares along the last axis, for `posterior="dirichlet"`.

    Args:
        concentration: 1: all shares are equally likely; below, few are large.
            Defaults to 1.

    Example:
        >>> prior = SymmetricDirichlet()
        >>> prior.build((None, 3))
        >>> round(float(prior.distribution(None).prob([0.2, 0.3, 0.5])), 4)
        2.0
    """

    def __init__(self, concentration: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.concentration = validation.check_number(
            "concentration", concentration, 0, open_low=True
        )

    def distribution(
        self, encode: Callable[[tf.Tensor], tfd.Distribution]
    ) -> tfd.Distribution:
        """See `BasePrior.distribution`."""
        del encode  # does not depend on data
        shares = draws.Dirichlet(tf.fill(self.event_shape, self.concentration))
        return tfd.Independent(shares, len(self.event_shape) - 1)


@registry.register("uniform_categorical")
class UniformCategorical(BasePrior):
    """One-hot vectors along the last axis, all equally likely.

    Example:
        >>> prior = UniformCategorical()
        >>> prior.build((None, 4))
        >>> float(prior.distribution(None).prob([0.0, 1.0, 0.0, 0.0]))
        0.25
    """

    def distribution(
        self, encode: Callable[[tf.Tensor], tfd.Distribution]
    ) -> tfd.Distribution:
        """See `BasePrior.distribution`."""
        del encode  # does not depend on data
        zeros = tf.zeros(self.event_shape)
        classes = draws.OneHot(logits=zeros, dtype=tf.float32)
        return tfd.Independent(classes, len(self.event_shape) - 1)


@registry.register("wrapped_normal")
class HyperbolicNormal(BasePrior):
    """A normal on the Poincare ball, around its center, for
    `posterior="wrapped_normal"`.

    Args:
        scale: Its deviation. Defaults to 1.
    """

    def __init__(self, scale: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale = validation.check_number("scale", scale, 0, open_low=True)

    def distribution(
        self, encode: Callable[[tf.Tensor], tfd.Distribution]
    ) -> tfd.Distribution:
        """See `BasePrior.distribution`."""
        del encode  # does not depend on data
        zeros = tf.zeros(self.event_shape)
        normal = hyperbolic.WrappedNormal(zeros, self.scale + zeros)
        return tfd.Independent(normal, len(self.event_shape) - 1)
