"""Counts: sparse rows are the dense ones, and totals come from the row."""

import json
import re
import tracemalloc

import keras
import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf
from scipy import stats

import keras_ae
from keras_ae import heads
from keras_ae import spaces
from keras_ae.core import rows as rows_of
from keras_ae.core import validation

RNG = np.random.default_rng(0)
X = RNG.poisson(RNG.gamma(0.5, 2.0, size=(40, 12))).astype("int32")
X[3] = 0
TOTALS = X.sum(axis=1)
FORMATS = ["csr_matrix", "csr_array", "csc_array", "coo_matrix"]
LIKELIHOODS = [
    "poisson",
    "negative_binomial",
    "zero_inflated_negative_binomial",
    "multinomial",
]


def refused(*parts):
    """The parts of the message, in their order."""
    return pytest.raises(
        ValueError, match="(?s)" + ".*".join(map(re.escape, parts))
    )


def make(variant=keras_ae.VAE, **options):
    space = spaces.Counts.from_counts(X)
    model = variant.create(space, 2, hidden=(8,), seed=0, **options)
    model.compile("adam", jit_compile=False)
    return model


# Sparse rows.


def test_sparse_is_dense_to_the_bit():
    dense = X.astype("float64")
    sparse = scipy.sparse.coo_array(dense)
    logs = []
    for x in (dense, sparse):
        model = make()
        model.fit(x, batch_size=8, validation_split=0.25, verbose=0)
        logs.append(model.history.history)
    assert logs[0] == logs[1]
    assert np.isfinite([*logs[0].values()]).all()
    for function in (
        lambda x: model.evaluate(x, batch_size=16, verbose=0),
        model.embed,
        model.reconstruct,
        lambda x: model.predict(x, verbose=0),
        lambda x: model.score_samples(x, batch_size=16),
    ):
        np.testing.assert_array_equal(function(sparse), function(dense))


def test_sparse_targets_and_what_is_given_beside_them():
    labels = np.arange(len(X)) % 3
    model = make(keras_ae.ConditionalVAE, condition=3)
    dense, sparse = (
        (
            model.evaluate((x, labels), x, verbose=0),
            model.embed((x, labels)).tolist(),
        )
        for x in (X, scipy.sparse.csr_matrix(X))
    )
    assert dense == sparse


@pytest.mark.long
def test_memory_is_that_of_batches(monkeypatch):
    monkeypatch.setattr(validation, "PART", 1 << 20)
    sparse = scipy.sparse.random_array(
        (1000, 10_000), density=1e-3, format="csr", dtype="float32", rng=0
    )
    sparse.data[:] = 1
    dense = 4 * sparse.shape[0] * sparse.shape[1]  # bytes: 40 MB
    model = keras_ae.Autoencoder.create(
        spaces.Counts(sparse.shape[1]), 2, hidden=(4,), likelihood="poisson"
    )
    model.compile("adam", jit_compile=False)
    tracemalloc.start()
    model.fit(sparse, batch_size=8, steps_per_epoch=20, verbose=0)
    model.evaluate(sparse, batch_size=8, steps=20, verbose=0)
    model.embed(sparse, batch_size=64)
    model.score_samples(sparse, batch_size=64)
    model.reconstruct(sparse[:100], batch_size=64)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < dense / 2


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", ["bool", "uint8", "int64", "float32"])
def test_rows_are_those_of_the_array(form, kind):
    dense = X.astype(kind)
    rows = rows_of.SparseRows(getattr(scipy.sparse, form)(dense))
    assert (len(rows), rows.shape, rows.dtype) == (40, X.shape, kind)
    assert rows.nbytes == dense.nbytes
    index = RNG.integers(40, size=(3, 5))
    taken = rows.take(index)
    assert taken.dtype == kind
    np.testing.assert_array_equal(taken, dense.take(index, axis=0))
    np.testing.assert_array_equal(rows[4:9], dense[4:9])
    np.testing.assert_array_equal(np.asarray(rows, "float64"), dense)


# What a row is.


