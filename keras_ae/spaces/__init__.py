"""Spaces: what one example is, and how data become tensors and come back."""

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.types import Shape
from keras_ae.spaces.array import Array as Array
from keras_ae.spaces.base import BaseSpace as BaseSpace
from keras_ae.spaces.columns import Category as Category
from keras_ae.spaces.columns import Number as Number
from keras_ae.spaces.counts import Counts as Counts
from keras_ae.spaces.image import Image as Image
from keras_ae.spaces.series import Series as Series
from keras_ae.spaces.table import Table as Table


def get(
    identifier: int | Shape | dict | BaseSpace, name: str = "space"
) -> BaseSpace:
    """A space as it is, by `{name: arguments}`, or an `Array` by its shape.

    Args:
        identifier: A space; a dict of one name and its arguments, as a recipe
            says it; an int or a tuple of ints, the shape of an array.
        name: The argument's name in messages.

    Raises:
        ValueError: If a size is not positive, or a name is unknown.
        TypeError: If it is none of these.

    Example:
        >>> get((28, 28, 1))
        Array(shape=(28, 28, 1))
        >>> get({"image": {"height": 8, "width": 8}}).levels
        256
    """
    if isinstance(identifier, (BaseSpace, dict)):
        return registry.part(BaseSpace, identifier)
    return Array(validation.check_shape(name, identifier))
