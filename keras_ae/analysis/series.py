"""Series: how normal each of their points is."""

from typing import Any

import numpy as np
import tensorflow as tf

from keras_ae.core.types import Rows
from keras_ae.model import compiled
from keras_ae.model.base import BaseAutoencoder
from keras_ae.model.infer import first
from keras_ae.spaces import Series


def point_scores(
    model: BaseAutoencoder, x: Rows, batch_size: int | None = None
) -> np.ndarray:
    """How normal each point of a series is: the higher, the more. In nats.

    The log-density of the point's values at the codes of the windows that
    cover it, the mean over these; of scaled values, as `score_samples`. It
    says which points do not fit. Which stretches do not, the scores of whole
    windows say better, `space.points(model.score_samples(x), len(x))`.

    Formula:
        score[t] = mean of log p(x[t] | z[n]) over the windows n that cover t

    Args:
        model: A model of the space `Series`.
        x: A long series of T points, a list of such, or windows, `[N, length,
            channels]`.
        batch_size: Windows in a compiled call. Defaults to 256.

    Returns:
        `[T]`, of several series one after the other, or `[N, length]` of
        windows; NaN where nothing was observed.

    Raises:
        TypeError: If the model's space is another, or its likelihood is not
            one of each value.

    Example:
        >>> space = keras_ae.spaces.Series(8)
        >>> model = keras_ae.Autoencoder.create(space, 2, hidden=(16,))
        >>> point_scores(model, np.sin(np.arange(50.0))).shape
        (50,)
    """
    space = model.space
    if not isinstance(space, Series):
        raise TypeError(
            "Only series have points to score. Expected a model of the space "
            f"`Series`. Received: {space!r}"
        )

    def function(rows: Rows) -> tf.Tensor:
        batch, moment = model.batch(rows), model.moment()
        z = model.code(model.posterior(batch, moment))
        likelihood = model.likelihood(z, batch, moment)
        each = getattr(likelihood, "distribution", likelihood)
        if each.event_shape.rank:
            raise TypeError(
                "The likelihood has no density of each value. Expected one "
                "of independent values, such as 'gaussian'. Received: "
                f"{model.decoder.head!r}"
            )
        log_px = each.log_prob(batch.target)  # [B, length, channels]
        if batch.mask is None:
            return tf.reduce_sum(log_px, axis=-1)
        seen = tf.reduce_any(batch.mask, axis=-1)
        log_px = tf.reduce_sum(tf.where(batch.mask, log_px, 0.0), axis=-1)
        return tf.where(seen, log_px, np.nan)

    rows = model.check_rows(model.as_rows(x))
    steps = compiled.batched(model, function, rows, batch_size)
    examples: Any = first(x)
    if space.is_several(examples):
        return space.points(steps, [*map(len, examples)])
    if not space.is_long(examples):
        return steps
    return space.points(steps, len(examples))
