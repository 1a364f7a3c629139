"""Trust: whatever a preset's files hold, a load is right or one clear error.

The hashes are made to agree with the altered files: they are no protection
here.
"""

import copy
import json
import os
import shutil
import time
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import keras_ae
from keras_ae.core import backend
from keras_ae.zoo import card as cards
from keras_ae.zoo import limits
from keras_ae.zoo import store
from keras_ae.zoo import trust
from keras_ae.zoo import weights

X = np.random.default_rng(0).random((5, 8, 8, 1), np.float32)
KERNEL = "encoder/body/layers/dense/vars/0"
BIAS = "encoder/body/layers/dense/vars/1"


@pytest.fixture
def folder(tmp_path):
    """A copy of a bundled preset, to be spoilt."""
    return Path(shutil.copytree(store.find("vae_digits"), tmp_path / "copy"))


def edit_json(path, edit):
    value = json.loads(path.read_text())
    edit(value)
    path.write_text(json.dumps(value))


def rehash(folder):
    found = trust.hashes(folder)
    edit_json(folder / store.METADATA, lambda about: about.update(sha256=found))


def change_config(folder, edit):
    edit_json(folder / store.CONFIG, edit)
    rehash(folder)


def change_weights(folder, edit):
    with h5py.File(folder / store.WEIGHTS, "r+") as file:
        edit(file)
    rehash(folder)


def body(config):
    return config["config"]["encoder"]["config"]["body"]["config"]


def refused(folder, file, words):
    """Load, and find the error that names the file, in time and memory."""
    before = peak(anew=True)
    start = time.process_time()  # others may keep the machine busy
    with pytest.raises(keras_ae.PresetError, match=f"{file}.*{words}"):
        keras_ae.load(folder)
    assert time.process_time() - start < 20
    assert peak() - before < 300


