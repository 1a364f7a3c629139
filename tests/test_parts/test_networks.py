"""Networks: shapes, sample axes, own parts, and what `linear` means."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae.parts import networks


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def _conv(shape, network="strided", **options):
    return keras_ae.Autoencoder.create(
        shape, 3, network=network, hidden=(4, 6), seed=0, **options
    )


SHAPES = [
    *[(8, 8, 1), (28, 28, 1), (32, 32, 3), (7, 9, 1), (15, 28, 2), (1, 5, 1)],
    *[(8, 1), (21, 3), (1, 2)],
]


@pytest.mark.parametrize("shape", SHAPES)
def test_strided_halves_once_a_layer(shape, rng):
    x = rng.uniform(size=(2, *shape)).astype("float32")
    model = _conv(shape)
    assert model(x).shape == x.shape
    # Each of two strides of 2 rounds up: ceil(ceil(n / 2) / 2) = ceil(n / 4).
    small = [math.ceil(n / 4) for n in shape[:-1]]
    last = model.encoder.body.layers[-1]
    assert last.output.shape == (None, math.prod(small) * 6)


@pytest.mark.parametrize("shape", [*SHAPES, (5, 6, 7, 2), (8, 1, 4, 1)])
def test_conv_gives_back_the_shape_it_got(shape, rng):
    x = rng.uniform(size=(2, *shape)).astype("float32")
    model = keras_ae.Autoencoder.create(shape, 3, network="conv", seed=0)
    assert model(x).shape == x.shape


@pytest.mark.parametrize("network", ["conv", "strided"])
@pytest.mark.parametrize("shape", [(8, 8, 1), (7, 9, 2), (13, 2)])
def test_convolutions_reach_every_pixel_from_the_code(shape, network, rng):
    """Cropping must not leave a border that the code cannot change."""
    model = _conv(shape, network, activation="tanh")
    codes = tf.constant(rng.normal(size=(64, 3)), tf.float32)
    assert np.ptp(model.decode(codes).mean(), axis=0).min() > 0


@pytest.mark.parametrize("network", ["conv", "strided"])
def test_convolutions_refuse_what_has_no_sides(network):
    forms = r"length, channels.*height, width, channels.*\(64,\)"
    with pytest.raises(ValueError, match=forms):
        _conv((64,), network)


@pytest.mark.parametrize("network", ["mlp", "conv", "strided"])
@pytest.mark.parametrize("head", ["bernoulli", "gaussian"])
def test_sample_axes_equal_a_loop(network, head, rng):
    model = keras_ae.Autoencoder.create(
        (6, 5, 2), 3, network=network, hidden=(4,), likelihood=head, seed=0
    )
    z = tf.constant(rng.normal(size=(2, 3, 4, 3)), tf.float32)  # [S, T, B, d]
    x = rng.uniform(size=(4, 6, 5, 2)).astype("float32")
    joint = model.decode(z)
    assert joint.batch_shape == (2, 3, 4)
    for s in range(2):
        for t in range(3):
            single = model.decode(z[s, t])
            np.testing.assert_allclose(
                joint.mean()[s, t], single.mean(), rtol=1e-5, atol=1e-6
            )
            # A sum over 60 values, each rounded to 2**-24 of about 10.
            np.testing.assert_allclose(
                joint.log_prob(x)[s, t], single.log_prob(x), rtol=2e-5
            )


def test_sample_axes_of_a_condition_equal_a_loop(rng):
    """A condition has no sample axis: each draw gets the same one."""
    body = networks.mlp((3,), (8,), condition=2)
    network = keras_ae.DistributionNetwork(body, "gaussian", 5)
    z = tf.constant(rng.normal(size=(6, 4, 3)), tf.float32)
    condition = tf.constant(rng.normal(size=(4, 2)), tf.float32)
    network.build([(None, 3), (None, 2)])
    joint = network([z, condition]).mean()
    for s in range(6):
        np.testing.assert_allclose(
            joint[s], network([z[s], condition]).mean(), rtol=1e-5, atol=1e-6
        )


def test_own_networks_as_parts(rng):
    """A flat body makes the whole event, an image body works per pixel."""
    flat = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(7)])
    image = keras.Sequential(
        [
            keras.layers.Dense(6 * 5 * 2),
            keras.layers.Reshape((6, 5, 2)),
            keras.layers.Conv2D(4, 3, padding="same"),
        ]
    )
    model = keras_ae.VAE(
        keras_ae.DistributionNetwork(flat, "gaussian", 3),
        keras_ae.DistributionNetwork(image, "bernoulli", (6, 5, 1)),
    )
    x = rng.uniform(size=(4, 6, 5, 1)).astype("float32")
    assert model(x).shape == x.shape
    # kernel and bias: 7 -> mean and deviation of 3; 4 channels -> 1 logit
    assert model.encoder.projection.count_params() == (7 + 1) * 6
    assert model.decoder.projection.count_params() == 4 + 1


def test_a_body_that_does_not_fit_the_event_is_refused():
    body = keras.Sequential([keras.layers.Reshape((3, 2, 1))])
    network = keras_ae.DistributionNetwork(body, "bernoulli", (6, 5, 1))
    with pytest.raises(ValueError, match=r"\(6, 5, 1\).*\(None, 3, 2, 1\)"):
        network.build((None, 6))


def test_linear_is_linear(rng):
    """f(ax + by) - f(0) = a(f(x) - f(0)) + b(f(y) - f(0)), both ways."""
    model = keras_ae.Autoencoder.create((4, 3, 1), 5, network="linear", seed=0)
    for map_, shape in [
        (lambda x: model.encode(x).mean(), (2, 4, 3, 1)),
        (lambda z: model.decode(z).mean(), (2, 5)),
    ]:
        x, y = rng.normal(size=(2, *shape)).astype("float32")
        zero = map_(np.zeros_like(x))
        mixed = map_(0.3 * x - 2 * y) - zero
        parts = 0.3 * (map_(x) - zero) - 2 * (map_(y) - zero)
        np.testing.assert_allclose(mixed, parts, rtol=1e-4, atol=1e-5)
    assert len(model.trainable_variables) == 4  # two kernels, two biases


@pytest.mark.parametrize("network", ["linear", "mlp", "conv", "strided"])
def test_gradients_reach_every_weight(network, rng):
    model = keras_ae.VAE.create(
        (7, 9, 1), 3, network=network, activation="tanh", seed=0
    )
    x = rng.uniform(size=(8, 7, 9, 1)).astype("float32")
    with tf.GradientTape() as tape:
        terms = model.objective(x, x, training=True)
        loss = tf.add_n([tf.reduce_mean(t) for t in terms.values()])
    gradients = tape.gradient(loss, model.trainable_variables)
    for weight, gradient in zip(
        model.trainable_variables, gradients, strict=True
    ):
        assert np.abs(gradient).max() > 0, weight.path


def test_hidden_widths_mirror():
    encoder, decoder = networks.pair("mlp", (9,), (2,), (8, 4))
    widths = [
        [v.units for v in body.layers if isinstance(v, keras.layers.Dense)]
        for body in (encoder, decoder)
    ]
    assert widths == [[8, 4], [4, 8]]


def tied_model(rng):
    model = keras_ae.Autoencoder.create((3, 4, 1), 5, network="tied", seed=0)
    model.encoder.projection.bias.assign(rng.normal(size=5))
    model.decoder.projection.bias.assign(rng.normal(size=12))
    return model, rng.normal(size=(4, 3, 4, 1)).astype("float32")


def by_numpy(model, x):
    kernel, reads, writes = map(np.asarray, model.get_weights())
    code = x.reshape(-1, 12) @ kernel + reads
    return (code @ kernel.T + writes).reshape(x.shape)


def test_tied_networks_share_one_kernel(rng):
    model, x = tied_model(rng)
    assert [w.shape for w in model.weights] == [(12, 5), (5,), (12,)]
    np.testing.assert_allclose(
        model.predict(x), by_numpy(model, x), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("form", ["keras", "preset", "clone", "savedmodel"])
def test_tied_networks_stay_tied(form, rng, tmp_path):
    model, x = tied_model(rng)
    model.compile("sgd")
    if form == "keras":
        model.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras")
    elif form == "preset":
        model.save_to_preset(tmp_path / "mine")
        again = keras_ae.load(tmp_path / "mine")
    elif form == "clone":
        again = keras.models.clone_model(model)
        again.set_weights(model.get_weights())
    else:
        model.export(tmp_path / "served")
        served = tf.saved_model.load(tmp_path / "served")
        np.testing.assert_allclose(
            served.reconstruct(x)["reconstruction"],
            by_numpy(model, x),
            rtol=1e-5,
            atol=1e-5,
        )
        return
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    again.compile("sgd", jit_compile=False)
    again.fit(x, epochs=2, verbose=0)
    assert not np.array_equal(again.predict(x), model.predict(x))
    np.testing.assert_allclose(
        again.predict(x), by_numpy(again, x), rtol=1e-5, atol=1e-5
    )


def test_networks_that_cannot_be_tied():
    for cls, options in (
        (keras_ae.Autoencoder, {"likelihood": "gaussian"}),  # mean and scale
        (keras_ae.VAE, {}),  # so has its posterior
    ):
        with pytest.raises(ValueError, match="cannot share.*Expected one"):
            cls.create((4,), 2, network="tied", **options)
    decoder = keras_ae.DistributionNetwork(
        keras.layers.Flatten(), "point", 4, tied=True
    )
    with pytest.raises(ValueError, match="no weights until"):
        decoder(tf.zeros([1, 2]))


def test_unknown_network_and_widths_are_refused():
    with pytest.raises(ValueError, match="network.*'none'"):
        networks.pair("none", (4,), (2,))
    with pytest.raises(ValueError, match="hidden.*-3"):
        networks.pair("mlp", (4,), (2,), (8, -3))
    with pytest.raises(ValueError, match=r"hidden.*no widths.*\(8,\)"):
        networks.pair("linear", (4,), (2,), (8,))
