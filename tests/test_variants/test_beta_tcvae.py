"""The weight of the total correlation, and what it does."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_ae

RNG = np.random.default_rng(0)
# Two factors of unequal strength, mixed: a rotation of codes is not free.
FACTORS = RNG.normal(size=(512, 2))
X = (FACTORS * [1.0, 0.6]) @ RNG.normal(size=(2, 6))
X = (X + 0.1 * RNG.normal(size=X.shape)).astype("float32")


def model(beta, **options):
    return keras_ae.BetaTCVAE.create(
        (6,), 2, network="linear", beta=beta, seed=0, **options
    )


def test_weight_of_one_is_the_vae_with_a_sampled_kl():
    made = model(1.0, samples=3)
    made.compile(jit_compile=False)
    with made.evaluation_seeds():
        forward = made.forward(made.batch(X), made.moment())
    terms = made.loss_terms(forward, made.moment())
    sampled = forward.posterior.log_prob(forward.latent)
    sampled -= forward.prior.log_prob(forward.latent)
    parts = ("mutual_information", "total_correlation", "dimension_kl")
    total = sum(float(terms[name]) for name in parts)
    assert abs(total - np.mean(sampled)) < 1e-4
    logs = made.evaluate(X, batch_size=512, verbose=0, return_dict=True)
    expected = logs["reconstruction"] + sum(logs[name] for name in parts)
    np.testing.assert_allclose(logs["loss"], expected, rtol=1e-5)


def test_a_large_weight_makes_the_latents_independent():
    made = model(beta=20.0)
    # Codes that start as correlated as two of six values and their sum.
    kernel = np.zeros((6, 4), "float32")
    kernel[0, 0] = kernel[0, 1] = kernel[1, 1] = 1.0
    made.encoder.projection.set_weights([kernel, np.zeros(4, "float32")])
    made.compile(keras.optimizers.Adam(0.02), jit_compile=False)
    assert abs(np.corrcoef(made.embed(X).T)[0, 1]) > 0.4
    for rate in (0.02, 0.002):
        made.optimizer.learning_rate = rate
        made.fit(np.tile(X, (100, 1)), batch_size=128, verbose=0)
    assert abs(np.corrcoef(made.embed(X).T)[0, 1]) < 0.1


def test_number_of_examples_moves_parts_by_constants():
    # With all of the batch in the estimate: log(N) of the joint density.
    few, many = model(6.0), model(6.0, examples=10**6)
    terms = []
    for made in (few, many):
        with made.evaluation_seeds():
            terms.append(made.objective(tf.constant(X)))
    for name in ("reconstruction", "kl"):
        np.testing.assert_allclose(terms[0][name], terms[1][name], rtol=1e-6)
    assert terms[1]["mutual_information"] > terms[0]["mutual_information"]


def test_out_of_range_is_refused():
    for options in ({"beta": -1.0}, {"beta": 1.0, "examples": 0}):
        with pytest.raises(ValueError, match="Expected"):
            model(**options)
