"""Networks by name: pairs of bodies, for the encoder and for the decoder."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import keras

from keras_ae.core import registry
from keras_ae.core import validation


class Bodies(NamedTuple):
    """What a name of a network stands for.

    Attributes:
        encoder: `(shape, hidden, activation=, condition=, event_shape=)` to a
            Keras model: the shape of one input, the widths, the name of an
            activation, the length of a condition vector or None, and the
            shape of what is made of its output.
        decoder: The same, from codes to features of examples.
        hidden: Widths where none are given.
    """

    encoder: Callable
    decoder: Callable
    hidden: tuple[int, ...]


def register(
    name: str, encoder: Callable, decoder: Callable, hidden: Sequence[int]
) -> None:
    """Make a pair of bodies known as `create(..., network=name)`.

    Args:
        name: As in `keras_ae.register`.
        encoder, decoder, hidden: see `Bodies`.

    Raises:
        ValueError: If the name is taken or not of the right form.

    Example:
        >>> def wide(shape, hidden, **options):
        ...     widths = [2 * width for width in hidden]
        ...     return keras_ae.networks.mlp(shape, widths, **options)
        >>> register("wide", wide, wide, hidden=(32,))
        >>> vae = keras_ae.VAE.create((8,), latent_dim=2, network="wide")
        >>> vae.encoder.body.output_shape
        (None, 64)
    """
    hidden = validation.check_hidden("hidden", hidden)
    registry.add("network", name, Bodies(encoder, decoder, hidden))


def get(name: str) -> Bodies:
    """The bodies of a network by name.

    Raises:
        ValueError: If the name is unknown.
    """
    return registry.find("network", name)


def pair(
    network: str,
    input_shape: tuple,
    latent_shape: tuple,
    hidden: Sequence[int] | None = None,
    **options: Any,
) -> tuple[keras.Model, keras.Model]:
    """Bodies of an encoder and of the decoder that mirrors it.

    Args:
        network: As `create` knows them, or a name that was given to
            `register`.
        input_shape: Shape of one example.
        latent_shape: Shape of one code.
        hidden: Widths (filters) of the encoder, input side first; the
            decoder has them in reverse. Defaults to the network's own.
        **options: `activation`, `condition`: see `mlp`.
    """
    encoder, decoder, default = get(network)
    hidden = validation.check_hidden(
        "hidden", default if hidden is None else hidden
    )
    return (
        encoder(input_shape, hidden, event_shape=latent_shape, **options),
        decoder(latent_shape, hidden[::-1], event_shape=input_shape, **options),
    )
