"""The VAE of a linear Gaussian model, whose likelihood is known exactly."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import stats

from keras_ae import VAE
from keras_ae.analysis import evaluation
from keras_ae.model.training import speed
from keras_ae.parts import heads

S = 0.5  # deviation of the noise


@pytest.fixture(autouse=True)
def without_xla(monkeypatch):
    """Compiling takes longer than these models run."""
    choice = speed.Choice(False, "a test")
    monkeypatch.setattr(speed, "jit_compile", lambda model: choice)


def linear_vae(n=5, k=2, **options):
    return VAE.create(
        (n,),
        k,
        network="linear",
        likelihood=heads.Gaussian(scale=S),
        seed=0,
        **options,
    )


def marginal(model):
    """p(x) of probabilistic PCA, read off the weights."""
    kernel, bias = (w.numpy().astype(float) for w in model.decoder.weights)
    noise = S**2 * np.eye(kernel.shape[1])
    return stats.multivariate_normal(bias, kernel.T @ kernel + noise)


def set_exact_posterior(model):
    """Orthogonal factors, so that the posterior has no correlations."""
    kernel, bias = model.decoder.weights
    q, _ = np.linalg.qr(
        np.random.default_rng(0).normal(size=kernel.shape[::-1])
    )
    w = q.T * np.array([[1.5], [0.7]])
    kernel.assign(w)
    bias.assign(np.linspace(-1, 1, bias.shape[0]))
    variance = 1 / (1 + np.square(w).sum(1) / S**2)
    to_mean = w.T * variance / S**2
    raw = np.log(np.expm1(np.sqrt(variance) - heads.Gaussian.floor))
    weights = model.encoder.weights
    weights[0].assign(np.hstack([to_mean, np.zeros_like(to_mean)]))
    weights[1].assign(np.hstack([-np.array(bias) @ to_mean, raw]))


def test_elbo_is_tight_at_the_exact_posterior():
    model = linear_vae()
    set_exact_posterior(model)
    exact = marginal(model)
    x = exact.rvs(20, random_state=0).astype(np.float32)
    samples = 4000
    elbo = evaluation.elbo(model, x, samples)
    # log p(x|z) varies between the draws: by the slope of the quadratic,
    # which is that of the prior, and by its curvature, 1/variance - 1.
    q = model.encode(x)
    slope, variance = (q.mean() * q.stddev()).numpy(), q.variance().numpy()
    noise = np.sqrt((slope**2 + (1 - variance) ** 2 / 2).sum(axis=1))
    error = noise / np.sqrt(samples)
    assert (abs(elbo - exact.logpdf(x)) < 4 * error).all()
    # Every importance weight is p(x) itself, so few draws are enough; terms
    # of size 10 cancel in single precision.
    for samples in (1, 1300):
        np.testing.assert_allclose(
            evaluation.log_likelihood(model, x, samples),
            exact.logpdf(x),
            atol=1e-4,
        )


def test_elbo_is_never_above_the_likelihood():
    model = linear_vae()
    exact = marginal(model)
    x = exact.rvs(40, random_state=0).astype(np.float32)
    elbos = [evaluation.elbo(model, x, 500, seed) for seed in range(30)]
    error = np.std(elbos, axis=0, ddof=1) / np.sqrt(len(elbos))
    gap = exact.logpdf(x) - np.mean(elbos, axis=0)
    assert (gap > -4 * error).all()
    # It is KL(q || true posterior), in closed form for each row.
    kernel, bias = (w.numpy().astype(float) for w in model.decoder.weights)
    cov = np.linalg.inv(np.eye(2) + kernel @ kernel.T / S**2)
    mean = (x - bias) @ kernel.T @ cov / S**2
    q = model.encode(x)
    variance, shift = q.variance().numpy(), q.mean().numpy() - mean
    inverse = np.linalg.inv(cov)
    kl = 0.5 * (
        variance @ np.diag(inverse)
        + np.einsum("bi,ij,bj->b", shift, inverse, shift)
        - 2
        + np.linalg.slogdet(cov)[1]
        - np.log(variance).sum(1)
    )
    assert (abs(gap - kl) < 5 * error + 1e-4 * kl).all()


def test_log_likelihood_is_that_of_probabilistic_pca():
    model = linear_vae()
    set_exact_posterior(model)
    raw = model.encoder.weights[1]
    raw.assign(raw + [0.1, -0.1, 0.7, 0.7])  # near, not at, the posterior
    exact = marginal(model)
    x = exact.rvs(30, random_state=0).astype(np.float32)
    found = [
        evaluation.log_likelihood(model, x, 1000, seed) for seed in range(12)
    ]
    # exp of the estimate is unbiased for p(x): three standard errors over
    # rows and seeds.
    ratio = np.exp(np.array(found, float) - exact.logpdf(x)).mean(axis=1)
    error = ratio.std(ddof=1) / np.sqrt(len(ratio))
    assert abs(ratio.mean() - 1) < 3 * error
    assert error < 0.005  # and the test could tell half a per cent


def test_training_approaches_the_likelihood_of_the_data():
    """The best ELBO of a linear VAE is the likelihood of probabilistic PCA
    (Lucas et al., 2019, https://arxiv.org/abs/1911.02469)."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(2, 5))
    x = rng.normal(size=(512, 2)) @ truth + S * rng.normal(size=(512, 5))
    x = x.astype(np.float32)
    # Tipping and Bishop, 1999, equation 8, at the known noise.
    values = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
    values = np.array([*values[:2], *[S**2] * 3])
    centred = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
    best = -0.5 * (np.log(2 * np.pi * values) + centred / values).sum()
    model = linear_vae(samples=4)
    rate = keras.optimizers.schedules.CosineDecay(0.03, 1600)
    model.compile(keras.optimizers.Adam(rate))
    rows = np.tile(x, (16, 1))
    model.fit(rows, batch_size=512, epochs=100, shuffle=False, verbose=0)
    elbo = evaluation.elbo(model, x, 200).mean()
    # 102,400 draws of a deviation of about 1 nat: four errors are 0.013.
    assert abs(elbo - best) < 0.013


@pytest.mark.parametrize("samples", [1, 3])
def test_loss_is_minus_the_elbo(samples):
    model = linear_vae(samples=samples)
    model.compile("sgd")
    x = marginal(model).rvs(2000, random_state=0).astype(np.float32)
    logs = model.evaluate(x, batch_size=500, verbose=0, return_dict=True)
    elbo = evaluation.elbo(model, x, 50)
    q = model.encode(x)
    mean, variance = q.mean().numpy(), q.variance().numpy()
    kl = 0.5 * (variance + mean**2 - 1 - np.log(variance)).sum(1)
    np.testing.assert_allclose(logs["kl"], kl.mean(), rtol=1e-5)
    total = logs["kl"] + logs["reconstruction"]
    np.testing.assert_allclose(logs["loss"], total, rtol=1e-5)
    # E[-log p(x|z)] in closed form, and the noise of one draw a row.
    kernel, bias = (w.numpy() for w in model.decoder.weights)
    spread = (variance @ np.square(kernel)).sum(1)
    squares = np.square(mean @ kernel + bias - x).sum(1) + spread
    expected = squares / (2 * S**2) + 2.5 * np.log(2 * np.pi * S**2)
    q_std = np.sqrt(variance)
    jacobian = 2 * (mean @ kernel + bias - x) @ kernel.T * q_std
    noise = np.sqrt(np.square(jacobian).sum(1) + 2 * np.square(spread))
    error = np.sqrt(np.mean(noise**2) / len(x) / samples) / (2 * S**2)
    assert abs(logs["reconstruction"] - expected.mean()) < 4 * error
    assert abs(-elbo.mean() - (expected + kl).mean()) < 4 * error


def test_samples_come_from_the_model():
    model = linear_vae()
    kernel, bias = (w.numpy() for w in model.decoder.weights)
    means = model.sample(20_000, seed=0)  # decoded means, so without noise
    covariance = np.cov(means.T)
    expected = kernel.T @ kernel
    size = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    # An entry of a sample covariance has a deviation of at most
    # sqrt(2 / n) of its scale.
    assert (abs(covariance - expected) < 4 * np.sqrt(2 / 20_000) * size).all()
    error = 4 * np.sqrt(np.diag(expected) / 20_000)
    assert (abs(means.mean(0) - bias) < error).all()


def test_first_samples_of_a_seed_do_not_depend_on_their_number():
    model = linear_vae()
    many = model.sample(300, seed=3)
    np.testing.assert_allclose(model.sample(7, seed=3), many[:7], rtol=1e-6)
    assert abs(model.sample(7, seed=4) - many[:7]).max() > 0.1


def test_draws_are_reparameterized():
    """d z / d mean = 1 and d z / d deviation = the noise of the draw."""
    model = linear_vae(samples=2)
    x = tf.ones([3, 5])
    with tf.GradientTape(persistent=True) as tape:
        posterior = model.encode(x)
        mean = tf.identity(posterior.mean())
        std = tf.identity(posterior.stddev())
        tape.watch([mean, std])
        twin = type(posterior.distribution)(mean, std)
        z = model.draw(tfp.distributions.Independent(twin, 1), model.moment())
        total = tf.reduce_sum(z)
    assert z.shape == [2, 3, 2]
    np.testing.assert_allclose(tape.gradient(total, mean), np.full((3, 2), 2.0))
    noise = ((z - mean) / std).numpy().sum(0)
    np.testing.assert_allclose(tape.gradient(total, std), noise, rtol=1e-4)


@pytest.mark.parametrize("samples", [0, -1])
def test_samples_out_of_range(samples):
    with pytest.raises(ValueError, match="`samples`.*at least 1.*samples="):
        linear_vae(samples=samples)
