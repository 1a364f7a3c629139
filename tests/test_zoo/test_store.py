"""Presets: what is in the folder is loaded as it is, or not at all."""

import json
import shutil
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import keras_ae
from keras_ae.core import plugins
from keras_ae.core import registry
from keras_ae.zoo import card as cards
from keras_ae.zoo import store
from keras_ae.zoo import trust
from tests import dying

X8 = np.random.default_rng(0).random((5, 8), np.float32)
X = np.random.default_rng(0).random((5, 8, 8, 1), np.float32)


@pytest.fixture
def folder(tmp_path):
    """A copy of a bundled preset, to be spoilt."""
    return Path(shutil.copytree(store.find("vae_digits"), tmp_path / "copy"))


def change(folder, edit):
    """Edit the config and make the recorded hashes agree with the files."""
    config = json.loads((folder / store.CONFIG).read_text())
    edit(config)
    (folder / store.CONFIG).write_text(json.dumps(config))
    about = json.loads((folder / store.METADATA).read_text())
    for file in about["sha256"]:
        about["sha256"][file] = trust.sha256(folder / file)
    (folder / store.METADATA).write_text(json.dumps(about))


def body(config):
    """The config of the encoder's body: a functional model."""
    return config["config"]["encoder"]["config"]["body"]


def layer(config, name):
    """The node of the first layer of a class in the encoder's body."""
    layers = body(config)["config"]["layers"]
    return next(n for n in layers if n["class_name"] == name)


@pytest.mark.parametrize("file", [store.CONFIG, store.METADATA, store.WEIGHTS])
def test_a_missing_file_is_named(folder, file):
    (folder / file).unlink()
    with pytest.raises(ValueError, match=f"incomplete.*{file}"):
        keras_ae.load(folder)


def test_a_truncated_file_is_refused(folder):
    whole = (folder / store.WEIGHTS).read_bytes()
    (folder / store.WEIGHTS).write_bytes(whole[:-100])
    with pytest.raises(ValueError, match="damaged or altered.*Expected sha256"):
        keras_ae.load(folder)


def test_altered_weights_are_not_opened(folder, monkeypatch):
    with open(folder / store.WEIGHTS, "r+b") as file:
        file.seek(5000)
        byte = file.read(1)
        file.seek(5000)
        file.write(bytes([byte[0] ^ 1]))
    opened = []
    monkeypatch.setattr(h5py, "File", lambda *a, **k: opened.append(a))
    with pytest.raises(ValueError, match="damaged or altered"):
        keras_ae.load(folder)
    assert not opened


def test_an_altered_config_is_refused(folder):
    path = folder / store.CONFIG
    path.write_text(path.read_text().replace('"relu"', '"tanh"'))
    with pytest.raises(ValueError, match="damaged or altered"):
        keras_ae.load(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000])
@pytest.mark.parametrize("file", [store.CONFIG, store.METADATA])
def test_a_file_that_is_no_json_object_is_named(folder, file, text):
    (folder / file).write_text(text)
    with pytest.raises(ValueError, match=f"{file}.*Expected a JSON object"):
        keras_ae.load(folder)


def test_metadata_without_hashes_are_refused(folder):
    about = json.loads((folder / store.METADATA).read_text())
    del about["sha256"]
    (folder / store.METADATA).write_text(json.dumps(about))
    with pytest.raises(ValueError, match="metadata.json.*64 hex digits"):
        keras_ae.load(folder)


def test_a_later_format_is_refused(folder):
    about = json.loads((folder / store.METADATA).read_text())
    about["format_version"] += 1
    (folder / store.METADATA).write_text(json.dumps(about))
    with pytest.raises(ValueError, match="Upgrade keras_ae"):
        keras_ae.load(folder)


