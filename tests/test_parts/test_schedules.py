"""Schedules against their formulas."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ae.parts import schedules

STEPS = np.array([0, 1, 37, 50, 99, 100, 101, 5_000])
SHARE = np.minimum(STEPS / 100, 1)
LOGISTIC = 1 / (1 + np.exp(-12 * (SHARE - 0.5)))
ENDS = 1 / (1 + np.exp([6.0, -6.0]))

CASES = {
    "constant": (schedules.Constant(3.0), np.full(8, 3.0)),
    "linear": (schedules.Linear(1, 5, 100), 1 + 4 * SHARE),
    "falling": (schedules.Linear(5, 1, 100), 5 - 4 * SHARE),
    "cosine": (
        schedules.Cosine(1, 5, 100),
        1 + 4 * (1 - np.cos(np.pi * SHARE)) / 2,
    ),
    "sigmoid": (
        schedules.Sigmoid(1, 5, 100),
        1 + 4 * (LOGISTIC - ENDS[0]) / (ENDS[1] - ENDS[0]),
    ),
    "cyclical": (
        schedules.Cyclical(1, 5, period=100, rise=0.25),
        1 + 4 * np.minimum((STEPS % 100) / 25, 1),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_formula(name):
    schedule, expected = CASES[name]
    # Float32 of numbers up to 5; the logistic curve through tanh.
    np.testing.assert_allclose(schedule(STEPS), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_config_rebuilds_the_same(name):
    schedule, expected = CASES[name]
    config = keras.saving.serialize_keras_object(schedule)
    rebuilt = keras.saving.deserialize_keras_object(config)
    assert type(rebuilt) is type(schedule)
    np.testing.assert_array_equal(rebuilt(STEPS), schedule(STEPS))


@pytest.mark.parametrize("name", CASES)
def test_one_trace_for_all_steps_under_xla(name):
    schedule, expected = CASES[name]
    traces = []

    @tf.function(jit_compile=True)
    def value(step):
        traces.append(step)
        return schedule(step)

    values = [value(tf.constant(step, tf.int64)) for step in STEPS]
    np.testing.assert_allclose(values, expected, rtol=1e-6, atol=1e-6)
    assert len(traces) == 1


def test_ramps_from_zero_are_never_negative():
    # Rounding at the ends must not make a weight of -6e-8.
    for cls in (schedules.Linear, schedules.Cosine, schedules.Sigmoid):
        values = cls(0.0, 1e4, 1000)(np.arange(1100)).numpy()
        assert values.min() >= 0
        assert values.max() <= 1e4
        assert (np.diff(values) >= 0).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda: schedules.Constant(-1),
        lambda: schedules.Linear(-0.1, 1, 10),
        lambda: schedules.Cosine(1, -0.1, 10),
        lambda: schedules.Sigmoid(0, -1, 10),
        lambda: schedules.Cyclical(0, -1, 10),
        lambda: schedules.Linear(0, 1, 0),
        lambda: schedules.Linear(0, float("nan"), 10),
        lambda: schedules.Cyclical(0, 1, 10, rise=0),
        lambda: schedules.Cyclical(0, 1, 10, rise=1.5),
        lambda: schedules.get(-1, "beta"),
        lambda: schedules.get("parabola", "beta"),
    ],
)
def test_out_of_range_is_refused(make):
    with pytest.raises(ValueError, match="Expected"):
        make()


class Falling(schedules.BaseSchedule):
    """One's own, below zero from step 1001 on."""

    def value(self, step):
        return 1.0 - step / 1000


def test_own_schedule_that_goes_negative_is_refused():
    # Tried out at powers of two: 1024 is the first above 1000.
    with pytest.raises(ValueError, match="`beta`.*step 1024"):
        schedules.get(Falling(), "beta")


def test_other_types_are_refused():
    for value in (None, [1.0], lambda step: step):
        with pytest.raises(TypeError, match="`beta`"):
            schedules.get(value, "beta")
