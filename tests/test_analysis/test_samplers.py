"""Samplers: laws fitted to codes after training."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial import distance
from sklearn.mixture import GaussianMixture

import keras_ae

X = np.random.default_rng(0).normal(size=(128, 5)).astype("float32")

SCRIPT = """
import sys
import numpy as np
import keras_ae
np.save(sys.argv[2], keras_ae.load(sys.argv[1]).sample(6, seed=3))
"""


def made(**options):
    return keras_ae.Autoencoder.create((5,), 2, hidden=(8,), seed=0, **options)


def twin(model):
    """The model from its config and its weights."""
    config = keras.saving.serialize_keras_object(model)
    again = keras.saving.deserialize_keras_object(config)
    again.build((None, *model.space.shape))
    again.set_weights(model.get_weights())
    return again


@pytest.fixture(scope="module")
def sampled():
    return keras_ae.fit_sampler(made(), X, components=3)


def test_the_density_is_that_of_scikit_learn():
    """Codes are what a mixture drew; the encoder hands them through."""
    rng = np.random.default_rng(0)
    centers = np.array([[0.0, 3.0], [4.0, 0.0], [-4.0, 0.0]])
    labels = rng.integers(3, size=500)
    x = centers[labels] + rng.normal(size=(500, 2)) @ [[1.0, 0.4], [0.0, 0.3]]
    x = x.astype("float32")
    model = keras_ae.Autoencoder.create((2,), 2, network="linear")
    model.encoder.set_weights([np.eye(2), np.zeros(2)])
    keras_ae.fit_sampler(model, x, components=3, seed=5)
    theirs = GaussianMixture(3, random_state=5).fit(x.astype(np.float64))
    places = rng.normal(size=(200, 2), scale=4).astype("float32")
    found = model.sampler.distribution().log_prob(places)
    expected = theirs.score_samples(places)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    # And the draws follow it: the mean lies within four standard errors.
    drawn = model.sampler.distribution().sample(4000, seed=(0, 1)).numpy()
    error = x.std(axis=0) / np.sqrt(4000)
    assert (np.abs(drawn.mean(axis=0) - x.mean(axis=0)) < 4 * error).all()


def test_a_sampler_is_saved_with_its_model(sampled, tmp_path):
    expected = sampled.sample(6, seed=3)
    sampled.save_to_preset(tmp_path / "preset")
    sampled.save(tmp_path / "model.keras")
    for again in (
        keras_ae.load(tmp_path / "preset"),
        keras.saving.load_model(tmp_path / "model.keras"),
    ):
        np.testing.assert_array_equal(again.sample(6, seed=3), expected)


@pytest.mark.long
def test_a_fresh_process_draws_the_same(sampled, tmp_path):
    sampled.save_to_preset(tmp_path / "preset")
    out = tmp_path / "out.npy"
    subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "preset"), str(out)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    np.testing.assert_array_equal(np.load(out), sampled.sample(6, seed=3))


def test_a_sampler_is_exported_with_its_model(sampled, tmp_path):
    written = sampled.export(tmp_path / "served")
    assert "sample" in written.endpoints
    seeds = keras_ae.model.generate.row_seeds(6, 3)
    served = tf.saved_model.load(str(tmp_path / "served"))
    drawn = served.signatures["sample"](seed=tf.constant(seeds))["mean"]
    np.testing.assert_allclose(drawn, sampled.sample(6, seed=3), rtol=1e-6)


def test_what_is_trained_does_not_change(sampled):
    fresh = made()
    assert len(sampled.trainable_variables) == len(fresh.trainable_variables)
    assert sampled.score_samples(X) == pytest.approx(fresh.score_samples(X))


def energy(a, b):
    """Energy distance between two samples, 0 of one law (Szekely, 2013)."""
    across = 2 * distance.cdist(a, b).mean()
    return across - distance.cdist(a, a).mean() - distance.cdist(b, b).mean()


def test_two_stages_draw_codes_like_those_of_the_model():
    """Codes lie around two points, which no normal law says."""
    rng = np.random.default_rng(0)
    x = np.repeat([[-5.0, 0.0], [5.0, 2.0]], 300, axis=0)
    x = (x + rng.normal(size=x.shape)).astype("float32")
    model = keras_ae.Autoencoder.create((2,), 2, network="linear")
    model.encoder.set_weights([np.eye(2), np.zeros(2)])
    options = {"hidden": (64, 64), "steps": 1000}
    keras_ae.fit_sampler(model, x, "two_stage", **options)
    codes = model.sampler.distribution().sample(400, seed=(0, 1))
    normal = rng.multivariate_normal(x.mean(axis=0), np.cov(x.T), size=400)
    assert energy(codes, x) < energy(normal, x) / 2
    again = twin(model)
    np.testing.assert_array_equal(
        again.sample(3, seed=0), model.sample(3, seed=0)
    )


def test_a_model_with_a_sampler_is_trained_on(tmp_path):
    """Also once it is loaded: no weight of the sampler is the optimizer's. A
    second sampler leaves nothing of the first."""
    model = made()
    model.compile("adam", run_eagerly=True)
    model.fit(X, epochs=1, verbose=0)
    options = {"hidden": (4,), "steps": 2}
    keras_ae.fit_sampler(model, X, "two_stage", **options)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for one in (model, again):
        one.fit(X, epochs=1, verbose=0)
    for one, other in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    keras_ae.fit_sampler(model, X, components=2)
    assert len(model.weights) == len(made().weights) + 3
    twin(model)


def test_any_prior_with_a_density_can_be_fitted():
    """The mean log density comes near that of the codes' own normal law."""
    model = keras_ae.fit_sampler(
        made(), X, {"gaussian_mixture": {"components": 1}}, steps=600
    )
    z = model.embed(X)
    own = np.mean(model.sampler.distribution(None).log_prob(z))
    best = GaussianMixture(1, covariance_type="diag").fit(z).score(z)
    assert best - 0.1 < own <= best + 1e-5
    assert not model.sampler.trainable_variables


