"""A decoder as data: its layers in order, and its weights as bytes.

What the page's script can do is what stands in `_LAYERS` here; every layer
has a function of the same name there.
"""

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_ae.core.types import Json
from keras_ae.model.base import BaseAutoencoder
from keras_ae.parts import conditions
from keras_ae.parts.networks import DistributionNetwork

ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh", "softplus", "elu", "silu")
#: Largest number of weights that a page holds: 20 megabytes.
MOST = 5_000_000
TOLERANCE = 1e-4


class Weights:
    """Arrays one behind the other, each known by its place and shape."""

    def __init__(self):
        self.parts: list[np.ndarray] = []
        self.size = 0

    def add(self, values: Any) -> dict[str, Any]:
        """Where the numbers of an array are from now on."""
        values = np.asarray(values, np.float32)
        place = {"at": self.size, "shape": list(values.shape)}
        self.parts.append(values.ravel())
        self.size += values.size
        return place

    def data(self) -> bytes:
        """All of them, float32, little-endian."""
        return np.concatenate(self.parts).astype("<f4").tobytes()


def network(model: BaseAutoencoder) -> tuple[list[dict], Weights]:
    """Layers and weights of the mean of p(x|z).

    Raises:
        ValueError: If the decoder has what the page's script cannot do, or
            too many weights; the text is the reason.
    """
    decoder, body = model.decoder, model.decoder.body
    if type(decoder) is not DistributionNetwork or decoder.tied:
        raise ValueError("the decoder is no plain network")
    if not isinstance(body, keras.Function):
        raise ValueError(f"{type(body).__name__} is no functional model")
    if decoder.count_params() > MOST:
        raise ValueError(f"the decoder has {decoder.count_params():,} weights")
    if not isinstance(model.given, conditions.Classes | None):
        raise ValueError("what the model is told is no class")
    config, weights = body.get_config(), Weights()
    layers = []
    for entry in config["layers"]:
        layer = body.get_layer(entry["name"])
        name = type(layer).__name__
        if name not in _LAYERS or len(entry["inbound_nodes"]) > 1:
            raise ValueError(f"the layer {name} is not among those of a page")
        _check_joined(layer)
        layers.append(
            {
                "op": name,
                "name": layer.name,
                "inputs": list(_sources(entry["inbound_nodes"])),
            }
            | _LAYERS[name](layer, weights)
        )
    kernel, *bias = decoder.projection.get_weights()
    width = decoder.widths[0]  # the others are scales and the like
    layers.append(
        {
            "op": "Dense",
            "name": "projection",
            "inputs": [keras.tree.flatten(config["output_layers"])[0]],
            "kernel": weights.add(kernel[:, :width]),
            "bias": weights.add(bias[0][:width]),
            "activation": _mean(model),
        }
    )
    return layers, weights


def _mean(model: BaseAutoencoder) -> str:
    """What makes the mean of p(x|z) of the network's first numbers."""
    shape = (4, *model.encoder.event_shape)
    z = np.random.default_rng(0).normal(size=shape)
    z = keras.ops.convert_to_tensor(z, "float32")
    codes, told = z, z
    if model.given is not None:
        first = np.zeros(4, "int32")
        codes, told = (z, first), [z, model.given.vector(first)]
    features = model.decoder.features(told)
    numbers = model.decoder.numbers(features, [4])[0]
    mean = model.decode(codes).mean()
    for name in ("linear", "sigmoid", "softplus"):
        made = keras.activations.get(name)(numbers)
        same = made.shape == mean.shape
        if same and np.allclose(made, mean, TOLERANCE, TOLERANCE):
            return name
    raise ValueError(
        f"the mean of a {type(model.decoder.head).__name__} takes more than "
        "one number a value"
    )


def _sources(node: Json) -> Iterator[str]:
    """Names of the layers that a node of a functional model takes."""
    if isinstance(node, dict):
        if "keras_history" in node:
            yield node["keras_history"][0]
        else:
            for value in node.values():
                yield from _sources(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from _sources(value)


def _activation(layer: keras.Layer) -> dict[str, str]:
    name = layer.activation.__name__
    if name not in ACTIVATIONS:
        raise ValueError(f"the activation {name} is not among those of a page")
    return {"activation": name}


def _kernel(layer: keras.Layer, weights: Weights) -> dict[str, Any]:
    kernel, *bias = layer.get_weights()
    if not bias:
        raise ValueError(f"the layer {layer.name!r} has no bias")
    places = {"kernel": weights.add(kernel), "bias": weights.add(bias[0])}
    return places | _activation(layer)


def _convolution(layer: keras.Layer, weights: Weights) -> dict[str, Any]:
    grouped = getattr(layer, "groups", 1) != 1  # transposed ones cannot be
    if (
        grouped
        or layer.data_format != "channels_last"
        or tuple(layer.dilation_rate) != (1, 1)
    ):
        raise ValueError("a convolution is dilated, grouped or channels-first")
    if getattr(layer, "output_padding", None) is not None:
        raise ValueError("a convolution has a padding of its own")
    return _kernel(layer, weights) | {
        "strides": list(layer.strides),
        "padding": layer.padding,
    }


def _check_joined(layer: keras.Layer) -> None:
    """Refuse what joins inputs otherwise than number by number."""
    name = type(layer).__name__
    if name not in ("Add", "Concatenate", "Multiply"):
        return
    shapes = [tuple(tensor.shape) for tensor in layer.input]
    alike = len(set(shapes)) == 1 or name == "Concatenate"
    if not alike or (name == "Concatenate" and len(shapes[0]) > 2):
        raise ValueError(f"the layer {layer.name!r} joins {shapes}")


_LAYERS: dict[str, Callable] = {
    "InputLayer": lambda layer, weights: {},
    "Flatten": lambda layer, weights: {},
    "Reshape": lambda layer, weights: {"shape": list(layer.target_shape)},
    "Dense": _kernel,
    "Multiply": lambda layer, weights: {},
    "Add": lambda layer, weights: {},
    "Concatenate": lambda layer, weights: {},
    "Activation": lambda layer, weights: _activation(layer),
    "Conv2D": _convolution,
    "Conv2DTranspose": _convolution,
    "Cropping2D": lambda layer, weights: {"cropping": layer.cropping},
}
