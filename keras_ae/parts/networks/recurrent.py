"""Bodies of recurrent layers, for series."""

from typing import Any

import keras

from keras_ae.parts.networks.dense import flat

layers = keras.layers


def recurrent_encoder(
    shape: tuple,
    hidden: tuple,
    condition: int | None = None,
    **options: Any,
) -> keras.Model:
    """Gated recurrent units, a layer for each width; the last state.

    Args:
        shape: Length and channels.
        hidden: Widths, first layer first.
        condition: Length of a condition vector joined to the state, or None.
        **options: Not used: the gates are the nonlinearity.

    Raises:
        ValueError: If an input is no series.

    Reference: Cho et al., 2014. Learning Phrase Representations using RNN
        Encoder-Decoder for Statistical Machine Translation.
        https://arxiv.org/abs/1406.1078
    """
    del options
    _check(shape)
    inputs = [keras.Input(shape)]
    x = _units(inputs[0], hidden)
    x = flat(layers.Cropping1D((shape[0] - 1, 0))(x), inputs, condition)
    return keras.Model(inputs if condition else inputs[0], x, name="recurrent")


def recurrent_decoder(
    shape: tuple,
    hidden: tuple,
    condition: int | None = None,
    event_shape: tuple = (),
    **options: Any,
) -> keras.Model:
    """The same units, which read the code at every point: a point of the
    series follows from the code and from the points before it.

    Arguments: see `recurrent_encoder`.
    """
    del options
    _check(event_shape)
    inputs = [keras.Input(shape)]
    x = flat(inputs[0], inputs, condition)
    x = _units(layers.RepeatVector(event_shape[0])(x), hidden)
    return keras.Model(inputs if condition else inputs[0], x, name="unrolled")


def _units(x: keras.KerasTensor, hidden: tuple) -> keras.KerasTensor:
    for width in hidden:
        x = layers.GRU(width, return_sequences=True)(x)
    return x


def _check(shape: tuple) -> None:
    if len(shape) != 2:
        raise ValueError(
            "Invalid shape for `network='recurrent'`. Expected series, "
            f"(length, channels). Received: {shape}. Use network='conv', or "
            "add a channel axis."
        )
