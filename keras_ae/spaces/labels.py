"""Labels of columns, as they are saved and read."""

import math
from typing import Any

import numpy as np

Label = str | int | float | None | tuple


def label(name: Any) -> Label:
    """The label of a column, of Python's types: a tuple, which names one
    below others and of which JSON makes a list; None for one that is missing.

    Raises:
        ValueError: If it is none that JSON can hold.

    Example:
        >>> label(["height", np.int64(2)]), label("age"), label(float("nan"))
        (('height', 2), 'age', None)
    """
    if isinstance(name, (tuple, list)):
        return tuple(map(label, name))
    name = name.item() if isinstance(name, np.generic) else name
    if isinstance(name, float) and math.isnan(name):
        return None
    if isinstance(name, str):
        return str(name)
    if name is None or isinstance(name, (int, float)):
        return name
    raise ValueError(
        "The label of a column cannot be saved. Expected text, numbers, None, "
        f"or tuples of such. Received: {name!r}, a {type(name).__name__}. "
        "Name the columns by text: df.columns = [*map(str, df.columns)]."
    )
