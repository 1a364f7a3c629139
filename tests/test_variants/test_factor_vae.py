"""The discriminator's logit is the log-ratio of densities; who learns what."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import keras_ae
from keras_ae.parts import networks

COVARIANCE = np.array([[1.0, 0.7], [0.7, 1.0]])
X = np.random.default_rng(0).multivariate_normal([0, 0], COVARIANCE, 4096)
X = X.astype("float32")


def model(rate=0.0, **options):
    body = networks.mlp((2,), (64, 64))
    made = keras_ae.FactorVAE.create(
        (2,),
        2,
        network="linear",
        discriminator=keras_ae.DistributionNetwork(body, "bernoulli", 1),
        seed=0,
        **options,
    )
    # Codes are the examples, but for a deviation of 0.1.
    kernel = np.concatenate([np.eye(2), np.zeros((2, 2))], axis=1)
    made.encoder.projection.set_weights(
        [kernel, np.array([0, 0, *np.log(np.expm1([0.1, 0.1]))])]
    )
    made.compile(
        keras.optimizers.SGD(rate),
        discriminator_optimizer=keras.optimizers.Adam(3e-3),
        jit_compile=False,
    )
    return made


def test_logit_approaches_the_log_ratio_of_known_normals():
    made = model()
    made.fit(np.tile(X, (60, 1)), batch_size=512, verbose=0)
    made.discriminator_optimizer.learning_rate = 3e-4
    made.fit(np.tile(X, (20, 1)), batch_size=512, verbose=0)
    covariance = COVARIANCE + 0.01 * np.eye(2)
    z = np.random.default_rng(1).multivariate_normal([0, 0], covariance, 4000)
    deviation = np.sqrt(np.diag(covariance))
    ratio = scipy.stats.multivariate_normal([0, 0], covariance).logpdf(z)
    ratio -= scipy.stats.norm(0, deviation).logpdf(z).sum(axis=1)
    found = made.logits(tf.constant(z, tf.float32), made.moment()).numpy()
    # Of 0.32 nats on average, which are the total correlation.
    assert abs(found.mean() - ratio.mean()) < 0.05
    assert np.sqrt(np.mean((found - ratio) ** 2)) < 0.15
    # The loss is then that of the densities, 2 log 2 less twice their
    # Jensen-Shannon divergence.
    terms = made.objective(X)
    np.testing.assert_allclose(
        terms["total_correlation"].numpy().mean(), ratio.mean(), atol=0.05
    )
    assert terms["discriminator"] < 2 * np.log(2) - 0.1


def test_each_player_minimizes_and_owns_its_part():
    made = model(strength=3.0)
    player, judge = made.players()
    assert player.terms == ("reconstruction", "kl", "total_correlation")
    assert judge.terms == ("discriminator",)
    assert judge.variables == made.discriminator.trainable_variables
    assert made.loss_weights(made.moment(), {}) == {"total_correlation": 3.0}


def test_several_draws_and_codes_of_several_axes():
    made = keras_ae.FactorVAE.create((8,), (2, 3), hidden=(4,), samples=3)
    terms = made.objective(np.zeros([5, 8], "float32"))
    assert terms["total_correlation"].shape == (3, 5)
    assert terms["discriminator"].shape == ()


def test_negative_strength_is_refused():
    with pytest.raises(ValueError, match="`strength`"):
        keras_ae.FactorVAE.create((2,), 2, strength=-1.0)
