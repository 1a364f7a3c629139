"""Importance-sampled likelihood against brute force in NumPy."""

import numpy as np
import pytest
from scipy import special
from scipy import stats

from keras_ae import VAE
from keras_ae import Autoencoder
from keras_ae.analysis import evaluation
from keras_ae.model.training import speed


@pytest.fixture
def without_xla(monkeypatch):
    choice = speed.Choice(False, "a test")
    monkeypatch.setattr(speed, "jit_compile", lambda model: choice)


def make(n=6, k=2, **options):
    fixed = {"network": "linear", "likelihood": "bernoulli", "seed": 0}
    options = fixed | options
    model = VAE.create((n,), k, **options)
    for weight in model.decoder.weights:  # far from a constant decoder
        weight.assign(2 * weight + 0.3)
    # Posteriors wider than the prior bound the importance weights.
    kernel, bias = model.encoder.weights
    kernel.assign(kernel * ([1.0] * k + [0.1] * k))
    bias.assign([0.0] * k + [1.0] * k)
    return model


def bits(rows, n=6):
    rng = np.random.default_rng(0)
    return rng.integers(2, size=(rows, n)).astype(np.float32)


def brute_force(model, x, samples):
    """The same estimator with draws of NumPy; log p(x) and its error."""
    (a, b), (w, c) = (
        [v.numpy().astype(float) for v in part.weights]
        for part in (model.encoder, model.decoder)
    )
    mean, raw = np.split(x @ a + b, 2, axis=1)
    std = np.logaddexp(0, raw) + 1e-5
    noise = np.random.default_rng(1).normal(size=(samples, *mean.shape))
    z = mean + std * noise
    logits = z @ w + c
    log_px = (x * logits - np.logaddexp(0, logits)).sum(-1)
    log_weights = log_px + stats.norm.logpdf(z).sum(-1)
    log_weights -= stats.norm.logpdf(z, mean, std).sum(-1)
    value = special.logsumexp(log_weights, axis=0) - np.log(samples)
    error = np.exp(log_weights - value).std(axis=0) / np.sqrt(samples)
    return value, error


def test_brute_force_agrees(without_xla):
    model, x = make(), bits(20)
    expected, error = brute_force(model, x, 4_000)
    found = evaluation.log_likelihood(model, x, 4_000)
    # Two independent estimates of one value, by the delta method.
    assert (abs(found - expected) < 4 * np.sqrt(2) * error).all()
    assert (error < 0.05).all()


def test_all_outcomes_have_probability_one(without_xla):
    """Summed over the 2^6 images, the estimates of p(x) make 1."""
    numbers = np.arange(64)[:, None] >> np.arange(6)
    x = (numbers % 2).astype(np.float32)
    model = make()
    found = evaluation.log_likelihood(model, x, 3_000)
    _, error = brute_force(model, x, 3_000)
    p = np.exp(found)
    assert abs(p.sum() - 1) < 4 * np.sqrt(np.square(p * error).sum())


def test_xla_agrees_too():
    """XLA makes other normals of the same bits, so only the values agree."""
    model, x = make(), bits(5)
    expected, error = brute_force(model, x, 2_000)
    found = evaluation.log_likelihood(model, x, 2_000)
    assert (abs(found - expected) < 4 * np.sqrt(2) * error).all()
    np.testing.assert_array_equal(
        found, evaluation.log_likelihood(model, x, 2_000)
    )


def test_seed_decides_the_draws(without_xla):
    model, x = make(), bits(5)
    first = evaluation.log_likelihood(model, x, 20, seed=3)
    again = evaluation.log_likelihood(model, x, 20, seed=3)
    other = evaluation.log_likelihood(model, x, 20, seed=4)
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


def test_rows_have_draws_of_their_own(without_xla):
    found = evaluation.log_likelihood(make(), np.ones([8, 6]), 20)
    assert len(set(found)) == 8


