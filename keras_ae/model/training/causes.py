"""Why numbers stop being finite, and what can be done."""

from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from keras_ae.model.training import speed

if TYPE_CHECKING:
    from keras_ae.model.base import BaseAutoencoder

LARGE_INPUT = 1e3  # inputs of networks are of order 1
LARGE_GRADIENT = 1e3
FAST = 1e-2  # ten times Adam's default
NARROW = 1e-3  # a deviation that makes errors of order 1 cost 5e5 nats


def largest(gradients: dict[str, float]) -> tuple[str, float]:
    """The largest of numbers by name; NaN is larger than all.

    Example:
        >>> largest({"a": 2.0, "b": float("nan"), "c": 3.0})
        ('b', nan)
    """
    name = max(
        gradients,
        key=lambda n: np.inf if np.isnan(gradients[n]) else gradients[n],
    )
    return name, gradients[name]


def likely(
    model: "BaseAutoencoder", input: float = 0.0, gradient: float = 0.0
) -> str:
    """The likely causes, in a sentence each, the likeliest first.

    Args:
        model: A compiled model, its weights finite.
        input: Largest absolute input value of the step.
        gradient: Largest absolute gradient of the step.

    Example:
        >>> model = keras_ae.Autoencoder.create((8,), 2, hidden=(4,))
        >>> model.compile("adam")
        >>> likely(model, input=1e10).partition(":")[0]
        'Likely cause'
    """
    found = []
    if not np.isfinite(input):
        found.append("the rows hold NaN or infinity; drop or fill them")
    elif input > LARGE_INPUT:
        found.append(
            f"the scale of the inputs, up to {input:.3g}; bring them to about "
            "1, by standardizing for example"
        )
    half = any(p.compute_dtype == "float16" for p in speed.layers(model))
    scaled = all(
        isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        for optimizer, _ in model.owners()
    )
    if half and not scaled:
        found.append(
            "half precision without loss scaling; wrap the optimizer in "
            "keras.optimizers.LossScaleOptimizer"
        )
    elif half:
        found.append(
            "half precision, which ends at 65504; use mixed_bfloat16 or float32"
        )
    scale = getattr(model.decoder.head, "scale", None)
    if isinstance(scale, float) and scale < NARROW:
        found.append(
            f"the likelihood's scale of {scale:.3g}, which divides every "
            "error; make it larger, or learn it"
        )
    rate = max(
        float(tf.convert_to_tensor(optimizer.learning_rate))
        for optimizer, _ in model.owners()
    )
    if rate > FAST or not found or not gradient < LARGE_GRADIENT:
        found.append(
            f"the learning rate of {rate:.3g}; lower it tenfold, or bound the "
            "gradient with the optimizer's `clipnorm=1.0`"
        )
    return "Likely cause: " + "; or ".join(found) + "."
