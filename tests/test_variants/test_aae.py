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


def test_each_player_moves_its_own_part_alone():
    made = model()
    made.fit(X[:64], verbose=0)  # a decoder starts from the mean of its data
    names = ("encoder", "decoder", "discriminator")
    for frozen in (made.optimizer, made.discriminator_optimizer):
        rate = float(frozen.learning_rate)
        frozen.learning_rate = 0.0
        before = {n: getattr(made, n).get_weights() for n in names}
        made.fit(X[:64], verbose=0)
        frozen.learning_rate = rate
        for name, weights in before.items():
            after = getattr(made, name).get_weights()
            moved = any(
                (a != b).any() for a, b in zip(weights, after, strict=True)
            )
            judge = name == "discriminator"
            assert moved == (judge == (frozen is made.optimizer))


def test_terms_are_one_for_each_draw_and_example():
    made = model(samples=3, posterior="gaussian")
    terms = made.objective(X[:7])
    assert terms["adversarial"].shape == (3, 7)
    assert terms["discriminator"].shape == (3, 7)
    assert not made.batch_statistics


def test_negative_strength_is_refused():
    with pytest.raises(ValueError, match="`strength`"):
        model(strength=-1.0)