def test_a_vae_keeps_its_prior_for_its_bound():
    vae = keras_ae.VAE.create((5,), 2, hidden=(8,), seed=0)
    before, score = vae.sample(4, seed=0), vae.score_samples(X)
    keras_ae.fit_sampler(vae, X, components=2)
    assert (vae.sample(4, seed=0) != before).any()
    np.testing.assert_array_equal(vae.score_samples(X), score)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("wrapped_normal", "points of a ball"),
        ("dirichlet", "shares"),
        ("power_spherical", "unit vectors"),
        ("categorical", "classes"),
    ],
)
def test_codes_that_are_no_free_numbers_are_refused(name, words):
    if name == "categorical":
        model = keras_ae.CategoricalVAE.create((5,), (2, 3), hidden=(8,))
    else:
        priors = {"power_spherical": "hyperspherical_uniform"}
        model = keras_ae.VAE.create(
            (5,), 3, hidden=(8,), posterior=name, prior=priors.get(name, name)
        )
    with pytest.raises(TypeError, match=f"{words}.*Expected.*Received"):
        keras_ae.fit_sampler(model, X)


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(ValueError, match="Unknown sampler.*'mixtur'"):
        keras_ae.fit_sampler(made(), X, "mixtur")
    with pytest.raises(ValueError, match="at least 10.*Received: 4"):
        keras_ae.fit_sampler(made(), X[:4])
    with pytest.raises(TypeError, match="vectors of a table"):
        model = keras_ae.VQVAE.create((5,), (2, 2), hidden=(8,))
        keras_ae.fit_sampler(model, X)
    with pytest.raises(TypeError, match="unit vectors"):
        model = keras_ae.HypersphericalVAE.create((5,), 3, hidden=(8,))
        keras_ae.fit_sampler(model, X)
    with pytest.raises(TypeError, match="fit_sampler"):
        made().sample(3)
