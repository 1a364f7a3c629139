"""Bodies of residual convolutions, for series, images and volumes."""

import math
from typing import NamedTuple

import keras

from keras_ae.parts.networks.dense import flat
from keras_ae.parts.networks.subpixel import SubPixel

layers = keras.layers

SMALLEST = 4  # places a side, about, where halving ends
WIDEST = 128
NARROWEST = 32
FINE = 16  # features of each value's place, of which the decoder makes it


def conv_encoder(
    shape: tuple,
    hidden: tuple,
    activation: str = "relu",
    condition: int | None = None,
    event_shape: tuple = (),
) -> keras.Model:
    """Convolutions that halve, a residual block after each.

    A block is `x + dense(activation(conv(norm(x))))`, whose dense layer starts
    small: an untrained network is nearly linear in its input, and trains from
    the first steps. The norm is that of a place's own features (their root mean
    square), so that a place depends on what is near alone, and training and
    use are alike. No block runs at full size.

    Args:
        shape: Shape of one input: length, height and width, or three sizes,
            and channels.
        hidden: Width of each level, input side first; every level halves
            sides longer than 1. Empty: sides are halved down to about 4
            places, and widths are chosen by the number of places, 32 to 128.
        activation: Name of a Keras activation.
        condition: Length of a condition vector joined to the flat features,
            or None.
        event_shape: Shape of the code. If it is a grid whose sides are those
            of the input halved, rounding up, its cells are made from the
            features of their places alone, of inputs of any size where no
            side had to be rounded.

    Raises:
        ValueError: If there are not one to three sides and channels.

    Reference: He, Zhang, Ren, Sun, 2016. Identity Mappings in Deep Residual
        Networks. https://arxiv.org/abs/1603.05027. Zhang, Sennrich, 2019. Root
        Mean Square Layer Normalization. https://arxiv.org/abs/1910.07467.
        Zhang, Dauphin, Ma, 2019. Fixup Initialization.
        https://arxiv.org/abs/1901.09321
    """
    plan = Plan.of(shape, event_shape, hidden)
    conv, pad, _ = LAYERS[len(shape) - 1]
    grid = plan.grid and not condition
    inputs = [keras.Input(_free(shape, plan) if grid else shape)]
    x = inputs[0]
    if plan.surplus:
        x = pad(pairs(plan.surplus))(x)
    for width, strides in zip(plan.widths, plan.strides, strict=True):
        x = conv(width, 3, strides, "same")(x)
        x = _block(x, conv, activation)
    if not grid:
        x = flat(x, inputs, condition)
    return keras.Model(inputs if condition else inputs[0], x, name="conv")


def conv_decoder(
    shape: tuple,
    hidden: tuple,
    activation: str = "relu",
    condition: int | None = None,
    event_shape: tuple = (),
) -> keras.Model:
    """The mirror of `conv_encoder`: a residual block, then a finer grid.

    A finer grid is made of the features of the coarser one (sub-pixels), each
    place by itself, so that no two overlap unevenly, which would draw
    checkerboards.

    Arguments: see `conv_encoder`; `hidden` starts at the code's side.

    Reference: Shi et al., 2016. Real-Time Single Image and Video
        Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
        Network. https://arxiv.org/abs/1609.05158
    """
    plan = Plan.of(event_shape, shape, hidden[::-1])
    conv, _, crop = LAYERS[len(event_shape) - 1]
    grid = plan.grid and not condition
    inputs = [keras.Input(_free(shape, plan) if grid else shape)]
    x = inputs[0]
    if grid:
        x = conv(plan.widths[-1], 3, padding="same")(x)
    else:
        x = flat(x, inputs, condition)
        x = layers.Dense(math.prod(plan.smallest) * plan.widths[-1])(x)
        x = layers.Reshape((*plan.smallest, plan.widths[-1]))(x)
    finer = (FINE, *plan.widths[:-1])
    for width, strides in zip(finer[::-1], plan.strides[::-1], strict=True):
        x = _block(x, conv, activation)
        x = layers.Dense(math.prod(strides) * width)(x)
        x = SubPixel(strides)(x)
    x = layers.Activation(activation)(x)
    if plan.surplus:
        x = crop(pairs(plan.surplus))(x)
    return keras.Model(inputs if condition else inputs[0], x, name="deconv")


