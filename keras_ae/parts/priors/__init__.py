"""Priors over the latent space, rebuilt from their weights at each call."""

from keras_ae.core import registry
from keras_ae.parts.priors.base import BasePrior as BasePrior
from keras_ae.parts.priors.exemplar import Exemplar as Exemplar
from keras_ae.parts.priors.fixed import HyperbolicNormal as HyperbolicNormal
from keras_ae.parts.priors.fixed import (
    HypersphericalUniform as HypersphericalUniform,
)
from keras_ae.parts.priors.fixed import StandardLaplace as StandardLaplace
from keras_ae.parts.priors.fixed import StandardNormal as StandardNormal
from keras_ae.parts.priors.fixed import SymmetricDirichlet as SymmetricDirichlet
from keras_ae.parts.priors.flow import Flow as Flow
from keras_ae.parts.priors.hierarchical import Hierarchical as Hierarchical
from keras_ae.parts.priors.mixtures import GaussianMixture as GaussianMixture
from keras_ae.parts.priors.mixtures import VampPrior as VampPrior


def get(identifier: str | dict | BasePrior) -> BasePrior:
    """A prior by name, by `{name: arguments}`, or itself.

    Example:
        >>> get({"vamp": {"components": 50}}).components
        50
    """
    return registry.part(BasePrior, identifier)
