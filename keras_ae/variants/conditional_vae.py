"""The conditional variational autoencoder."""

from typing import Any

import numpy as np

from keras_ae.core.registry import register
from keras_ae.model import compiled
from keras_ae.parts import conditions
from keras_ae.variants.vae import VAE


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

    fixed = ("given",)
    given_argument = "condition"

    def __init__(
        self,
        encoder: Any,
        decoder: Any,
        prior: Any = None,
        *,
        condition: int | conditions.BaseCondition,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, prior, given=condition, **kwargs)

    @property
    def condition(self) -> conditions.BaseCondition:
        """What the model is told, `given` of any other variant."""
        return self.given

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
        return super().sample(n, seed, condition)

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
        new = self.given.check("new_condition", new_condition, len(x))
        return compiled.batched(
            self,
            lambda rows: self.decode(
                (self.code(self.encode(rows[:2])), rows[2])
            ).mean(),
            (x, condition, new),
        )

    @classmethod
    def contract_case(cls) -> tuple[dict[str, Any], Any]:
        """See `BaseAutoencoder.contract_case`."""
        arguments, x = super().contract_case()
        return arguments | {"condition": 3}, (x, np.arange(len(x)) % 3)
