"""Learned priors against SciPy, closed forms and brute force."""

import json

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp

import keras_ae
from keras_ae.analysis import evaluation
from keras_ae.math import divergences
from keras_ae.parts import priors
from keras_ae.zoo import recipes

tfd = tfp.distributions


def rows(count=12, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(count, 8)).astype("float32")


def made(prior, seed=0):
    return keras_ae.VAE.create((8,), 2, hidden=(6,), prior=prior, seed=seed)


def log_mixture(z, logits, means, scales):
    """Log density of a mixture of diagonal normals, by SciPy."""
    parts = scipy.stats.norm.logpdf(z[:, None], means, scales).sum(-1)
    return scipy.special.logsumexp(
        parts + scipy.special.log_softmax(logits), axis=1
    )


def test_vamp_prior_of_all_data_is_the_aggregate_posterior():
    x = rows(12)
    vae = made({"vamp": {"components": 12}})
    vae.adapt(x)
    posterior = vae.encode(x)
    z = np.random.default_rng(1).normal(size=(20, 2)).astype("float32")
    expected = log_mixture(
        z, np.zeros(12), posterior.mean().numpy(), posterior.stddev().numpy()
    )
    prior = vae.prior.distribution(vae.encode)
    # Some 30 roundings of 6e-8 of log densities of up to 10.
    np.testing.assert_allclose(prior.log_prob(z), expected, rtol=1e-5)
    # So are its draws: each is near one of the posteriors' means.
    np.testing.assert_allclose(
        prior.mean(), posterior.mean().numpy().mean(0), rtol=1e-5, atol=1e-6
    )


def test_exemplars_without_themselves_are_the_others():
    x = rows(12)
    vae = made({"exemplar": {"components": 12}})
    vae.adapt(x)
    posterior = vae.encode(x)
    z = np.random.default_rng(1).normal(size=(12, 2)).astype("float32")
    mean, deviation = posterior.mean().numpy(), posterior.stddev().numpy()
    whole = vae.p_z()
    expected = log_mixture(z, np.zeros(12), mean, deviation)
    np.testing.assert_allclose(whole.log_prob(z), expected, rtol=1e-5)
    batch = vae.batch(x[:5])
    among = vae.p_z(batch, vae.moment(training=True)).log_prob(z[:5])
    for i in range(5):
        left = np.arange(12) != i
        logits = np.zeros(11)
        expected = log_mixture(
            z[i : i + 1], logits, mean[left], deviation[left]
        )
        np.testing.assert_allclose(among[i], expected[0], rtol=1e-5)
    np.testing.assert_allclose(
        vae.p_z(batch, vae.moment()).log_prob(z), whole.log_prob(z)
    )
    # Fewer rows than places: the others count for nothing.
    vae.adapt(x[:3])
    expected = log_mixture(z, np.zeros(3), mean[:3], deviation[:3])
    np.testing.assert_allclose(vae.p_z().log_prob(z), expected, rtol=1e-5)
    vae.prior.leave_one_out = False
    among = vae.p_z(batch, vae.moment(training=True))
    np.testing.assert_allclose(among.log_prob(z), expected, rtol=1e-5)


@pytest.mark.parametrize("neighbors", [None, 12])
def test_tied_exemplars_have_one_deviation_that_is_learned(neighbors):
    x = rows(12)
    exemplar = {"components": 12, "neighbors": neighbors, "tied": True}
    vae = made({"exemplar": exemplar})
    vae.adapt(x)
    vae.prior.raw_scale.assign(-0.5)
    scale = np.full(2, np.log1p(np.exp(-0.5)) + 1e-5)
    mean = vae.encode(x).mean().numpy()
    z = np.random.default_rng(1).normal(size=(12, 2)).astype("float32")
    expected = log_mixture(z, np.zeros(12), mean, scale)
    np.testing.assert_allclose(vae.p_z().log_prob(z), expected, rtol=1e-5)
    batch = vae.batch(x[:5])
    among = vae.p_z(batch, vae.moment(training=True)).log_prob(z[:5])
    for i in range(5):
        others = mean[np.arange(12) != i]
        expected = log_mixture(z[i : i + 1], np.zeros(11), others, scale)
        np.testing.assert_allclose(among[i], expected[0], rtol=1e-5)
    vae.compile()
    vae.fit(x, batch_size=6, verbose=0)
    assert float(vae.prior.raw_scale) != -0.5


