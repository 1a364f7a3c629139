"""Mechanisms: which values of an example are observed, given all of them."""

import abc
from typing import TYPE_CHECKING
from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.types import Shape
from keras_ae.math import densities
from keras_ae.parts.part import BasePart

if TYPE_CHECKING:
    from keras_ae.model.batch import Forward
    from keras_ae.model.batch import Moment

tfd = tfp.distributions


class BaseMechanism(BasePart, keras.Layer, abc.ABC):
    """p(s|x): s says which values of x are observed.

    Needed where holes depend on the values that they hide: then what was
    observed alone does not tell what was not.
    """

    kind = "mechanism"
    terms = {"mechanism": "-log p(s|x), nats"}

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs | {"dtype": "float32"})

    @abc.abstractmethod
    def distribution(self, x: tf.Tensor) -> tfd.Distribution:
        """p(s|x) of complete examples `[(S,) B, ...]`: batch `[(S,) B]`."""

    def log_prob(self, x: tf.Tensor, seen: tf.Tensor) -> tf.Tensor:
        """log p(s|x), `[(S,) B]`.

        Args:
            x: Complete examples, `[(S,) B, ...]`.
            seen: s, which values were observed, bool, `[B, ...]`.
        """
        return self.distribution(x).log_prob(tf.cast(seen, tf.float32))

    def loss_terms(
        self, forward: "Forward", moment: "Moment"
    ) -> dict[str, tf.Tensor]:
        """See `BasePart.loss_terms`; `forward.extras` has the examples with
        their holes `filled` by draws."""
        del moment
        filled, seen = forward.extras["filled"], forward.batch.mask
        return {"mechanism": -self.log_prob(filled, seen)}


@registry.register("self_masking")
class SelfMasking(BaseMechanism):
    """Each value hides itself, by a logistic regression on itself.

    What the user knows of the holes is worth more than data: without a
    direction, that high values are hidden and that low ones are may explain
    the same table.

    Formula:
        p(s|x) = prod_j p(s_j|x_j)
        p(s_j = 0|x_j) = sigmoid(w_j * x_j + b_j),
        w_j > 0 for `hides="high"`, w_j < 0 for `hides="low"`

    Args:
        hides: `"high"` or `"low"`, where it is known which values are rather
            hidden; or `"either"`, learned for each value. Defaults to
            `"either"`.

    Raises:
        ValueError: If `hides` is none of the three.

    Example:
        >>> mechanism = SelfMasking(hides="high")
        >>> mechanism.build((None, 2))
        >>> seen = mechanism.distribution(tf.constant([[-9.0, 9.0]])).mean()
        >>> seen.numpy().round(2).tolist()
        [[1.0, 0.0]]

    Reference: Ipsen, Mattei, Frellsen, 2021. not-MIWAE: Deep Generative
        Modelling with Missing not at Random Data. ICLR.
        https://arxiv.org/abs/2006.12871
    """

    def __init__(self, hides: str = "either", **kwargs: Any):
        super().__init__(**kwargs)
        self.hides = validation.check_in(
            "hides", hides, ("either", "high", "low")
        )

    def build(self, input_shape: Shape) -> None:
        """Make a slope and an intercept for each value."""
        shape = tuple(input_shape[1:])
        for name in ("raw_slope", "intercept"):
            weight = self.add_weight(
                shape=shape, initializer="zeros", dtype="float32", name=name
            )
            setattr(self, name, weight)
        self.built = True

    def distribution(self, x: tf.Tensor) -> tfd.Distribution:
        """See `BaseMechanism.distribution`."""
        slope = tf.convert_to_tensor(self.raw_slope)
        if self.hides != "either":
            slope = tf.nn.softplus(slope)
        if self.hides == "low":
            slope = -slope
        seen = densities.Bernoulli(logits=-(slope * x + self.intercept))
        return tfd.Independent(seen, len(self.intercept.shape))


def get(identifier: str | dict | BaseMechanism) -> BaseMechanism:
    """A mechanism by name, by `{name: arguments}`, or itself.

    Raises:
        ValueError: If the name is unknown.
        TypeError: If it is none of the three.

    Example:
        >>> get({"self_masking": {"hides": "low"}}).hides
        'low'
    """
    return registry.part(BaseMechanism, identifier)
