"""The prior of examples: who is left out, and a few of them for all."""

import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae.parts.priors import exemplar
from keras_ae.zoo import datasets

RNG = np.random.default_rng(0)
ROWS = RNG.uniform(size=(12, 8)).astype("float32")


def made(**arguments):
    vae = keras_ae.VAE.create(
        (8,), 2, hidden=(6,), prior={"exemplar": arguments}, seed=0
    )
    vae.adapt(ROWS)
    return vae


def densities(vae, z, neighbors):
    """Log prior of codes in training on the first five rows."""
    vae.prior.neighbors = neighbors
    batch = vae.batch(ROWS[:5])
    return vae.p_z(batch, vae.moment(training=True)).log_prob(z).numpy()


@pytest.mark.parametrize("components", [12, 20])  # with empty places
@pytest.mark.parametrize("leave_one_out", [True, False])
def test_the_nearest_are_a_bound_of_all(components, leave_one_out):
    vae = made(components=components, leave_one_out=leave_one_out, neighbors=20)
    z = RNG.normal(size=(3, 5, 2)).astype("float32")
    whole = densities(vae, z, None)
    before = densities(vae, z, 1)
    for neighbors in (2, 4, 8):
        found = densities(vae, z, neighbors)
        assert (before < found).all()
        assert (found < whole).all()
        before = found
    np.testing.assert_allclose(densities(vae, z, 12), whole, 1e-5)
    # With one neighbour it is the posterior of the row whose code is nearest.
    codes = vae.encode(ROWS).mean().numpy()
    distance = np.linalg.norm(z[..., None, :] - codes, axis=-1)
    if leave_one_out:
        distance[:, np.arange(5), np.arange(5)] = np.inf
    nearest = distance.argmin(-1)
    count = 12 - leave_one_out
    expected = [
        vae.encode(ROWS[numbers]).log_prob(codes) - np.log(count)
        for numbers, codes in zip(nearest, z, strict=True)
    ]
    found = densities(vae, z, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_codes_are_renewed_in_turn(monkeypatch):
    monkeypatch.setattr(exemplar, "REFRESHED", 5)
    vae = made(components=12, neighbors=4)
    vae.compile(run_eagerly=True)
    vae.fit(ROWS, batch_size=6, epochs=2, verbose=0)  # 4 steps, 20 codes
    codes = vae.encode(vae.prior.examples).mean()
    gap = np.abs(vae.prior.codes - codes).max(axis=1)
    # The last 5 are of now; all were renewed since training began.
    assert (gap < 1e-6).sum() == 5
    vae.optimizer.learning_rate = 0.0
    vae.fit(ROWS, batch_size=6, epochs=2, verbose=0)
    np.testing.assert_allclose(vae.prior.codes, codes, atol=1e-6)


def test_neighbors_train_in_a_compiled_step_and_draw():
    vae = made(components=12, neighbors=3)
    kernel = vae.encoder.projection.kernel.numpy()
    vae.compile()
    history = vae.fit(ROWS, batch_size=5, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert (vae.encoder.projection.kernel.numpy() != kernel).any()
    among = vae.p_z(vae.batch(ROWS[:5]), vae.moment(training=True))
    assert among.sample(4, seed=(0, 1)).shape == (4, 5, 2)


def test_bits_are_left_out_of_the_levels_that_gave_them():
    levels = RNG.beta(0.2, 0.2, size=(30, 200)).astype("float32")
    levels[levels < 0.1] = 0
    rows = datasets.binarize(levels, seed=1).astype("float32")
    itself = np.eye(30, dtype=bool)

    def own(x, first=0):
        there = np.arange(30) >= first
        tensors = (tf.constant(t, tf.float32) for t in (x, levels, there))
        return exemplar._same(*tensors).numpy()

    np.testing.assert_array_equal(own(rows), itself)
    # Levels are themselves alone; bits of other levels are nobody's.
    np.testing.assert_array_equal(own(levels), itself)
    assert not own(1 - rows).any()
    # Places without an example give nothing.
    assert not own(rows, first=10)[:10].any()


def test_examples_on_another_space_are_not_tied():
    with pytest.raises(ValueError, match=r"Dirichlet.*tied=False"):
        vae = keras_ae.VAE.create(
            (8,),
            3,
            hidden=(6,),
            posterior="dirichlet",
            prior={"exemplar": {"components": 12, "tied": True}},
        )
        vae.adapt(ROWS)
        vae.p_z()
