"""Every bundled preset loads and does what its card says."""

import math

import keras
import numpy as np
import pytest

import keras_ae
from keras_ae.analysis import measures
from keras_ae.analysis import plots
from keras_ae.zoo import datasets
from keras_ae.zoo import recipes
from keras_ae.zoo import splits as splits_of
from keras_ae.zoo import store
from tests.kinds import first

ROWS = 50  # enough for a likelihood; `keras-ae verify` takes all


NAMES = keras_ae.list_presets()
ABOUT = [store.metadata(name) for name in NAMES]
#: One of each variant; all presets by `--long`, as by `keras-ae verify`.
SHORT = {about["variant"]: about["name"] for about in reversed(ABOUT)}
LIKELIHOODS = {
    about["variant"]: about["name"]
    for about in reversed(ABOUT)
    if "nll" in about["recipe"]["metrics"]
}
TRIED = first(SHORT.values(), NAMES)
#: One of each kind of data that is no image.
OTHERS = ("denoising_ecg5000", "miwae_adult", "vae_pbmc")


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def model(name):
    model = keras_ae.load(name)
    model.compile()
    return model


@pytest.fixture(scope="module")
def about(name):
    return store.metadata(name)


@pytest.fixture(scope="module")
def splits(about):
    data = about["recipe"]["data"]["name"]
    if data != "digits" and datasets._local(data) is None:
        pytest.skip(f"{data} is not on this machine")
    return splits_of.of(about["recipe"]["data"])[1]


def test_the_card_is_that_of_the_model(name, model, about):
    assert about["name"] == name
    assert about["variant"] == model.variant
    assert about["parameters"] == model.count_params()
    recipe = about["recipe"]
    assert recipe["preset"] == name
    assert recipe["data"].items() <= about["data"].items()
    assert recipe["seed"] == model.seed


@pytest.mark.parametrize("name", TRIED, indirect=True)
def test_the_recipe_makes_this_architecture(model, about):
    fresh = recipes.create(about["recipe"], model.space)
    assert type(fresh) is type(model)
    # What is fitted to the codes afterwards comes last.
    shapes = [tuple(w.shape) for w in fresh.weights]
    fitted = model.sampler.weights if model.sampler is not None else []
    own = [w for w in model.weights if not any(w is f for f in fitted)]
    assert shapes == [tuple(w.shape) for w in own]


@pytest.mark.parametrize("name", TRIED, indirect=True)
def test_it_reconstructs_and_generates(name, model, about, splits):
    """Better than the mean of the data; new examples are as bright."""
    _, (x, y) = splits
    if not plots.draws(model):
        pytest.skip("no images: test_rows_are_scored_and_drawn")
    x = splits_of.examples_of_each(x, y)
    images = keras.tree.flatten(x)[0]
    error = np.mean((model.predict(x) - images) ** 2)
    assert error < np.var(images, axis=0).mean()
    if model.prior is not None:
        given = x[1] if isinstance(x, tuple) else None
        drawn = model.sample(len(images), seed=0, given=given)
        assert drawn.shape == images.shape
        # Means of a Gaussian likelihood may leave the range of the data.
        assert abs(drawn.mean() - images.mean()) < np.std(images) / 2
        assert np.std(drawn, axis=0).mean() > 0.05  # not all the same


@pytest.mark.parametrize("name", first(OTHERS, NAMES), indirect=True)
def test_rows_are_scored_and_drawn(name, model, request):
    """Of what is no image: new rows are of the kind of the data."""
    if plots.draws(model):
        pytest.skip("images: test_it_reconstructs_and_generates")
    _, (x, _) = request.getfixturevalue("splits")
    assert np.isfinite(model.score_samples(x[:5])).all()
    if model.source is not None:
        drawn = model.sample(5, seed=0)
        assert len(drawn) == 5
        assert list(getattr(drawn, "dtypes", ())) == list(
            getattr(x, "dtypes", ())
        )


@pytest.mark.parametrize("name", TRIED, indirect=True)
def test_the_recorded_figures_are_reproduced(model, about, splits):
    """Those that take seconds; `keras-ae verify` takes all."""
    wanted = dict(about["recipe"]["metrics"])
    for slow in ("nll", "probe"):
        wanted.pop(slow, None)
    for key, found in measures.measure(model, wanted, splits).items():
        assert measures.agree(about["metrics"][key], found), (key, found)


@pytest.mark.parametrize(
    "name",
    first([LIKELIHOODS["vae"]], LIKELIHOODS.values()),
    indirect=True,
)
def test_the_likelihood_is_that_of_the_card(model, about, splits):
    """On a few rows: within five standard errors of the mean over all."""
    few = {"nll": about["recipe"]["metrics"]["nll"] | {"rows": ROWS}}
    (found,) = measures.measure(model, few, splits).values()
    recorded = about["metrics"]["negative_log_likelihood"]["value"]
    # The error of the few rows; five of them fail once in two million.
    assert math.isclose(
        found["value"], recorded, abs_tol=5 * found["standard_error"]
    )


def test_all_weights_are_small_enough_for_a_wheel():
    weights = [store.find(name) / store.WEIGHTS for name in NAMES]
    assert sum(path.stat().st_size for path in weights) <= 56e6


def test_the_weights_are_small_enough_for_a_wheel(name):
    folder = store.find(name)
    assert sum(p.stat().st_size for p in folder.iterdir()) < 8e6
