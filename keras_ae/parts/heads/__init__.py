"""Heads: from the numbers of a network to a distribution."""

from keras_ae.core import registry
from keras_ae.parts.heads.base import BaseHead as BaseHead
from keras_ae.parts.heads.base import tfd as tfd
from keras_ae.parts.heads.bits import (
    AutoregressiveBernoulli as AutoregressiveBernoulli,
)
from keras_ae.parts.heads.categories import Bernoulli as Bernoulli
from keras_ae.parts.heads.categories import Categorical as Categorical
from keras_ae.parts.heads.categories import (
    ContinuousBernoulli as ContinuousBernoulli,
)
from keras_ae.parts.heads.categories import Ordinal as Ordinal
from keras_ae.parts.heads.codes import Point as Point
from keras_ae.parts.heads.codes import PowerSpherical as PowerSpherical
from keras_ae.parts.heads.columns import Columns as Columns
from keras_ae.parts.heads.counts import Multinomial as Multinomial
from keras_ae.parts.heads.counts import NegativeBinomial as NegativeBinomial
from keras_ae.parts.heads.counts import Poisson as Poisson
from keras_ae.parts.heads.counts import (
    ZeroInflatedNegativeBinomial as ZeroInflatedNegativeBinomial,
)
from keras_ae.parts.heads.kernels import KernelMixture as KernelMixture
from keras_ae.parts.heads.levels import (
    DiscretizedLogistic as DiscretizedLogistic,
)
from keras_ae.parts.heads.location import UNIT_SCALE as UNIT_SCALE
from keras_ae.parts.heads.location import Gaussian as Gaussian
from keras_ae.parts.heads.location import Laplace as Laplace
from keras_ae.parts.heads.location import LogNormal as LogNormal
from keras_ae.parts.heads.location import StudentT as StudentT
from keras_ae.parts.heads.perceptual import MSSSIM as MSSSIM
from keras_ae.parts.heads.perceptual import BasePerceptual as BasePerceptual
from keras_ae.parts.heads.perceptual import Features as Features
from keras_ae.parts.heads.posteriors import Dirichlet as Dirichlet
from keras_ae.parts.heads.posteriors import FlowGaussian as FlowGaussian
from keras_ae.parts.heads.posteriors import FullGaussian as FullGaussian
from keras_ae.parts.heads.posteriors import WrappedNormal as WrappedNormal


def get(identifier: str | dict | BaseHead) -> BaseHead:
    """A head by name, by `{name: arguments}`, or itself.

    Example:
        >>> get({"gaussian": {"scale": 0.5}}).scale
        0.5
    """
    return registry.part(BaseHead, identifier)