def peak(anew=False):
    """The most megabytes that the process had in use."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    line = next(line for line in lines if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1e3


# Weights.


def replaced(place, **settings):
    def edit(file):
        del file[place]
        file.create_dataset(place, **settings)

    return edit


def empty_gigabytes(file):
    for i in range(8):
        file.create_dataset(f"vars/{i}", (1 << 28,), "f4")


def as_soft_link(file):
    del file[BIAS]
    file[BIAS] = h5py.SoftLink("/decoder/body/layers/dense/vars/1")


def as_external_link(file):
    del file[BIAS]
    file[BIAS] = h5py.ExternalLink("other.h5", BIAS)


def as_virtual(file):
    del file[BIAS]
    layout = h5py.VirtualLayout((256,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", BIAS, (256,))
    file.create_virtual_dataset(BIAS, layout)


def as_group(file):
    del file[BIAS]
    file.create_group(BIAS)


def as_type(file):
    del file[BIAS]
    file[BIAS] = np.dtype("f4")


def not_a_number(file):
    file[BIAS][3] = np.nan


ZEROS = np.zeros(256, "f4")
WEIGHTS = {
    "at 'vars'.*'0', which the model does not have": empty_gigabytes,
    f"{KERNEL}'.*shape .268435456,.": replaced(
        KERNEL,
        shape=(1 << 28,),
        dtype="f4",
        compression="gzip",
        chunks=(1 << 20,),
    ),
    f"{BIAS}'.*shape .255,. of float32, not .256,.": replaced(
        BIAS, data=ZEROS[1:]
    ),
    f"{BIAS}'.*int32, not .256,. of float32": replaced(
        BIAS, data=ZEROS.astype("i4")
    ),
    f"{BIAS}'.*of .*'a'": replaced(BIAS, shape=(256,), dtype=[("a", "f4")]),
    f"{BIAS}'.*0 bytes stored": replaced(BIAS, shape=(256,), dtype="f4"),
    f"{BIAS}'.*0 of 1 chunks": replaced(
        BIAS, shape=(256,), dtype="f4", chunks=(256,)
    ),
    f"{BIAS}'.*chunks of shape .1,.": replaced(BIAS, data=ZEROS, chunks=(1,)),
    f"{BIAS}'.*the filters": replaced(
        BIAS, data=ZEROS, chunks=(256,), compression="lzf"
    ),
    f"{BIAS}'.*in another file": replaced(
        BIAS, shape=(256,), dtype="f4", external=[("/dev/zero", 0, 1024)]
    ),
    f"{BIAS}'.*another file": as_virtual,
    f"{BIAS}'.*SoftLink": as_soft_link,
    f"{BIAS}'.*ExternalLink": as_external_link,
    f"{BIAS}'.*a Group, not a Dataset": as_group,
    f"{BIAS}'.*a Datatype, not a Dataset": as_type,
    f"{BIAS}'.*NaN or infinite": not_a_number,
    f"{BIAS}'.*Received: nothing": lambda file: file.pop(BIAS),
    "vars/seed_state_0'.*nothing": lambda file: file.pop("vars/seed_state_0"),
    "at '/'.*'more', which": lambda file: file.create_group("more"),
    "at 'encoder'.*'loop', which": lambda file: file.update(
        {"encoder/loop": file["encoder"]}
    ),
    "at '/'.*the attribute 'big'": lambda file: file.attrs.update(
        big=np.zeros(8000)
    ),
    "at 'vars'.*the attribute 'name', which": lambda file: file[
        "vars"
    ].attrs.update(name=np.zeros(8000)),
}


@pytest.mark.parametrize("words", WEIGHTS)
def test_weights_of_another_layout_are_not_read(folder, words):
    change_weights(folder, WEIGHTS[words])
    refused(folder, store.WEIGHTS, words)


@pytest.mark.parametrize("place", range(0, 2000, 90))
def test_a_damaged_weights_file_is_one_error(folder, place):
    path = folder / store.WEIGHTS
    content = bytearray(path.read_bytes())
    content[place : place + 20] = b"\xff" * 20
    path.write_bytes(content)
    rehash(folder)
    try:
        model = keras_ae.load(folder)
    except keras_ae.PresetError as error:
        assert str(path) in str(error)
    else:
        expected = keras_ae.load("vae_digits").get_weights()
        for ours, theirs in zip(expected, model.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_a_huge_sparse_file_is_not_hashed(folder):
    os.truncate(folder / store.WEIGHTS, 137_000_000_000)
    refused(folder, store.WEIGHTS, "too large.*137,000,000,000")


def test_a_file_larger_than_its_arrays_is_not_opened(folder):
    os.truncate(folder / store.WEIGHTS, 50_000_000)
    rehash(folder)
    refused(folder, store.WEIGHTS, "too large.*Received: 50,000,000")


def test_much_that_unpacks_from_little_is_not_read(tmp_path):
    zeros = np.zeros([1000, 5000], np.float32)
    layout = {"vars": {"0": zeros}}
    path = tmp_path / "some.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("vars/0", data=zeros, compression="gzip")
    with pytest.raises(keras_ae.PresetError, match="unpack to 20,000,000"):
        weights.check(path, layout)
    with h5py.File(path, "w") as file:
        file.create_dataset("vars/0", data=zeros)
    weights.check(path, layout)


def test_groups_without_arrays_may_lack(folder):
    change_weights(folder, lambda file: file.pop("layers"))
    expected = keras_ae.load("vae_digits").predict(X)
    np.testing.assert_array_equal(keras_ae.load(folder).predict(X), expected)


def test_bfloat16_is_kept_and_checked(tmp_path):
    keras.config.set_dtype_policy("bfloat16")
    model = keras_ae.VAE.create((3,), 2, hidden=(4,))
    folder = tmp_path / "mine"
    model.save_to_preset(folder)
    for ours, theirs in zip(
        model.get_weights(), keras_ae.load(folder).get_weights(), strict=True
    ):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    with h5py.File(folder / store.WEIGHTS, "r+") as file:
        file[BIAS][0] = np.array(b"\xc0\x7f", "V2")  # NaN
    rehash(folder)
    refused(folder, store.WEIGHTS, f"{BIAS}'.*NaN")


# Configs.


def test_nothing_is_drawn_that_will_be_overwritten(folder):
    wanted = keras.saving.serialize_keras_object(
        keras.initializers.Orthogonal(seed=7)
    )

    def edit(config):
        for layer in body(config)["layers"]:
            if layer["class_name"] == "Dense":
                layer["config"]["kernel_initializer"] = wanted

    change_config(folder, edit)
    drawn = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            keras.initializers.Orthogonal,
            "__call__",
            lambda self, shape, dtype=None: drawn.append(shape),
        )
        model = keras_ae.load(folder)
    assert not drawn
    expected = keras_ae.load("vae_digits").predict(X)
    np.testing.assert_array_equal(model.predict(X), expected)
    dense = model.encoder.body.get_layer("dense")
    assert isinstance(dense.kernel_initializer, keras.initializers.Orthogonal)
    # Without weights they are what the initializer draws.
    fresh = keras_ae.load(folder, load_weights=False)
    kernel = fresh.encoder.body.get_layer("dense").kernel.numpy()
    np.testing.assert_allclose(kernel @ kernel.T, np.eye(64), atol=1e-5)


def add_layers(config, width, count):
    """Dense layers after each other at the end of the encoder's body."""
    layers = body(config)["layers"]
    last, size = layers[-1], layers[-1]["config"]["units"]
    for i in range(count):
        layer = copy.deepcopy(layers[2])
        layer["name"] = layer["config"]["name"] = f"more_{i}"
        layer["config"]["units"] = width
        layer["config"]["kernel_initializer"]["class_name"] = "Orthogonal"
        layer["config"]["kernel_initializer"]["config"] = {"gain": 1.0}
        layer["build_config"] = {"input_shape": [None, size]}
        tensor = layer["inbound_nodes"][0]["args"][0]["config"]
        tensor.update(shape=[None, size], keras_history=[last["name"], 0, 0])
        layers.append(layer)
        last, size = layer, width
    body(config)["output_layers"] = [last["name"], 0, 0]


