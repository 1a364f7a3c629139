"""Bodies of dense layers, and what is read off such networks."""

from collections.abc import Callable
from typing import Any

import keras

from keras_ae.core import validation
from keras_ae.parts import heads
from keras_ae.parts.networks.distribution import DistributionNetwork


def linear(shape: tuple, hidden: tuple, **options: Any) -> keras.Model:
    """No layer at all: with the projection, one linear map."""
    if hidden:
        expected = "no widths, since a linear network has no hidden layers"
        raise ValueError(validation.invalid("hidden", expected, hidden))
    return mlp(shape, (), **options, name="linear")


def mlp(
    shape: tuple,
    hidden: tuple,
    activation: str = "relu",
    condition: int | None = None,
    name: str = "mlp",
    layer: Callable = keras.layers.Dense,
    **options: Any,
) -> keras.Model:
    """Dense layers of the widths in `hidden`.

    Args:
        shape: Shape of one input.
        hidden: Widths, first layer first.
        activation: Name of a Keras activation.
        condition: Length of a condition vector joined to the input, or None.
        name: Name of the body.
        layer: Makes a layer from width and activation.
    """
    del options
    inputs = [keras.Input(shape)]
    x = flat(inputs[0], inputs, condition)
    for width in hidden:
        x = layer(width, activation)(x)
    return keras.Model(inputs if condition else inputs[0], x, name=name)


def gated(shape: tuple, hidden: tuple, **options: Any) -> keras.Model:
    """Linear layers, each times a gate of its own: (Wx + b) * sigmoid(Vx + c).

    Instead of an activation. Reference: Tomczak, Welling, 2018. VAE with a
    VampPrior, section 5.3. https://arxiv.org/abs/1705.07120
    """

    def layer(width: int, activation: str) -> Callable:
        del activation  # the gate is the nonlinearity
        value = keras.layers.Dense(width)
        gate = keras.layers.Dense(width, "sigmoid")
        return lambda x: keras.layers.Multiply()([value(x), gate(x)])

    return mlp(shape, hidden, **options, name="gated", layer=layer)


#: Activations whose every output depends on one input.
ELEMENTWISE = [
    keras.activations.get(name)
    for name in (
        "celu elu exponential gelu hard_sigmoid hard_silu hard_tanh leaky_relu "
        "linear log_sigmoid mish relu relu6 selu sigmoid silu softplus "
        "softsign tanh"
    ).split()
]


def dense_stack(network: DistributionNetwork, inputs: int) -> list[tuple]:
    """The layers of a deterministic network of dense layers only.

    Args:
        network: A built network with a `Point` head.
        inputs: Number of values of one example.

    Returns:
        Each `Dense` layer with its activation, an elementwise function, the
        first layer first and the code's last; empty if the network has any
        other layer but `Flatten`, or is not a chain.
    """
    body = network.body
    chain = isinstance(body, keras.Sequential) or (
        isinstance(body, keras.Function)
        and all(
            len(layer["inbound_nodes"]) <= 1
            for layer in body.get_config()["layers"]
        )
    )
    if not chain or type(network.head) is not heads.Point:
        return []
    layers = [
        layer
        for layer in [*body.layers, network.projection]
        if not isinstance(
            layer, (keras.layers.InputLayer, keras.layers.Flatten)
        )
    ]
    if any(type(layer) is not keras.layers.Dense for layer in layers):
        return []
    activations = [layer.activation for layer in layers[:-1]]
    activations.append(keras.activations.get(network.head.activation))
    if any(a not in ELEMENTWISE for a in activations):
        return []
    if layers[0].kernel.shape[0] != inputs:  # works on the last axis alone
        return []
    return list(zip(layers, activations, strict=True))


def flat(
    x: keras.KerasTensor, inputs: list, condition: int | None
) -> keras.KerasTensor:
    """`x` flat, joined to a condition if there is one, an input more."""
    x = keras.layers.Flatten()(x)
    if condition:
        inputs.append(keras.Input((condition,)))
        x = keras.layers.Concatenate()([x, inputs[1]])
    return x