def test_number_and_grouping_of_rows_do_not_matter(without_xla, monkeypatch):
    model, x = make(), bits(23)
    whole = evaluation.log_likelihood(model, x, 50)
    # Matrix products of other shapes round differently.
    np.testing.assert_allclose(
        evaluation.log_likelihood(model, x[:7], 50), whole[:7], rtol=1e-5
    )
    for rows in (3, 10):
        monkeypatch.setattr(evaluation, "ROWS", rows)
        np.testing.assert_allclose(
            evaluation.log_likelihood(model, x, 50), whole, rtol=1e-5
        )


def test_training_state_is_left_alone(without_xla):
    model = make()
    before = model.seed_generator.state.numpy()
    evaluation.log_likelihood(model, bits(3), 20)
    np.testing.assert_array_equal(model.seed_generator.state, before)


def test_estimate_rises_with_samples(without_xla):
    model, x = make(), bits(1000)
    estimates = [
        evaluation.log_likelihood(model, x, samples) for samples in (1, 3, 30)
    ]
    for fewer, more in zip(estimates, estimates[1:], strict=False):
        rise = more - fewer
        assert rise.mean() > 4 * rise.std() / np.sqrt(len(rise))


def test_blocks_are_one_estimate(without_xla, monkeypatch):
    """Samples that do not fill the last block count, and only they."""
    model, x = make(), bits(20)
    expected, error = brute_force(model, x, 20_000)
    monkeypatch.setattr(evaluation, "BLOCK", 300)
    ratio = [
        np.exp(evaluation.log_likelihood(model, x, 400, seed) - expected)
        for seed in range(20)
    ]
    spread = np.std(ratio) / np.sqrt(np.size(ratio))
    # A divisor of 600 instead of 400 would make 0.67.
    assert abs(np.mean(ratio) - 1) < 4 * (spread + error.mean() / np.sqrt(20))
    assert spread < 0.02


def test_one_graph_serves_all_rows_and_seeds(without_xla):
    model = make()
    for seed in range(3):
        evaluation.log_likelihood(model, bits(250), 20, seed=seed)
    (function,) = model.compiled_functions.kept.values()
    assert function.experimental_get_tracing_count() == 1


def test_one_graph_serves_the_bound_too():
    model = make()
    found = [evaluation.elbo(model, bits(600), 2, seed) for seed in range(3)]
    (function,) = model.compiled_functions.kept.values()
    assert function.experimental_get_tracing_count() == 1
    assert (found[0] != found[1]).mean() > 0.9


def test_new_weights_are_seen(without_xla):
    model, x = make(), bits(20)
    evaluation.log_likelihood(model, x, 2000)
    for weight in model.decoder.weights:
        weight.assign(0 * weight)
    # Now every bit is a fair coin, whatever the code.
    found = evaluation.log_likelihood(model, x, 2000)
    _, error = brute_force(model, x, 2000)
    assert (abs(found - 6 * np.log(0.5)) < 5 * error).all()


def test_progress_bar(without_xla, capsys):
    model = make()
    evaluation.log_likelihood(model, bits(250), 5)
    assert capsys.readouterr().out == ""
    evaluation.log_likelihood(model, bits(250), 5, verbose=1)
    out = capsys.readouterr().out
    assert "100/250" in out and "250/250" in out


def test_grey_levels_and_pixels_are_told_apart(without_xla):
    with pytest.raises(ValueError, match=r"support.*values in \[0, 255\]"):
        evaluation.log_likelihood(make(), 255 * bits(4), 5)
    with pytest.raises(ValueError, match=r"support.*values in \[0, 255\]"):
        evaluation.elbo(make(), 255 * bits(4))


def test_bad_arguments():
    with pytest.raises(TypeError, match="Autoencoder has no prior.*VAE"):
        evaluation.log_likelihood(Autoencoder.create((6,), 2), bits(4))
    with pytest.raises(ValueError, match="`samples`.*at least 1"):
        evaluation.log_likelihood(make(), bits(4), samples=0)
    with pytest.raises(ValueError, match="`x` is empty"):
        evaluation.log_likelihood(make(), bits(0))
