"""Flows: there and back, and volumes as automatic differentiation has them."""

import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae.parts import flows
from keras_ae.parts import priors


@pytest.fixture(scope="module", params=["coupling", "autoregressive"])
def flow(request):
    """Of random weights, on vectors of three values."""
    flow = flows.get({request.param: {"depth": 3, "width": 8}})
    flow.build((None, 3))
    first = flow.bijector()
    x = np.eye(3, dtype="float32") + 0.5
    np.testing.assert_allclose(first.forward(x), x, atol=0.5)
    rng = np.random.default_rng(0)
    for weight in flow.weights:
        weight.assign(rng.normal(scale=0.5, size=weight.shape))
    return flow


def test_volumes_are_those_of_the_jacobian(flow):
    x = tf.constant(np.random.default_rng(1).normal(size=(6, 3)), tf.float32)
    bijector = flow.bijector()
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = bijector.forward(x)
    _, volume = np.linalg.slogdet(tape.batch_jacobian(y, x).numpy())
    assert np.abs(volume).max() > 0.1
    # Some hundred roundings of numbers of order 1.
    found = bijector.forward_log_det_jacobian(x, event_ndims=1)
    np.testing.assert_allclose(found, volume, atol=1e-4)
    # Not from the cache of the bijector: through the inverse itself.
    again = flow.bijector()
    np.testing.assert_allclose(again.inverse(tf.identity(y)), x, atol=1e-4)
    back = again.inverse_log_det_jacobian(tf.identity(y), event_ndims=1)
    np.testing.assert_allclose(back, -volume, atol=1e-4)


def test_codes_of_several_axes_have_one_density_each():
    prior = priors.Flow("autoregressive")
    prior.build((None, 2, 2))
    law = prior.distribution(None)
    assert law.event_shape == [2, 2]
    for weight in prior.weights:
        weight.assign(tf.zeros_like(weight))
    z = law.sample(5, seed=(0, 0))
    normal = -0.5 * tf.reduce_sum(z**2, [1, 2]) - 2 * np.log(2 * np.pi)
    np.testing.assert_allclose(law.log_prob(z), normal, rtol=1e-5)


def test_a_flow_learns_with_its_model():
    model = keras_ae.VAE.create((8,), 2, hidden=(8,), prior="flow", seed=0)
    with tf.GradientTape() as tape:
        kl = model.objective(np.ones([4, 8], "float32"))["kl"]
    own = model.prior.trainable_variables
    assert len(own) == 4 * 6
    assert all(g is not None for g in tape.gradient(kl, own))
    with pytest.raises(ValueError, match="size.*Expected.*Received"):
        keras_ae.VAE.create((8,), 1, hidden=(8,), prior="flow")
