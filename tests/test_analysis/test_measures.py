"""Measures: figures against closed forms, NumPy and scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import PredefinedSplit
from sklearn.preprocessing import StandardScaler

import keras_ae
from keras_ae.analysis import measures
from keras_ae.zoo import datasets
from keras_ae.zoo import recipes
from keras_ae.zoo import splits as splits_of


@pytest.fixture(scope="module")
def splits():
    """Digits as rows of 64 numbers."""
    return [(x.reshape(-1, 64), y) for x, y in datasets.load("digits")]


def linear(units, *weights):
    """A linear autoencoder of 64 numbers with these weights."""
    model = keras_ae.Autoencoder.create(64, units, network="linear")
    model.encoder.set_weights(weights[:2])
    model.decoder.set_weights(weights[2:])
    return model


def principal(units, x):
    """A linear autoencoder with the principal components of NumPy."""
    mean = x.mean(axis=0)
    axes = np.linalg.svd(x - mean, full_matrices=False)[2][:units]
    return linear(units, axes.T, -axes @ mean, axes, mean)


@pytest.fixture(scope="module")
def identity():
    return linear(64, np.eye(64), np.zeros(64), np.eye(64), np.zeros(64))


def test_a_constant_reconstruction_has_a_known_error(splits):
    (x, _), (x_test, _) = splits
    constant = np.full(64, 0.3)
    model = linear(
        1, np.zeros([64, 1]), np.zeros(1), np.zeros([1, 64]), constant
    )
    wanted = {"squared_error": {}, "normalized_squared_error": {}}
    found = measures.measure(model, wanted, splits)
    errors = np.square(x_test - 0.3).mean(axis=1)
    figure = found["squared_error"]
    # Figures are rounded to six digits, everywhere below.
    assert figure["value"] == pytest.approx(errors.mean(), abs=1e-6)
    assert figure["standard_error"] == pytest.approx(
        errors.std(ddof=1) / np.sqrt(len(errors)), abs=1e-6
    )
    normalized = found["normalized_squared_error"]["value"]
    assert normalized == pytest.approx(errors.mean() / x.var(), abs=1e-5)


def test_the_principal_subspace_has_the_error_of_pca(splits):
    (x, _), _ = splits
    (figure,) = measures.measure(principal(6, x), {"pca": {}}, splits).values()
    # Single precision; no row differs, so neither do the means.
    assert figure["value"] == pytest.approx(1, abs=1e-5)
    assert figure["standard_error"] < 1e-5
    assert figure["estimator"].startswith("6 principal components: ")


def test_error_of_a_ratio_is_that_of_the_jackknife(splits):
    """Leaving out one test row at a time."""
    (x, _), (x_test, _) = splits
    rotated = np.linalg.qr(np.random.default_rng(0).normal(size=(64, 6)))[0]
    mean = x.mean(axis=0)
    model = linear(6, rotated, -mean @ rotated, rotated.T, mean)
    (figure,) = measures.measure(model, {"pca": {}}, splits).values()
    errors, floor = (
        np.square(m.predict(x_test) - x_test).mean(axis=1).astype(np.float64)
        for m in (model, principal(6, x))
    )
    assert figure["value"] == pytest.approx(
        errors.sum() / floor.sum(), rel=1e-4
    )
    left = (errors.sum() - errors) / (floor.sum() - floor)
    jackknife = np.sqrt((len(left) - 1) * left.var())
    # Both are approximations; they differ in the order of 1 / rows.
    assert figure["standard_error"] == pytest.approx(jackknife, rel=0.02)


# The newest scikit-learn warns about every default of the class below.
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_probe_is_cross_validated_logistic_regression(identity, splits):
    (x, y), (x_test, y_test) = splits
    (figure,) = measures.measure(identity, {"probe": {}}, splits).values()
    scaler = StandardScaler().fit(x)
    held_out = np.where(np.arange(len(x)) < len(x) * 5 // 6, -1, 0)
    twin = LogisticRegressionCV(
        Cs=measures.PENALTIES,
        cv=PredefinedSplit(held_out),
        scoring="accuracy",
        max_iter=1000,
    ).fit(scaler.transform(x), y)
    right = twin.predict(scaler.transform(x_test)) == y_test
    assert f"C = {np.ravel(twin.C_)[0]:g} chosen" in figure["estimator"]
    # The path of warm starts differs: a row or two at the border may move.
    assert figure["value"] == pytest.approx(100 * right.mean(), abs=0.6)
    share = figure["value"] / 100
    assert figure["standard_error"] == pytest.approx(
        100 * np.sqrt(share * (1 - share) / (len(x_test) - 1)), abs=1e-5
    )


@pytest.mark.long
def test_the_probe_chooses_without_test_labels(identity, splits):
    train, (x_test, y_test) = splits
    found = [
        measures.measure(identity, {"probe": {}}, (train, (x_test, labels)))
        for labels in (y_test, (y_test + 1) % 10)
    ]
    right, wrong = (f["probe_accuracy"] for f in found)
    assert right["estimator"] == wrong["estimator"]
    # What is right for the one is wrong for the other.
    assert wrong["value"] <= 100 - right["value"]


def test_the_probe_sees_bits_where_the_model_does():
    wanted = {
        "data": {"name": "digits", "binarization": "dynamic"},
        "model": {"variant": "vae", "latent_dim": 2, "hidden": [4]},
        "seed": 0,
    }
    splits = splits_of.of(wanted["data"])[1]
    drawn = measures._drawn(splits)
    assert set(np.unique(drawn)) == {0, 1}
    # A pixel's bit is 1 as often as its grey level says: five deviations.
    gray = splits[0][0].source
    spread = np.sqrt((gray * (1 - gray)).sum()) / gray.size
    assert abs(drawn.mean() - gray.mean()) < 5 * spread
    model = recipes.create(wanted, (8, 8, 1))
    (figure,) = measures.measure(model, {"probe": {}}, splits).values()
    assert 10 < figure["value"] < 100


def test_a_probe_without_labels(identity, splits):
    unlabeled = [(x, None) for x, _ in splits]
    with pytest.raises(ValueError, match="needs labels.*Remove the figure"):
        measures.measure(identity, {"probe": {}}, unlabeled)


def test_an_unknown_figure(identity, splits):
    with pytest.raises(ValueError, match="`metrics`.*'squared_error'.*fid"):
        measures.measure(identity, {"fid": {}}, splits)


def test_terms_are_those_of_evaluate_with_the_error_of_their_rows(splits):
    """A penalty that needs no draws is computed row by row with NumPy."""
    _, (x, _) = splits
    model = keras_ae.VAE.create(64, 3, hidden=(8,), seed=0)
    model.compile("adam", jit_compile=False)
    found = measures.measure(model, {"terms": {}}, splits)
    evaluated = model.evaluate(x, batch_size=500, return_dict=True, verbose=0)
    assert {*found, "scale"} == evaluated.keys()  # which is no term
    for name in found:
        value = evaluated[name]
        # Means in single and in double precision.
        assert found[name]["value"] == pytest.approx(value, rel=1e-5)
        assert found[name]["rows"] == len(x)
    posterior = model.encode(x).distribution
    mean, scale = posterior.mean().numpy(), posterior.stddev().numpy()
    kl = (mean**2 + scale**2 - 1 - 2 * np.log(scale)).sum(axis=1) / 2
    assert found["kl"]["value"] == pytest.approx(kl.mean(), rel=1e-4)
    error = kl.std(ddof=1) / np.sqrt(len(kl))
    assert found["kl"]["standard_error"] == pytest.approx(error, rel=1e-4)


def test_terms_of_a_batch_have_the_error_of_their_batches(splits, monkeypatch):
    """Perplexity is of a batch; its last one is shorter."""
    _, (x, _) = splits
    model = keras_ae.VQVAE.create(64, (4, 2), hidden=(4,), seed=0)
    model.compile("adam", jit_compile=False)
    monkeypatch.setattr(measures, "BATCH", 100)
    found = measures.measure(model, {"terms": {}}, splits)
    evaluated = model.evaluate(x, batch_size=100, return_dict=True, verbose=0)
    for name, value in evaluated.items():
        assert found[name]["value"] == pytest.approx(value, rel=1e-5)
    parts = [
        model.evaluate(part, batch_size=100, return_dict=True, verbose=0)
        for part in np.split(x, range(100, len(x), 100))
    ]
    means = [part["perplexity"] for part in parts]
    figure = found["perplexity"]
    assert figure["standard_error"] == pytest.approx(
        np.std(means, ddof=1) / np.sqrt(len(means)), rel=1e-4
    )
    assert "batches of 100" in figure["estimator"]
    assert "batches" not in found["reconstruction"]["estimator"]


def test_one_batch_has_no_error(splits):
    model = keras_ae.VQVAE.create(64, (4, 2), hidden=(4,), seed=0)
    model.compile("adam")
    found = measures.measure(model, {"terms": {}}, splits)
    assert "standard_error" not in found["perplexity"]
    assert found["loss"]["standard_error"] > 0


def test_units_are_those_of_the_terms(splits):
    model = keras_ae.VQVAE.create(64, (4, 2), hidden=(4,))
    model.compile("adam")
    found = measures.measure(model, {"terms": {}}, splits)
    units = {name: figure["unit"] for name, figure in found.items()}
    assert units.pop("loss") == units.pop("reconstruction") == "nats"
    assert units == {"codebook": "", "commitment": "", "perplexity": ""}


@pytest.mark.parametrize(
    ("unit", "other", "same"),
    [
        ("nats", 85.208, True),  # a part in ten thousand
        ("nats", 85.22, False),
        ("per value", 85.208, True),
        ("per value", 85.22, False),
        ("%", 85.24, True),  # a quarter of the standard error
        ("%", 85.26, False),
    ],
)
def test_figures_agree_up_to_rounding(unit, other, same):
    recorded = {"value": 85.2, "standard_error": 0.2, "unit": unit}
    assert measures.agree(recorded, {"value": other}) is same
