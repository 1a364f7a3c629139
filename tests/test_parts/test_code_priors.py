"""Priors over integer codes: all codes together have probability 1."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae.analysis import evaluation
from keras_ae.contract import tools
from keras_ae.parts import code_priors
from keras_ae.parts import codebooks

ALL = np.array(list(itertools.product(range(3), repeat=3)), "int32")


@pytest.fixture(
    scope="module", params=["causal_transformer", "masked_convolution"]
)
def prior(request):
    """Over three numbers below 3, of random weights."""
    codebook = codebooks.EMACodebook(size=3)
    codebook.build((None, 3, 2))
    codebook.table.assign([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]])
    prior = code_priors.get({request.param: {"width": 8, "depth": 2}})
    prior.join(codebook, (3, 2))
    uniform = prior.log_prob(tf.constant(ALL))
    np.testing.assert_allclose(uniform, -3 * np.log(3), rtol=1e-6)
    rng = np.random.default_rng(0)
    for weight in prior.weights:
        weight.assign(rng.normal(scale=0.7, size=weight.shape))
    return prior


def test_all_codes_have_probability_one(prior):
    shares = np.exp(prior.log_prob(tf.constant(ALL)))
    assert shares.max() > 2 * shares.min()
    np.testing.assert_allclose(shares.sum(), 1, rtol=1e-5)
    law = prior.distribution(None)
    z = prior._codebook().lookup(ALL)
    np.testing.assert_allclose(np.exp(law.log_prob(z)), shares, rtol=1e-6)
    stacked = prior.log_prob(tf.constant(ALL.reshape(3, 9, 3)))
    np.testing.assert_allclose(np.exp(stacked).ravel(), shares, rtol=1e-5)


def test_draws_have_these_probabilities(prior):
    law = prior.distribution(None)
    drawn = prior._codebook().indices(law.sample(4_000, seed=1)).numpy()
    shares = np.exp(prior.log_prob(tf.constant(ALL)))
    counts = np.bincount(drawn @ [9, 3, 1], minlength=27)
    error = np.sqrt(4_000 * shares * (1 - shares)) + 1
    assert (np.abs(counts - 4_000 * shares) < 4 * error).all()


def test_bits_of_codes_learn_and_codes_do_not():
    model = keras_ae.VQVAE.create(
        (8,),
        (2, 2),
        hidden=(8,),
        codebook={"gradient": {"size": 4}},
        prior={"masked_convolution": {"width": 8}},
        gradient="rotation",
        seed=0,
    )
    x = np.random.default_rng(0).random((32, 8)).astype("float32")
    model.adapt(x)
    with tf.GradientTape() as tape:
        cost = model.objective(x)["prior"]
    np.testing.assert_allclose(cost, 2 * np.log(4), rtol=1e-5)
    own = [*model.encoder.trainable_variables, model.codebook.table]
    assert all(g is None for g in tape.gradient(cost, own))
    model.compile(keras.optimizers.Adam(0.05), jit_compile=False)
    tools.steps(model, x, 15)
    terms = model.objective(x)
    logs = {name: value.numpy().mean() for name, value in terms.items()}
    _, counts = np.unique(model.codes(x), axis=0, return_counts=True)
    entropy = -np.sum(counts / 32 * np.log(counts / 32))
    assert entropy <= logs["prior"] < 2 * np.log(4) - 0.1
    # The bound counts the bits of the code.
    score = model.score_terms(x)["negative_elbo"].numpy().mean()
    expected = logs["reconstruction"] + logs["prior"]
    np.testing.assert_allclose(score, expected, rtol=1e-4)
    keys = tf.constant([[1, 0], [2, 0], [3, 0]])
    drawn = model.p_z().sample_each(keys)
    np.testing.assert_array_equal(model.p_z().sample_each(keys[1:]), drawn[1:])
    assert model.sample(2, seed=0).shape == (2, 8)
    with pytest.raises(TypeError, match="has no prior to draw from. Expected"):
        keras_ae.VQVAE.create((8,), (2, 2), hidden=(8,)).sample(2)


def test_sums_of_codes_are_priced_by_the_numbers_that_made_them():
    """Coded once more, a sum may be one of other codes."""
    model = keras_ae.VQVAE.create(
        (6,),
        (2, 2),
        hidden=(8,),
        codebook={"residual": {"table": {"ema": {"size": 4}}, "depth": 3}},
        prior={"causal_transformer": {"width": 8, "depth": 1}},
        seed=0,
    )
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 6)).astype("float32")
    model.build_on(x)
    for table in model.codebook.tables:
        table.table.assign(rng.normal(size=(4, 2)))
    for weight in model.prior.weights:
        weight.assign(rng.normal(scale=0.7, size=weight.shape))
    numbers = model.codes(x)
    code = model.codebook.lookup(numbers)
    again = model.codebook.indices(code)
    assert (again.numpy() != numbers).any()
    cost = -model.prior.log_prob(tf.constant(numbers)).numpy()
    np.testing.assert_allclose(model.objective(x)["prior"], cost, rtol=1e-5)
    # The cost of a sum of numbers, and the density at it.
    log_px = model.decode(code).log_prob(x).numpy()
    terms = model.score_terms(x)
    np.testing.assert_allclose(terms["kl"], cost, rtol=1e-5)
    for found in (
        model.score_samples(x),
        evaluation.elbo(model, x),
        evaluation.log_likelihood(model, x, samples=2),
    ):
        np.testing.assert_allclose(found, log_px - cost, rtol=1e-5)
