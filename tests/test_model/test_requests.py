"""Requests that do not fit a model, as a server would get them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_ae

SHAPE = (4, 4, 1)


def served(folder, **options):
    options = {"likelihood": "bernoulli", "seed": 0} | options
    model = keras_ae.VAE.create(SHAPE, 2, hidden=(8,), **options)
    model.export(folder)
    return model, tf.saved_model.load(folder).signatures


@pytest.fixture(scope="module")
def vae(tmp_path_factory):
    return served(str(tmp_path_factory.mktemp("vae")))


@pytest.mark.parametrize("name", ["reconstruct", "encode", "score"])
@pytest.mark.parametrize("shape", [(2, 16), (2, 4, 4), (2, 16, 1, 1)])
def test_other_shapes_are_refused(vae, name, shape):
    """As many numbers, in another shape: a layer that reshapes takes them."""
    _, signatures = vae
    with pytest.raises(tf.errors.InvalidArgumentError, match="(?i)shape"):
        signatures[name](x=tf.zeros(shape))


def test_codes_of_another_shape_are_refused(vae):
    _, signatures = vae
    with pytest.raises(tf.errors.InvalidArgumentError, match="(?i)shape"):
        signatures["decode"](z=tf.zeros((1, 1, 2)))


@pytest.mark.parametrize("value", [255.0, 1.5, -0.1])
def test_scores_outside_the_support_are_refused(vae, value):
    """Pixels of 0..255 were answered with minus 1.5e8 nats, in earnest."""
    _, signatures = vae
    x = np.full((2, *SHAPE), 0.5, "float32")
    x[1, 0, 0] = value
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"`x`. Expected values in \[0, 1]"
    ):
        signatures["score"](x=tf.constant(x))


def test_pixels_are_refused_whatever_the_likelihood(tmp_path):
    """A Gaussian has a density of 255; an image has no such pixel."""
    model = keras_ae.VAE.create(keras_ae.spaces.Image(4, 4), 2, hidden=(8,))
    model.export(tmp_path)
    score = tf.saved_model.load(str(tmp_path)).signatures["score"]
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"`x`. Expected values in \[0, 1]"
    ):
        score(x=tf.fill((2, *SHAPE), 255.0))
    assert np.isfinite(
        score(x=tf.fill((2, *SHAPE), 0.5))["negative_elbo"]
    ).all()


def test_what_fits_is_answered(vae):
    model, signatures = vae
    x = np.random.default_rng(0).random((3, *SHAPE)).astype("float32")
    x[0], x[1] = 0, 1  # the ends belong to the support
    np.testing.assert_allclose(
        -signatures["score"](x=tf.constant(x))["negative_elbo"],
        model.score_samples(x),
        rtol=1e-5,
    )


def test_any_number_lies_in_the_support_of_a_gaussian(tmp_path):
    model, signatures = served(str(tmp_path), likelihood="gaussian")
    x = tf.fill((1, *SHAPE), 255.0)
    np.testing.assert_allclose(
        -signatures["score"](x=x)["negative_elbo"],
        model.score_samples(x),
        rtol=1e-5,
    )


def test_vectors_that_are_not_one_hot_are_refused(tmp_path):
    model = keras_ae.VAE.create(
        (5, 3), 2, hidden=(8,), likelihood="categorical", seed=0
    )
    model.export(tmp_path)
    score = tf.saved_model.load(str(tmp_path)).signatures["score"]
    x = tf.one_hot([[0, 1, 2, 0, 1]], 3)
    assert np.isfinite(score(x=x)["negative_elbo"])
    with pytest.raises(tf.errors.InvalidArgumentError, match="one-hot"):
        score(x=2 * x)


def test_classes_that_there_are_not_are_refused(tmp_path):
    """They were answered as if no class had been named."""
    model = keras_ae.ConditionalVAE.create(
        SHAPE, 2, condition=3, hidden=(8,), seed=0
    )
    model.export(tmp_path)
    signatures = tf.saved_model.load(str(tmp_path)).signatures
    given = {
        "x": tf.zeros((2, *SHAPE)),
        "z": tf.zeros((2, 2)),
        "seed": tf.constant([0, 1]),
        "condition": tf.constant([0, 3]),
    }
    for name in ("reconstruct", "encode", "decode", "score", "sample"):
        taken = model.export_endpoints()[name][1]
        values = {spec.name: given[spec.name] for spec in taken}
        with pytest.raises(
            tf.errors.InvalidArgumentError,
            match="`condition`. Expected .*0 to 2",
        ):
            signatures[name](**values)


def test_where_nothing_can_be_refused_the_score_is_no_number(vae):
    """XLA and other runtimes leave checks out."""
    model, _ = vae
    x = np.full((2, *SHAPE), 0.5, "float32")
    x[1] = 255
    function, specs = model.export_endpoints()["score"]
    compiled = tf.function(function, input_signature=specs, jit_compile=True)
    for term in compiled(tf.constant(x)).values():
        np.testing.assert_array_equal(np.isnan(term), [False, True])


def test_holes_are_no_numbers_outside(tmp_path):
    model, signatures = served(str(tmp_path), missing="mask")
    x = np.full((1, *SHAPE), 0.5, "float32")
    x[0, 0] = np.nan
    found = signatures["score"](x=tf.constant(x))["negative_elbo"]
    np.testing.assert_allclose(-found, model.score_samples(x), rtol=1e-5)


def codes_refused():
    given = {"likelihood": "bernoulli", "given": 3}
    vae = keras_ae.VAE.create(SHAPE, 2, hidden=(8,))
    told = keras_ae.VAE.create(SHAPE, 2, hidden=(8,), **given)
    posterior = vae.encode(np.zeros((3, *SHAPE)))
    two = np.zeros((2, 2), "float32")  # would unpack to codes and conditions
    return {
        "distribution": (vae, posterior, TypeError, r"Pass its `mean\(\)`"),
        "length": (vae, np.zeros((3, 5)), ValueError, r"\(N, 2\).*\(3, 5\)"),
        "one": (vae, np.zeros(2), ValueError, r"\(N, 2\).*\(2,\)"),
        "untold": (told, two, TypeError, r"\(codes, conditions\).*ndarray"),
    }


@pytest.mark.parametrize("name", ["distribution", "length", "one", "untold"])
def test_codes_that_do_not_fit_are_refused(name):
    model, z, error, words = codes_refused()[name]
    with pytest.raises(error, match=words):
        model.decode(z)


def test_codes_may_be_lists_and_have_draws_in_front():
    model = keras_ae.VAE.create(SHAPE, 2, hidden=(8,), seed=0)
    z = np.random.default_rng(0).normal(size=(5, 3, 2)).astype("float32")
    mean = model.decode(z).mean()
    assert mean.shape == (5, 3, *SHAPE)
    np.testing.assert_allclose(
        model.decode(z[4].tolist()).mean(), mean[4], atol=1e-6
    )


@pytest.mark.parametrize("name", ["embed", "reconstruct", "score_samples"])
def test_symbols_are_refused_with_what_to_call(name):
    model = keras_ae.VAE.create(SHAPE, 2, hidden=(8,))
    with pytest.raises(TypeError, match="symbolic.*In a graph call"):
        tf.function(getattr(model, name)).get_concrete_function(
            tf.TensorSpec([None, *SHAPE])
        )


def test_codes_in_a_graph_of_keras():
    """A layer may encode; `keras.Input` alone has no values."""

    class Codes(keras.Layer):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def call(self, x):
            return self.model.encode(x).mean()

    model = keras_ae.VAE.create(SHAPE, 2, hidden=(8,))
    x = keras.Input(SHAPE)
    with pytest.raises(TypeError, match="symbolic.*in the `call` of a layer"):
        model.encode(x)
    head = keras.Model(x, Codes(model)(x))
    rows = np.random.default_rng(0).uniform(size=(3, *SHAPE))
    np.testing.assert_allclose(head(rows), model.embed(rows), atol=1e-6)
