"""`create`: the smallest working model of a variant."""

import contextlib
import inspect
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import Self

import keras
import numpy as np

from keras_ae import spaces
from keras_ae.core import backend
from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.types import Rows
from keras_ae.parts import conditions
from keras_ae.parts import heads
from keras_ae.parts import networks


class Creation:
    """Mixin of `BaseAutoencoder`: makes networks of the usual kinds."""

    #: The argument that says what a model is told beside the example.
    given_argument = "given"

    @classmethod
    def create(
        cls,
        input_shape: int | Sequence[int] | spaces.BaseSpace,
        latent_dim: int | Sequence[int],
        *,
        network: str = "mlp",
        hidden: Sequence[int] | None = None,
        activation: str = "relu",
        linear_path: bool = False,
        posterior: str | heads.BaseHead | None = None,
        likelihood: str | heads.BaseHead | None = None,
        seed: int | None = None,
        **options: Any,
    ) -> Self:
        """The smallest working model, built.

        Args:
            input_shape: What one example is: a space, such as
                `spaces.Image(28, 28)`, or its shape without batch axis.
            latent_dim: Length of a code.
            network: `"linear"`, `"tied"` (linear, the decoder's weights those
                of the encoder), `"mlp"`, `"gated"`; for images, series and
                volumes `"conv"`, `"strided"` or `"transformer"`; for series
                `"recurrent"`. Defaults to `"mlp"`.
            hidden: Widths of the encoder's hidden layers, or filters of its
                convolutions; the decoder mirrors them. Defaults to (512, 256)
                for `"mlp"`, (300, 300) for `"gated"`, (32, 64) for
                `"strided"`; `"conv"` chooses them by the size of the input.
            activation: Name of a Keras activation. Defaults to `"relu"`.
            linear_path: Whether one linear map goes beside each network, from
                examples to codes and back. `adapt` starts it at the principal
                subspace, from where training begins; without `adapt` it
                starts at zero. For flat codes. Defaults to False.
            posterior: Head of the encoder or its name, for example
                `heads.Point("sigmoid")` for codes between 0 and 1.
            likelihood: Head of the decoder or its name. Defaults to that of
                the space, and where it has none to the variant's: a Gaussian,
                of one learned deviation where there is a prior, which starts
                from the rows, of a stream from its first batch, else of unit
                scale; of `VAEGAN` a Bernoulli.
            seed: Integer for initial weights and all draws.
            **options: The variant's own arguments; `dtype`, a policy of Keras
                for all layers, such as `"mixed_bfloat16"`.
        """
        own = {*cls.parameters()} - {"encoder", "decoder"}
        check_known(options, {*inspect.signature(cls.create).parameters, *own})
        told = cls.parameters()[cls.given_argument]
        if told.default is told.empty and told.name not in options:
            raise TypeError(
                f"{cls.__name__} is told something beside each example. "
                f"Expected `{cls.given_argument}`, such as the number of "
                "classes. Received: none"
            )
        space = spaces.get(input_shape, "input_shape")
        input_shape = space.shape
        if likelihood is None:
            likelihood = space.likelihood or cls.likelihood_head()
        likelihood = space.named(likelihood)
        latent_shape = validation.check_shape("latent_dim", latent_dim)
        settings = {"hidden": hidden, "activation": activation}
        built_on: tuple = (None, *space.row_shape)
        if options.get(cls.given_argument) is not None:
            given = conditions.get(options[cls.given_argument])
            settings["condition"] = given.size
            built_on = built_on, (None, *given.shape)
        plain, beside = networks.DistributionNetwork, networks.PrincipalNetwork
        kind = beside if linear_path else plain
        layers = _layers_of(options.get("dtype"))
        with backend.seeded_weights(seed), layers:
            bodies = cls.create_bodies(
                network, input_shape, latent_shape, options=options, **settings
            )
            model = cls(
                kind(
                    bodies[0],
                    cls.posterior_head() if posterior is None else posterior,
                    latent_shape,
                ),
                kind(
                    bodies[1],
                    likelihood,
                    input_shape,
                    tied=network == "tied",
                ),
                space=space,
                seed=seed,
                **options,
            )
            model.build(built_on)
        return model

    @classmethod
    def create_bodies(
        cls,
        network: str,
        input_shape: tuple,
        latent_shape: tuple,
        *,
        options: dict,
        **settings: Any,
    ) -> tuple:
        """Bodies of encoder and decoder for `create`.

        `options` are the variant's own arguments, which may shape its
        networks; a variant with more networks puts them there.
        """
        del options
        return networks.pair(network, input_shape, latent_shape, **settings)

    @classmethod
    def contract_case(cls) -> tuple[dict[str, Any], Rows]:
        """Arguments of `create`, and 32 examples, for `keras_ae.contract`."""
        x = np.random.default_rng(0).uniform(size=(32, 8)).astype("float32")
        return {"input_shape": (8,), "latent_dim": 2, "hidden": (16,)}, x


def check_known(given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse arguments that neither the class nor Keras knows."""
    known = {*known, "name", "trainable", "dtype"} - {"options"}
    for name in given:
        if name not in known:
            raise ValueError(registry.unknown("argument", name, known))


@contextlib.contextmanager
def _layers_of(policy: Any) -> Iterator[None]:
    """Inside, layers are made with a dtype policy, unless it is None."""
    before = keras.config.dtype_policy()
    if policy is not None:
        keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