@pytest.mark.parametrize(
    "width, count, file, words",
    [
        (8, 2_000, store.CONFIG, "too large a network.*at most 2,500 layers"),
        (8, 300, store.WEIGHTS, "Received: nothing"),
        (10_000, 2, store.WEIGHTS, "Received: "),
        (10**7, 3, store.CONFIG, "too much memory.*at most 200,000,000"),
    ],
)
def test_a_large_network_is_refused_in_seconds(
    folder, width, count, file, words
):
    change_config(folder, lambda config: add_layers(config, width, count))
    refused(folder, file, words)


def test_a_layer_called_too_often_is_refused(folder):
    def edit(config):
        node = body(config)["layers"][-1]["inbound_nodes"]
        node *= 5_000

    change_config(folder, edit)
    refused(folder, store.CONFIG, "too large a network")


def nested(depth):
    value = {}
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize("depth", [100, 300, 900])
@pytest.mark.parametrize("file", [store.CONFIG, store.METADATA])
def test_deep_nesting_is_refused(folder, file, depth):
    edit_json(folder / file, lambda value: value.update(recipe=nested(depth)))
    rehash(folder)
    for function in (keras_ae.load, store.metadata):
        if function is store.metadata and file == store.CONFIG:
            continue
        with pytest.raises(keras_ae.PresetError, match=f"{file}.*deep"):
            function(folder)


