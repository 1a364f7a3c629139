"""Bodies of attention, over patches of images or windows of series."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.config import AutoConfig
from keras_ae.core.types import Shapes
from keras_ae.parts.networks import conv
from keras_ae.parts.networks.dense import flat
from keras_ae.parts.networks.subpixel import SubPixel

layers = keras.layers

TOKENS = 64  # at most; patches grow with the input
HEAD = 32  # features of an attention head


def transformer_encoder(
    shape: tuple,
    hidden: tuple,
    condition: int | None = None,
    event_shape: tuple = (),
    **options: Any,
) -> keras.Model:
    """Patches as tokens, and blocks of attention among them.

    A patch is 2, 4, 8, ... places a side, the smallest of which there are at
    most 64. Blocks are `x + attention(norm(x))`, then `x + mlp(norm(x))`.

    Args:
        shape: One to three sides, and channels.
        hidden: Width of each block, all the same.
        condition: Length of a condition vector joined to the flat features,
            or None.
        event_shape: Shape of the code.
        **options: Not used: activations are GELU.

    Raises:
        ValueError: If an input has no sides, or widths differ.

    Reference: Dosovitskiy et al., 2021. An Image is Worth 16x16 Words.
        https://arxiv.org/abs/2010.11929
    """
    del event_shape, options
    kind, patch, grid, surplus = _plan(shape)
    width = _width(hidden)
    inputs = [keras.Input(shape)]
    x = inputs[0]
    if any(surplus):
        x = kind[1](conv.pairs(surplus))(x)
    x = kind[0](width, patch, patch)(x)
    x = layers.Reshape((math.prod(grid), width))(x)
    x = blocks(x, hidden)
    x = flat(x, inputs, condition)
    return keras.Model(
        inputs if condition else inputs[0], x, name="transformer"
    )


def transformer_decoder(
    shape: tuple,
    hidden: tuple,
    condition: int | None = None,
    event_shape: tuple = (),
    **options: Any,
) -> keras.Model:
    """The mirror: tokens out of the code, blocks, features of each place.

    Arguments: see `transformer_encoder`.
    """
    del options
    kind, patch, grid, surplus = _plan(event_shape)
    width = _width(hidden)
    inputs = [keras.Input(shape)]
    x = flat(inputs[0], inputs, condition)
    x = layers.Dense(math.prod(grid) * width)(x)
    x = layers.Reshape((math.prod(grid), width))(x)
    x = blocks(x, hidden)
    x = layers.LayerNormalization()(x)
    x = layers.Dense(math.prod(patch) * conv.FINE, "gelu")(x)
    x = layers.Reshape((*grid, math.prod(patch) * conv.FINE))(x)
    x = SubPixel(patch)(x)
    if any(surplus):
        x = kind[2](conv.pairs(surplus))(x)
    return keras.Model(inputs if condition else inputs[0], x, name="patches")


def blocks(
    x: keras.KerasTensor, hidden: Sequence[int], causal: bool = False
) -> keras.KerasTensor:
    """Places and blocks of attention; causal: each token reads those before
    it and itself.

    Args:
        x: Tokens, `[B, tokens, width]`.
        hidden: Width of each block, all the same.
        causal: Whether later tokens are hidden.
    """
    x = Positions()(x)
    for width in hidden:
        heads = max(1, width // HEAD)
        y = layers.LayerNormalization()(x)
        y = layers.MultiHeadAttention(heads, width // heads)(
            y, y, use_causal_mask=causal
        )
        x = layers.Add()([x, y])
        y = layers.LayerNormalization()(x)
        y = layers.Dense(4 * width, "gelu")(y)
        x = layers.Add()([x, layers.Dense(width)(y)])
    return x


@registry.register("positions")
class Positions(AutoConfig, keras.Layer):
    """Adds to each token what is learned of its place."""

    def build(self, input_shape: Shapes) -> None:
        """Make one vector a token."""
        self.vectors = self.add_weight(
            shape=input_shape[1:],
            initializer=keras.initializers.RandomNormal(stddev=0.02),
            name="vectors",
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """`[B, tokens, width]`."""
        return inputs + self.vectors


def _plan(shape: tuple) -> tuple:
    """Layers, sides of a patch, patches a side, places that are added."""
    sides = shape[:-1]
    if len(sides) not in conv.LAYERS:
        raise ValueError(
            "Invalid shape for `network='transformer'`. Expected one to three "
            f"sides, and channels. Received: {shape}. Use network='mlp', or "
            "add a channel axis."
        )
    for k in itertools.count(1):
        patch = tuple(min(2**k, n) for n in sides)
        grid = tuple(
            math.ceil(n / p) for n, p in zip(sides, patch, strict=True)
        )
        if math.prod(grid) <= TOKENS:
            break
    surplus = tuple(
        m * p - n for m, p, n in zip(grid, patch, sides, strict=True)
    )
    return conv.LAYERS[len(sides)], patch, grid, surplus


def _width(hidden: tuple) -> int:
    if len(set(hidden)) != 1:
        expected = "one width for all blocks, such as (128, 128)"
        raise ValueError(validation.invalid("hidden", expected, hidden))
    return hidden[0]
