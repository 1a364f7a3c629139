"""Costs in the place of a likelihood."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae.analysis import evaluation
from keras_ae.jobs import scores

X = np.random.default_rng(0).uniform(size=(7, 12, 11, 1)).astype("float32")


def eye():
    """A network of two outputs."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((12, 11, 1))
    first = keras.layers.Conv2D(3, 3, 2, activation="tanh")(inputs)
    last = keras.layers.Dense(4)(keras.layers.Flatten()(first))
    return keras.Model(inputs, [first, last])


@pytest.fixture(scope="module")
def models():
    heads = {
        "ms_ssim": keras_ae.heads.MSSSIM(),
        "features": keras_ae.heads.Features(eye(), strength=2.0),
    }
    return {
        name: keras_ae.VAE.create(
            keras_ae.spaces.Image(12, 11), 2, hidden=(4,), likelihood=head
        )
        for name, head in heads.items()
    }


@pytest.fixture(params=["ms_ssim", "features"])
def model(request, models):
    return models[request.param]


def cost(model, z):
    """The cost of the examples at codes."""
    return -model.decode(z).log_prob(X).numpy()


def test_a_cost_of_features_is_their_squared_distance(models):
    z = np.random.default_rng(1).normal(size=(7, 2)).astype("float32")
    decoded = models["features"].decode(z).mean()
    total = 0.0
    for a, b in zip(eye()(X), eye()(decoded), strict=True):
        total = total + ((a - b).numpy().reshape(7, -1) ** 2).sum(1)
    np.testing.assert_allclose(cost(models["features"], z), 2 * total, 1e-5)


def test_a_cost_of_similarity_is_the_number_of_values_at_most(models):
    z = np.random.default_rng(1).normal(size=(7, 2)).astype("float32")
    decoded = models["ms_ssim"].decode(z).mean()
    expected = 132 * (1 - tf.image.ssim(X, decoded, 1.0))
    np.testing.assert_allclose(cost(models["ms_ssim"], z), expected, rtol=1e-4)


def test_draws_of_the_code_have_a_cost_each(model):
    z = np.random.default_rng(1).normal(size=(3, 7, 2)).astype("float32")
    expected = [cost(model, codes) for codes in z]
    np.testing.assert_allclose(cost(model, z), expected, rtol=1e-5)


def test_a_row_is_scored_alone_and_as_before_once_saved(model, tmp_path):
    expected = model.score_samples(X)
    assert len(set(expected)) == 7
    np.testing.assert_allclose(model.score_samples(X[3:5]), expected[3:5], 1e-5)
    model.save(tmp_path / "model.keras")
    model.save_to_preset(tmp_path / "preset")
    for twin in (
        keras.saving.load_model(tmp_path / "model.keras"),
        keras_ae.load(tmp_path / "preset"),
    ):
        np.testing.assert_array_equal(twin.score_samples(X), expected)


@pytest.mark.parametrize(
    "name", ["ms_ssim", pytest.param("features", marks=pytest.mark.long)]
)
def test_a_served_model_scores_as_it_does_here(name, models, tmp_path):
    model = models[name]
    model.export(tmp_path / "served")  # which compares with Python
    served = tf.saved_model.load(tmp_path / "served").signatures["score"]
    found = served(x=tf.constant(X))["negative_elbo"]
    np.testing.assert_allclose(-found, model.score_samples(X), rtol=1e-5)


def test_a_step_moves_the_decoder_and_no_feature(model):
    before = [w.numpy() for w in model.decoder.head.weights]
    model.compile(keras.optimizers.SGD(1e-3), run_eagerly=True)
    kernel = model.decoder.projection.kernel.numpy()
    history = model.fit(X, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert (model.decoder.projection.kernel.numpy() != kernel).any()
    for old, new in zip(before, model.decoder.head.weights, strict=True):
        np.testing.assert_array_equal(old, new)


def test_what_is_no_density_has_no_likelihood(model):
    for function in (
        evaluation.log_likelihood,
        evaluation.elbo,
        evaluation.bits_per_dimension,
    ):
        with pytest.raises(TypeError, match="no density.*Expected a likelih"):
            function(model, X)
    assert scores.Likelihood().lacking(model) == "a likelihood"
    head = model.decoder.head
    assert not keras_ae.heads.Columns([head, "gaussian"], [1, 1]).normalized


@pytest.mark.parametrize(
    "head, shape",
    [
        ("ms_ssim", (10, 20, 1)),
        ("ms_ssim", (121,)),
        ({"ms_ssim": {"strength": 0.0}}, (12, 12, 1)),
        ({"features": {"network": "vgg"}}, (12, 12, 1)),
        ({"features": {"network": eye(), "activation": "relu"}}, (12, 11, 1)),
    ],
)
def test_what_cannot_be_compared_is_refused(head, shape):
    with pytest.raises((TypeError, ValueError), match="Expected.*Received"):
        keras_ae.VAE.create(shape, 2, hidden=(4,), likelihood=head)


def test_a_network_of_other_examples_is_refused():
    head = keras_ae.heads.Features(eye())
    with pytest.raises(ValueError, match="shape"):
        keras_ae.VAE.create((12, 12, 1), 2, hidden=(4,), likelihood=head)


def test_holes_are_refused_when_it_is_made():
    with pytest.raises(ValueError, match="Holes need a likelihood"):
        keras_ae.VAE.create(
            keras_ae.spaces.Image(12, 11),
            2,
            likelihood="ms_ssim",
            missing="mask",
        )
