"""Examples that are lines: series and other rows of numbers."""

import numpy as np
from matplotlib.figure import Figure

from keras_ae.core.types import Rows
from keras_ae.model.base import BaseAutoencoder
from keras_ae.model.infer import first


def lines(model: BaseAutoencoder, x: Rows) -> Figure:
    """Each example and its reconstruction, a panel for each.

    Args:
        model: A variant for series, `[length, channels]`, or for rows of
            numbers, `[length]`.
        x: Examples, `[N, ...]`, a few.

    Raises:
        ValueError: If examples have more axes.
    """
    if len(model.space.shape) > 2:
        raise ValueError(
            "Lines are drawn of series and rows of numbers. Expected examples "
            f"of shape [length(, channels)]. Received: {model.space.shape}"
        )
    rows = model.check_inputs(model.as_rows(x))
    target = np.concatenate([*model.space.chunks(first(rows))])
    target = model.space.array(target)
    means = model.reconstruct(rows)
    figure = Figure((6, 1.5 * len(target)), 150, layout="constrained")
    axes = figure.subplots(len(target), sharex=True, squeeze=False).ravel()
    for axis, own, mean in zip(axes, target, means, strict=True):
        for number in range(np.atleast_2d(own.T).shape[0]):
            color = f"C{number}"
            axis.plot(_channel(own, number), color=color, alpha=0.4)
            axis.plot(_channel(mean, number), color=color, linestyle="--")
    axes[0].legend(["original", "reconstruction"], fontsize=7)
    return figure


def _channel(values: np.ndarray, number: int) -> np.ndarray:
    return values.reshape(len(values), -1)[:, number]
