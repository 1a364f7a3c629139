"""Codes that pass for draws of the prior."""

import keras
import numpy as np
import pytest

import keras_ae
from keras_ae.math import discrepancies

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, size=(512, 2)) @ RNG.normal(size=(2, 5)) * 3 + 2
X = X.astype("float32")


def model(**options):
    made = keras_ae.AAE.create((5,), 2, hidden=(32,), seed=0, **options)
    made.compile(
        keras.optimizers.Adam(2e-3, beta_1=0.5),
        discriminator_optimizer=keras.optimizers.Adam(2e-3, beta_1=0.5),
        jit_compile=False,
    )
    return made


def test_codes_become_normal():
    made = model()
    drawn = RNG.normal(size=(512, 2)).astype("float32")
    before = float(discrepancies.mmd(made.embed(X), drawn))
    made.fit(np.tile(X, (150, 1)), batch_size=256, verbose=0)
    after = float(discrepancies.mmd(made.embed(X), drawn))
    assert before > 0.5
    assert after < before / 5


def test_each_player_minimizes_and_owns_its_part():
    made = model(strength=3.0)
    player, judge = made.players()
    assert player.terms == ("reconstruction", "adversarial")
    assert judge.terms == ("discriminator",)
    assert judge.variables == made.discriminator.trainable_variables
    assert len(player.variables) + len(judge.variables) == len(
        made.trainable_variables
    )
    own = made.loss_weights(made.moment(), {})
    assert own == {"adversarial": 3.0, "accuracy": 0.0}


def test_terms_are_one_for_each_draw_and_example():
    made = model(samples=3, posterior="gaussian")
    terms = made.objective(X[:7])
    assert terms["adversarial"].shape == (3, 7)
    assert terms["discriminator"].shape == (3, 7)
    assert not made.batch_statistics


def test_negative_strength_is_refused():
    with pytest.raises(ValueError, match="`strength`"):
        model(strength=-1.0)