def test_an_earlier_format_is_migrated_in_a_copy(folder, monkeypatch):
    expected = keras_ae.load(folder).predict(X)

    def rename(folder, old, new):
        with h5py.File(folder / store.WEIGHTS, "r+") as file:
            file.move(old, new)
        change(
            folder, lambda c: c["config"].update({new: c["config"].pop(old)})
        )

    # As if the encoder had been a coder once, and a recognizer before that.
    rename(folder, "encoder", "recognizer")
    with pytest.raises((ValueError, TypeError), match="encoder"):
        keras_ae.load(folder)
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    steps = {
        1: lambda copy: rename(copy, "recognizer", "coder"),
        2: lambda copy: rename(copy, "coder", "encoder"),
    }
    monkeypatch.setattr(store, "MIGRATIONS", steps)
    monkeypatch.setattr(store, "FORMAT_VERSION", 3)
    np.testing.assert_array_equal(keras_ae.load(folder).predict(X), expected)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_another_class_is_refused_with_the_call_that_works():
    with pytest.raises(ValueError, match="keras_ae.VAE.from_preset"):
        keras_ae.Autoencoder.from_preset("vae_digits")
    assert isinstance(keras_ae.VAE.from_preset("vae_digits"), keras_ae.VAE)
    assert isinstance(
        keras_ae.BaseAutoencoder.from_preset("vae_digits"), keras_ae.VAE
    )


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match=r"one of \['vae_digits'.*vae_digit'"):
        keras_ae.load("vae_digit")


@keras.saving.register_keras_serializable("stranger")
class Dense(keras.layers.Dense):
    """A class of another package that hides behind a Keras name."""


def as_lambda(config):
    layer(config, "Flatten").update(
        class_name="Lambda",
        config={"name": "flatten", "function": {"class_name": "__lambda__"}},
    )


def as_lambda_value(config):
    layer(config, "Dense")["config"]["activation"] = {
        "class_name": "__lambda__",
        "config": {"value": "4wAAAA=="},
    }


def as_function(config):
    layer(config, "Dense")["config"]["activation"] = {
        "class_name": "function",
        "module": "builtins",
        "config": "relu",
        "registered_name": "relu",
    }


def as_stranger(config):
    layer(config, "Dense")["registered_name"] = "stranger>Dense"


def as_stranger_by_class_name(config):
    node = layer(config, "Dense")
    node["class_name"] = "stranger>Dense"
    del node["registered_name"]


def as_stranger_by_string(config):
    layer(config, "Dense")["config"]["activation"] = "stranger>Dense"


def as_saved_model_layer(config):
    layer(config, "Flatten")["class_name"] = "TFSMLayer"


def as_other_module(config):
    layer(config, "Flatten")["module"] = "keras.src.layers.core.lambda_layer"


def as_own_name_of_another_class(config):
    node = layer(config, "Flatten")
    node.update(class_name="Lambda", registered_name="keras_ae>VAE")


def as_type_spec(config):
    layer(config, "Flatten")["class_name"] = "__typespec__"


def as_list(config):
    layer(config, "Flatten")["class_name"] = ["Flatten"]


@pytest.mark.parametrize(
    "edit",
    [
        as_lambda,
        as_lambda_value,
        as_function,
        as_stranger,
        as_stranger_by_class_name,
        as_stranger_by_string,
        as_saved_model_layer,
        as_other_module,
        as_own_name_of_another_class,
        as_type_spec,
        as_list,
    ],
)
def test_a_class_outside_the_list_is_refused(folder, edit):
    change(folder, edit)
    with pytest.raises(ValueError, match="not allowed.*Received"):
        keras_ae.load(folder)


@pytest.mark.parametrize(
    "edit",
    [
        lambda c: c.update(registered_name="keras_ae>Bernoulli"),
        lambda c: c.pop("build_config"),
        lambda c: c.update(config=[]),
    ],
)
def test_a_config_of_something_else_is_refused(folder, edit):
    def whole(config):
        edit(config)
        config["class_name"] = config["registered_name"].split(">")[1]

    change(folder, whole)
    with pytest.raises(ValueError, match="describes no model"):
        keras_ae.load(folder)


def test_a_size_that_exhausts_memory_is_refused_before_it_is_taken(folder):
    def widen(config):
        node = layer(config, "Dense")
        node["config"]["units"] = 10**12
        node["build_config"] = {"input_shape": [None, 64]}

    change(folder, widen)
    with pytest.raises(ValueError, match="too much memory.*Expected at most"):
        keras_ae.load(folder)
    # Nor is it taken later, by the next layer whose shapes Keras infers.
    with_layer(Twice())


