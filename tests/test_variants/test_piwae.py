"""Two bounds on one pass, and who learns from which."""

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

import keras_ae

X = np.random.default_rng(0).random((64, 6)).astype("float32")


def model(groups=3, samples=4):
    made = keras_ae.PIWAE.create(
        (6,), 2, hidden=(8,), groups=groups, samples=samples, seed=0
    )
    made.compile(
        keras.optimizers.SGD(0.1),
        decoder_optimizer=keras.optimizers.SGD(0.1),
        jit_compile=False,
    )
    return made


def passed(made):
    """The terms of a pass, and the weights of its draws, `[M * K, B]`."""
    forward = made.forward(made.batch(X), made.moment(training=True))
    return (
        made.loss_terms(forward, made.moment()),
        made.log_weights(forward).numpy(),
    )


def test_bounds_are_those_of_all_draws_and_of_groups():
    terms, log_w = passed(model())
    every = scipy.special.logsumexp(log_w, axis=0) - np.log(12)
    np.testing.assert_allclose(terms["bound"], -every, rtol=1e-5)
    # Draws 0, 3, 6, 9 are a group: any partition of them is as good.
    grouped = scipy.special.logsumexp(log_w.reshape(4, 3, 64), axis=0)
    grouped = (grouped - np.log(4)).mean(axis=0)
    np.testing.assert_allclose(terms["grouped_bound"], -grouped, rtol=1e-5)
    assert (every >= grouped - 1e-5).all()


def test_ends_are_the_iwae_and_the_vae():
    terms, _ = passed(model(groups=1))
    np.testing.assert_allclose(terms["bound"], terms["grouped_bound"])
    terms, log_w = passed(model(samples=1))
    loose = log_w.mean(axis=0)
    np.testing.assert_allclose(terms["grouped_bound"], -loose, rtol=1e-5)


@pytest.mark.parametrize(
    "part, term", [("encoder", "grouped_bound"), ("decoder", "bound")]
)
def test_each_player_descends_its_own_bound(part, term):
    made, twin = model(), model()
    twin.build_optimizers()
    twin.train_step((tf.constant(X),))
    batch, moment = made.batch(X), made.moment(training=True)
    with tf.GradientTape() as tape:
        forward = made.forward(batch, moment)
        terms = made.reduce(made.loss_terms(forward, moment), forward)
    own = getattr(made, part).trainable_variables
    slopes = tape.gradient(terms[term], own)
    moved = getattr(twin, part).trainable_variables
    for before, slope, after in zip(own, slopes, moved, strict=True):
        np.testing.assert_allclose(
            after, before - 0.1 * slope, rtol=1e-5, atol=1e-6
        )


def test_less_than_one_group_is_refused():
    with pytest.raises(ValueError, match="`groups`"):
        keras_ae.PIWAE.create((6,), 2, groups=0)
