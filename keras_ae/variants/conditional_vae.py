"""The conditional variational autoencoder."""

from typing import Any

import numpy as np

from keras_ae.core.registry import register
from keras_ae.core.types import Given
from keras_ae.core.types import Rows
from keras_ae.model import generate
from keras_ae.parts import conditions
from keras_ae.parts import networks
from keras_ae.parts import priors
from keras_ae.variants.vae import VAE


@register("conditional-vae")
class ConditionalVAE(VAE):
    """VAE of examples given a condition: a class, or a vector.

    It joins the encoder's input and the code, which then holds what the
    condition does not say (of a digit, its style). Where others take examples
    this one takes `(examples, conditions)`; `decode`, `(codes, conditions)`.
    One seed of `sample` gives the same codes whatever is given.

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
        >>> model.sample(5, given=2, seed=0).shape
        (5, 8)

    Reference: Sohn, Lee, Yan, 2015. Learning Structured Output Representation
        using Deep Conditional Generative Models. NeurIPS.
    """

    fixed = ("given",)
    given_argument = "condition"

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        prior: str | dict | priors.BasePrior | None = None,
        *,
        condition: int | conditions.BaseCondition,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, prior, given=condition, **kwargs)

    @property
    def condition(self) -> conditions.BaseCondition:
        """What the model is told, `given` of any other variant."""
        return self.given

    def swap(self, x: Rows, given: Given, new_given: Given) -> np.ndarray:
        """Examples as they would be under another condition.

        Args:
            x: Examples, `[N, ...]`.
            given: What they are: one for all, or one for each.
            new_given: What they should become, likewise.

        Returns:
            `[N, ...]`: means of p(x|z, new) at the mean of q(z|x, given).
        """
        return generate.swap(self, x, given, new_given)

    @classmethod
    def contract_case(cls) -> tuple[dict[str, Any], Rows]:
        """See `BaseAutoencoder.contract_case`."""
        arguments, x = super().contract_case()
        return arguments | {"condition": 3}, (x, np.arange(len(x)) % 3)
