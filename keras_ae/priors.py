"""Priors over the latent space, rebuilt from their weights at each call."""

import abc
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae import registry
from keras_ae import validation
from keras_ae.config import AutoConfig

tfd = tfp.distributions


class BasePrior(AutoConfig, keras.Layer, abc.ABC):
    """p(z): a layer that owns weights, if any, and makes a distribution.

    A prior is built on the shape of one code with a batch axis in front. It
    is not called; `distribution` is.
    """

    def build(self, input_shape: Any) -> None:
        """Remember the shape of one code."""
        self.event_shape = tuple(input_shape[1:])
        self.built = True

    @abc.abstractmethod
    def distribution(
        self, encode: Callable[[tf.Tensor], tfd.Distribution]
    ) -> tfd.Distribution:
        """p(z), batch shape `[]`.

        Args:
            encode: The model's encoder, for priors made of posteriors.
        """


@keras.saving.register_keras_serializable(registry.PACKAGE)
class StandardNormal(BasePrior):
    """Independent normals of mean 0 and deviation 1."""

    def distribution(
        self, encode: Callable[[tf.Tensor], tfd.Distribution]
    ) -> tfd.Distribution:
        """See `BasePrior.distribution`."""
        del encode  # does not depend on data
        zeros = tf.zeros(self.event_shape)
        return tfd.Independent(tfd.Normal(zeros, 1.0), len(self.event_shape))


_PRIORS = {"standard_normal": StandardNormal}


def get(identifier: str | BasePrior) -> BasePrior:
    """A prior from its name, or the prior itself.

    Raises:
        ValueError: If the name is unknown.
        TypeError: If it is neither a name nor a prior.
    """
    if isinstance(identifier, str):
        if identifier not in _PRIORS:
            raise ValueError(registry.unknown("prior", identifier, _PRIORS))
        return _PRIORS[identifier]()
    return validation.check_type("prior", identifier, BasePrior)