@pytest.mark.parametrize("wrap", [np.asarray, scipy.sparse.csr_matrix])
@pytest.mark.parametrize("size", [1, 100, 10**6])
@pytest.mark.parametrize("value", [-1.0, 0.5, np.nan, np.inf, 1e39])
def test_what_is_no_count(wrap, size, value, monkeypatch):
    monkeypatch.setattr(validation, "PART", size)
    spoiled = X.astype("float64")
    spoiled[17, 5] = value
    space = spaces.Counts(12)
    with refused("`x` holds", "Expected", f"{value} in row 17, column 5"):
        space.check("x", space.rows("x", wrap(spoiled)))


def test_models_ask_the_space():
    spoiled = X.astype("float64")
    spoiled[17, 5] = np.nan
    for missing in ("refuse", "mask"):
        model = make(missing=missing)
        for use in (model.fit, model.evaluate, model.embed):
            with refused("nan in row 17, column 5"):
                use(scipy.sparse.csr_array(spoiled))


def test_sparse_rows_that_do_not_fit():
    model = make()
    with refused("Invalid shape of `x`", "(N, 12)", "shape (40, 11)"):
        model.embed(scipy.sparse.csr_array(X[:, 1:]))
    with refused("`x` is empty"):
        model.score_samples(scipy.sparse.csr_array(X[:0]))
    with refused("All rows of `x` are empty", "Received: 4 rows"):
        spaces.Counts.from_counts(np.zeros([4, 3]))
    with refused("`total`", "Received"):
        spaces.Counts(3, total=0)
    with pytest.raises(TypeError, match="`size`.*Received"):
        spaces.Counts(2.5)


@pytest.mark.parametrize("wrap", [np.asarray, scipy.sparse.coo_array])
def test_the_typical_total_is_the_median(wrap):
    space = spaces.Counts.from_counts(wrap(X))
    assert space.size == 12
    assert space.total == np.median(TOTALS[TOTALS > 0])


def test_features_are_logarithms_of_shares():
    found = spaces.Counts(12, total=500).features(tf.constant(X, tf.float32))
    shares = X / np.maximum(TOTALS, 1)[:, None]
    np.testing.assert_allclose(found, np.log1p(500 * shares), rtol=1e-6)
    assert not found[3].numpy().any()


# The total of a row.


def exact(likelihood, x, mean, r, lost):
    """log p(x) of each row, by SciPy."""
    if likelihood == "poisson":
        return stats.poisson.logpmf(x, mean).sum(axis=1)
    if likelihood == "multinomial":
        shares = mean / mean.sum(axis=1, keepdims=True)
        return stats.multinomial.logpmf(x, x.sum(axis=1), shares)
    counted = stats.nbinom.pmf(x, r, r / (r + mean))
    if likelihood == "zero_inflated_negative_binomial":
        counted = (1 - lost) * counted + lost * (x == 0)
    return np.log(counted).sum(axis=1)


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_shares_of_the_total(likelihood, jit):
    arguments = {"dispersion": 1.7} if "binomial" in likelihood else {}
    head = heads.get({likelihood: arguments})
    logits = RNG.normal(size=(3, 40, 12)).astype("float32")  # three draws
    lost = RNG.normal(size=(3, 40, 12)).astype("float32")
    target = tf.constant(X, tf.float32)
    exposure = spaces.Counts(12).exposure(target)

    @tf.function(jit_compile=jit)
    def function(*parts):
        p_x = head(*parts, rank=1, exposure=exposure)
        return p_x.log_prob(target), p_x.mean()

    log_px, means = function(*(logits, lost)[: head.parts])
    shares = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    for i in range(3):
        p = stats.logistic.cdf(lost[i].astype("float64"))
        mean = TOTALS[:, None] * shares[i].astype("float64")
        some = TOTALS > 0
        expected = exact(likelihood, X[some], mean[some], 1.7, p[some])
        np.testing.assert_allclose(log_px[i][some], expected, rtol=2e-4)
        # Of nothing counted nothing is read, to the rounding of lgamma(1).
        np.testing.assert_allclose(log_px[i][3], 0, atol=1e-5)
        factor = 1 - p if "inflated" in likelihood else 1
        np.testing.assert_allclose(means[i], mean * factor, rtol=1e-4)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_gradients_of_empty_rows(likelihood):
    head = heads.get(likelihood)
    head.build((None, 12))
    parts = [tf.ones([2, 12])] * head.parts
    with tf.GradientTape() as tape:
        tape.watch(parts)
        p_x = head(*parts, rank=1, exposure=tf.zeros([2, 1]))
        total = tf.reduce_sum(p_x.log_prob(tf.zeros([2, 12])))
    np.testing.assert_allclose(p_x.mean(), 0, atol=1e-30)
    for gradient in tape.gradient(total, parts):
        np.testing.assert_allclose(gradient, 0, atol=1e-6)


