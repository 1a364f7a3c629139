"""Recurrent networks and attention."""

import numpy as np
import pytest

import keras_ae
from keras_ae.parts import networks


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_a_recurrent_decoder_is_causal(rng):
    """The first points do not know how many follow."""
    bodies = [
        networks.pair("recurrent", (n, 2), (3,), (8, 5))[1] for n in (6, 10)
    ]
    bodies[1].set_weights(bodies[0].get_weights())
    z = rng.normal(size=(4, 3)).astype("float32")
    short, long = (body(z) for body in bodies)
    np.testing.assert_allclose(short, long[:, :6], atol=1e-6)


def test_a_recurrent_encoder_is_a_recurrence(rng):
    """The state after a series is that of the rest, from the first part's."""
    body, _ = networks.pair("recurrent", (7, 2), (3,), (4,))
    x = rng.normal(size=(3, 7, 2)).astype("float32")
    gru = body.layers[1]
    state = gru(x[:, :4])[:, -1]
    rest = gru(x[:, 4:], initial_state=state)[:, -1]
    np.testing.assert_allclose(body(x), rest, atol=1e-6)


def test_without_places_tokens_are_a_set(rng):
    """Attention does not know the order but for the vectors added."""
    body, _ = networks.pair("transformer", (12, 1), (3,), (8, 8))
    places = next(v for v in body.weights if "vectors" in v.path)
    x = rng.normal(size=(2, 12, 1)).astype("float32")
    order = rng.permutation(6)  # of tokens of two points
    mixed = x.reshape(2, 6, 2)[:, order].reshape(2, 12, 1)

    def tokens(x):
        return body(x).numpy().reshape(2, 6, 8)

    assert np.abs(tokens(mixed) - tokens(x)[:, order]).max() > 1e-3
    places.assign(np.zeros(places.shape))
    np.testing.assert_allclose(tokens(mixed), tokens(x)[:, order], atol=1e-5)


@pytest.mark.parametrize("shape", [(9, 2), (15, 28, 2), (5, 6, 7, 1)])
def test_patches_cover_any_shape(shape, rng):
    bodies = networks.pair("transformer", shape, (3,), (8,))
    x = rng.normal(size=(2, *shape)).astype("float32")
    before = bodies[0](x).numpy()
    for corner in (0, -1):
        changed = x.copy()
        changed[(slice(None), *[corner] * (len(shape) - 1))] += 1
        assert np.abs(bodies[0](changed) - before).max() > 1e-4
    z = rng.normal(size=(64, 3)).astype("float32")
    features = bodies[1](z).numpy()
    assert features.shape[1:-1] == shape[:-1]
    assert np.ptp(features, axis=0).max(-1).min() > 0


@pytest.mark.parametrize("network", ["recurrent", "transformer"])
def test_sequences_are_saved(network, rng, tmp_path):
    model = keras_ae.VAE.create(
        (9, 2), 3, network=network, hidden=(8, 8), seed=0
    )
    x = rng.uniform(size=(4, 9, 2)).astype("float32")
    model.save_to_preset(tmp_path / "mine")
    again = keras_ae.load(tmp_path / "mine")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


def test_what_is_refused():
    with pytest.raises(ValueError, match="recurrent.*length, channels.*8, 8"):
        networks.pair("recurrent", (8, 8, 1), (2,))
    with pytest.raises(ValueError, match="transformer.*one to three sides"):
        networks.pair("transformer", (8,), (2,))
    with pytest.raises(ValueError, match="hidden.*one width for all"):
        networks.pair("transformer", (8, 1), (2,), (8, 4))
