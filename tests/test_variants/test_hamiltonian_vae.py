"""Leapfrog steps, and a bound whose exponential is the likelihood."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import keras_ae
from keras_ae.math import hamiltonian

RNG = np.random.default_rng(0)


def slope(z):
    """Of U(z) = sum(z**4 / 4 + z**2 / 2)."""
    return z**3 + z


def energy(z, r):
    return np.sum(np.asarray(z) ** 4 / 4 + np.asarray(z) ** 2 / 2, -1) + (
        np.sum(np.asarray(r) ** 2, -1) / 2
    )


def start():
    return tf.constant(RNG.normal(size=(2, 40, 3)))


def test_leapfrog_comes_back():
    z, r = start()
    there, momentum = hamiltonian.leapfrog(z, r, slope, 0.1, [1.0] * 20)
    assert np.abs(there - z).max() > 0.5
    back, turned = hamiltonian.leapfrog(
        there, -momentum, slope, 0.1, [1.0] * 20
    )
    np.testing.assert_allclose(back, z, atol=1e-10)
    np.testing.assert_allclose(turned, -r, atol=1e-10)


def test_leapfrog_keeps_the_energy_to_second_order():
    z, r = start()
    errors = []
    for count in (20, 40, 80):
        end = hamiltonian.leapfrog(z, r, slope, 1 / count, [1.0] * count)
        errors.append(np.abs(energy(*end) - energy(z, r)).mean())
    ratios = np.divide(errors[:-1], errors[1:])
    np.testing.assert_allclose(ratios, 4, rtol=0.1)


def test_leapfrog_keeps_volumes_but_for_the_factors():
    state = tf.concat(list(start()), axis=-1)
    factors = hamiltonian.cooling(0.3, 4)
    np.testing.assert_allclose(np.prod(factors), 0.3**0.5, rtol=1e-12)
    with tf.GradientTape() as tape:
        tape.watch(state)
        z, r = tf.split(state, 2, axis=-1)
        end = tf.concat(hamiltonian.leapfrog(z, r, slope, 0.1, factors), -1)
    _, volume = np.linalg.slogdet(tape.batch_jacobian(end, state))
    np.testing.assert_allclose(volume, 3 * np.log(0.3) / 2, rtol=1e-9)


def test_weights_of_paths_are_the_likelihood_on_average():
    model = keras_ae.HamiltonianVAE.create(
        (2,),
        1,
        network="linear",
        likelihood=keras_ae.heads.Gaussian(scale=0.5),
        step_size=0.2,
        seed=0,
    )
    w = np.array([[1.0, -0.5]])
    model.decoder.projection.set_weights([w, np.zeros(2)])
    x = np.float32([0.7, -0.4])
    exact = scipy.stats.multivariate_normal.logpdf(
        x, cov=w.T @ w + 0.25 * np.eye(2)
    )
    terms = model.objective(np.tile(x, (20_000, 1)))
    bound = -(terms["reconstruction"] + terms["kl"]).numpy()
    assert bound.mean() < exact
    weights = np.exp(bound - exact)
    error = weights.std() / np.sqrt(len(weights))
    assert error < 0.05
    assert abs(weights.mean() - 1) < 4 * error
    # The way up is worth more than the start that the encoder knows of.
    plain = model.score_samples(x[None])[0]
    assert bound.mean() > plain


@pytest.mark.parametrize("options", [{"steps": 0}, {"heat": 2.0}])
def test_out_of_range_is_refused(options):
    with pytest.raises(ValueError, match="Expected.*Received"):
        keras_ae.HamiltonianVAE.create((2,), 1, hidden=(2,), **options)
