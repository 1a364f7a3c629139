"""Schedules: non-negative weights that change with the optimizer step."""

import abc
import math

import numpy as np
import tensorflow as tf

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.config import AutoConfig
from keras_ae.core.types import ArrayLike


class BaseSchedule(AutoConfig, abc.ABC):
    """A number for every optimizer step, computed inside the compiled step.

    The step is a tensor, so that a change of the number traces nothing anew;
    it is saved with the optimizer, so that training resumes where it was.
    """

    kind = "schedule"

    #: Step from which the value stays what it is; None: it never does.
    settled: int | None = None

    def __call__(self, step: ArrayLike | float) -> tf.Tensor:
        """The value at a step, or at each of several, float32."""
        return self.value(tf.cast(step, tf.float32))

    @abc.abstractmethod
    def value(self, step: tf.Tensor) -> tf.Tensor:
        """The value at float32 steps, elementwise, 0 or above."""


class BaseRamp(BaseSchedule):
    """From `start` to `end` in a number of steps, then `end` for ever.

    Args:
        start: Value at step 0, at least 0.
        end: Value from step `steps` on, at least 0; may be below `start`.
        steps: Length of the way, optimizer steps.
    """

    def __init__(self, start: float, end: float, steps: int):
        self.start = validation.check_number("start", start, 0)
        self.end = validation.check_number("end", end, 0)
        self.steps = validation.check_count("steps", steps)

    @property
    def settled(self) -> int:
        """See `BaseSchedule.settled`."""
        return self.steps

    def value(self, step: tf.Tensor) -> tf.Tensor:
        """See `BaseSchedule.value`."""
        done = self.progress(tf.minimum(step / self.steps, 1.0))
        return (1.0 - done) * self.start + done * self.end

    @abc.abstractmethod
    def progress(self, time: tf.Tensor) -> tf.Tensor:
        """Share of the way at a share of the time: 0 at 0, 1 at 1."""


@registry.register("constant")
class Constant(BaseSchedule):
    """The same value at every step.

    Args:
        constant: At least 0.

    Example:
        >>> float(Constant(4.0)(1_000))
        4.0
    """

    settled = 0

    def __init__(self, constant: float):
        self.constant = validation.check_number("constant", constant, 0)

    def value(self, step: tf.Tensor) -> tf.Tensor:
        """See `BaseSchedule.value`."""
        return tf.fill(tf.shape(step), self.constant)


@registry.register("linear")
class Linear(BaseRamp):
    """A straight line from `start` to `end`, then constant.

    Args:
        start, end, steps: see `BaseRamp`.

    Example:
        >>> Linear(0.0, 4.0, 100)([0, 25, 100, 900]).numpy().tolist()
        [0.0, 1.0, 4.0, 4.0]

    Reference: Sonderby et al., 2016. Ladder Variational Autoencoders.
        https://arxiv.org/abs/1602.02282
    """

    def progress(self, time: tf.Tensor) -> tf.Tensor:
        """See `BaseRamp.progress`."""
        return time


@registry.register("cosine")
class Cosine(BaseRamp):
    """Half a cosine from `start` to `end`, flat at both ends.

    Formula:
        value = start + (end - start) * (1 - cos(pi * step / steps)) / 2

    Args:
        start, end, steps: see `BaseRamp`.

    Example:
        >>> round(float(Cosine(0.0, 4.0, 100)(50)), 4)
        2.0
    """

    def progress(self, time: tf.Tensor) -> tf.Tensor:
        """See `BaseRamp.progress`."""
        return (1.0 - tf.cos(math.pi * time)) / 2


@registry.register("sigmoid")
class Sigmoid(BaseRamp):
    """A logistic curve from `start` to `end`, steepest half way.

    The curve is stretched a little so that it reaches both ends.

    Formula:
        s(t) = sigmoid(12 * (t - 1/2)),  t = step / steps
        value = start + (end - start) * (s(t) - s(0)) / (s(1) - s(0))

    Args:
        start, end, steps: see `BaseRamp`.

    Example:
        >>> round(float(Sigmoid(0.0, 1.0, 100)(50)), 4)
        0.5

    Reference: Bowman et al., 2016. Generating Sentences from a Continuous
        Space. CoNLL. https://arxiv.org/abs/1511.06349
    """

    def progress(self, time: tf.Tensor) -> tf.Tensor:
        """See `BaseRamp.progress`; sigmoid(x) = (1 + tanh(x / 2)) / 2."""
        done = (1.0 + tf.tanh(6.0 * time - 3.0) / math.tanh(3.0)) / 2
        return tf.clip_by_value(done, 0.0, 1.0)  # rounding at the ends


@registry.register("cyclical")
class Cyclical(BaseSchedule):
    """Up from `start` to `end` again and again, each time held at `end`.

    Formula:
        t = (step mod period) / period
        value = start + (end - start) * min(t / rise, 1)

    Args:
        start: Value at the begin of each period, at least 0.
        end: Value that is held to the end of each period, at least 0.
        period: Optimizer steps in a period.
        rise: Share of a period on the way, in (0, 1]. Defaults to 0.5.

    Example:
        >>> Cyclical(0.0, 1.0, 100)([0, 25, 50, 99, 100]).numpy().tolist()
        [0.0, 0.5, 1.0, 1.0, 0.0]

    Reference: Fu et al., 2019. Cyclical Annealing Schedule: A Simple Approach
        to Mitigating KL Vanishing. NAACL. https://arxiv.org/abs/1903.10145
    """

    def __init__(
        self, start: float, end: float, period: int, rise: float = 0.5
    ):
        self.start = validation.check_number("start", start, 0)
        self.end = validation.check_number("end", end, 0)
        self.period = validation.check_count("period", period)
        self.rise = validation.check_number("rise", rise, 0, 1, open_low=True)

    def value(self, step: tf.Tensor) -> tf.Tensor:
        """See `BaseSchedule.value`."""
        time = tf.math.floormod(step, float(self.period)) / self.period
        done = tf.minimum(time / self.rise, 1.0)
        return (1.0 - done) * self.start + done * self.end


def get(identifier: float | dict | BaseSchedule, name: str) -> BaseSchedule:
    """A schedule; a number means a constant.

    A schedule of the user's own is tried out at steps up to 2**30.

    Args:
        identifier: Non-negative number, schedule, or `{name: arguments}`.
        name: The argument that it was passed as, for errors.

    Raises:
        ValueError: If it is negative, or becomes so.
        TypeError: If it is neither a number nor a schedule.

    Example:
        >>> get(4.0, "beta")
        Constant(constant=4.0)
        >>> get({"linear": {"start": 0, "end": 1, "steps": 10}}, "beta").end
        1.0
    """
    if isinstance(identifier, (int, float, np.number)):
        return Constant(validation.check_number(name, identifier, 0))
    schedule = registry.part(BaseSchedule, identifier, name)
    steps = np.concatenate([[0], 2 ** np.arange(31)])
    bad = steps[~(np.asarray(schedule(steps)) >= 0)]
    if bad.size:
        expected = "a schedule that stays at 0 or above"
        raise ValueError(
            validation.invalid(name, expected, schedule)
            + f", which does not at step {bad[0]}."
        )
    return schedule
