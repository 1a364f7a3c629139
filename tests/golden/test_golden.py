"""Presets of every format that was ever written load, now and later."""

import json
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras.src.saving import saving_lib

import keras_ae
from keras_ae.contract import tools
from keras_ae.core import registry
from keras_ae.zoo import store

GOLDEN = Path(__file__).parent
FOLDERS = sorted(path.parent for path in GOLDEN.glob("format_*/*/config.json"))
LAYOUT = GOLDEN / f"format_{store.FORMAT_VERSION}" / "layout.json"
TABLES = json.loads(LAYOUT.read_text(encoding="utf-8"))
X = np.random.default_rng(1).random((9, 8), np.float32)

every_folder = pytest.mark.parametrize(
    "folder", FOLDERS, ids=lambda f: f"{f.parent.name}-{f.name}"
)


def arrays(path):
    """Path to array, of a weights file."""
    found = {}

    def add(name, node):
        if isinstance(node, h5py.Dataset):
            found[name] = node[()]

    with h5py.File(path) as file:
        file.visititems(add)
    return found


def dense(weights, name, x):
    return x @ weights[f"{name}/vars/0"] + weights[f"{name}/vars/1"]


def vae(weights, x):
    """8 to 4 relu to the mean of 2; to 4 relu to 8 probabilities."""
    h = np.maximum(dense(weights, "encoder/body/layers/dense", x), 0)
    mean = dense(weights, "encoder/projection", h)[:, :2]
    h = np.maximum(dense(weights, "decoder/body/layers/dense", mean), 0)
    return 1 / (1 + np.exp(-dense(weights, "decoder/projection", h)))


def vqvae(weights, x):
    """8 linear to two vectors; each to the nearest code; linear to 8."""
    z = dense(weights, "encoder/projection", x).reshape(-1, 2, 2)
    table = weights["codebook/vars/0"]
    codes = [
        [min(table, key=lambda code: ((code - v) ** 2).sum()) for v in row]
        for row in z
    ]
    return dense(weights, "decoder/projection", np.reshape(codes, (-1, 4)))


@every_folder
def test_predictions_are_those_of_the_stored_weights(folder):
    model = keras_ae.load(folder)
    weights = arrays(folder / store.WEIGHTS)
    expected = {"vae": vae, "vqvae": vqvae}[model.variant](weights, X)
    # Single precision: 20 sums and products of numbers below 1.
    np.testing.assert_allclose(model.predict(X), expected, atol=2e-6)
    if model.variant == "vqvae":
        usage = model.codebook.usage.numpy()
        np.testing.assert_array_equal(usage, weights["codebook/vars/1"])
        assert usage.all()


@every_folder
def test_keras_loads_the_folder_as_a_model(folder):
    twin = keras.saving.load_model(folder)
    np.testing.assert_array_equal(
        twin.predict(X), keras_ae.load(folder).predict(X)
    )


@every_folder
def test_keras_loads_the_folder_from_hugging_face(
    folder, monkeypatch, tmp_path
):
    """A snapshot is a folder of links, with what Git needs beside them."""

    class Hub:
        def snapshot_download(repo_id, **settings):
            assert repo_id == "someone/model"
            assert settings.keys() <= {"library_name", "library_version"}
            for file in folder.iterdir():
                (tmp_path / file.name).symlink_to(file)
            (tmp_path / ".gitattributes").write_text("*.h5 filter=lfs\n")
            return str(tmp_path)

    monkeypatch.setattr(saving_lib, "huggingface_hub", Hub)
    twin = keras.saving.load_model("hf://someone/model")
    expected = keras_ae.load(folder).predict(X)
    np.testing.assert_array_equal(twin.predict(X), expected)
    snapshot = keras_ae.load(tmp_path)
    np.testing.assert_array_equal(snapshot.predict(X), expected)


# What is written today is what is listed.


def shapes(path):
    return {name: list(a.shape) for name, a in arrays(path).items()}


def compare(what, found, listed):
    """Fail where today's code writes something else than is listed."""
    if found == listed:
        return
    version = store.FORMAT_VERSION
    raise AssertionError(
        f"{what} differs from {LAYOUT.name} of format {version}. Listed: "
        f"{json.dumps(listed)}. Written: {json.dumps(found)}. If something "
        "was renamed, reshaped or removed, or there are more weights, presets "
        "that people have no longer load: take it back, or bump presets."
        f"FORMAT_VERSION, add store.MIGRATIONS[{version}] and a folder "
        f"{LAYOUT.parent.parent.name}/format_{version + 1}. A new class or "
        "argument with a default only joins the list."
    )


def own_classes():
    """Registered name to class, of the package alone."""
    return {
        name: cls
        for name, cls in keras.saving.get_custom_objects().items()
        if cls.__module__.startswith("keras_ae.")
    }


def test_arguments_are_those_listed():
    found = {n: sorted(c.parameters()) for n, c in own_classes().items()}
    listed = TABLES["arguments"]
    for name in sorted(listed):
        compare(name, found.get(name), listed[name])


def own_nodes(node):
    """The nodes of a config that describe classes of the package."""
    if isinstance(node, dict):
        if str(node.get("registered_name")).startswith(registry.PACKAGE + ">"):
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for value in node:
            yield from own_nodes(value)


@pytest.mark.parametrize("name", TABLES["weights"])
def test_presets_are_written_as_listed(name, tmp_path):
    listed = TABLES["weights"][name]
    cls = registry.get(listed["variant"])
    # The likelihood was the default when they were listed.
    options = {"likelihood": "bernoulli"} | listed["options"]
    tools.make(cls, **options).save_to_preset(tmp_path)
    found = shapes(tmp_path / store.WEIGHTS)
    compare(f"The weights of {name}", found, listed["shapes"])
    config = json.loads((tmp_path / store.CONFIG).read_text())
    for node in own_nodes(config):
        found = sorted(node["config"].keys() - {"name", "trainable", "dtype"})
        expected = TABLES["arguments"].get(node["registered_name"])
        compare(f"The config of {node['class_name']}", found, expected)


def test_every_variant_that_people_have_is_listed():
    """A new one joins the list with its first preset."""
    bundled = {store.metadata(name)["variant"] for name in store.list_presets()}
    assert bundled <= TABLES["weights"].keys()


def test_a_renamed_attribute_is_noticed(tmp_path):
    model = tools.make(keras_ae.VQVAE)
    path = tmp_path / store.WEIGHTS
    listed = TABLES["weights"]["vqvae"]["shapes"]
    model.save_weights(path)
    compare("The weights", shapes(path), listed)
    model.book = vars(model).pop("codebook")
    model.save_weights(path)
    with pytest.raises(AssertionError, match="MIGRATIONS.1..*format_2"):
        compare("The weights", shapes(path), listed)


# Migrations.


def test_each_earlier_format_has_a_migration_and_presets():
    earlier = set(range(1, store.FORMAT_VERSION))
    assert set(store.MIGRATIONS) == earlier
    formats = {int(f.parent.name.removeprefix("format_")) for f in FOLDERS}
    assert formats == earlier | {store.FORMAT_VERSION}