def test_weights_of_another_architecture_are_refused(folder):
    change(
        folder,
        lambda c: c["config"]["encoder"]["config"].update(event_shape=[9]),
    )
    with pytest.raises(ValueError, match="do not fit the preset's config"):
        keras_ae.load(folder)


def test_keras_loads_the_folder_too():
    model = keras_ae.load("vae_digits")
    other = keras.saving.load_model(store.find("vae_digits"))
    np.testing.assert_array_equal(model.predict(X), other.predict(X))


def test_a_preset_survives_saving_and_loading(tmp_path):
    body = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(6)])
    model = keras_ae.VAE(
        keras_ae.DistributionNetwork(body, "gaussian", 2),
        keras_ae.DistributionNetwork(
            keras.Sequential([keras.layers.Dense(6)]), "bernoulli", (8, 8, 1)
        ),
    )
    model.build((None, 8, 8, 1))
    model.compile("adam", jit_compile=False)
    model.fit(X, verbose=0)
    model.save_to_preset(tmp_path / "mine", data={"name": "noise"})
    again = keras_ae.load(tmp_path / "mine")
    np.testing.assert_array_equal(model.predict(X), again.predict(X))
    assert store.metadata(tmp_path / "mine")["data"] == {"name": "noise"}
    # Weights alone: those of an optimizer would be counted here.
    with h5py.File(tmp_path / "mine" / store.WEIGHTS) as file:
        stored = []
        file.visititems(
            lambda _, item: (
                stored.append(item) if isinstance(item, h5py.Dataset) else None
            )
        )
        sizes = sum(i.size for i in stored if "seed" not in i.name)
    assert sizes == model.count_params()


def test_saving_twice_gives_the_same_weights_file(tmp_path):
    once, again = tmp_path / "once", tmp_path / "again"
    keras_ae.load("vae_digits").save_to_preset(once)
    keras_ae.load(once).save_to_preset(again)
    assert trust.sha256(once / store.WEIGHTS) == trust.sha256(
        again / store.WEIGHTS
    )


class Twice(keras.layers.Layer):
    """A layer that nobody registered."""

    def call(self, x):
        return 2.0 * x


@keras.saving.register_keras_serializable("stranger")
class Thrice(keras.layers.Layer):
    """A layer that only Keras knows."""

    def call(self, x):
        return 3.0 * x


def half(x):
    return x / 2


def with_layer(layer):
    """A model that has a layer of the user's own in its encoder."""
    model = keras_ae.VAE(
        keras_ae.DistributionNetwork(
            keras.Sequential([layer, keras.layers.Dense(4)]), "gaussian", 2
        ),
        keras_ae.DistributionNetwork(
            keras.Sequential([keras.layers.Dense(4)]), "bernoulli", 8
        ),
    )
    model.build((None, 8))
    return model


STRANGERS = {
    "'Twice' of module .*test_store' .layer 'mine'.*@keras_ae.register": Twice,
    "'stranger>Thrice'.*layer 'mine'.*@keras_ae.register": Thrice,
    "not allowed.*'Lambda'.*layer 'mine'.*Write it as a class": (
        lambda name: keras.layers.Lambda(half, (8,), name=name)
    ),
    "not allowed.*'Lambda'.*layer 'mine'.*a class of a": (
        lambda name: keras.layers.Lambda(lambda x: x, (8,), name=name)
    ),
    "the function 'half'.*Write it as a class": (
        lambda name: keras.layers.Dense(3, half, name=name)
    ),
}


@pytest.mark.parametrize("words, layer", STRANGERS.items())
def test_saving_names_what_loading_would_refuse(words, layer, tmp_path):
    model = with_layer(layer(name="mine"))
    with pytest.raises(ValueError, match=f"cannot be saved.*{words}"):
        model.save_to_preset(tmp_path / "new" / "mine")
    assert not list(tmp_path.iterdir())


def test_a_refused_save_leaves_what_was_there(folder):
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    with pytest.raises(ValueError, match="Twice"):
        with_layer(Twice()).save_to_preset(folder)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