CONFIGS = {
    "units": lambda config: body(config)["layers"][2]["config"].update(
        units="many"
    ),
    "no list": lambda config: body(config).update(layers=7),
    "no names": lambda config: body(config)["layers"][0].pop("name"),
    "no input": lambda config: body(config).update(input_layers=None),
    "build_config": lambda config: config.update(build_config={"a": 1}),
    "argument": lambda config: config["config"].update(colour="red"),
    "part": lambda config: config["config"].update(encoder=3),
    "dtype": lambda config: config["config"].update(dtype="float0"),
    "no encoder": lambda config: config["config"].pop("encoder"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_that_builds_nothing_is_one_error(folder, name):
    change_config(folder, CONFIGS[name])
    refused(folder, store.CONFIG, "Expected.*Received")


def test_a_class_that_is_not_allowed_is_named_with_its_place(folder):
    def edit(config):
        body(config)["layers"][1]["class_name"] = "Lambda"

    change_config(folder, edit)
    words = r"'flatten'. at .config.encoder.config.body.config.layers\[1\]"
    refused(folder, store.CONFIG, words)


# Metadata.

METADATA = {
    "sha256": ["x", 3, None, {}, {store.CONFIG: "0" * 64}],
    "name": [None, 3, ["a"]],
    "variant": [None, {}],
    "parameters": [None, "many", 10**400, float("nan"), -1],
    "versions": [None, 3, {"keras": 3}],
    "saved": [None, 3],
    "description": [3],
    "picture": [[]],
    "imports": ["os", [3]],
    "recipe": ["x"],
    "wall_time": ["long", 10**400, float("inf")],
    "format_version": [None, "1", 0, True, 10**9, []],
}


@pytest.mark.parametrize("key", METADATA)
def test_metadata_that_are_none_are_refused(folder, key):
    path = folder / store.METADATA
    for value in METADATA[key]:
        edit_json(path, lambda about, value=value: about.update({key: value}))
        for function in (keras_ae.load, store.metadata):
            with pytest.raises(keras_ae.PresetError, match=f"{path}.*{key}"):
                function(folder)


@pytest.mark.parametrize("key", ["data", "metrics"])
@pytest.mark.parametrize(
    "value", [None, 3, "x", [1], {"a": None}, {"a": [1]}, {"a": {"b": {}}}]
)
def test_a_card_is_made_of_any_data_and_metrics(folder, key, value):
    edit_json(folder / store.METADATA, lambda about: about.update({key: value}))
    assert "# vae_digits" in cards.card(store.metadata(folder))


def test_an_entry_that_is_no_file_is_none(tmp_path, monkeypatch):
    (tmp_path / "far.json").mkdir()
    os.mkfifo(tmp_path / "near.json")
    (tmp_path / "odd" / store.CONFIG).mkdir(parents=True)
    os.mkfifo(tmp_path / "odd" / store.METADATA)
    monkeypatch.setenv("KERAS_AE_ZOO", str(tmp_path))
    assert not {"far", "near"} & {*keras_ae.list_presets()}
    for function in (keras_ae.load, store.metadata):
        with pytest.raises(keras_ae.PresetError, match="odd.*Expected"):
            function("odd")


# What the checks stand on.


def test_variables_without_values_are_allocated_or_dropped():
    with backend.deferred_weights() as made:
        layer = keras.layers.Dense(3)
        layer.build((None, 10**6))
    kernel, bias = made
    backend.allocate(bias)
    np.testing.assert_array_equal(layer.bias, [0, 0, 0])
    # Nobody gives values to the other later.
    with keras.StatelessScope():
        pass
    assert kernel._value is None


@pytest.mark.parametrize("name", ["vae_digits", "vqvae_mnist", "vae_gan_mnist"])
def test_the_layout_is_what_keras_writes(name, tmp_path):
    model = keras_ae.load(name)
    model.save_weights(tmp_path / "some.weights.h5")
    written = {}

    def add(place, node):
        if isinstance(node, h5py.Dataset):
            written[place] = node.shape

    with h5py.File(tmp_path / "some.weights.h5") as file:
        file.visititems(add)
    layout = backend.weights_layout(model)
    assert written == {
        f"{group}/{key}": tuple(value.shape)
        for group, arrays in layout.items()
        for key, value in arrays.items()
    }


# The other door.


def test_keras_own_loader_is_said_to_check_nothing(folder):
    """As SECURITY.md says; where it is not so any more, that is too."""
    with h5py.File(folder / store.WEIGHTS, "r+") as file:
        file[BIAS][:] = ZEROS + 1
    with pytest.raises(keras_ae.PresetError, match="damaged or altered"):
        keras_ae.load(folder)
    model = keras.saving.load_model(folder)
    np.testing.assert_array_equal(
        model.encoder.body.get_layer("dense").bias, ZEROS + 1
    )
    security = Path(__file__).parents[2] / "SECURITY.md"
    text = " ".join(security.read_text(encoding="utf-8").split())
    assert "`keras.saving.load_model` compares no hash" in text


def test_limits_leave_room_for_what_there_is():
    for name in keras_ae.list_presets():
        config = json.loads((store.find(name) / store.CONFIG).read_text())
        assert limits._objects(config) < limits.MAX_OBJECTS / 25