def test_laplace_codes_have_a_closed_divergence():
    vae = keras_ae.VAE.create(
        (8,), 2, hidden=(6,), prior="standard_laplace", posterior="laplace"
    )
    posterior, prior = vae.encode(rows(4)), vae.p_z()
    assert divergences.has_analytic_kl(posterior, prior)
    z = posterior.sample(4_000, seed=[0, 1])
    draws = (posterior.log_prob(z) - prior.log_prob(z)).numpy()
    error = draws.std(axis=0) / np.sqrt(4_000)
    expected = divergences.kl_divergence(posterior, prior, None)
    assert (np.abs(draws.mean(axis=0) - expected) < 4 * error).all()
    one = posterior.distribution
    found = scipy.stats.kstest(
        ((z - one.loc) / one.scale).numpy().ravel(), "laplace"
    )
    assert found.pvalue > 1e-3


def test_gaussian_mixture_has_scipys_density():
    prior = priors.GaussianMixture(components=5)
    prior.build((None, 3))
    rng = np.random.default_rng(0)
    logits, means = rng.normal(size=5), rng.normal(size=(5, 3))
    raw = rng.normal(size=(5, 3))
    prior.logits.assign(logits)
    prior.means.assign(means)
    prior.raw_scales.assign(raw)
    z = rng.normal(size=(10, 3)).astype("float32")
    expected = log_mixture(z, logits, means, np.log1p(np.exp(raw)) + 1e-5)
    density = prior.distribution(None).log_prob(z)
    np.testing.assert_allclose(density, expected, rtol=1e-5)


def test_gaussian_mixture_starts_from_equal_shares_of_unit_normals():
    prior = priors.GaussianMixture(components=400)
    prior.build((None, 2))
    mixture = prior.distribution(None)
    np.testing.assert_allclose(
        mixture.mixture_distribution.probs_parameter(), 1 / 400, rtol=1e-5
    )
    # softplus(raw) is 1 up to the floor of 1e-5.
    normals = mixture.components_distribution
    np.testing.assert_allclose(normals.stddev(), 1, rtol=2e-5)
    # 800 means drawn from N(0, 1): 5 standard errors.
    assert abs(prior.means.numpy().mean()) < 5 / np.sqrt(800)
    assert abs(prior.means.numpy().std() - 1) < 5 / np.sqrt(2 * 800)


def test_grid_codes_have_one_density_each():
    prior = priors.GaussianMixture(components=3)
    prior.build((None, 2, 2, 4))
    mixture = prior.distribution(None)
    assert mixture.batch_shape == []
    assert mixture.event_shape == [2, 2, 4]


def test_hyperspherical_uniform_is_one_over_the_area():
    prior = priors.get("hyperspherical_uniform")
    prior.build((None, 4))
    uniform = prior.distribution(None)
    z = uniform.sample(5, seed=[0, 0])
    np.testing.assert_allclose(tf.norm(z, axis=-1), 1, rtol=1e-6)
    area = 2 * np.pi**2  # of the unit sphere in four dimensions
    np.testing.assert_allclose(uniform.log_prob(z), -np.log(area), rtol=1e-6)


@pytest.mark.parametrize("name", ["vamp", "gaussian_mixture"])
def test_monte_carlo_divergence_of_one_component_is_the_closed_form(name):
    vae = made({name: {"components": 1}})
    x = rows(4)
    vae.adapt(x)
    posterior = vae.encode(x)
    mixture = vae.prior.distribution(vae.encode)
    assert not divergences.has_analytic_kl(posterior, mixture)
    one = mixture.components_distribution
    single = tfd.Independent(
        tfd.Normal(one.mean()[0], one.stddev()[0]), reinterpreted_batch_ndims=1
    )
    draws = divergences.kl_divergence(
        posterior, vae.p_z(), posterior.sample(4000, seed=[0, 1])
    ).numpy()
    assert draws.shape == (4000, 4)
    error = draws.std(0) / np.sqrt(4000)
    exact = tfd.kl_divergence(posterior, single).numpy()
    # One of the posteriors is the prior, up to rounding.
    assert (np.abs(draws.mean(0) - exact) < 5 * error + 1e-5).all()


@pytest.mark.parametrize("name", ["vamp", "gaussian_mixture"])
def test_every_weight_gets_a_gradient_and_moves(name):
    vae = made({name: {"components": 3}})
    weights = vae.prior.trainable_variables
    assert weights
    before = [w.numpy() for w in weights]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(vae.objective(rows(), rows(), True)["kl"])
    gradients = tape.gradient(loss, weights)
    for gradient in gradients:
        # Each component, too.
        size = len(gradient)
        assert (np.abs(np.reshape(gradient, [size, -1])).max(1) > 0).all()
    vae.compile("sgd", jit_compile=False)
    vae.fit(rows(), verbose=0)
    for old, new in zip(before, weights, strict=True):
        assert not np.array_equal(old, new.numpy())