@pytest.mark.parametrize("there", [False, True])
def test_a_save_that_breaks_off_leaves_what_was_there(
    there, folder, monkeypatch
):
    parent = folder.parent
    if not there:
        shutil.rmtree(folder)
    before = {p: p.read_bytes() for p in parent.rglob("*") if p.is_file()}

    def full(path):
        raise OSError("No space left on device")

    monkeypatch.setattr(store, "_compress", full)
    with pytest.raises(OSError, match="No space"):
        keras_ae.load("vae_digits").save_to_preset(folder)
    assert before == {p: p.read_bytes() for p in parent.rglob("*.*")}
    assert folder.exists() == there


def test_files_beside_a_preset_stay(folder):
    (folder / "notes.txt").write_text("mine")
    keras_ae.load("vae_digits").save_to_preset(folder)
    assert (folder / "notes.txt").read_text() == "mine"
    assert keras_ae.load(folder).built


@pytest.mark.parametrize("file", ["README.md", "config.json"])
def test_files_of_something_else_are_not_replaced(tmp_path, file):
    (tmp_path / file).write_text("mine")
    model = keras_ae.load("vae_digits")
    with pytest.raises(ValueError, match=f"no preset.*{file}.*another"):
        model.save_to_preset(tmp_path)
    assert [*tmp_path.iterdir()] == [tmp_path / file]
    assert (tmp_path / file).read_text() == "mine"


def test_killed_at_any_step_the_preset_is_the_old_or_the_new_one(tmp_path):
    kept, folder = tmp_path / "kept", tmp_path / "preset"
    old, new = (
        keras_ae.VAE.create((3,), size, hidden=(4,), seed=0) for size in (2, 3)
    )
    old.save_to_preset(kept)
    (kept / "notes.txt").write_text("mine")

    def prepare():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(kept, folder)

    found = []
    for step in dying.deaths(prepare, lambda: new.save_to_preset(folder)):
        try:
            loaded = keras_ae.load(folder)
        except ValueError as error:
            found.append(str(error))
            continue
        twin = (old, new)[loaded.encoder.event_shape == (3,)]
        assert weights_agree(loaded, twin), step
        found.append(loaded.encoder.event_shape[0])
        assert (folder / "notes.txt").read_text() == "mine"
    failed = [text for text in found if isinstance(text, str)]
    assert not failed, f"{len(failed)} of {len(found)} steps: {failed[0]}"
    assert found == sorted(found) and set(found) == {2, 3}
    assert store.metadata(folder)["name"] == "preset"
    assert not [*folder.glob(".*")]


