"""The weight of the KL, what it does, and what may stand in its place."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import integrate

import keras_ae
from keras_ae.analysis import evaluation
from keras_ae.parts.constraints import Capacity
from keras_ae.parts.constraints import FreeBits
from keras_ae.parts.schedules import Constant
from keras_ae.parts.schedules import Cyclical
from keras_ae.parts.schedules import Linear

tfd = tfp.distributions


def rows(n=256, seed=0):
    """Eight values that depend on two, in [0, 1]."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 2))
    weights = np.random.default_rng(1).normal(size=(2, 8))
    return (1 / (1 + np.exp(-2 * z @ weights))).astype("float32")


def model(latent_dim=2, optimizer=None, **options):
    made = keras_ae.BetaVAE.create(
        (8,), latent_dim, hidden=(32,), seed=0, **options
    )
    made.compile(optimizer or keras.optimizers.Adam(0.01), jit_compile=False)
    return made


def weights_of(history):
    """The weight of the KL in each epoch, read off the logged terms."""
    logs = {k: np.array(v) for k, v in history.history.items()}
    return (logs["loss"] - logs["reconstruction"]) / logs["kl"]


def constrained(constraint, q, p, step=0):
    return constraint(constraint.divergence(q, p, q.mean()), step)


def test_weight_follows_the_schedule_step_by_step():
    x = rows(32)
    schedule = Cyclical(0.5, 8.0, period=5, rise=0.8)
    history = model(beta=schedule).fit(x, batch_size=32, epochs=12, verbose=0)
    # One batch an epoch, so that epoch t is step t. The difference of two
    # float32 numbers of size 6 over one of size 0.1 and above.
    np.testing.assert_allclose(
        weights_of(history), schedule(np.arange(12)), rtol=1e-4
    )


def test_schedule_survives_save_and_resume(tmp_path):
    x = rows(64)
    beta = Linear(0.0, 4.0, steps=12)
    whole = model(beta=beta)
    expected = whole.fit(x, batch_size=32, epochs=6, verbose=0).history
    first = model(beta=beta)
    first.fit(x, batch_size=32, epochs=3, verbose=0)
    first.save(tmp_path / "half.keras")
    second = keras.saving.load_model(tmp_path / "half.keras")
    assert int(second.step) == 6
    found = second.fit(x, batch_size=32, epochs=3, verbose=0).history
    assert found["loss"] == expected["loss"][3:]


@pytest.mark.long
def test_kl_falls_as_beta_rises():
    x = rows()
    kl = []
    for beta in (0.1, 0.5, 1.0, 3.0):
        history = model(beta=beta).fit(x, epochs=30, verbose=0)
        kl.append(history.history["kl"][-1])
    assert kl == sorted(kl, reverse=True)
    assert kl[0] > 2 * kl[-1]


def test_beta_of_one_is_the_vae():
    x = rows(64)
    vae = keras_ae.VAE.create((8,), 2, hidden=(32,), seed=0)
    vae.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    expected = vae.fit(x, epochs=2, verbose=0).history["loss"]
    found = model(beta=1.0).fit(x, epochs=2, verbose=0).history["loss"]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def kl_per_unit(mean, stddev):
    """KL(N(mean, stddev^2) || N(0, 1)) by numerical integration."""
    z = np.linspace(-12, 12, 20_001)
    q, p = scipy.stats.norm(mean, stddev), scipy.stats.norm()
    integrand = q.pdf(z) * (q.logpdf(z) - p.logpdf(z))
    return integrate.trapezoid(integrand, z)


MEAN = np.array([[0.0, 2.0, 0.1], [0.2, -1.0, 0.0]])
STDDEV = np.array([[1.0, 0.5, 0.9], [0.7, 0.3, 1.1]])
KL = np.vectorize(kl_per_unit)(MEAN, STDDEV)
POSTERIOR = tfd.Independent(tfd.Normal(np.float32(MEAN), np.float32(STDDEV)), 1)
PRIOR = tfd.Independent(tfd.Normal(tf.zeros(3), 1.0), 1)


