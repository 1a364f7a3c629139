"""Bodies of strided convolutions: small and quick, for small images."""

import math

import keras

from keras_ae.parts.networks.dense import flat


def strided_encoder(
    shape: tuple,
    hidden: tuple,
    activation: str = "relu",
    condition: int | None = None,
    event_shape: tuple = (),
) -> keras.Model:
    """Convolutions of stride 2 with `hidden` filters, then flat.

    Every layer halves height and width of an image, or the length of a
    series, rounding up; a condition joins the flat features. A code that is a
    grid of the size reached stays one: its cells are made from their own
    features.
    """
    if len(shape) not in _LAYERS:
        raise ValueError(
            "Invalid shape for `network='strided'`. Expected series, (length, "
            "channels), or images, (height, width, channels). Received: "
            f"{shape}. Use network='mlp', or add a channel axis."
        )
    layer, _, _ = _LAYERS[len(shape)]
    inputs = [keras.Input(shape)]
    x = inputs[0]
    for filters in hidden:
        x = layer(filters, 3, strides=2, padding="same", activation=activation)(
            x
        )
    if event_shape[:-1] != _size_after(hidden, shape) or condition:
        x = flat(x, inputs, condition)
    return keras.Model(inputs if condition else inputs[0], x, name="strided")


def strided_decoder(
    shape: tuple,
    hidden: tuple,
    activation: str = "relu",
    condition: int | None = None,
    event_shape: tuple = (),
) -> keras.Model:
    """Transposed convolutions of stride 2, cropped to the example's size.

    The mirror of `strided_encoder` for any size: it starts from the size that
    the encoder ends with, at once if the code is a grid of that size, and
    crops what rounding up added.
    """
    _, layer, crop = _LAYERS[len(event_shape)]
    factor = 2 ** len(hidden)
    small = _size_after(hidden, event_shape)
    inputs = [keras.Input(shape)]
    x = inputs[0]
    if shape[:-1] != small or condition:
        x = flat(x, inputs, condition)
        first = hidden[0] if hidden else event_shape[-1]
        x = keras.layers.Dense(math.prod(small) * first, activation)(x)
        x = keras.layers.Reshape((*small, first))(x)
    for filters in hidden:
        x = layer(filters, 3, strides=2, padding="same", activation=activation)(
            x
        )
    excess = [
        n * factor - size for n, size in zip(small, event_shape, strict=False)
    ]
    sides = [(e // 2, e - e // 2) for e in excess]
    x = crop(sides if len(sides) == 2 else sides[0])(x)
    return keras.Model(inputs if condition else inputs[0], x, name="transposed")


def _size_after(hidden: tuple, shape: tuple) -> tuple[int, ...]:
    """Sizes without channels after halving once for each layer."""
    return tuple(math.ceil(size / 2 ** len(hidden)) for size in shape[:-1])


#: Rank of an example -> convolution, its transpose, and what crops.
_LAYERS = {
    2: (
        keras.layers.Conv1D,
        keras.layers.Conv1DTranspose,
        keras.layers.Cropping1D,
    ),
    3: (
        keras.layers.Conv2D,
        keras.layers.Conv2DTranspose,
        keras.layers.Cropping2D,
    ),
}
