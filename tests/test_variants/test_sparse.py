"""Sparse codes: the Laplace prior, exact counts, mean activations."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae import SparseAutoencoder
from keras_ae.parts import sparsity
from keras_ae.zoo import datasets

tfd = tfp.distributions


def small(**options):
    return SparseAutoencoder.create(
        (6,), 16, hidden=(8,), activation="tanh", seed=0, **options
    )


def data(rows=64):
    return np.random.default_rng(0).normal(size=[rows, 6]).astype("float32")


def test_loss_is_maximum_a_posteriori_under_a_laplace_prior():
    weight = 0.7
    model = small(strength=weight)
    model.compile("sgd", jit_compile=False)
    x = data()
    loss = model.evaluate(x, batch_size=64, verbose=0, return_dict=True)["loss"]
    h = model.embed(x)
    prior = tfd.Independent(tfd.Laplace(tf.zeros(16), 1 / weight), 1)
    joint = model.decode(h).log_prob(x) + prior.log_prob(h)
    expected = 16 * np.log(weight / 2) - np.mean(joint)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_top_k_codes_have_exactly_k_active_units():
    model = small(sparsity=sparsity.TopK(3))
    model.compile("adam", jit_compile=False)
    model.fit(data(), epochs=2, verbose=0)
    active = (model.embed(data()) != 0).sum(axis=1)
    np.testing.assert_array_equal(active, np.full(64, 3))


def test_alpha_keeps_more_units_outside_training():
    model = small(sparsity=sparsity.TopK(3, alpha=2))
    for training, kept in ((True, 3), (False, 6)):
        code = model.encode(data(), training=training).mean().numpy()
        np.testing.assert_array_equal((code != 0).sum(axis=1), kept)
    assert model.from_config(model.get_config()).sparsity.alpha == 2


def test_adapted_units_write_what_they_read_around_the_mean():
    x = data() + 3.0
    model = SparseAutoencoder.create((6,), 16, network="linear", seed=0)
    model.adapt(x)
    mean = x.mean(axis=0)
    # The code of the mean is 0; single precision.
    np.testing.assert_allclose(model.embed(mean[None]), 0, atol=1e-5)
    reads = model.encoder.projection.kernel.numpy()
    written = model.decode(np.eye(16, dtype="float32")).mean().numpy()
    np.testing.assert_allclose(written, reads.T, atol=1e-6)


def test_adapted_units_learn():
    """Of 200 units for digits, most stay silent if left to chance."""
    (x, _), _ = datasets.load("digits")

    def active(adapt):
        model = SparseAutoencoder.create(
            (8, 8, 1), 200, network="linear", sparsity=sparsity.TopK(8), seed=0
        )
        if adapt:
            model.adapt(x)
        model.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
        model.fit(x, batch_size=64, epochs=20, verbose=0)
        return (model.embed(x) != 0).any(axis=0).sum()

    assert active(False) < 100 < active(True)


def test_gradient_reaches_the_rows_of_active_units_alone():
    model = small(sparsity=sparsity.TopK(3))
    x = tf.constant(data(1))
    with tf.GradientTape() as tape:
        loss = model.objective(x, x, training=True)["reconstruction"]
    kernel = model.encoder.projection.kernel
    columns = np.any(tape.gradient(loss, kernel.value) != 0, axis=0)
    np.testing.assert_array_equal(columns, model.embed(x)[0] != 0)


def trained(strength, part):
    model = small(sparsity=part, strength=strength)
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    model.fit(np.tile(data(), (16, 1)), batch_size=64, epochs=12, verbose=0)
    return model


def test_l1_makes_codes_smaller():
    free, sparse = (trained(s, "l1").embed(data()) for s in (0.0, 1.0))
    assert np.abs(sparse).sum() < 0.5 * np.abs(free).sum()


def test_kl_to_rho_moves_mean_activations_to_rho():
    h = trained(10.0, sparsity.KLToRho(0.1)).embed(data())
    assert 0 < h.min() and h.max() < 1
    # At weight 10 against a few nats of reconstruction, the penalty ends
    # below 1/100 nat a unit: |mean - rho| < sqrt(2 rho (1 - rho) / 100).
    np.testing.assert_allclose(h.mean(axis=0), 0.1, atol=0.045)


@pytest.mark.parametrize("strength", [-1.0, np.inf])
def test_bad_strength_is_refused(strength):
    with pytest.raises(ValueError, match="`strength`.* Received: "):
        small(strength=strength)


def test_k_above_the_code_is_refused():
    with pytest.raises(ValueError, match="at most .*16.* Received: .*17"):
        small(sparsity=sparsity.TopK(17))
