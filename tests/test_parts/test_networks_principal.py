"""Networks with a linear path are principal component analysis at first."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.decomposition import PCA

import keras_ae
from keras_ae.parts import heads

SHAPE = (8, 6, 2)
CODE = 5


@pytest.fixture(scope="module")
def x():
    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(300, 96)) @ rng.normal(size=(96, 96))
    mixed += 0.1 * rng.normal(size=(300, 96)) + rng.normal(size=96)
    return mixed.reshape(-1, *SHAPE).astype("float32")


def create(variant, network="conv", likelihood=None, **options):
    if network != "linear":
        options["hidden"] = (4,)
    return keras_ae.get(variant).create(
        SHAPE,
        CODE,
        network=network,
        likelihood=likelihood or heads.Gaussian("shared", start="data"),
        linear_path=True,
        seed=0,
        **options,
    )


def squared_error(x, found):
    return np.mean(np.square(x - found, dtype="float64"))


@pytest.mark.parametrize("network", ["conv", "mlp"])
def test_an_autoencoder_is_pca(network, x):
    model = create("autoencoder", network)
    model.adapt(x)
    flat = x.reshape(len(x), -1)
    pca = PCA(CODE, svd_solver="full").fit(flat)
    best = squared_error(flat, pca.inverse_transform(pca.transform(flat)))
    found = squared_error(x, model.predict(x))
    np.testing.assert_allclose(found, best, rtol=1e-4)
    # The most likely deviation, shared by all values, is the error's root; of
    # an error that divides by N - 1, as scikit-learn does.
    scale = model.decoder.head.monitors()["scale"]
    unbiased = best * len(x) / (len(x) - 1)
    np.testing.assert_allclose(scale, np.sqrt(unbiased), rtol=1e-4)
    scores = pca.transform(flat) / np.sqrt(pca.explained_variance_)
    np.testing.assert_allclose(
        np.abs(model.embed(x)), np.abs(scores), atol=1e-3
    )


@pytest.mark.parametrize("learned", ["shared", "learned"])
def test_a_vae_is_probabilistic_pca(learned, x):
    """log p(x, z) - log q(z|x) is log p(x) at every z if q is exact."""
    head = heads.Gaussian(learned, start="data")
    model = create("vae", likelihood=head)
    model.adapt(x)
    flat = x.reshape(len(x), -1)
    expected = PCA(CODE, svd_solver="full").fit(flat).score_samples(flat)
    posterior = model.encode(x)
    z = posterior.sample(3, seed=0)
    found = (
        model.decode(z).log_prob(x)
        + model.p_z().log_prob(z)
        - posterior.log_prob(z)
    )
    # Sums of 96 squares of up to 30 deviations, in single precision.
    np.testing.assert_allclose(found, np.tile(expected, (3, 1)), rtol=1e-4)


def test_with_fewer_rows_than_values_the_deviation_is_the_most_likely():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 100))
    rows += 0.5 * rng.normal(size=(30, 100))
    model = keras_ae.VAE.create(
        100, 2, network="linear", linear_path=True, seed=0
    )
    model.adapt(rows.astype("float32"))
    others = np.linalg.eigvalsh(np.cov(rows, rowvar=False))[:-2]
    scale = model.decoder.head.monitors()["scale"]
    np.testing.assert_allclose(scale, np.sqrt(others.mean()), rtol=1e-4)


def test_a_deviation_that_is_given_stays(x):
    """For it the maps are the best: the bound's gradient is zero."""
    model = create("vae", "linear", heads.Gaussian(4.0))
    model.adapt(x)
    with tf.GradientTape() as tape:
        posterior = model.encode(x)
        # E ||x - Wz - m||^2 in closed form: a Gaussian mean of a quadratic.
        weights = model.decoder.line.kernel / CODE**0.5
        error = tf.reduce_sum(
            (x - model.decode(posterior.mean()).mean()) ** 2, [1, 2, 3]
        )
        spread = tf.reduce_sum(
            posterior.variance() * tf.reduce_sum(weights**2, 1), -1
        )
        kl = posterior.kl_divergence(model.p_z())
        loss = tf.reduce_mean((error + spread) / (2 * 4.0**2) + kl)
    maps = [model.encoder.line.kernel, model.decoder.line.kernel]
    gradients = tape.gradient(loss, maps)
    for gradient, weight in zip(gradients, maps, strict=True):
        # The covariance that PCA takes has N - 1 where the loss has N.
        assert np.abs(gradient * weight).max() < 2 / len(x)


@pytest.mark.parametrize("variant", ["vae", "autoencoder"])
@pytest.mark.parametrize(
    "values, hidden, epochs", [(4096, 16, 6), (64, 4096, 1)]
)
def test_training_does_not_lose_the_start(variant, values, hidden, epochs):
    """A step of Adam moves each of thousands of numbers, that are summed, by
    as much: of the map, or of the projection."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 12)) @ rng.normal(size=(12, values))
    x *= 1.6 / np.sqrt(values)
    x = (x + 0.5 + 0.03 * rng.normal(size=x.shape)).astype("float32")
    model = keras_ae.get(variant).create(
        values,
        8,
        hidden=(hidden,),
        linear_path=True,
        likelihood=heads.Gaussian("shared", start="data"),
        seed=0,
    )
    model.adapt(x)
    model.compile("adam")
    start = model.evaluate(x, verbose=0, return_dict=True)["loss"]
    model.fit(x, batch_size=64, epochs=epochs, verbose=0)
    assert model.evaluate(x, verbose=0, return_dict=True)["loss"] < start


def test_training_goes_on_from_there(tmp_path):
    """A parabola, which no line is near."""
    t = np.random.default_rng(0).normal(size=(512, 1))
    x = np.concatenate([2 * t, t**2], axis=1).astype("float32")
    model = keras_ae.Autoencoder.create(
        2, 1, hidden=(32,), linear_path=True, seed=0
    )
    model.adapt(x)
    first = model.predict(x)
    model.adapt(2 * x + 1)  # a second time changes nothing
    np.testing.assert_array_equal(model.predict(x), first)
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    model.fit(x, epochs=40, verbose=0)
    assert squared_error(x, model.predict(x)) < squared_error(x, first) / 3
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


def test_fewer_rows_than_numbers_in_the_code(x):
    model = create("vae", "linear")
    model.adapt(x[:3])
    assert np.isfinite(model.score_samples(x[:3])).all()
    found = model.predict(x[:3])
    np.testing.assert_allclose(found, x[:3], atol=0.1)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"likelihood": "bernoulli"}, "means alone.*gaussian.*Bernoulli"),
        ({"posterior": heads.Point("tanh")}, "means alone.*Point"),
    ],
)
def test_what_is_no_mean(options, words, x):
    model = create("autoencoder", **options)
    with pytest.raises(ValueError, match=words):
        model.adapt(np.clip(x, 0, 1))


def test_a_grid_is_refused():
    with pytest.raises(ValueError, match="flat code.*8, 8, 1.*2, 2, 3"):
        keras_ae.Autoencoder.create(
            (8, 8, 1), (2, 2, 3), network="conv", linear_path=True
        )


def test_counts_are_refused():
    space = keras_ae.spaces.Counts(5)
    model = keras_ae.VAE.create(
        space, 2, hidden=(4,), linear_path=True, likelihood="gaussian"
    )
    with pytest.raises(ValueError, match="read as they are.*Counts"):
        model.adapt(np.ones([9, 5]))
