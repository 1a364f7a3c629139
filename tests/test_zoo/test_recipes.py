"""Recipes: a killed training goes on, and a seed decides the result."""

import copy
import csv
import json
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_ae
from keras_ae.analysis import measures
from keras_ae.model.training import speed
from keras_ae.zoo import publishing
from keras_ae.zoo import recipes
from keras_ae.zoo import splits

RECIPE = {
    "preset": "vae_tiny",
    "description": "A tiny one.",
    "data": {"name": "digits"},
    "model": {"variant": "vae", "latent_dim": 2, "hidden": [4]},
    "training": {"epochs": 4, "batch_size": 500, "learning_rate": 0.01},
    "metrics": {
        "terms": {},
        "squared_error": {},
        "nll": {"samples": 10, "rows": 20},
    },
    "seed": 0,
}


@pytest.fixture(autouse=True)
def without_xla(monkeypatch):
    choice = speed.Choice(False, "a test")
    monkeypatch.setattr(speed, "jit_compile", lambda model: choice)


def recipe(**changes):
    return copy.deepcopy(RECIPE) | changes


def assert_identical(model, twin):
    for a, b in zip(model.weights, twin.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def assert_different(model, twin):
    pairs = zip(model.trainable_weights, twin.trainable_weights, strict=True)
    assert all((a.numpy() != b.numpy()).any() for a, b in pairs)


def log_of(runs):
    with open(runs / "vae_tiny" / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("binarization", "more"),
    [
        pytest.param(None, {}, marks=pytest.mark.long),
        pytest.param("dynamic", {}, marks=pytest.mark.long),
        (None, {"kl_warmup": 3}),
    ],
)
def test_kill_and_resume(tmp_path, monkeypatch, binarization, more):
    wanted = recipe(
        data={"name": "digits", "binarization": binarization},
        training=RECIPE["training"] | more,
    )
    whole = recipes.train(wanted, tmp_path / "whole", verbose=0)
    count = []

    class Killed(BaseException):
        pass

    def kill(self, batch, logs=None):
        count.append(batch)
        if len(count) == 7:  # inside the third epoch of three batches
            raise Killed

    monkeypatch.setattr(recipes.Run, "on_train_batch_end", kill)
    with pytest.raises(Killed):
        recipes.train(wanted, tmp_path / "cut", verbose=0)
    monkeypatch.undo()
    choice = speed.Choice(False, "a test")
    monkeypatch.setattr(speed, "jit_compile", lambda model: choice)
    resumed = recipes.train(wanted, tmp_path / "cut", verbose=0)
    assert_identical(resumed, whole)
    assert [r["epoch"] for r in log_of(tmp_path / "cut")] == list("0123")
    assert log_of(tmp_path / "cut") == log_of(tmp_path / "whole")


@pytest.mark.long
def test_one_seed_one_result(tmp_path):
    first, again = (
        recipes.train(recipe(), tmp_path / str(i), verbose=0) for i in range(2)
    )
    assert_identical(first, again)
    other = recipes.train(recipe(seed=1), tmp_path / "other", verbose=0)
    kernels = [m.encoder.projection.kernel.numpy() for m in (first, other)]
    assert (kernels[0] != kernels[1]).all()


def test_publish_measures_and_can_be_loaded(tmp_path):
    preset = tmp_path / "vae_tiny"
    publishing.publish(recipe(), preset, tmp_path / "runs", verbose=0)
    model = keras_ae.load(preset)
    about = keras_ae.zoo.store.metadata(preset)
    assert about["recipe"] == RECIPE
    assert about["wall_time"] > 0
    assert (preset / publishing.PICTURE).is_file()
    _, (x, _) = splits.of(recipe()["data"])[1]
    values = {k: v["value"] for k, v in about["metrics"].items()}
    errors = np.square(model.predict(x) - x)
    # Figures are rounded to six digits.
    np.testing.assert_allclose(
        values["squared_error"], errors.mean(), rtol=1e-4, atol=1e-6
    )
    model.compile()
    terms = model.evaluate(x, batch_size=500, verbose=0, return_dict=True)
    for name in ("loss", *model.terms):
        np.testing.assert_allclose(values[name], terms[name], atol=1e-4)
    found = keras_ae.evaluation.log_likelihood(model, x[:20], 10)
    np.testing.assert_allclose(
        values["negative_log_likelihood"], -found.mean(), rtol=1e-5
    )
    np.testing.assert_allclose(
        about["metrics"]["negative_log_likelihood"]["standard_error"],
        found.std(ddof=1) / np.sqrt(20),
        rtol=1e-4,
    )


@pytest.mark.parametrize("more", [{}, {"kl_warmup": 1}])
def test_publishing_again_does_not_train_again(tmp_path, monkeypatch, more):
    settings = recipe(metrics={"terms": {}}, training=RECIPE["training"] | more)
    arguments = settings, tmp_path / "vae_tiny", tmp_path / "runs"
    publishing.publish(*arguments, verbose=0)
    first = keras_ae.zoo.store.metadata(tmp_path / "vae_tiny")
    model = keras_ae.load(tmp_path / "vae_tiny")
    monkeypatch.setattr(recipes.Run, "on_epoch_begin", None)
    publishing.publish(*arguments, verbose=0)
    again = keras_ae.zoo.store.metadata(tmp_path / "vae_tiny")
    assert again["metrics"] == first["metrics"]
    assert again["wall_time"] == first["wall_time"]
    assert_identical(keras_ae.load(tmp_path / "vae_tiny"), model)


def test_half_a_file_of_weights_is_not_a_training(tmp_path):
    """What an earlier version, or a copy that was cut, has left behind."""
    whole = recipes.train(recipe(), tmp_path / "whole", verbose=0)
    folder = tmp_path / "cut" / "vae_tiny"
    folder.mkdir(parents=True)
    (folder / "model.weights.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"0" * 99)
    preset = tmp_path / "preset"
    publishing.publish(
        recipe(metrics={"terms": {}}), preset, tmp_path / "cut", verbose=0
    )
    publishing.halve(whole)
    assert_identical(keras_ae.load(preset), whole)


def test_learning_rate_warms_up_and_decays():
    optimizer = recipes.optimizer({"learning_rate": 0.1}, 1000)
    found = []
    for step in (0, 25, 50, 525, 1000):
        optimizer.iterations.assign(step)
        found.append(float(optimizer.learning_rate))
    # 50 steps up in a straight line, then half a cosine.
    np.testing.assert_allclose(found, [0, 0.05, 0.1, 0.05, 0], atol=1e-6)


def test_kl_warms_up():
    weight = recipes.warmup(10)
    found = [float(weight(step)) for step in (0, 5, 10, 99)]
    np.testing.assert_allclose(found, [0, 0.5, 1, 1])
    # One step at weight 0 leaves the KL out, as a beta of 0 does.
    x = splits.of(RECIPE["data"])[1][0][0]
    model, twin = (recipes.create(RECIPE, (8, 8, 1)) for _ in range(2))
    model.compile(keras.optimizers.SGD(0.001), loss_weights={"kl": weight})
    by_hand = keras_ae.BetaVAE(twin.encoder, twin.decoder, beta=0.0, seed=0)
    by_hand.compile(keras.optimizers.SGD(0.001))
    for fitted in (model, by_hand):
        fitted.fit(x, batch_size=len(x), verbose=0)
    assert_identical(model.encoder, twin.encoder)
    assert_identical(model.decoder, twin.decoder)
    assert_different(model.encoder, recipes.create(RECIPE, (8, 8, 1)).encoder)


def test_binarized_data():
    wanted = recipe(data={"name": "digits", "binarization": "dynamic"})
    (x, _), (x_test, _) = splits.of(wanted["data"])[1]
    assert set(np.unique(x_test)) == {0, 1}
    _, (again, _) = splits.of(wanted["data"])[1]
    np.testing.assert_array_equal(x_test, again)
    draws = [np.asarray(x.draw(np.array([0, i]))) for i in range(2)]
    assert (draws[0] != draws[1]).any()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read. Expected a JSON file"),
        (json.dumps(RECIPE | {"colour": 1}), r"Unknown: \['colour'\]"),
        (
            json.dumps({k: v for k, v in RECIPE.items() if k != "seed"}),
            r"Missing: \['seed'\]",
        ),
    ],
)
def test_bad_recipe_files(tmp_path, text, message):
    path = tmp_path / "recipe.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"recipe.json.*{message}"):
        recipes.read(path)


