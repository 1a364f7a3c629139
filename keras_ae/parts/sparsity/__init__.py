"""Sparsity: what is done to a code, and what a code costs."""

from keras_ae.core import registry
from keras_ae.parts.sparsity.base import BaseSparsity as BaseSparsity
from keras_ae.parts.sparsity.penalties import L1 as L1
from keras_ae.parts.sparsity.penalties import KLToRho as KLToRho
from keras_ae.parts.sparsity.thresholds import Gated as Gated
from keras_ae.parts.sparsity.thresholds import JumpReLU as JumpReLU
from keras_ae.parts.sparsity.top_k import BatchTopK as BatchTopK
from keras_ae.parts.sparsity.top_k import TopK as TopK


def get(identifier: str | dict | BaseSparsity) -> BaseSparsity:
    """A sparsity by name, by `{name: arguments}`, or itself.

    Raises:
        ValueError: If the name is unknown.
        TypeError: If it is none of the three.
    """
    return registry.part(BaseSparsity, identifier)
