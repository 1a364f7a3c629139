"""Heads: from the numbers of a network to a distribution."""

from keras_ae.core import registry
from keras_ae.parts.heads.base import BaseHead as BaseHead
from keras_ae.parts.heads.categories import Bernoulli as Bernoulli
from keras_ae.parts.heads.categories import Categorical as Categorical
from keras_ae.parts.heads.codes import Point as Point
from keras_ae.parts.heads.codes import PowerSpherical as PowerSpherical
from keras_ae.parts.heads.location import UNIT_SCALE as UNIT_SCALE
from keras_ae.parts.heads.location import Gaussian as Gaussian


def get(identifier: str | dict | BaseHead) -> BaseHead:
    """A head by name, by `{name: arguments}`, or itself.

    Example:
        >>> get({"gaussian": {"scale": 0.5}}).scale
        0.5
    """
    return registry.part(BaseHead, identifier)