def test_one_of_several_factors_is_the_condition():
    wanted = {"name": "shapes", "factor": 0, "condition": "labels"}
    (x, y), (x_test, y_test) = splits.of(wanted)[1]
    (same, factors), (_, test_factors) = keras_ae.datasets.load("shapes")
    np.testing.assert_array_equal(x[0], same)
    for found in (x[1], y):
        np.testing.assert_array_equal(found, factors[:, 0])
    np.testing.assert_array_equal(x_test[1], test_factors[:, 0])


def test_missing_recipe_file(tmp_path):
    with pytest.raises(ValueError, match="nowhere.json.*cannot be read"):
        recipes.read(tmp_path / "nowhere.json")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": {"name": "digit"}}, "data set.*'digits'.*Received: 'digit'"),
        (
            {"data": {"name": "digits", "binarization": "static"}},
            "`binarization`.*'dynamic'.*static",
        ),
        (
            {"data": {"name": "digits", "shards": "x", "condition": "labels"}},
            r"Shards are trained on as they are.*\['condition'\]",
        ),
        (
            {"data": {"name": "digits", "factor": 0}},
            "`factor`.*one of 0 factors.*factor=0",
        ),
        (
            {"data": {"name": "shapes", "factor": 5}},
            "`factor`.*one of 5 factors.*factor=5",
        ),
        (
            {"data": {"name": "digits", "shards": "nowhere"}},
            "'nowhere' holds no finished shards",
        ),
        ({"model": {"variant": "vea", "latent_dim": 2}}, "'vae'.*'vea'"),
        (
            {"model": {"variant": "vae", "latent_dim": 2, "beta": 4}},
            "Unknown argument.*Received: 'beta'",
        ),
    ],
)
def test_bad_recipes(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        recipes.train(recipe(**changes), tmp_path, verbose=0)


def test_recipes_of_the_project_build():
    folder = Path(__file__).parents[2] / "zoo" / "recipes"
    for path in sorted(folder.glob("*.json")):
        wanted = recipes.read(path)
        assert wanted["preset"] == path.stem
        shape = (8, 8, 1) if wanted["data"]["name"] == "digits" else (28, 28, 1)
        with keras.StatelessScope(initialize_variables=False):
            model = recipes.create(wanted, shape)
        assert model.variant == wanted["model"]["variant"]
        assert set(wanted["metrics"]) <= set(measures._FIGURES)


def test_rows_of_each_class_are_shown():
    x = np.arange(6)
    shown = splits.examples_of_each(x, np.array([1, 1, 0, 2, 0, 2]))
    assert shown.tolist() == [2, 0, 3]
    factors = np.ones([6, 2])
    assert splits.examples_of_each(x, factors, 3).tolist() == [0, 2, 5]


def test_a_sampler_is_fitted_after_the_training(tmp_path):
    wanted = recipe(
        training=RECIPE["training"]
        | {"epochs": 1, "sampler": {"kind": "mixture", "components": 3}}
    )
    model = recipes.train(wanted, tmp_path, verbose=0)
    assert model.sampler.components == 3
    # A training that is complete is not repeated; the law is the same.
    again = recipes.train(wanted, tmp_path, verbose=0)
    np.testing.assert_array_equal(
        again.sample(4, seed=0), model.sample(4, seed=0)
    )


def test_a_table_of_numbers_as_a_frame():
    wanted = recipe(data={"name": "wine", "frame": True})
    (x, _), (x_test, _) = splits.of(wanted["data"])[1]
    assert x.columns[0] == x_test.columns[0] == "alcohol"
    assert x.shape == (143, 13)
    with pytest.raises(ValueError, match="'digits' has no named columns"):
        splits.of({"name": "digits", "frame": True})


def test_start_takes_over_what_is_alike():
    def made(components, seed, prior="vamp"):
        prior = {prior: {"components": components}} if components else prior
        return keras_ae.VAE.create(
            (8, 8), 2, hidden=(4,), prior=prior, seed=seed
        )

    x = np.random.default_rng(0).uniform(size=(9, 8, 8)).astype("float32")
    first, other = made(3, 0), made(3, 1)
    first.adapt(x[:5])
    other.adapt(x[4:])
    pairs = zip(first.prior.weights, other.prior.weights, strict=True)
    assert any((a.numpy() != b.numpy()).any() for a, b in pairs)
    recipes.start(other, "first", first)
    assert_identical(first, other)
    # Of another kind, it keeps its own prior.
    flat = made(0, 1, prior="standard_normal")
    recipes.start(flat, "first", first)
    assert_identical(flat.encoder, first.encoder)
    with pytest.raises(ValueError, match="The prior of 'first' does not fit"):
        recipes.start(made(4, 1), "first", first)


def test_start_takes_over_levels_below_another_top():
    def made(seed, levels=(2, 3), **top):
        prior = {"hierarchical": {"levels": list(levels), **top}}
        return keras_ae.HierarchicalVAE.create(
            (8, 8), 5, hidden=(4,), prior=prior, seed=seed
        )

    first = made(0)
    other = made(1, top={"vamp": {"components": 3}})
    before = other.prior.top.get_weights()
    recipes.start(other, "first", first)
    assert_identical(other.encoder, first.encoder)
    assert_identical(other.prior.networks[0], first.prior.networks[0])
    np.testing.assert_array_equal(before, other.prior.top.get_weights())
    for levels in ((3, 2), (1, 2, 2)):
        with pytest.raises(ValueError, match="of 'first' does not fit"):
            recipes.start(made(1, levels), "first", first)


def test_a_recipe_to_start_from_is_trained_first(tmp_path):
    first = recipe(preset="first")
    training = RECIPE["training"] | {"start": first, "epochs": 1}
    training["learning_rate"] = 1e-12  # what it starts from is what it gets
    found = recipes.train(recipe(training=training), tmp_path, verbose=0)
    expected = recipes.train(first, tmp_path, verbose=0)  # found, not trained
    for a, b in zip(found.weights, expected.weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)
    path = tmp_path / "wrong.json"
    training = training | {"start": {"preset": "first"}}
    path.write_text(json.dumps(recipe(training=training)))
    with pytest.raises(ValueError, match=r"start' has other keys"):
        recipes.read(path)


def test_a_file_that_has_changed_is_not_trained_on(tmp_path):
    path = tmp_path / "table.csv"
    rows = np.random.default_rng(0).normal(size=(40, 2))
    np.savetxt(path, rows, delimiter=",", header="a,b", comments="")
    model = {"variant": "vae", "latent_dim": 2, "hidden": [4]}
    wanted = recipe(data={"path": str(path)}, model=model)
    wanted["training"] = wanted["training"] | {"epochs": 1}
    recipes.train(wanted, tmp_path, verbose=0)
    recipes.train(wanted, tmp_path, verbose=0)  # found, not trained
    np.savetxt(path, rows + 1, delimiter=",", header="a,b", comments="")
    for again in (
        lambda: recipes.train(wanted, tmp_path, verbose=0),
        lambda: publishing.publish(wanted, tmp_path / "p", tmp_path, verbose=0),
    ):
        with pytest.raises(ValueError, match="have changed"):
            again()


@pytest.mark.parametrize(
    ("part", "value", "words"),
    [
        ("training", RECIPE["training"] | {"kl_warm_up": 3}, "kl_warm_up"),
        ("training", {"epochs": 1, "batch_size": 2}, "learning_rate"),
        ("training", [], "epochs"),
        ("model", {"latent_dim": 2}, "variant"),
        ("data", {}, "a name, or a path"),
    ],
)
def test_parts_of_a_recipe_are_checked(tmp_path, part, value, words):
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(recipe(**{part: value})))
    with pytest.raises(ValueError, match=words):
        recipes.read(path)
