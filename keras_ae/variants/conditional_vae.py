"""The conditional variational autoencoder."""

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import validation
from keras_ae.core.registry import register
from keras_ae.model import compiled
from keras_ae.model import generate
from keras_ae.parts import conditions
from keras_ae.variants.vae import VAE

tfd = tfp.distributions


@register("conditional-vae")
class ConditionalVAE(VAE):
    """VAE of examples given a condition: a class, or a vector.

    The condition is joined to the input of the encoder and to the code, so
    that the code holds what the condition does not say (of a digit, its
    style). Where other variants take examples, this one takes the tuple
    `(examples, conditions)`, and `decode` takes `(codes, conditions)`.

    Formula:
        loss = -log p(x|z, c) + KL(q(z|x, c) || p(z)) >= -log p(x|c)

    Args:
        condition: Number of classes, for class indices `[N]`; or
            `conditions.Vector(size)`, for vectors `[N, size]`.
        Other arguments: see `VAE`.

    Example:
        >>> model = ConditionalVAE.create((8,), 2, hidden=(16,), condition=3)
        >>> model.predict((np.zeros([2, 8]), [0, 2])).shape
        (2, 8)
        >>> model.sample(5, condition=2, seed=0).shape
        (5, 8)

    Reference: Sohn, Lee, Yan, 2015. Learning Structured Output Representation
        using Deep Conditional Generative Models. NeurIPS.
    """

    def __init__(
        self,
        encoder: Any,
        decoder: Any,
        prior: Any = None,
        *,
        condition: int | conditions.BaseCondition,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, prior, **kwargs)
        self.condition = conditions.get(condition)

    def part_shapes(self, input_shape: Any) -> tuple[Any, Any]:
        """See `BaseAutoencoder.part_shapes`."""
        condition = (None, self.condition.size)
        codes = (None, *self.encoder.event_shape)
        return [tuple(input_shape[0]), condition], [codes, condition]

    def encode(self, x: Any, training: bool = False) -> tfd.Distribution:
        """q(z|x, c) of `(examples, conditions)`."""
        return self._joined(self.encoder, x, training)

    def decode(self, z: Any, training: bool = False) -> tfd.Distribution:
        """p(x|z, c) of `(codes, conditions)`, `[(S,) B, ...]`, `[B, ...]`."""
        return self._joined(self.decoder, z, training)

    def _joined(self, network: Any, pair: tuple, training: bool) -> Any:
        first, condition = pair
        inputs = [first, self.condition.vector(condition)]
        return network(inputs, training=training)

    def decode_given(
        self, z: tf.Tensor, x: Any, training: bool = False
    ) -> tfd.Distribution:
        """See `BaseAutoencoder.decode_given`."""
        return self.decode((z, x[1]), training=training)

    def default_target(self, x: Any) -> tf.Tensor:
        """The examples without their conditions."""
        return x[0]

    def check_inputs(self, x: Any) -> tuple[np.ndarray, np.ndarray]:
        """See `BaseAutoencoder.check_inputs`."""
        if not isinstance(x, tuple) or len(x) != 2:
            raise TypeError(
                "Invalid type of `x`. Expected a tuple (examples, "
                f"conditions). Received: {type(x).__name__}"
            )
        examples = super().check_inputs(x[0])
        return examples, self.condition.check("x[1]", x[1], len(examples))

    def sample(
        self, n: int, condition: Any, seed: int | None = None
    ) -> np.ndarray:
        """`n` new examples of a condition.

        Args:
            n: How many.
            condition: One for all, or one for each, `[n, ...]`.
            seed: Integer to repeat the draws, or None for fresh ones. One
                seed gives the same codes under every condition.

        Returns:
            `[n, ...]`.
        """
        n = validation.check_count("n", n)
        condition = self.condition.check("condition", condition, n)
        return generate.sample(self, n, seed, condition)

    def swap(self, x: Any, condition: Any, new_condition: Any) -> np.ndarray:
        """Examples as they would be under another condition.

        Args:
            x: Examples, `[N, ...]`.
            condition: What they are: one for all, or one for each.
            new_condition: What they should become, likewise.

        Returns:
            `[N, ...]`: means of p(x|z, new condition) at the mean of
            q(z|x, condition).
        """
        x, condition = self.check_inputs((x, condition))
        new = self.condition.check("new_condition", new_condition, len(x))
        return compiled.batched(
            self,
            "swap",
            lambda rows: self.decode(
                (self.encode(rows[:2]).mean(), rows[2])
            ).mean(),
            (x, condition, new),
        )

    @classmethod
    def create_bodies(cls, *args: Any, options: dict, **settings: Any) -> tuple:
        """See `BaseAutoencoder.create_bodies`."""
        size = conditions.get(options.get("condition")).size
        return super().create_bodies(
            *args, options=options, condition=size, **settings
        )

    def input_shape_of(self, event_shape: tuple) -> Any:
        """See `BaseAutoencoder.input_shape_of`."""
        return (None, *event_shape), (None, *self.condition.shape)

    @classmethod
    def contract_case(cls) -> tuple[dict[str, Any], Any]:
        """See `BaseAutoencoder.contract_case`."""
        arguments, x = super().contract_case()
        return arguments | {"condition": 3}, (x, np.arange(len(x)) % 3)

    def input_specs(self) -> list[tf.TensorSpec]:
        """See `BaseAutoencoder.input_specs`."""
        return [*super().input_specs(), self.condition.spec()]

    def latent_specs(self) -> list[tf.TensorSpec]:
        """See `BaseAutoencoder.latent_specs`."""
        return [*super().latent_specs(), self.condition.spec()]
