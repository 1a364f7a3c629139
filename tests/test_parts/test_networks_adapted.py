"""Networks that start from the moments of data."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae.contract import tools
from keras_ae.core import validation
from keras_ae.parts import heads

SHAPE = (4, 6, 2)
HEADS = {
    "gaussian": heads.Gaussian,
    "shared": lambda: heads.Gaussian("shared"),
    "shared, data": lambda: heads.Gaussian("shared", start="data"),
    "learned, data": lambda: heads.Gaussian("learned", start="data"),
    "fixed": lambda: heads.Gaussian(0.5),
    "bernoulli": heads.Bernoulli,
    "point": heads.Point,
    "categorical": heads.Categorical,
}
every_head = pytest.mark.parametrize(
    "head", ["shared, data", "learned, data", "fixed", "bernoulli", "point"]
)


def decoder(head="gaussian", network="mlp", shape=SHAPE, **options):
    """Of a model just made; silent (all features 0) at code 0."""
    settings = {} if network in ("linear", "tied") else {"hidden": (5, 3)}
    return keras_ae.Autoencoder.create(
        shape,
        3,
        network=network,
        likelihood=HEADS[head]() if isinstance(head, str) else head,
        seed=0,
        **settings | options,
    ).decoder


def silent(network):
    return network(tf.zeros([1, 3]))


def data(n=50):
    """Means and deviations that differ from value to value, inside (0, 1)."""
    rng = np.random.default_rng(0)
    mean, spread = rng.uniform(0.3, 0.7, SHAPE), rng.uniform(0, 0.3, SHAPE)
    return mean + spread * rng.uniform(-1, 1, (n, *SHAPE))


@every_head
@pytest.mark.parametrize("network", ["mlp", "linear", "gated"])
def test_the_first_mean_is_that_of_the_data(head, network):
    network = decoder(head, network)
    x = data()
    network.adapt(x)
    np.testing.assert_allclose(silent(network).mean()[0], x.mean(0), rtol=1e-5)


def test_tied_networks_have_a_bias_of_their_own():
    model = keras_ae.Autoencoder.create(
        SHAPE, 3, network="tied", likelihood=HEADS["shared, data"](), seed=0
    )
    x = data()
    model.decoder.adapt(x)
    found = silent(model.decoder).mean()[0]
    np.testing.assert_allclose(found, x.mean(0), rtol=1e-5)
    assert not model.encoder.projection.bias.numpy().any()


@every_head
def test_a_bias_of_channels_has_the_mean_of_channels(head):
    network = decoder(head, "strided")
    x = data()
    network.adapt(x)
    expected = np.broadcast_to(x.mean((0, 1, 2)), SHAPE)
    found = silent(network).mean()[0]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("head", ["shared, data", "learned, data"])
@pytest.mark.parametrize("network", ["mlp", "strided", "linear"])
@pytest.mark.parametrize("wide", [1.0, 0.01], ids=["wide", "narrow"])
def test_the_scale_is_the_error_at_random_codes(head, network, wide):
    """The most likely shared scale before there is anything learned."""
    hidden = {} if network == "linear" else {"hidden": (64, 64)}
    network = decoder(head, network, **hidden)
    x = 5 + wide * data()
    network.adapt(x)
    rng = np.random.default_rng(1)
    z = tf.constant(rng.normal(size=(2000, 3)), tf.float32)
    found = network(z)
    error = found.mean().numpy() - x[rng.integers(len(x), size=2000)]
    # The mean square of 100 probes of 3 numbers each: a relative error of
    # sqrt(2 / 300) = 0.08, half of it of the root, four times that at most.
    np.testing.assert_allclose(
        found.stddev()[0].numpy().mean(),
        np.sqrt(np.mean(error**2)),
        rtol=0.16,
    )


@pytest.mark.parametrize("head", ["shared", "gaussian"])
def test_a_scale_that_starts_at_a_number_keeps_all(head):
    network = decoder(head)
    before = [w.numpy() for w in network.weights]
    network.adapt(data())
    for weight, old in zip(network.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)
    scale = {"shared": 1, "gaussian": np.log(2)}[head]
    np.testing.assert_allclose(silent(network).stddev(), scale, rtol=2e-5)


@pytest.mark.parametrize("network", ["mlp", "strided"])
def test_a_learned_scale_starts_where_it_is_told(network):
    head = {"gaussian": {"start": 0.25}}
    network = decoder(head, network)
    for _ in range(2):
        np.testing.assert_allclose(silent(network).stddev(), 0.25, rtol=1e-5)
        network.adapt(data())  # a number stays


def test_one_hot_shares():
    x = np.eye(3)[np.random.default_rng(0).integers(3, size=(200, 4))]
    network = decoder("categorical", shape=(4, 3))
    network.adapt(x)
    found = silent(network).mean()[0]
    np.testing.assert_allclose(found, x.mean(0), rtol=1e-5)


def test_what_was_trained_stays():
    model = keras_ae.Autoencoder.create(
        SHAPE, 3, likelihood=HEADS["shared, data"](), hidden=(5,), seed=0
    )
    x = data().astype("float32")
    model.compile("adam", jit_compile=False)
    model.fit(x, verbose=0)
    before = [w.numpy() for w in model.weights]
    model.decoder.adapt(x)
    for weight, old in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)


def test_a_second_time_changes_nothing():
    network = decoder("shared, data")
    network.adapt(data())
    before = [w.numpy() for w in network.weights]
    network.adapt(2 * data() + 1)
    for weight, old in zip(network.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)


@pytest.mark.parametrize("size", [1, 1000, 10**7])
@pytest.mark.parametrize("network", ["mlp", "strided"])
def test_moments_in_parts_are_those_of_the_whole(size, network, monkeypatch):
    monkeypatch.setattr(validation, "PART", size)
    # A deviation of 1e-3 of a mean: sums of squares would lose it.
    x = (1000 + data()).astype("float32")
    network = decoder("shared, data", network)
    spread = network._spread().mean()
    network.adapt(x)
    first = silent(network)
    axes = 0 if network.body.name != "transposed" else (0, 1, 2)
    mean = np.broadcast_to(x.astype("float64").mean(axes), SHAPE)
    np.testing.assert_allclose(first.mean()[0], mean, rtol=1e-6)
    rest = first.stddev()[0, 0, 0, 0] ** 2 - spread
    np.testing.assert_allclose(rest, np.mean((x - mean) ** 2), rtol=1e-4)


@pytest.mark.filterwarnings("error")
def test_values_that_were_not_observed_do_not_count():
    x = data()
    holes = np.random.default_rng(1).random(x.shape) < 0.3
    holes[:, 0, 0, 0] = True  # never observed
    x[holes] = np.nan
    network = decoder("shared, data")
    network.adapt(x)
    seen = ~holes
    mean = np.where(seen, x, 0).sum(0) / np.maximum(seen.sum(0), 1)
    first = silent(network)
    np.testing.assert_allclose(first.mean()[0], mean, rtol=1e-5)
    assert np.isfinite(first.stddev()).all()


def test_an_untrained_model_explains_data_better():
    """Data far from 0 in units of their deviation."""
    x = (10 + 0.1 * data()).astype("float32")
    values = []
    for adapted in (False, True):
        model = keras_ae.VAE.create(
            SHAPE, 3, likelihood=HEADS["shared, data"](), seed=0
        )
        if adapted:
            model.decoder.adapt(x)
        model.compile("adam", jit_compile=False)
        logs = model.evaluate(x, verbose=0, return_dict=True)
        values.append(logs["reconstruction"])
    # 50 nats a value before; after, normals about as wide as the random
    # decoder strays.
    assert values[0] > 40 * x[0].size
    assert values[1] < 2 * x[0].size


def test_rows_that_do_not_fit():
    network = decoder()
    for rows in (data()[0], data()[:0], data()[..., :1]):
        message = (
            f"`rows`.*4, 6, 2.*Received: shape {re.escape(str(rows.shape))}"
        )
        with pytest.raises(ValueError, match=message):
            network.adapt(rows)
    fresh = keras_ae.DistributionNetwork(
        keras.Sequential([keras.layers.Dense(2)]), "gaussian", 3
    )
    with pytest.raises(ValueError, match="not built.*Call `build`"):
        fresh.adapt(np.ones([3, 3]))


def test_the_start_is_saved(tmp_path):
    model = keras_ae.VAE.create(
        SHAPE, 3, likelihood=HEADS["learned, data"](), hidden=(5,), seed=0
    )
    x = data().astype("float32")
    model.decoder.adapt(x)
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    assert twin.decoder.head.start == "data"
    np.testing.assert_array_equal(twin.predict(x), model.predict(x))


@pytest.mark.parametrize("name", keras_ae.variants())
def test_the_decoder_of_every_variant_starts_from_data(name):
    """Whatever its codes are, and what it is told beside them."""
    model = tools.make(keras_ae.get(name))
    x = tools.examples(tools.rows(type(model)))
    model.decoder.adapt(x)
    first = model.decoder.head.start_from(x.mean(0), x.var(0))
    if first:
        bias = model.decoder.projection.bias.numpy()
        # The moments here are of single precision.
        np.testing.assert_allclose(
            bias[: x[0].size], first[0].ravel(), rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("scale", ["shared", "learned", 0.5])
def test_log_normals_start_alike_in_every_unit(scale, unit):
    x = unit * np.exp(0.1 * np.random.default_rng(0).normal(size=(4000, 3)))
    head = keras_ae.heads.LogNormal(
        scale, start=None if isinstance(scale, float) else "data"
    )
    model = keras_ae.VAE.create((3,), 2, hidden=(8,), likelihood=head, seed=0)
    kernel = model.decoder.projection.kernel
    kernel.assign(0 * kernel)  # a network that does not stray from its bias
    model.decoder.adapt(x)
    found = model.decode(np.zeros([1, 2], "float32"))
    np.testing.assert_allclose(found.mean()[0], x.mean(axis=0), rtol=1e-3)
    # That of the logarithm is 0.1; of 4,000, to one part in 90.
    expected = 0.5 if isinstance(scale, float) else 0.1
    deviation = found.distribution.scale
    np.testing.assert_allclose(deviation, 0 * deviation + expected, rtol=0.04)


def test_the_scale_of_a_log_normal_is_that_of_what_an_untrained_network_says():
    noise = 0.1 * np.random.default_rng(0).normal(size=(4000, 3))
    found = []
    for unit in (1e-3, 1.0, 1e3):
        model = keras_ae.VAE.create(
            (3,),
            2,
            hidden=(8,),
            likelihood=keras_ae.heads.LogNormal("shared", start="data"),
            seed=0,
        )
        z = np.random.default_rng(1).normal(size=(4000, 2)).astype("float32")
        strays = np.log(model.decode(z).mean())
        model.decoder.adapt(unit * np.exp(noise))
        found.append(float(model.decoder.head.monitors()["scale"]))
    np.testing.assert_allclose(found, found[0], rtol=1e-4)
    # Unadapted, a mean is exp(f(z) + 1 / 2); the network's squares are those
    # of 100 other codes.
    strays = np.mean((strays - 0.5) ** 2)
    np.testing.assert_allclose(found[0], np.sqrt(0.1**2 + strays), rtol=0.1)