class Plan(NamedTuple):
    """Levels of an encoder, input side first.

    Attributes:
        widths: Features at each level.
        strides: What each level divides the sides by, 1 or 2 each.
        smallest: Sides of the last level.
        surplus: Places added to each side so that it can be halved; empty if
            there are none.
        grid: Whether the code is a grid of the last level's sides.
    """

    widths: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]
    smallest: tuple[int, ...]
    surplus: tuple[int, ...]
    grid: bool

    @classmethod
    def of(cls, shape: tuple, code: tuple, hidden: tuple = ()) -> "Plan":
        """The plan for examples of a shape, a code, and widths or none.

        Example:
            >>> plan = Plan.of((28, 20, 1), (8,))
            >>> plan.strides, plan.smallest, plan.surplus
            (((2, 2), (2, 2), (2, 1)), (4, 5), (4, 0))
        """
        if len(shape) - 1 not in LAYERS:
            raise ValueError(
                "Invalid shape for `network='conv'`. Expected series, (length, "
                "channels), images, (height, width, channels), or volumes of "
                f"three sides and channels. Received: {shape}. Use "
                "network='mlp', or add a channel axis."
            )
        sides = shape[:-1]
        halvings = _between(sides, code[:-1])
        grid = halvings is not None and (
            not hidden or len(hidden) >= max(halvings)
        )
        if not grid and hidden:
            halvings = [
                min(len(hidden), math.ceil(math.log2(n))) for n in sides
            ]
        elif not grid:
            halvings = [max(0, round(math.log2(n / SMALLEST))) for n in sides]
        count = len(hidden) or max(1, *halvings)
        strides = [
            tuple(2 if level < k else 1 for k in halvings)
            for level in range(count)
        ]
        smallest = tuple(
            math.ceil(n / 2**k) for n, k in zip(sides, halvings, strict=True)
        )
        surplus = tuple(
            m * 2**k - n
            for m, k, n in zip(smallest, halvings, sides, strict=True)
        )
        return cls(
            tuple(hidden) or _widths(sides, strides),
            tuple(strides),
            smallest,
            surplus if any(surplus) else (),
            grid,
        )


def _between(sides: tuple, grid: tuple) -> list[int] | None:
    """How often each side is halved, rounding up, to be that of a grid; None
    if halving does not lead there."""
    if len(sides) != len(grid):
        return None
    found = []
    for side, cells in zip(sides, grid, strict=True):
        k = max(0, math.ceil(math.log2(side / cells)))
        if math.ceil(side / 2**k) != cells:
            return None
        found.append(k)
    return found


def _widths(sides: tuple, strides: list) -> tuple[int, ...]:
    """The more the fewer places there are: a level costs what others do."""
    widths = []
    for level in strides:
        sides = [math.ceil(n / s) for n, s in zip(sides, level, strict=True)]
        width = 2 ** round(math.log2(256 / math.sqrt(math.prod(sides))))
        widths.append(min(max(width, NARROWEST), WIDEST))
    return tuple(widths)


def _block(
    x: keras.KerasTensor, conv: type[keras.Layer], activation: str
) -> keras.KerasTensor:
    """`x`, and what a convolution makes of it: at first little."""
    y = layers.RMSNormalization()(x)
    y = conv(x.shape[-1], 3, padding="same", activation=activation)(y)
    small = keras.initializers.VarianceScaling(0.01)
    y = layers.Dense(x.shape[-1], kernel_initializer=small)(y)
    return layers.Add()([x, y])


def _free(shape: tuple, plan: Plan) -> tuple:
    """`shape` with sides of any size, where none had to be rounded."""
    if plan.surplus:
        return shape
    return (*[None] * (len(shape) - 1), shape[-1])


def pairs(surplus: tuple) -> tuple:
    """Places before and after, of each side, as Keras' layers want them."""
    pairs = tuple((n // 2, n - n // 2) for n in surplus)
    return pairs if len(pairs) > 1 else pairs[0]


#: Number of sides -> convolution, what pads, what crops.
LAYERS = {
    1: (layers.Conv1D, layers.ZeroPadding1D, layers.Cropping1D),
    2: (layers.Conv2D, layers.ZeroPadding2D, layers.Cropping2D),
    3: (layers.Conv3D, layers.ZeroPadding3D, layers.Cropping3D),
}