def weights_agree(model, twin):
    pairs = zip(model.get_weights(), twin.get_weights(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def test_a_preset_may_be_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keras_ae.load("vae_digits").save_to_preset(".")
    assert store.metadata(".")["name"] == tmp_path.name


@pytest.fixture
def registered(own_names):
    """`Twice`, as its package registers it; forgotten after the test."""
    members = {"call": Twice.call, "__module__": "some_package.layers"}
    return keras_ae.register("twice")(
        type("Twice", (keras.layers.Layer,), members)
    )


def forget(cls):
    """As in a process that has not imported the package of a class."""
    name = f"some_package>{cls.__name__}"
    del registry._CLASSES[name]
    del keras.saving.get_custom_objects()[name]


def test_a_registered_layer_of_another_package_is_saved(registered, tmp_path):
    model = with_layer(registered())
    model.save_to_preset(tmp_path / "mine")
    again = keras_ae.load(tmp_path / "mine")
    np.testing.assert_array_equal(model.predict(X8), again.predict(X8))
    assert store.metadata(tmp_path / "mine")["imports"] == ["some_package"]
    card = (tmp_path / "mine" / "README.md").read_text()
    assert "\nimport keras_ae\nimport some_package\n" in card
    forget(registered)
    with pytest.raises(
        ValueError,
        match="'some_package>Twice'.*If you trust it, import some_package "
        "first, or keras-ae --import some_package",
    ):
        keras_ae.load(tmp_path / "mine")


def test_an_installed_plugin_counts_as_imported(
    registered, tmp_path, monkeypatch
):
    with_layer(registered()).save_to_preset(tmp_path / "mine")
    forget(registered)
    monkeypatch.setattr(
        plugins, "load", lambda: keras_ae.register("twice")(registered)
    )
    assert keras_ae.load(tmp_path / "mine").built


@pytest.mark.parametrize(
    "name, advice",
    [
        ("keras_ae>Flatten", "Upgrade keras_ae"),
        ("__main__>Flatten", "defined in a script"),
        ("os>Flatten", "import os first"),
    ],
)
def test_a_class_that_is_not_known_is_explained(folder, name, advice):
    def edit(config):
        layer(config, "Flatten").update(
            registered_name=name, module="os", class_name="Flatten"
        )

    change(folder, edit)
    with pytest.raises(ValueError, match=f"not allowed.*{name}.*{advice}"):
        keras_ae.load(folder)


def test_a_keras_file_warns_of_what_will_not_load(tmp_path):
    model = with_layer(Twice(name="mine"))
    with pytest.warns(UserWarning, match="will not load by.*'Twice'.*'mine'"):
        model.save(tmp_path / "model.keras")
    assert (tmp_path / "model.keras").is_file()


def test_an_unbuilt_model_is_not_saved(tmp_path):
    body = keras.Sequential([keras.layers.Dense(4)])
    model = keras_ae.Autoencoder(
        keras_ae.DistributionNetwork(body, "point", 2),
        keras_ae.DistributionNetwork(
            keras.Sequential([keras.layers.Dense(4)]), "gaussian", 8
        ),
    )
    with pytest.raises(ValueError, match="not built.*Call `fit`"):
        model.save_to_preset(tmp_path / "mine")


def test_overrides_replace_arguments():
    model = keras_ae.load(
        "vae_digits", samples=3, prior=keras_ae.priors.StandardNormal()
    )
    assert model.samples == 3
    reference = keras_ae.load("vae_digits")
    np.testing.assert_array_equal(model.predict(X), reference.predict(X))
    with pytest.raises((ValueError, TypeError), match="colour"):
        keras_ae.load("vae_digits", colour="red")


def test_the_architecture_comes_without_weights():
    keras.utils.set_random_seed(0)
    fresh = keras_ae.load("vae_digits", load_weights=False)
    trained = keras_ae.load("vae_digits")
    assert [w.shape for w in fresh.weights] == [
        w.shape for w in trained.weights
    ]
    assert not np.allclose(fresh.predict(X), trained.predict(X), atol=0.01)


def test_a_folder_of_ones_own_comes_first(folder, monkeypatch):
    zoo = folder.parent
    folder.rename(zoo / "vae_digits")
    shutil.copytree(zoo / "vae_digits", zoo / "my_model")
    monkeypatch.setenv("KERAS_AE_ZOO", str(zoo))
    assert "my_model" in keras_ae.list_presets()
    assert keras_ae.list_presets("my_*") == ("my_model",)
    assert store.find("vae_digits") == zoo / "vae_digits"
    assert keras_ae.load("my_model").variant == "vae"


def test_the_card_says_where_the_model_comes_from(folder):
    about = store.metadata(folder)
    card = cards.card(about)
    assert card.startswith("---\nlibrary_name: keras\n")
    assert about["sha256"][store.WEIGHTS] in card
    assert "digits" in card


def test_the_card_has_a_line_a_figure_and_the_recipe_to_copy(folder):
    recipe = {"preset": "mine", "model": {"hidden": [4]}}
    figures = {"loss": {"value": 1.5, "rows": 3}, "kl": {"standard_error": 2}}
    about = store.metadata(folder) | {"metrics": figures, "recipe": recipe}
    card = cards.card(about)
    assert "| figure | value | rows | standard error |" in card
    assert "| loss | 1.5 | 3 |  |" in card
    assert "| kl |  |  | 2 |" in card
    assert json.loads(card.split("```json")[1].split("```")[0]) == recipe
    assert "| accuracy | 0.9 |" in cards.card(
        about | {"metrics": {"accuracy": 0.9}}
    )


def test_what_is_no_preset_is_said(tmp_path):
    path = tmp_path / "model.keras"
    with pytest.raises(ValueError, match="a path with nothing there"):
        keras_ae.load(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="a file.*keras.saving.load_model"):
        keras_ae.load(str(path))
