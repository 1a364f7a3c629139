"""CategoricalVAE: its draws, its divergence, and sums over all codes."""

import itertools

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import keras_ae
from keras_ae.analysis import evaluation

LOGITS = np.array([[0.3, -1.0, 1.2], [2.0, 0.0, 0.1]], "float32")


def made(**arguments):
    return keras_ae.CategoricalVAE.create(
        (8,), (2, 3), hidden=(16,), likelihood="bernoulli", seed=0, **arguments
    )


def rows(count=5):
    rng = np.random.default_rng(0)
    return (rng.uniform(size=(count, 8)) < 0.5).astype("float32")


@pytest.fixture(scope="module")
def model():
    model = made()
    x = rows(64)
    model.compile(keras.optimizers.Adam(0.02), jit_compile=False)
    model.fit(x, epochs=40, verbose=0)
    return model


def codes():
    """All nine of them."""
    eye = np.eye(3, dtype="float32")
    pairs = itertools.product(range(3), repeat=2)
    return np.stack([eye[list(pair)] for pair in pairs])


def test_draws_have_the_probabilities():
    posterior = keras_ae.heads.Categorical()(tf.constant(LOGITS)[None], rank=2)
    drawn = posterior.sample(4000, seed=(0, 1))[:, 0].numpy()
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert (drawn.sum(axis=-1) == 1).all()
    expected = 4000 * tf.nn.softmax(LOGITS).numpy().astype("float64")
    for observed, wanted in zip(drawn.sum(axis=0), expected, strict=True):
        wanted *= observed.sum() / wanted.sum()  # rounding of float32
        assert scipy.stats.chisquare(observed, wanted).pvalue > 1e-4


def test_soft_draws_are_the_concrete_law():
    """The log-ratio of two shares is logistic, in units of 1/temperature."""
    model = made(temperature=0.7)
    logits = tf.constant(LOGITS)[None] * tf.ones([3000, 1, 1])
    posterior = keras_ae.heads.Categorical()(logits, rank=2)
    z = model.draw(posterior, model.moment(training=True)).numpy()
    np.testing.assert_allclose(z.sum(axis=-1), 1, rtol=1e-5)
    for place, (i, j) in itertools.product(range(2), [(0, 1), (1, 2)]):
        ratio = np.log(z[:, place, i] / z[:, place, j])
        mean = LOGITS[place, i] - LOGITS[place, j]
        law = scipy.stats.logistic(mean / 0.7, 1 / 0.7)
        assert scipy.stats.kstest(ratio, law.cdf).pvalue > 1e-4
    hard = model.draw(posterior, model.moment(training=False))
    assert set(np.unique(hard)) == {0.0, 1.0}


def test_the_divergence_is_the_entropy_that_is_missing(model):
    x = rows()
    p = model.embed(x).astype("float64")
    expected = np.log(9) - scipy.stats.entropy(p, axis=-1).sum(axis=-1)
    found = model.objective(x)["kl"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_a_divergence_without_closed_form_is_the_sum_over_all_codes(training):
    model = made(prior={"vamp": {"components": 3}}, samples=4000)
    rng = np.random.default_rng(0)
    x = rows(2)
    model.build_on(x)
    for weight in model.encoder.weights:
        weight.assign(rng.normal(scale=0.7, size=weight.shape))
    pseudo = (rng.uniform(size=(3, 8)) < 0.5).astype("float32")
    model.prior.pseudo_inputs.assign(pseudo)

    def shares(x):  # of each code, [N, 9]
        a, b = np.moveaxis(model.embed(x).astype("float64"), 1, 0)
        return (a[:, :, None] * b[:, None, :]).reshape(len(x), 9)

    q, p = shares(x), shares(pseudo).mean(axis=0)
    expected = (q * np.log(q / p)).sum(axis=1)
    found = model.objective(x, training=training)["kl"].numpy()
    error = found.std(axis=0) / np.sqrt(4000)
    assert (np.abs(found.mean(axis=0) - expected) < 5 * error).all()


def test_the_likelihood_is_the_sum_over_all_codes(model):
    x = rows()
    p_x = model.decode(codes())
    joint = np.stack([p_x.log_prob(row) for row in x])  # [5, 9]
    exact = scipy.special.logsumexp(joint, axis=1) - np.log(9)
    found = evaluation.log_likelihood(model, x, samples=4000)
    np.testing.assert_allclose(found, exact, atol=0.05)
    p = model.encode(x)
    weight = np.stack([p.prob(code) for code in codes()], axis=1)
    bound = (weight * joint).sum(axis=1) - model.objective(x)["kl"].numpy()
    assert (bound <= exact + 1e-4).all()


def test_new_codes_are_classes(model):
    z = model.prior.distribution(model.encode).sample(50, seed=(0, 1))
    assert z.shape == (50, 2, 3)
    assert model.sample(4, seed=0).shape == (4, 8)


@pytest.mark.parametrize(
    "temperature", [0, {"linear": {"start": 1, "end": 0, "steps": 9}}]
)
def test_no_temperature_is_refused(temperature):
    with pytest.raises(ValueError, match="temperature.*above 0"):
        made(temperature=temperature)