@pytest.mark.parametrize("minimum", [0.0, 0.05, 0.3, 10.0])
def test_free_bits_charge_each_unit_at_least_the_minimum(minimum):
    found = constrained(FreeBits(minimum), POSTERIOR, PRIOR)
    expected = np.maximum(KL.mean(axis=0), minimum).sum()
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_unit_below_its_free_bits_has_no_gradient():
    mean = tf.Variable(np.float32(MEAN))
    with tf.GradientTape() as tape:
        q = tfd.Independent(tfd.Normal(mean, np.float32(STDDEV)), 1)
        loss = constrained(FreeBits(0.3), q, PRIOR)
    # d KL / d mean = mean, halved by the mean over two rows.
    expected = MEAN / 2 * (KL.mean(axis=0) > 0.3)
    np.testing.assert_allclose(tape.gradient(loss, mean), expected, atol=1e-6)
    assert (expected == 0).any(axis=0).any()


def test_capacity_is_the_distance_to_the_target():
    total = KL.sum(axis=1).mean()
    constraint = Capacity(Linear(0.0, 10.0, steps=10))
    for step in (0, 5, 20):
        found = constrained(constraint, POSTERIOR, PRIOR, step)
        expected = abs(total - min(step, 10))
        np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize(
    "constraint", [FreeBits(0.2), Capacity(Linear(0.0, 3.0, steps=8))]
)
def test_loss_is_the_weighted_sum_and_survives_saving(constraint, tmp_path):
    x = rows(64)
    made = model(beta=Linear(1.0, 9.0, steps=8), constraint=constraint)
    logs = made.fit(x, batch_size=64, epochs=4, verbose=0).history
    weight = 1.0 + np.arange(4)  # one batch an epoch
    expected = logs["reconstruction"] + weight * logs["constrained_kl"]
    np.testing.assert_allclose(logs["loss"], expected, rtol=1e-5)
    if isinstance(constraint, Capacity):
        distance = np.abs(logs["kl"] - 3.0 * np.arange(4) / 8)
        np.testing.assert_allclose(
            logs["constrained_kl"], distance, rtol=1e-4, atol=1e-5
        )
    made.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    again = [m.evaluate(x, batch_size=64, verbose=0) for m in (made, loaded)]
    assert again[0] == again[1]


def test_capacity_holds_the_kl_at_its_target():
    made = model(beta=30.0, constraint=Capacity(1.5))
    logs = made.fit(rows(), epochs=40, verbose=0).history
    # With a weight of 30 a departure of 0.1 nats costs 3 nats, more than the
    # whole reconstruction could gain by it.
    assert abs(logs["kl"][-1] - 1.5) < 0.1


def test_free_bits_prevent_the_collapse_of_units():
    x = rows()
    plain, free = (
        model(latent_dim=4, beta=6.0, constraint=constraint)
        for constraint in (None, FreeBits(0.3))
    )
    for made in (plain, free):
        made.fit(x, epochs=40, verbose=0)
    # Free units stay at 0.3 nats, a variance of the mean far above 0.01.
    assert evaluation.active_units(plain, x) < 4
    assert evaluation.active_units(free, x) == 4


def test_free_bits_need_a_prior_that_factorizes():
    mixture = tfd.MixtureSameFamily(
        tfd.Categorical(logits=[0.0, 0.0]),
        tfd.Independent(tfd.Normal(tf.zeros([2, 3]), 1.0), 1),
    )
    with pytest.raises(TypeError, match="The prior .*Capacity"):
        constrained(FreeBits(0.1), POSTERIOR, mixture)


@pytest.mark.parametrize(
    "options",
    [
        {"beta": -1.0},
        {"beta": float("nan")},
        {"constraint": "free"},
        {"constraint": {"free_bits": {"minimum": -0.1}}},
        {"constraint": {"capacity": {"target": -5}}},
    ],
)
def test_out_of_range_is_refused(options):
    with pytest.raises(ValueError, match="Expected"):
        keras_ae.BetaVAE.create((8,), 2, hidden=(4,), **options)


def test_other_types_are_refused():
    for options in ({"beta": "4"}, {"constraint": 0.5}):
        with pytest.raises((TypeError, ValueError), match="Expected"):
            keras_ae.BetaVAE.create((8,), 2, hidden=(4,), **options)


def test_number_and_constant_schedule_are_one():
    made = keras_ae.BetaVAE.create((8,), 2, hidden=(4,), beta=2.5)
    assert isinstance(made.beta, Constant)
    assert float(made.loss_weights(made.moment(), {})["kl"]) == 2.5