def test_score_and_reconstruction_share_the_total():
    model = make(keras_ae.Autoencoder, likelihood="poisson")
    model.fit(X, epochs=3, verbose=0)
    means = model.reconstruct(X)
    np.testing.assert_allclose(means.sum(axis=1), TOTALS, rtol=1e-5)
    expected = stats.poisson.logpmf(X, means.astype("float64")).sum(axis=1)
    np.testing.assert_allclose(model.score_samples(X), expected, rtol=1e-4)
    terms = model.evaluate(X, verbose=0, return_dict=True)
    np.testing.assert_allclose(terms["loss"], -expected.mean(), rtol=1e-4)


def test_the_total_is_that_of_the_target():
    model = make(keras_ae.Autoencoder, likelihood="poisson")
    batch = model.batch(X, 7 * X)
    means = model.reconstruction(batch, model.moment())
    np.testing.assert_allclose(np.sum(means, axis=1), 7 * TOTALS, rtol=1e-5)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_samples_are_counts_with_the_typical_total(likelihood):
    model = make(likelihood=likelihood)
    typical = model.space.total
    means = model.decode(np.zeros([2, 2], "float32")).mean()
    if "inflated" not in likelihood:
        np.testing.assert_allclose(
            np.sum(means, axis=1), 2 * [typical], rtol=1e-5
        )
    drawn = model.sample(400, seed=0)
    assert drawn.min() >= 0 and (drawn == np.rint(drawn)).all()
    whole = model.sample(400, seed=0, dtype="int32")
    assert whole.dtype == np.int32 and (whole == drawn).all()
    np.testing.assert_array_equal(model.sample(7, seed=0), drawn[:7])
    totals = drawn.sum(axis=1)
    if likelihood == "multinomial":
        assert (totals == typical).all()
    elif "inflated" not in likelihood:
        error = totals.std() / np.sqrt(len(totals))
        assert abs(totals.mean() - typical) < 5 * error


# Files.


def test_config():
    space = spaces.Counts.from_counts(X)
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(space)))
    assert repr(keras.saving.deserialize_keras_object(config)) == repr(space)
    assert repr(spaces.get({"counts": {"size": 3}})) == (
        "Counts(size=3, total=10000.0)"
    )


@pytest.mark.long
def test_saved_and_exported(tmp_path):
    space = spaces.Counts.from_counts(X)
    model = keras_ae.VAE.create(space, 2, hidden=(8,), likelihood="poisson")
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(twin.embed(X), model.embed(X))
    assert twin.space.total == model.space.total
    written = model.export(tmp_path / "saved")
    assert "sample" in written.endpoints and not written.left_out
    served = tf.saved_model.load(tmp_path / "saved")
    x = tf.constant(X, tf.float32)
    means = served.reconstruct(x)["reconstruction"]
    np.testing.assert_allclose(np.sum(means, axis=1), TOTALS, rtol=1e-5)
    scores = -served.score(x)["negative_elbo"]
    np.testing.assert_allclose(scores, model.score_samples(X), rtol=1e-5)
    z = tf.constant(model.embed(X))
    means = served.decode(z)["mean"]
    typical = np.full(len(X), model.space.total)
    np.testing.assert_allclose(np.sum(means, axis=1), typical, rtol=1e-5)
