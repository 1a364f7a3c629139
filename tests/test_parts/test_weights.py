"""Controls reach what they are set to, and resume where they were."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae.parts import schedules
from keras_ae.parts import weights

RNG = np.random.default_rng(0)
X = RNG.normal(size=(256, 2)) @ RNG.normal(size=(2, 6))
X = (X + 0.3 * RNG.normal(size=X.shape)).astype("float32")


def model(**loss_weights):
    made = keras_ae.VAE.create((6,), 2, network="linear", seed=0)
    made.compile(
        keras.optimizers.Adam(0.01),
        loss_weights=loss_weights,
        jit_compile=False,
    )
    return made


@pytest.mark.parametrize(
    "name, control, goal",
    [
        ("reconstruction", weights.GECO(tolerance=4.0, rate=0.03), 4.0),
        ("kl", weights.ControlVAE(2.0, integral=0.03), 2.0),
    ],
)
def test_the_term_ends_at_what_was_asked_for(name, control, goal):
    made, found = model(**{name: control}), []
    for rate, steps in ((0.03, 300), (0.003, 300), (0.001, 200)):
        made.optimizer.learning_rate = rate
        rows = np.tile(X, (steps, 1))
        logs = made.fit(rows, batch_size=256, shuffle=False, verbose=0).history
        found.append(logs[name][0])
    assert abs(found[-1] / goal - 1) < 0.01
    assert abs(float(control.value(0)) - 1) > 0.2  # it had to do something


def test_geco_is_the_papers_multiplier():
    control = weights.GECO(3.0, rate=0.1, decay=0.5)
    c, multiplier = 0.0, 1.0
    for term in (9.0, 3.5, 2.0, 2.9):
        control.update(tf.constant(term), step=0)
        c = 0.5 * c + 0.5 * (term - 3.0)
        multiplier *= np.exp(0.1 * np.clip(c, -1, 1))
        np.testing.assert_allclose(control.value(0), multiplier, rtol=1e-6)


def test_control_vae_is_a_pi_controller_that_does_not_wind_up():
    target = schedules.Linear(0.0, 4.0, steps=4)
    control = weights.ControlVAE(target, 0.5, 0.1, limits=(0.1, 2.0))
    total = 0.1
    for step, term in enumerate([9.0, 9.0, 9.0, 3.0, 0.0]):
        control.update(tf.constant(term), tf.constant(step))
        error = step - term
        total = np.clip(total - 0.1 * error, 0.1, 2.0)
        expected = np.clip(total + 0.5 / (1 + np.exp(error)), 0.1, 2.0)
        np.testing.assert_allclose(control.value(0), expected, rtol=1e-6)
    assert total < 2.0  # two errors against the sum, and it is on its way


def test_controls_resume_exactly_and_are_no_weights_of_the_model(tmp_path):
    asked = {
        "kl": {"control_vae": {"target": 1.0}},
        "reconstruction": weights.GECO(tolerance=5.0),
    }
    whole = model(**asked)
    plain = keras_ae.VAE.create((6,), 2, network="linear", seed=1)
    assert len(whole.get_weights()) == len(plain.get_weights())
    logs = whole.fit(X, batch_size=256, verbose=0).history
    # The first step is of the weights that they start with.
    np.testing.assert_allclose(logs["loss"], logs["reconstruction"], rtol=1e-6)
    whole.save(tmp_path / "half.keras")
    half = keras.saving.load_model(tmp_path / "half.keras")
    for number, saved in zip(whole.states(), half.states(), strict=True):
        np.testing.assert_array_equal(number, saved)
    pairs = [m.fit(X, verbose=0).history for m in (whole, half)]
    assert pairs[0] == pairs[1]
    whole.save_to_preset(tmp_path / "preset")
    loaded = keras_ae.VAE.from_preset(tmp_path / "preset")
    np.testing.assert_array_equal(loaded.predict(X), whole.predict(X))


@pytest.mark.parametrize(
    "make",
    [
        lambda: weights.GECO(float("nan")),
        lambda: weights.GECO(1.0, rate=0.0),
        lambda: weights.GECO(1.0, decay=1.0),
        lambda: weights.ControlVAE(-1.0),
        lambda: weights.ControlVAE(1.0, limits=(2.0, 1.0)),
        lambda: model(kl={"gecko": {"tolerance": 1.0}}),
        lambda: model(elbo=1.0),
        lambda: model(kl=-1.0),
    ],
)
def test_out_of_range_is_refused(make):
    with pytest.raises(ValueError, match="Expected"):
        make()
