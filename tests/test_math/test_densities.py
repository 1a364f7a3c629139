"""Densities against those of TFP."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.math import densities

RNG = np.random.default_rng(0)


def test_bernoulli_is_that_of_tfp_also_over_several_draws():
    logits = RNG.normal(0, 4, [3, 5, 2]).astype(np.float32)
    event = RNG.uniform(size=[5, 2]).astype(np.float32)
    ours = densities.Bernoulli(logits=logits).log_prob(event)
    theirs = tfp.distributions.Bernoulli(logits=logits).log_prob(event)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_gradient_of_bernoulli_is_event_minus_probability():
    logits = tf.constant([-30.0, -1.0, 0.0, 2.0, 30.0])
    event = tf.constant([1.0, 0.0, 0.3, 1.0, 0.0])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = densities.Bernoulli(logits=logits).log_prob(event)
    expected = event - tf.sigmoid(logits)
    np.testing.assert_allclose(
        tape.gradient(value, logits), expected, atol=1e-6
    )


LOC = RNG.normal(size=[3, 5, 2]).astype(np.float32)


@pytest.mark.parametrize(
    "tolerances",
    [{}, {"atol": [[0.5]]}, {"atol": np.full([2, 1, 1, 1], 0.5, np.float32)}],
)
def test_point_mass_is_that_of_tfp(tolerances):
    ours = densities.PointMass(LOC, **tolerances)
    theirs = tfp.distributions.Deterministic(LOC, **tolerances)
    assert ours.batch_shape == theirs.batch_shape
    for name in ("mean", "mode", "variance", "stddev", "entropy"):
        np.testing.assert_array_equal(
            getattr(ours, name)(), getattr(theirs, name)(), name
        )
    np.testing.assert_array_equal(
        ours.batch_shape_tensor(), theirs.batch_shape_tensor()
    )
    np.testing.assert_array_equal(
        ours.sample(4, seed=(0, 1)), theirs.sample(4, seed=(0, 1))
    )
    for shift in (0.0, 0.25, 1.0):
        for name in ("prob", "log_prob", "cdf"):
            np.testing.assert_array_equal(
                getattr(ours, name)(LOC + shift),
                getattr(theirs, name)(LOC + shift),
                name,
            )


def test_divergence_of_a_point_mass_is_that_of_tfp():
    normal = tfp.distributions.Independent(
        tfp.distributions.Normal(np.zeros_like(LOC), 2.0), 1
    )
    found, expected = (
        tfp.distributions.kl_divergence(
            tfp.distributions.Independent(kind(LOC), 1), normal
        )
        for kind in (densities.PointMass, tfp.distributions.Deterministic)
    )
    np.testing.assert_array_equal(found, expected)


def test_gradient_of_a_point_mass_reaches_its_loc():
    loc = tf.constant(LOC)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(loc)
        point = densities.PointMass(loc)
        mean, draw = point.mean(), point.sample(seed=(0, 1))
    for value in (mean, draw):
        np.testing.assert_array_equal(tape.gradient(value, loc), 0 * LOC + 1)


def test_slices_copies_and_arguments_stay_point_masses():
    point = densities.PointMass(LOC)
    passed = tf.function(lambda p: p.copy(name="copy"))(point)
    for twin, loc in ((point[1:], LOC[1:]), (passed, LOC)):
        assert isinstance(twin, densities.PointMass)
        np.testing.assert_array_equal(twin.mean(), loc)


def test_a_point_mass_broadcasts_nothing():
    """Of unknown batch size, where TFP's takes `BroadcastArgs`."""

    def operations(kind):
        @tf.function(input_signature=[tf.TensorSpec([None, 2])])
        def statistics(loc):
            point = tfp.distributions.Independent(kind(loc), 1)
            return point.mean(), point.mode(), point.stddev()

        graph = statistics.get_concrete_function().graph
        return {operation.type for operation in graph.get_operations()}

    assert "BroadcastArgs" in operations(tfp.distributions.Deterministic)
    found = operations(densities.PointMass)
    assert not {"BroadcastArgs", "BroadcastTo"} & found
