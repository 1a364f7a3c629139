"""Weights of terms: numbers, schedules, and controls that see the term."""

import abc
from collections.abc import Iterable
from typing import Any

import keras
import tensorflow as tf

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.config import AutoConfig
from keras_ae.parts import schedules


class BaseControl(AutoConfig, keras.Layer, abc.ABC):
    """A weight that follows its term, for `compile(loss_weights=...)`.

    Its numbers change after each training step and are saved with the model,
    so that training resumes where it was.
    """

    kind = "weight"

    @abc.abstractmethod
    def value(self, step: tf.Tensor) -> tf.Tensor:
        """The weight now, float32 `[]`, 0 or above."""

    @abc.abstractmethod
    def update(self, term: tf.Tensor, step: tf.Tensor) -> None:
        """A step is over; `term` is what the term was, its mean over the
        batch of all replicas, `[]`."""

    def number(self, name: str, start: float) -> keras.Variable:
        """A float32 number that `update` changes."""
        return self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(start),
            trainable=False,
            dtype="float32",
            autocast=False,
            name=name,
        )


@registry.register("geco")
class GECO(BaseControl):
    """Minimize the other terms while the mean of this one is a tolerance.

    For `"reconstruction"`: the weight, a Lagrange multiplier, rises while the
    running mean of the term is above the tolerance and falls below it. How
    much error is allowed is easier to say than how much a nat of KL is worth.
    The tolerance must be one that the model can reach.

    Formula:
        c = decay * c + (1 - decay) * (term - tolerance)
        weight = weight * exp(rate * min(max(c, -1), 1)),  1 at first

        The paper has no limits of c, which make `rate` the most that a step
        changes, whatever the size of the examples.

    Args:
        tolerance: Nats an example.
        rate: Step of the logarithm of the weight. Defaults to 0.01.
        decay: Of the running mean, in [0, 1). Defaults to 0.9.

    Example:
        >>> weight = GECO(tolerance=5.0, decay=0.0)
        >>> weight.update(tf.constant(7.0), step=0)
        >>> round(float(weight.value(step=1)), 4)
        1.0101

    Reference: Rezende, Viola, 2018. Taming VAEs, algorithm 1.
        https://arxiv.org/abs/1810.00597
    """

    def __init__(
        self,
        tolerance: float,
        rate: float = 0.01,
        decay: float = 0.9,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.tolerance = validation.check_number("tolerance", tolerance)
        self.rate = validation.check_number("rate", rate, 0, open_low=True)
        self.decay = validation.check_number(
            "decay", decay, 0, 1, open_high=True
        )
        self.excess = self.number("excess", 0.0)
        self.logarithm = self.number("logarithm", 0.0)

    def value(self, step: tf.Tensor) -> tf.Tensor:
        """See `BaseControl.value`."""
        del step  # the weight's own
        return tf.exp(tf.convert_to_tensor(self.logarithm))

    def update(self, term: tf.Tensor, step: tf.Tensor) -> None:
        """See `BaseControl.update`."""
        del step  # all are alike
        now = term - self.tolerance
        excess = self.decay * self.excess + (1 - self.decay) * now
        change = self.rate * tf.clip_by_value(excess, -1.0, 1.0)
        # Within what single precision has, as e^-40 and e^40.
        self.logarithm.assign(
            tf.clip_by_value(self.logarithm + change, -40.0, 40.0)
        )
        self.excess.assign(excess)


@registry.register("control_vae")
class ControlVAE(BaseControl):
    """Hold a term at a target, as a thermostat does: a PI controller.

    For `"kl"`, whose target is then as many nats as the code may carry: the
    weight rises while the KL is above it and falls below it.

    Formula:
        e = target(step) - term
        P = proportional / (1 + exp(e)),  I = clip(I - integral * e)
        weight = clip(P + I),  clip: inside the limits

    Args:
        target: Nats an example, a number or schedule.
        proportional: Weight of the error now. Defaults to 0.01.
        integral: Weight of the sum of all errors. Defaults to 0.001.
        limits: Least and largest weight. Defaults to (0, 100).

    Example:
        >>> weight = ControlVAE(target=5.0, proportional=0.0)
        >>> weight.update(tf.constant(7.0), step=0)
        >>> round(float(weight.value(step=1)), 4)
        0.002

    Reference: Shao et al., 2020. ControlVAE: Controllable Variational
        Autoencoder, equation 7. https://arxiv.org/abs/2004.05988
    """

    def __init__(
        self,
        target: float | schedules.BaseSchedule,
        proportional: float = 0.01,
        integral: float = 0.001,
        limits: tuple[float, float] = (0.0, 100.0),
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.target = schedules.get(target, "target")
        self.proportional = validation.check_number(
            "proportional", proportional, 0
        )
        self.integral = validation.check_number("integral", integral, 0)
        low, high = limits
        low = validation.check_number("limits[0]", low, 0)
        self.limits = low, validation.check_number("limits[1]", high, low)
        self.sum = self.number("sum", low)
        self.factor = self.number("factor", low)

    def value(self, step: tf.Tensor) -> tf.Tensor:
        """See `BaseControl.value`."""
        del step  # the weight's own
        return tf.convert_to_tensor(self.factor)

    def update(self, term: tf.Tensor, step: tf.Tensor) -> None:
        """See `BaseControl.update`."""
        error = self.target(step) - term
        total = self.sum - self.integral * error
        low, high = self.limits
        self.sum.assign(tf.clip_by_value(total, low, high))
        factor = self.proportional * tf.sigmoid(-error) + self.sum
        self.factor.assign(tf.clip_by_value(factor, low, high))


class Weights:
    """The weights of terms by name; no dict, whose layers Keras would take
    for the model's and save as its weights.

    Args:
        weights: Name of a term to a number, a schedule or a control.
        known: Names of all terms.

    Raises:
        TypeError: If `weights` is no dict.
        ValueError: If a name is unknown, or a number is negative.
    """

    def __init__(self, weights: dict[str, Any], known: Iterable[str]):
        validation.check_type("loss_weights", weights, dict)
        for name in weights:
            validation.check_in("loss_weights", name, sorted(known))
        self.named = {
            name: get(w, f"loss_weights[{name!r}]")
            for name, w in weights.items()
        }
        self.controls = {
            name: weight
            for name, weight in self.named.items()
            if isinstance(weight, BaseControl)
        }

    def factor(self, name: str, step: tf.Tensor) -> tf.Tensor | float:
        """The weight of a term at a step; 1 where none was asked for."""
        if name not in self.named:
            return 1.0
        return self.named[name].value(tf.cast(step, tf.float32))


def get(
    identifier: float | dict | schedules.BaseSchedule | BaseControl, name: str
) -> schedules.BaseSchedule | BaseControl:
    """A schedule, as in `schedules.get`, or a control.

    Args:
        identifier: Non-negative number, schedule, control, or
            `{name: arguments}` of one of them.
        name: The argument that it was passed as, for errors.

    Example:
        >>> get({"geco": {"tolerance": 80.0}}, "loss_weights['kl']").tolerance
        80.0
    """
    known = registry.names(BaseControl.kind)
    named = isinstance(identifier, dict) and {*identifier} <= {*known}
    if isinstance(identifier, BaseControl) or named:
        return registry.part(BaseControl, identifier, name)
    return schedules.get(identifier, name)
