"""Posteriors: densities by SciPy and by Jacobians, draws that follow them."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp

import keras_ae
from keras_ae.contract import tools
from keras_ae.math import divergences
from keras_ae.math import hyperbolic
from keras_ae.parts import flows
from keras_ae.parts import heads

tfd = tfp.distributions
RNG = np.random.default_rng(0)
X = RNG.random((6, 4)).astype("float32")
PAIRS = {
    "full_gaussian": "standard_normal",
    "dirichlet": "dirichlet",
    "wrapped_normal": "wrapped_normal",
    "flow": "standard_normal",
    "laplace": "standard_laplace",
    "student_t": "gaussian_mixture",
}


def numbers(*shape):
    return tf.constant(RNG.normal(size=shape), tf.float32)


@pytest.mark.parametrize("name", PAIRS)
def test_a_vae_has_these_posteriors(name):
    small = {"flow": {"autoregressive": {"depth": 1}}}
    head = {name: small} if name == "flow" else name
    model = keras_ae.VAE.create(
        (4,), 3, hidden=(5,), posterior=head, prior=PAIRS[name], seed=0
    )
    model.compile("adam", jit_compile=False)
    before = tools.snapshot(model)
    tools.steps(model, X, 1)
    still = tools.unmoved(model, before)
    assert not still
    assert model.code(model.encode(X)).shape == (6, 3)
    # A row in another place has the score that it had.
    scores, again = (
        model.score_terms(rows)["negative_elbo"].numpy()
        for rows in (X, X[::-1])
    )
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(again[::-1], scores, rtol=1e-4)
    twin = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(model)
    )
    assert len(twin.weights) == len(model.weights)


def test_full_covariances_are_scipys():
    loc, raw = numbers(5, 3), numbers(5, 6)
    law = heads.FullGaussian()(loc, raw, rank=1)
    prior = tfd.Independent(tfd.Normal([0.0, 1.0, 2.0], [1.0, 2.0, 0.5]), 1)
    assert divergences.has_analytic_kl(law, prior)
    z = law.sample(20_000, seed=(0, 0))
    sure = law.log_prob(z) - prior.log_prob(z)
    error = np.std(sure, axis=0) / np.sqrt(20_000)
    kl = divergences.kl_divergence(law, prior, None)
    assert (np.abs(np.mean(sure, axis=0) - kl) < 4 * error).all()
    for i in range(5):
        lower = np.linalg.cholesky(np.cov(z[:, i].numpy().T))
        tril = law.scale_tril[i]
        np.testing.assert_allclose(lower, tril, atol=0.1)
        exact = scipy.stats.multivariate_normal(
            loc[i], tril @ tf.transpose(tril)
        )
        np.testing.assert_allclose(
            law.log_prob(z)[:9, i], exact.logpdf(z[:9, i]), rtol=1e-3, atol=1e-3
        )


def test_dirichlet_draws_have_its_moments():
    law = heads.Dirichlet()(numbers(4, 3), rank=1)
    z = law.sample(20_000, seed=(0, 0)).numpy()
    np.testing.assert_allclose(z.sum(-1), 1, rtol=1e-5)
    error = z.std(axis=0) / np.sqrt(20_000)
    assert (np.abs(z.mean(axis=0) - law.mean()) < 4 * error).all()


def test_the_ball_is_a_group_with_geodesics():
    x, y = (hyperbolic.exponential(0.7 * numbers(20, 3)) for _ in range(2))
    back = hyperbolic.mobius_add(-x, hyperbolic.mobius_add(x, y))
    # 1 - |x|^2 has lost up to two digits.
    np.testing.assert_allclose(back, y, atol=2e-4)
    v = numbers(20, 3)
    there = hyperbolic.logarithm(hyperbolic.exponential(v))
    np.testing.assert_allclose(there, v, atol=1e-3)
    # The distance from 0 is arccosh(1 + 2 |z|^2 / (1 - |z|^2)).
    z = hyperbolic.exponential(v).numpy()
    square = (z**2).sum(-1)
    distance = np.arccosh(1 + 2 * square / (1 - square))
    length = np.linalg.norm(v, axis=-1)
    np.testing.assert_allclose(2 * length, distance, rtol=2e-3)


def test_wrapped_normals_have_the_density_of_the_jacobian():
    loc = hyperbolic.exponential(0.5 * numbers(30, 3))
    scale = tf.nn.softplus(numbers(30, 3))
    v = 0.8 * numbers(30, 3)
    with tf.GradientTape() as tape:
        tape.watch(v)
        z = hyperbolic.mobius_add(loc, hyperbolic.exponential(v))
    _, volume = np.linalg.slogdet(tape.batch_jacobian(z, v))
    normal = scipy.stats.norm.logpdf(v, scale=scale).sum(-1)
    law = hyperbolic.WrappedNormal(loc, scale)
    np.testing.assert_allclose(law.log_prob(z), normal - volume, atol=5e-3)
    assert (np.linalg.norm(law.sample(50, seed=(0, 1)), axis=-1) < 1).all()


def wrapped_exactly(z, loc, scale):
    """log p(z) of a wrapped normal, by hyperbolic functions, float64."""
    apart = z - loc
    inner, outer = 1 - (loc**2).sum(-1), 1 - (z**2).sum(-1)
    square = (apart**2).sum(-1)
    r = np.arccosh(1 + 2 * square / (inner * outer)) / 2
    towards = inner[..., None] * apart - square[..., None] * loc
    v = r[..., None] * towards / np.linalg.norm(towards, axis=-1)[..., None]
    normal = scipy.stats.norm.logpdf(v, scale=scale).sum(-1)
    d = z.shape[-1]
    # The volume of the ball at distance r, and that of its metric at z.
    volume = (d - 1) * np.log(np.sinh(2 * r) / (2 * r))
    return normal - volume - d * np.log(outer)


@pytest.mark.parametrize("d", [2, 10])
@pytest.mark.parametrize("r", [1.0, 3.0, 4.5, 6.0])
def test_wrapped_normals_are_exact_far_from_the_center(d, r):
    loc = r * np.eye(1, d).repeat(4000, 0).astype("float32")
    loc = hyperbolic.exponential(tf.constant(loc))
    scale = tf.fill([4000, d], 0.7)
    law = hyperbolic.WrappedNormal(loc, scale)
    prior = hyperbolic.WrappedNormal(tf.zeros([d]), tf.ones([d]))
    z = law.sample(seed=(0, 1))
    assert (np.linalg.norm(np.float64(z), axis=-1) < 1).all()
    # The points as they were rounded.
    points = np.float64(z), np.float64(loc)
    sure = wrapped_exactly(*points, np.float64(scale))
    likely = wrapped_exactly(points[0], 0 * points[1], np.ones([1, d]))
    np.testing.assert_allclose(law.log_prob(z), sure, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(prior.log_prob(z), likely, rtol=1e-5, atol=1e-4)
    # What the noise was, which rounding did not change: log N has mean
    # -d / 2 - d log(0.7) - d log(2 pi) / 2.
    v = hyperbolic.logarithm(*map(tf.constant, points)).numpy()
    assert scipy.stats.kstest(v.ravel() / 0.7, "norm").pvalue > 0.01


@pytest.mark.parametrize("d", [2, 10, 64])
@pytest.mark.parametrize("r", [0.0, 5.0, 8.0, 20.0, 1e30])
def test_wrapped_normals_are_finite_everywhere(d, r):
    raw = tf.constant([[r] + [0.0] * (d - 1)] * 100)
    scales = tf.constant(np.geomspace(1e-6, 1e3, 100)[:, None], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([raw, scales])
        loc = hyperbolic.exponential(raw)
        law = hyperbolic.WrappedNormal(loc, scales + tf.zeros_like(loc))
        z = law.sample(seed=(0, 1))
        prior = hyperbolic.WrappedNormal(tf.zeros([d]), tf.ones([d]))
        kl = law.log_prob(z) - prior.log_prob(z)
    assert (np.linalg.norm(np.float64(z), axis=-1) < 1).all()
    assert np.isfinite(kl).all()
    for gradient in tape.gradient(kl, [raw, scales]):
        assert np.isfinite(gradient).all()
    outside = tf.constant([[1.0] + [0.0] * (d - 1), [2.0] * d])
    with tf.GradientTape() as tape:
        tape.watch(outside)
        found = prior.log_prob(outside)
    assert np.isfinite(found).all()
    assert np.isfinite(tape.gradient(found, outside)).all()


def test_wide_wrapped_normals_of_many_dimensions_have_the_kl_of_normals():
    d = 64  # lengths of 7
    law = hyperbolic.WrappedNormal(tf.zeros([d]), tf.fill([d], 0.9))
    prior = hyperbolic.WrappedNormal(tf.zeros([d]), tf.ones([d]))
    z = law.sample(4000, seed=(0, 1))
    found = (law.log_prob(z) - prior.log_prob(z)).numpy()
    exact = d * (np.log(1 / 0.9) + 0.81 / 2 - 0.5)
    # One draw in twenty lies beyond what single precision has.
    np.testing.assert_allclose(found.mean(), exact, atol=0.1)


def test_a_vae_on_the_ball_learns_from_data_far_apart():
    x = 10 * RNG.normal(size=(200, 6)).astype("float32")
    model = keras_ae.VAE.create(
        (6,),
        2,
        hidden=(16,),
        posterior="wrapped_normal",
        prior="wrapped_normal",
        seed=0,
    )
    model.compile("adam")
    history = model.fit(x, epochs=20, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize("name", ["autoregressive", "planar", "coupling"])
def test_a_flow_posterior_has_the_density_of_its_jacobian(name):
    head = heads.FlowGaussian({name: {"depth": 2}})
    head.build((None, 3))
    for weight in head.weights:
        weight.assign(RNG.normal(scale=0.3, size=weight.shape))
    loc, raw = numbers(7, 3), numbers(7, 3)
    law = head(loc, raw, rank=1)
    z = law.sample(seed=(0, 0))
    found = law.log_prob(z)
    noise = law.distribution
    eps = noise.sample(seed=(0, 0))
    with tf.GradientTape() as tape:
        tape.watch(eps)
        again = head.flow.drawing().forward(eps)
    np.testing.assert_allclose(again, z, rtol=1e-5, atol=1e-5)
    _, volume = np.linalg.slogdet(tape.batch_jacobian(again, eps))
    np.testing.assert_allclose(found, noise.log_prob(eps) - volume, atol=1e-3)
    np.testing.assert_allclose(
        head.code(law), head.flow.drawing().forward(loc), atol=1e-5
    )


def test_planar_maps_stay_invertible():
    flow = flows.Planar(depth=1)
    flow.build((None, 2))
    # <w, u> = -5 is moved to softplus(-5) - 1, above -1.
    flow.networks[0].numbers.assign([1.0, 0.0, -5.0, 0.0, 0.0])
    x = tf.constant([[a, 0.0] for a in np.linspace(-3, 3, 50)], tf.float32)
    y = flow.bijector().forward(x)[:, 0].numpy()
    assert (np.diff(y) > 0).all()
