"""Codebooks: finite sets of codes, and how they learn."""

from keras_ae.core import registry
from keras_ae.parts.codebooks.base import BaseCodebook as BaseCodebook
from keras_ae.parts.codebooks.grids import FiniteScalar as FiniteScalar
from keras_ae.parts.codebooks.grids import LookupFree as LookupFree
from keras_ae.parts.codebooks.residual import Residual as Residual
from keras_ae.parts.codebooks.tables import BaseTable as BaseTable
from keras_ae.parts.codebooks.tables import EMACodebook as EMACodebook
from keras_ae.parts.codebooks.tables import GradientCodebook as GradientCodebook


def get(identifier: str | dict | BaseCodebook) -> BaseCodebook:
    """A codebook by name, by `{name: arguments}`, or itself.

    Example:
        >>> get({"ema": {"size": 64}}).size
        64
    """
    return registry.part(BaseCodebook, identifier)
