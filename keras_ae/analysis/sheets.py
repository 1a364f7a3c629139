"""Pictures that were drawn before, on one sheet."""

import math
from collections.abc import Mapping
from typing import Any

import matplotlib.image
import numpy as np
from matplotlib.figure import Figure

from keras_ae.core import validation


def contact_sheet(pictures: Mapping[str, Any], columns: int = 3) -> Figure:
    """Pictures side by side, each under its name.

    Args:
        pictures: Name to image file.
        columns: Pictures in a row.
    """
    columns = validation.check_count("columns", columns)
    rows = math.ceil(len(pictures) / columns)
    figure = Figure(
        figsize=(4 * columns, 1.7 * rows), dpi=100, layout="constrained"
    )
    axes = np.ravel(figure.subplots(rows, columns, squeeze=False))
    for ax in axes:
        ax.axis("off")
    for ax, (name, path) in zip(axes, pictures.items(), strict=False):
        ax.imshow(matplotlib.image.imread(path), "gray", vmin=0, vmax=1)
        ax.set_title(name, fontsize=9)
    return figure