def test_pseudo_inputs_stay_inside_the_limits():
    vae = made(priors.VampPrior(components=3, limits=(-1, 0.06)))
    vae.compile(keras.optimizers.SGD(1e4), jit_compile=False)
    vae.fit(rows(), verbose=0)
    values = vae.prior.pseudo_inputs.numpy()
    assert values.min() >= -1
    assert values.max() <= np.float32(0.06)
    assert (np.isclose(values, -1) | np.isclose(values, 0.06)).any()


def test_pseudo_inputs_start_as_different_examples():
    x = rows(9)
    vae = made({"vamp": {"components": 9}})
    vae.adapt(x)
    found = vae.prior.pseudo_inputs.numpy()
    assert not np.array_equal(found, x)
    np.testing.assert_array_equal(np.sort(found, 0), np.sort(x, 0))
    with pytest.raises(ValueError, match="Expected at least 9.*Received: 8"):
        vae.adapt(x[:8])
    with pytest.raises(ValueError, match="Invalid shape"):
        vae.adapt(x[:, :5])


def test_adapting_builds_a_model_of_ones_own_networks():
    x = rows(3)
    encoder, decoder = (
        keras_ae.DistributionNetwork(keras.layers.Flatten(), head, size)
        for head, size in (("gaussian", 2), ("bernoulli", 8))
    )
    vae = keras_ae.VAE(encoder, decoder, {"vamp": {"components": 3}})
    vae.adapt(x)
    found = vae.prior.pseudo_inputs.numpy()
    np.testing.assert_array_equal(np.sort(found, 0), np.sort(x, 0))


def test_rows_that_are_redrawn_start_from_their_source():
    x = rows(3)
    vae = made({"vamp": {"components": 3}})
    vae.adapt(keras_ae.datasets.dynamic_binarization(x))
    found = vae.prior.pseudo_inputs.numpy()
    np.testing.assert_array_equal(np.sort(found, 0), np.sort(x, 0))


def test_pseudo_inputs_are_encoded_once_a_call(monkeypatch):
    vae = made({"vamp": {"components": 7}})
    sizes = []
    posterior = vae.posterior

    def counted(batch, moment):
        sizes.append(int(batch.x.shape[0]))
        return posterior(batch, moment)

    monkeypatch.setattr(vae, "posterior", counted)
    tf.config.run_functions_eagerly(True)
    try:
        evaluation.log_likelihood(vae, rows(5), samples=3)
    finally:
        tf.config.run_functions_eagerly(False)
    assert sizes.count(7) == 1
    assert sizes.count(1) == 5
    sizes.clear()
    vae.objective(rows(5), rows(5), training=True)
    assert sorted(sizes) == [5, 7]


@pytest.mark.parametrize("name", ["vamp", "gaussian_mixture"])
def test_saving_keeps_the_density(name, tmp_path):
    vae = made({name: {"components": 3}})
    vae.adapt(rows())
    for weight in vae.prior.weights:
        weight.assign(weight.numpy() * 0.9 + 0.01)
    vae.save(tmp_path / "vae.keras")
    vae.save_to_preset(tmp_path / "preset")
    z = np.random.default_rng(0).normal(size=(5, 2)).astype("float32")
    expected = vae.prior.distribution(vae.encode).log_prob(z)
    for loaded in (
        keras.saving.load_model(tmp_path / "vae.keras"),
        keras_ae.load(tmp_path / "preset"),
    ):
        found = loaded.prior.distribution(loaded.encode).log_prob(z)
        np.testing.assert_array_equal(found, expected)


def test_a_conditional_model_has_no_place_for_pseudo_inputs():
    prior = priors.VampPrior()
    with pytest.raises(ValueError, match="Received: \\(\\(None, 8\\)"):
        prior.build((None, 2), ((None, 8), (None, 3)))


@pytest.mark.parametrize(
    "arguments", [{"components": 0}, {"limits": (1.0, 0.0)}]
)
def test_wrong_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match="Received"):
        priors.VampPrior(**arguments)


def test_a_recipe_names_parts_with_arguments():
    recipe = json.loads("""{
        "model": {
            "variant": "vae", "latent_dim": 2, "hidden": [4],
            "prior": {"vamp": {"components": 6, "limits": [0, 2]}},
            "likelihood": {"gaussian": {"scale": 0.5}}
        },
        "seed": 3
    }""")
    model = recipes.create(recipe, (8,))
    assert model.prior.components == 6
    assert model.prior.limits == (0.0, 2.0)
    assert model.decoder.head.scale == 0.5
    with pytest.raises(ValueError, match="vamp"):
        made({"vampire": {}})
    with pytest.raises(TypeError, match="name: arguments"):
        made({"vamp": {}, "gaussian_mixture": {}})
