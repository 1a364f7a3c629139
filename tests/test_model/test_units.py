"""Tensors are not rows: what parts keep, what is decoded, what is measured."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import keras_ae
from keras_ae.analysis import measures
from keras_ae.model import generate

RNG = np.random.default_rng(0)
WAVES = 1000 + 7 * RNG.normal(size=(40, 6, 1)).cumsum(axis=1)
SERIES = keras_ae.spaces.Series(6, mean=1000.0, scale=7.0)
BYTES = RNG.integers(0, 256, [30, 4, 4, 1]).astype("uint8")


def series(cls=keras_ae.VAE, latent_dim=2, **options):
    return cls.create(SERIES, latent_dim, hidden=(8,), seed=0, **options)


@pytest.mark.parametrize(
    "prior",
    [
        {"exemplar": {"components": 40}},
        {"exemplar": {"components": 40, "neighbors": 3}},
        {"vamp": {"components": 40, "limits": None}},
    ],
)
def test_a_prior_of_examples_is_made_of_their_posteriors(prior):
    model = series(network="mlp", prior=prior)
    model.adapt(WAVES)
    found = model.p_z().components_distribution.mean().numpy()
    expected = model.encode(WAVES).mean().numpy()
    order = np.argsort(found[:, 0]), np.argsort(expected[:, 0])
    np.testing.assert_allclose(
        found[order[0]], expected[order[1]], rtol=1e-4, atol=1e-5
    )
    if "neighbors" in prior.get("exemplar", {}):
        np.testing.assert_allclose(model.prior.codes, found, atol=1e-5)


def test_codebooks_start_among_the_codes_of_examples():
    model = series(keras_ae.VQVAE, codebook={"ema": {"size": 4}})
    model.adapt(WAVES)
    codes = model.vectors(WAVES)
    table = model.codebook.table.numpy()
    # Centers of clusters lie between the points.
    assert (table >= codes.min(0) - 1e-3).all()
    assert (table <= codes.max(0) + 1e-3).all()
    assert len(np.unique(model.codes(WAVES))) == 4


def test_a_table_with_categories_is_a_prior():
    frame = pd.DataFrame(
        {"size": 50 * RNG.normal(size=50), "kind": [*"abcda"] * 10}
    )
    space = keras_ae.spaces.Table.from_frame(frame)
    model = keras_ae.VAE.create(
        space, 2, hidden=(4,), prior={"exemplar": {"components": 50}}
    )
    model.adapt(frame)
    found = model.p_z().components_distribution.mean().numpy()
    np.testing.assert_allclose(
        np.sort(found, axis=0), np.sort(model.embed(frame), axis=0), atol=1e-4
    )


def test_one_layer_starts_to_read_from_the_mean_of_what_it_sees():
    counts = RNG.poisson(3.0, [50, 6]).astype("float32")
    counts[:, 0] += 1
    space = keras_ae.spaces.Counts.from_counts(counts)
    model = keras_ae.SparseAutoencoder.create(
        space, 9, hidden=(), sparsity={"top_k": {"k": 2}}
    )
    model.adapt(counts)
    seen = space.features(counts)
    reads = model.encoder.projection
    mean = (seen @ reads.kernel + reads.bias).numpy().mean(0)
    np.testing.assert_allclose(mean, 0, atol=1e-5)


def test_lines_and_traversals_are_in_the_users_units():
    model = series(keras_ae.Autoencoder, network="mlp")
    a, b = WAVES[:2], WAVES[2:4]
    line = keras_ae.evaluation.interpolate(model, a, b, 3)
    np.testing.assert_allclose(line[:, 0], model.reconstruct(a), rtol=1e-6)
    np.testing.assert_allclose(line[:, -1], model.reconstruct(b), rtol=1e-6)
    z = model.embed(a)
    varied = keras_ae.evaluation.traverse(model, a, values=(0.5,))
    z[:, 1] = 0.5
    np.testing.assert_allclose(
        varied[:, 1, 0], SERIES.array(model.decode(z).mean()), rtol=1e-6
    )


def test_what_is_told_anew_is_in_the_users_units():
    model = series(keras_ae.ConditionalVAE, condition=2)
    told = np.array([0, 1])
    np.testing.assert_allclose(
        model.swap(WAVES[:2], told, told),
        model.reconstruct((WAVES[:2], told)),
        rtol=1e-5,
    )


def test_tangents_of_bytes_are_those_of_their_levels():
    images = keras_ae.spaces.Image(4, 4)
    model = keras_ae.Autoencoder.create(images, 2, hidden=(8,), seed=0)
    found, expected = (
        keras_ae.evaluation.tangent_space(model, x)
        for x in (BYTES[:3], BYTES[:3] / np.float32(255))
    )
    assert (found.singular_values > 0).all()
    np.testing.assert_allclose(*(t[0] for t in (found, expected)), rtol=1e-5)
    assert found.directions.shape == (3, 2, 4, 4, 1)


@pytest.mark.parametrize("name", ["normalized_squared_error", "pca"])
def test_figures_of_bytes_are_those_of_their_levels(name):
    images = keras_ae.spaces.Image(4, 4)
    model = keras_ae.Autoencoder.create(images, 2, hidden=(8,), seed=0)
    found = []
    for x in (BYTES, BYTES / np.float32(255)):
        parts = ((x[:20], None), (x[20:], None))
        (figure,) = measures.measure(model, {name: {}}, parts).values()
        found.append(figure["value"])
    np.testing.assert_allclose(*found, rtol=1e-5)
    copied = [
        keras_ae.evaluation.copying(model, x)
        for x in (BYTES, BYTES / np.float32(255))
    ]
    np.testing.assert_allclose(*copied, rtol=1e-4)


def test_each_example_has_a_level_of_noise():
    levels = {"noise_levels": {"low": 0.01, "high": 10.0}}
    model = keras_ae.DenoisingAutoencoder.create(
        (500,), 2, hidden=(4,), corruption=levels, corruptions=2, seed=0
    )
    batch = model.batch(np.zeros([50, 500], "float32"))
    noisy = model.forward(batch, model.moment(True)).extras["corrupted"]
    found = np.log(noisy.numpy().std(-1)).ravel()
    assert noisy.shape == (2, 50, 500)
    # Uniform between both logarithms: 5 standard errors of 100 draws.
    low, high = np.log([0.01, 10.0])
    assert abs(found.mean() - (low + high) / 2) < 0.5 * (high - low) / 12**0.5
    assert 0.7 < found.std() / ((high - low) / 12**0.5) < 1.3


def test_holes_get_no_noise_and_counts_below_zero_are_none():
    x = RNG.normal(size=(4, 3)).astype("float32")
    x[:, 1] = np.nan
    model = keras_ae.DenoisingAutoencoder.create(
        (3,), 2, hidden=(4,), missing="mask", likelihood="gaussian"
    )
    forward = model.forward(model.batch(x), model.moment(True))
    noisy = forward.extras["corrupted"].numpy()
    assert (noisy[..., 1] == 0).all() and (noisy[..., 0] != x[:, 0]).all()
    counts = RNG.poisson(0.5, [20, 5]).astype("float32")
    counts[:, 0] += 1
    space = keras_ae.spaces.Counts.from_counts(counts)
    model = keras_ae.DenoisingAutoencoder.create(space, 2, hidden=(4,))
    model.compile("adam")
    assert np.isfinite(
        model.fit(counts, epochs=1, verbose=0).history["loss"][0]
    )


def test_a_discriminator_sees_the_same_holes_in_all_images(monkeypatch):
    x = RNG.uniform(size=(4, 6)).astype("float32")
    x[:, 0] = np.nan
    model = keras_ae.VAEGAN.create((6,), 2, hidden=(4,), missing="mask", seed=0)
    seen = []
    monkeypatch.setattr(
        model, "judged", lambda value, moment: seen.append(value.numpy())
    )
    model.build((None, 6))
    model.forward(model.batch(x), model.moment(True))
    assert len(seen) == 3
    for image in seen:
        assert (image[..., 0] == 0).all() and (image[..., 1:] != 0).all()


@pytest.mark.parametrize("name", ["aae", "vae-gan", "wae"])
def test_codes_of_a_prior_of_examples_are_as_many_as_rows(name):
    x = RNG.uniform(size=(12, 6)).astype("float32")
    prior = {"exemplar": {"components": 12}}
    model = keras_ae.create(name, (6,), 2, hidden=(4,), prior=prior, seed=0)
    model.adapt(x)
    model.compile("adam")
    logs = model.fit(x, batch_size=4, epochs=1, verbose=0).history
    assert np.isfinite(logs["loss"][0])


def test_no_two_rows_are_drawn_from_one_seed():
    words = generate.row_seeds(300_000, 0)
    assert len(np.unique(words)) == len(words)
    np.testing.assert_array_equal(words[:5], generate.row_seeds(5, 0))
    assert not set(words) & set(generate.row_seeds(3, 1))
    bits = np.unpackbits(words.view(np.uint8)).reshape(-1, 32)
    # Each bit is a fair coin: 5 standard errors.
    assert np.abs(bits.mean(0) - 0.5).max() < 5 * 0.5 / len(words) ** 0.5


def test_tiles_cut_off_no_edge():
    model = keras_ae.Autoencoder.create(
        (16, 16, 1), (4, 4, 2), network="conv", hidden=(4, 4)
    )
    x = np.zeros((1, 38, 33, 1), "float32")
    for cut in (model.reconstruct_tiles, model.embed_tiles):
        with pytest.raises(ValueError, match="multiples of"):
            cut(x, (16, 16))


def test_series_to_validate_on_are_no_examples_and_targets():
    model = series(keras_ae.Autoencoder)
    model.compile("adam")
    a, b = (1000 + RNG.normal(size=n).cumsum() for n in (30, 40))
    logs = model.fit(
        [a, b], epochs=1, verbose=0, validation_data=[a, b]
    ).history
    expected = model.evaluate([a, b], verbose=0, return_dict=True)["loss"]
    np.testing.assert_allclose(logs["val_loss"][0], expected, rtol=1e-5)


def test_streams_that_are_judged_are_checked():
    images = keras_ae.spaces.Image(4, 4)
    model = keras_ae.VAE.create(images, 2, hidden=(4,), likelihood="bernoulli")
    model.compile("adam")
    x = (255 * RNG.uniform(size=(8, 4, 4, 1))).astype("float32")
    stream = tf.data.Dataset.from_tensor_slices(x).batch(4)
    for ask in (
        lambda: model.evaluate(stream, verbose=0),
        lambda: model.fit(x / 255, epochs=1, verbose=0, validation_data=stream),
    ):
        with pytest.raises(ValueError, match="first batch of the stream"):
            ask()


def test_predictions_with_callbacks_have_the_form_of_what_was_asked():
    frame = pd.DataFrame(
        RNG.normal(size=(20, 2)), columns=["a", "b"], index=range(100, 120)
    )
    space = keras_ae.spaces.Table.from_frame(frame)
    model = keras_ae.VAE.create(space, 2, hidden=(4,), seed=0)
    found = model.predict(
        frame, verbose=0, callbacks=[keras.callbacks.Callback()]
    )
    pd.testing.assert_frame_equal(found, model.reconstruct(frame))
