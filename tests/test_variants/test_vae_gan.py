"""Three players: what each minimizes, with which optimizer, to what end."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae.zoo import datasets

X = np.random.default_rng(0).random((32, 8)).astype("float32")


def model(**options):
    return keras_ae.VAEGAN.create((8,), 2, hidden=(16,), seed=0, **options)


def test_feature_is_half_the_squared_distance_of_features():
    made = model()
    a, b = X[:5], X[5:10]
    kernel, bias = made.discriminator.body.get_weights()

    def features(x):
        return np.maximum(x @ kernel + bias, 0)

    distance = ((features(a) - features(b)) ** 2).sum(axis=1)
    expected = distance / 2 + 16 / 2 * np.log(2 * np.pi)
    moment = made.moment()
    seen, _ = made.judged(tf.constant(a), moment)
    np.testing.assert_allclose(seen, features(a), rtol=1e-5, atol=1e-6)
    forward = made.forward(made.batch(a), moment)
    extras = forward.extras | {"decoded": made.judged(tf.constant(b), moment)}
    terms = made.loss_terms(forward._replace(extras=extras), moment)
    np.testing.assert_allclose(terms["feature"], expected, rtol=1e-5)


def test_draws_have_an_axis_of_their_own():
    made = model(samples=3)
    terms = made.objective(X)
    assert terms["feature"].shape == (3, 32)
    assert terms["adversarial"].shape == (3, 32)


@pytest.mark.parametrize("player", ["encoder", "decoder", "discriminator"])
def test_each_player_moves_its_own_part_alone(player):
    made = model()
    rates = {p: 0.0 for p in ("encoder", "decoder", "discriminator")}
    rates[player] = 0.1
    made.compile(
        keras.optimizers.SGD(rates["encoder"]),
        decoder_optimizer=keras.optimizers.SGD(rates["decoder"]),
        discriminator_optimizer=keras.optimizers.SGD(rates["discriminator"]),
        jit_compile=False,
    )
    before = {p: getattr(made, p).get_weights() for p in rates}
    made.fit(X, verbose=0)
    for part, weights in before.items():
        after = getattr(made, part).get_weights()
        moved = [
            not np.array_equal(a, b)
            for a, b in zip(weights, after, strict=True)
        ]
        assert all(moved) if part == player else not any(moved)


def test_players_minimize_what_the_paper_says():
    # Algorithm 1 of Larsen et al., with their gamma = 1 / strength.
    made = model(strength=3.0)
    made.compile(jit_compile=False)
    names = [player.terms for player in made.players()]
    own = made.loss_weights(made.moment(), {})
    weights = {n: float(own.get(n, 1.0)) for n in made.terms}
    minimized = [{n: weights[n] for n in s if weights[n]} for s in names]
    assert minimized == [
        {"feature": 1.0, "kl": 1.0},
        {"feature": 1.0, "adversarial": 3.0},
        {"discriminator": 1.0},
    ]


def test_loss_is_the_weighted_sum_with_shared_terms_once():
    made = model(strength=3.0)
    made.compile(jit_compile=False)
    logs = made.fit(X, batch_size=8, epochs=2, verbose=0).history
    logs = {name: np.array(values) for name, values in logs.items()}
    expected = (
        logs["feature"]
        + logs["kl"]
        + 3.0 * logs["adversarial"]
        + logs["discriminator"]
    )
    np.testing.assert_allclose(logs["loss"], expected, rtol=1e-5)
    assert set(logs) == {"loss", *made.terms}


def test_optimizers_and_their_states_survive_saving(tmp_path):
    made = model()
    made.compile(
        "rmsprop",
        decoder_optimizer=keras.optimizers.Adam(1e-3, beta_1=0.5),
        discriminator_optimizer="adam",
        jit_compile=False,
        steps_per_execution=2,
    )
    made.fit(X, batch_size=8, verbose=0)
    made.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert isinstance(loaded.optimizer, keras.optimizers.RMSprop)
    assert isinstance(loaded.discriminator_optimizer, keras.optimizers.Adam)
    assert loaded.decoder_optimizer.beta_1 == 0.5
    assert int(loaded.decoder_optimizer.iterations) == 4
    assert loaded.get_compile_config() == made.get_compile_config()
    again = [m.fit(X, batch_size=8, verbose=0).history for m in (made, loaded)]
    assert again[0] == again[1]


@pytest.mark.parametrize("network", ["conv", "strided"])
def test_codes_on_a_grid_are_judged_by_one_number(network):
    model = keras_ae.VAEGAN.create(
        (8, 8, 1), (2, 2, 3), network=network, hidden=(4, 4), seed=0
    )
    terms = model.objective(np.zeros([3, 8, 8, 1], "float32"))
    assert model.discriminator.event_shape == (1,)
    assert terms["discriminator"].shape == (3,)


def test_optimizers_not_given_are_like_the_first():
    made = model()
    made.compile(keras.optimizers.SGD(0.25, momentum=0.5))
    for optimizer in (made.decoder_optimizer, made.discriminator_optimizer):
        assert isinstance(optimizer, keras.optimizers.SGD)
        assert optimizer is not made.optimizer
        assert float(optimizer.learning_rate) == 0.25
        assert optimizer.momentum == 0.5


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="`strength`"):
        model(strength=-1.0)
    with pytest.raises(TypeError, match="`discriminator`"):
        model(discriminator=keras.layers.Dense(1))
    with pytest.raises(ValueError, match="own loss"):
        model().compile("adam", "mse")


def sharpness(x):
    """Mean length of the gradient between neighbouring pixels."""
    down, right = np.diff(x, axis=1)[:, :, :-1], np.diff(x, axis=2)[:, :-1]
    return np.hypot(down, right).mean()


@pytest.fixture(scope="module")
def trained():
    """A VAE and a VAE-GAN of the same size on digits, and its history."""
    (x, _), (x_test, _) = datasets.load("digits")
    models = []
    for cls in (keras_ae.VAE, keras_ae.VAEGAN):
        made = cls.create(
            (8, 8, 1), 8, hidden=(128,), likelihood="bernoulli", seed=0
        )
        made.compile(keras.optimizers.Adam(1e-3, beta_1=0.5))
        history = made.fit(x, batch_size=64, epochs=80, verbose=0)
        models.append(made)
    return *models, history.history, x_test


@pytest.mark.long
def test_discriminator_leads_and_is_caught_up(trained):
    _, _, history, _ = trained
    accuracy = np.array(history["accuracy"])
    # It soon tells decoded digits from real ones (0.5 is a guess); then the
    # decoder learns to pass.
    peak = accuracy.argmax()
    assert accuracy[peak] > 0.9
    assert peak < 20
    assert abs(accuracy[-5:].mean() - 0.5) < 0.3


def test_samples_are_as_sharp_as_real_digits(trained):
    vae, gan, _, real = trained
    blur, sharp = (
        abs(sharpness(m.sample(500, seed=0)) - sharpness(real))
        for m in (vae, gan)
    )
    assert sharp < blur / 2


def test_reconstructions_are_of_the_example(trained):
    _, gan, _, x = trained
    distance = ((gan.predict(x)[:, None] - x[None]) ** 2).sum(axis=(2, 3, 4))
    # Nearer to its own example than to half of the others: the median rank
    # of the own one would be a half without any code.
    own = np.diag(distance)[:, None]
    assert np.median((distance < own).mean(axis=1)) < 0.02
