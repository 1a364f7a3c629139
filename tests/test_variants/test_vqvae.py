"""VQVAE: which term moves what, by brute force and exact gradients."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import keras_ae
from keras_ae.parts import codebooks


def rows(count=16, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(count, 8)).astype("float32")


def made(codebook="gradient", restart=0.1, **arguments):
    book = codebooks.get({codebook: {"size": 8, "restart": restart}})
    model = keras_ae.VQVAE.create(
        (8,), (3, 2), hidden=(6,), codebook=book, seed=0, **arguments
    )
    rng = np.random.default_rng(1)
    book.table.assign(rng.normal(size=(8, 2)))
    return model


def raw(model, x):
    return model.encoder(x).mean()


def test_codes_and_embeddings_are_the_brute_force_nearest():
    model, x = made(), rows()
    z, table = raw(model, x).numpy(), model.codebook.table.numpy()
    nearest = ((z[..., None, :] - table) ** 2).sum(-1).argmin(-1)
    np.testing.assert_array_equal(model.codes(x), nearest)
    assert model.codes(x).shape == (16, 3)
    # z + (code - z) rounds twice.
    np.testing.assert_allclose(model.embed(x), table[nearest], atol=1e-6)
    decoded = model.decode(table[nearest]).mean()
    np.testing.assert_allclose(model.predict(x), decoded, atol=1e-5)


def test_terms_are_sums_of_squares_and_the_weights_are_the_papers():
    model, x = made(commitment=0.5), rows()
    model.compile("sgd", jit_compile=False)
    logs = model.evaluate(x, verbose=0, return_dict=True)
    z = raw(model, x).numpy()
    code = model.codebook.table.numpy()[model.codes(x)]
    distance = ((z - code) ** 2).sum((1, 2)).mean()
    np.testing.assert_allclose(logs["codebook"], distance, rtol=1e-5)
    np.testing.assert_allclose(logs["commitment"], distance, rtol=1e-5)
    shares = np.bincount(model.codes(x).ravel(), minlength=8) / 48
    np.testing.assert_allclose(
        logs["perplexity"], np.exp(scipy.stats.entropy(shares)), rtol=1e-5
    )
    np.testing.assert_allclose(
        logs["loss"], logs["reconstruction"] + 1.5 * distance, rtol=1e-5
    )


def test_an_ema_codebooks_own_term_is_logged_only():
    model, x = made("ema"), rows()
    model.compile("sgd", jit_compile=False)
    logs = model.evaluate(x, verbose=0, return_dict=True)
    expected = logs["reconstruction"] + 0.25 * logs["commitment"]
    np.testing.assert_allclose(logs["loss"], expected, rtol=1e-6)
    assert logs["codebook"] > 0


def test_commitment_does_not_depend_on_the_batch_size():
    model, x = made(), rows()
    terms = model.objective(x, x, training=False)
    twice = np.concatenate([x, x])
    doubled = model.objective(twice, twice, training=False)
    for name in ("commitment", "codebook", "perplexity"):
        np.testing.assert_allclose(
            np.mean(terms[name]), np.mean(doubled[name]), rtol=1e-5
        )


def test_only_the_codebook_term_moves_the_table():
    model, x = made(), rows()
    table, encoder = model.codebook.table, model.encoder.trainable_variables
    with tf.GradientTape(persistent=True) as tape:
        terms = model.objective(x, x, training=False)
        means = {name: tf.reduce_mean(t) for name, t in terms.items()}

    def moves(name, variable):
        gradient = tape.gradient(means[name], variable)
        return gradient is not None and bool(
            np.any(tf.convert_to_tensor(gradient) != 0)
        )

    assert moves("codebook", table.value)
    assert not moves("reconstruction", table.value)
    assert not moves("commitment", table.value)
    kernel = encoder[0].value
    assert moves("reconstruction", kernel)
    assert moves("commitment", kernel)
    assert not moves("codebook", kernel)


def test_the_codebooks_gradient_is_exact():
    model, x = made(), rows()
    z, indices = raw(model, x).numpy(), model.codes(x)
    with tf.GradientTape() as tape:
        term = model.objective(x, x, training=False)["codebook"]
        loss = tf.reduce_mean(term)
    gradient = tape.gradient(loss, model.codebook.table.value)
    table = model.codebook.table.numpy()
    expected = np.zeros_like(table)
    for k in range(8):
        # d/de_k of the sum of ||z - e_k||**2 over the vectors of code k
        expected[k] = 2 * (table[k] - z[indices == k]).sum(0) / len(x)
    np.testing.assert_allclose(
        tf.convert_to_tensor(gradient), expected, rtol=1e-4, atol=1e-6
    )


def test_the_decoders_gradient_passes_to_the_encoder_unchanged():
    model, x = made(), rows(4)
    code = tf.constant(model.codebook.table.numpy()[model.codes(x)])
    with tf.GradientTape() as tape:
        tape.watch(code)
        likelihood = model.decode(code)
        loss = -tf.reduce_mean(likelihood.log_prob(x))
    at_code = tape.gradient(loss, code)
    kernel = model.encoder.trainable_variables[0].value
    with tf.GradientTape() as tape:
        z = raw(model, x)
    expected = tape.gradient(z, kernel, output_gradients=at_code)
    with tf.GradientTape() as tape:
        terms = model.objective(x, x, training=False)
        loss = tf.reduce_mean(terms["reconstruction"])
    found = tape.gradient(loss, kernel)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_an_ema_codebook_learns_in_training_only():
    model, x = made("ema", restart=0), rows()
    model.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    before = model.codebook.table.numpy()
    model.evaluate(x, verbose=0)
    model.predict(x)
    model.codes(x)
    np.testing.assert_array_equal(model.codebook.table.numpy(), before)
    model.fit(x, verbose=0)
    after = model.codebook.table.numpy()
    assert not np.array_equal(after, before)
    # One batch from usage 0: a used code is the mean of its vectors, all
    # others stay.
    z = raw(model, x).numpy().reshape(-1, 2)
    indices = ((z[:, None] - before) ** 2).sum(-1).argmin(-1)
    expected = before.copy()
    for k in np.unique(indices):
        expected[k] = z[indices == k].mean(0)
    np.testing.assert_allclose(after, expected, rtol=1e-4)


@pytest.mark.parametrize("codebook", ["ema", "gradient"])
def test_training_learns_clusters(codebook):
    """Four kinds of rows in, at most four codes needed: half the error of
    the best constant is a loose bound, which an untrained model misses."""
    rng = np.random.default_rng(0)
    kinds = rng.uniform(size=(4, 8)).astype("float32")
    x = kinds[rng.integers(0, 4, 256)]
    model = keras_ae.VQVAE.create(
        (8,), 2, hidden=(16,), codebook={codebook: {"size": 8}}, seed=0
    )
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    model.fit(x, batch_size=32, epochs=30, verbose=0)
    error = ((model.predict(x) - x) ** 2).mean()
    assert error < 0.5 * x.var(0).mean()
    assert len(np.unique(model.codes(kinds))) > 2


def test_a_convolutional_code_is_a_grid_of_integers():
    model = keras_ae.VQVAE.create(
        (8, 8, 1),
        (2, 2, 3),
        network="strided",
        hidden=(4, 4),
        codebook={"ema": {"size": 5}},
        seed=0,
    )
    codes = model.codes(np.zeros([3, 8, 8, 1]))
    assert codes.shape == (3, 2, 2)
    assert codes.dtype == np.int32


def test_there_is_no_prior_to_draw_from():
    model = made()
    with pytest.raises(ValueError, match="prior.*Expected.*Received"):
        model.sample(2)
    with pytest.raises(TypeError, match="has no prior"):
        keras_ae.evaluation.log_likelihood(model, rows())


def test_codes_are_exported(tmp_path):
    model, x = made(), rows(3)
    model.export(tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served"))
    codes = served.signatures["codes"](x=tf.constant(x))["codes"]
    np.testing.assert_array_equal(codes, model.codes(x))
