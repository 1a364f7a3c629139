"""Trust: what is checked of a preset's files before they are believed.

Presets come from others. Their hashes are compared, and their config may name
only classes that are known here; nothing that a file names is ever imported.
"""

import copy
import hashlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from keras_ae.core import backend
from keras_ae.core import registry
from keras_ae.core.types import Json
from keras_ae.model.base import BaseAutoencoder
from keras_ae.zoo.errors import PresetError
from keras_ae.zoo.limits import CONFIG
from keras_ae.zoo.limits import WEIGHTS

#: Keras classes that a preset's config may name, beside registered ones.
ALLOWED = frozenset(
    """
    Functional Sequential InputLayer Dense Flatten Reshape Concatenate Add
    Multiply Activation Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose
    GRU MultiHeadAttention Cropping1D Cropping2D Cropping3D
    ZeroPadding1D ZeroPadding2D ZeroPadding3D MaxPooling2D AveragePooling2D
    UpSampling2D GlobalAveragePooling2D BatchNormalization LayerNormalization
    RMSNormalization Dropout RepeatVector LeakyReLU PReLU ReLU ELU Softmax
    Rescaling Identity
    GlorotUniform GlorotNormal HeUniform HeNormal LecunUniform LecunNormal
    RandomNormal RandomUniform TruncatedNormal VarianceScaling Orthogonal
    Zeros Ones Constant L1 L2 L1L2 DTypePolicy
    """.split()
)
_KERAS_MODULES = (
    "keras",
    "keras.layers",
    "keras.models",
    "keras.initializers",
    "keras.regularizers",
    *backend.NETWORK_MODULES,
)
_KERAS_TENSOR = "__keras_tensor__"  # a place in a functional model's graph


def check_classes(config: Json, what: str = "The preset") -> None:
    """Refuse a config that names a class that is not known to be safe.

    Safe are a short list of plain Keras classes, and the classes that
    `keras_ae.register` knows: ours, and those of packages that the user
    imported or installed as a plugin.

    Args:
        config: A serialized Keras object, or a part of one.
        what: Whose config it is, for the message.

    Raises:
        PresetError: With the name and its place in the config, and how the
            class becomes known.

    Example:
        >>> head = keras_ae.heads.Gaussian(scale=0.5)
        >>> check_classes(keras.saving.serialize_keras_object(head))
        >>> try:
        ...     check_classes({"class_name": "system", "module": "os"})
        ... except ValueError as error:
        ...     print(str(error).split(". ")[-1])
        Received: 'system' of module 'os'
    """
    problem = next(_problems(config), None)
    if problem is not None:
        raise PresetError(
            f"{what} names a class that is not allowed. Expected classes of "
            f"{registry.PACKAGE}, plain Keras layers, or classes that an "
            "imported package registers by `keras_ae.register`. Received: "
            f"{problem}"
        )


def _problems(node: Json, place: str = "") -> Iterator[str]:
    """What is wrong with the classes that a config names, in its order."""
    if isinstance(node, dict):
        if "class_name" in node or "registered_name" in node:
            problem = _problem(node, place)
            if problem:
                yield problem
        for key, value in node.items():
            if key != "registered_name":
                yield from _problems(value, f"{place}.{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _problems(value, f"{place}[{index}]")
    elif isinstance(node, str) and _registered(node) is not None:
        # Keras looks plain strings up too, among all registered objects.
        yield f"the text {node!r} at {place}"


def _problem(node: dict[str, Any], place: str) -> str | None:
    """Why a node is refused: Keras' own lookup has to lead to a safe class.

    That lookup takes whatever is registered under `registered_name` first,
    the class name standing in where there is none, and then `module`.
    """
    name, module = node.get("class_name"), node.get("module")
    registered = node.get("registered_name") or name
    where = f" at {place}" if place else ""
    if not isinstance(name, str) or not isinstance(registered, str):
        return repr(name) + where
    found = _registered(registered)
    if found is not None:
        own = registry.saved_as(registered)
        if found is own and own.__name__ == name:
            return None
    elif name == _KERAS_TENSOR and module is None:
        return None
    elif name in ALLOWED and module in _KERAS_MODULES:
        return None
    return _described(node) + where + _advice(node, found)


def _registered(name: str) -> Any:
    """What Keras finds under a name, once the plugins are there."""
    registry.saved_as(name)
    return keras.saving.get_registered_object(name)


def _described(node: dict[str, Any]) -> str:
    """A node's class in words, by the name that Keras looks for."""
    name = node["class_name"]
    text = repr(node.get("registered_name") or name)
    if name == "function":
        text = f"the function {node.get('config')!r}"
    elif name == "__lambda__":
        text = "a lambda function, '__lambda__'"
    elif node.get("module"):
        text += f" of module {node['module']!r}"
    inner = node.get("config")
    if isinstance(inner, dict) and isinstance(inner.get("name"), str):
        text += f" (layer {inner['name']!r})"
    return text


def _advice(node: dict[str, Any], found: object) -> str:
    """How the class of a refused node becomes known, where that is known."""
    name = node["class_name"]
    if name in ("function", "__lambda__", "Lambda"):
        return ". Write it as a class of a layer, and register that."
    if found is not None or not isinstance(node.get("registered_name"), str):
        return f". {_REGISTER}" if isinstance(found, type) else ""
    package, mark, _ = node["registered_name"].partition(">")
    if not mark:
        stranger = str(node.get("module")).partition(".")[0] != "keras"
        return f". {_REGISTER}" if stranger else ""
    if package == registry.PACKAGE:
        return ". Upgrade keras_ae, if it is a class of a later version."
    if package == "__main__":
        return ". It was defined in a script: define and register it first."
    return (
        f". If you trust it, import {package} first, or "
        f"keras-ae --import {package}"
    )


_REGISTER = (
    'Put `@keras_ae.register("a-name")` above the class, in a module that is '
    "imported wherever the model is loaded."
)


def check_layers(model: BaseAutoencoder) -> None:
    """Refuse to write a file that could not be loaded again.

    Raises:
        ValueError: If layers were changed by `quantize`.
    """
    changed = backend.quantized_layers(model)
    if changed:
        raise ValueError(
            "Layers that `quantize` has changed could not be loaded again. "
            f"Expected a model as it was trained. Received: {changed}. Save "
            "it before, and call `quantize` after it is loaded; `export` "
            "writes it as it is."
        )


def warn_of_strangers(model: BaseAutoencoder) -> None:
    """Warn of classes that Keras would not find again in a new process.

    Without it, loading fails with a message about the whole model, when it
    is too late.
    """
    strangers = dict.fromkeys(
        _strangers(keras.saving.serialize_keras_object(model))
    )
    if strangers:
        warnings.warn(
            f"The file of {model.name!r} will not load by itself. Expected "
            "registered classes and Keras' own. Received: "
            f"{'; '.join(strangers)}. {_REGISTER}",
            stacklevel=3,
        )


def _strangers(node: Json) -> Iterator[str]:
    if isinstance(node, dict):
        name, module = node.get("class_name"), node.get("module")
        registered = node.get("registered_name") or name
        if name == "__lambda__" or (
            isinstance(registered, str)
            and isinstance(module, str)
            and module.partition(".")[0] != "keras"
            and (module != "builtins" or name == "function")
            and _registered(registered) is None
        ):
            yield _described(node)
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for value in node:
            yield from _strangers(value)


def packages(config: Json) -> tuple[str, ...]:
    """Packages beside ours that have to be imported for a config, sorted.

    Example:
        >>> head = keras_ae.heads.Gaussian(scale=0.5)
        >>> packages(keras.saving.serialize_keras_object(head))
        ()
    """
    if isinstance(config, dict):
        cls = registry.saved_as(str(config.get("registered_name")))
        found = {*packages(list(config.values()))}
        if cls is not None:
            found.add(registry.package(cls))
    elif isinstance(config, list):
        found = {name for value in config for name in packages(value)}
    else:
        found = set()
    return tuple(sorted(found - {registry.PACKAGE}))


def check_hashes(folder: Path, hashes: dict[str, str]) -> None:
    """Refuse files that are not those that were written.

    Raises:
        PresetError: With the file.
    """
    for file in (CONFIG, WEIGHTS):
        expected, received = hashes[file], sha256(folder / file)
        if expected != received:
            raise PresetError(
                f"The file {str(folder / file)!r} is damaged or altered. "
                f"Expected sha256 {expected}. Received: {received}. Fetch or "
                "save the preset again."
            )


def hashes(folder: Path) -> dict[str, str]:
    """What `check_hashes` expects of the files as they are."""
    return {file: sha256(folder / file) for file in (CONFIG, WEIGHTS)}


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def construct(config: dict[str, Any]) -> BaseAutoencoder:
    """The built model of a config that `check_classes` has passed.

    Raises:
        PresetError: If the config describes no model.
    """
    # Deserializing a functional model empties the config it is given.
    model = variant(config).from_config(copy.deepcopy(config["config"]))
    model.build_from_config(config["build_config"])
    if not model.built:
        raise PresetError(
            "The preset's config does not build. Expected a `build_config` "
            f"with an input shape. Received: {config['build_config']!r:.99}"
        )
    return model


def variant(config: dict[str, Any]) -> type:
    """The variant that a config describes.

    Raises:
        PresetError: If it describes something else.
    """
    name = config.get("registered_name")
    cls = registry.saved_as(name) if isinstance(name, str) else None
    parts = (config.get("config"), config.get("build_config"))
    if not hasattr(cls, "variant") or not all(
        isinstance(p, dict) for p in parts
    ):
        raise PresetError(
            "The preset's config describes no model. Expected a registered "
            "variant with `config` and `build_config`. Received: "
            f"registered_name={name!r}, keys={sorted(config)}"
        )
    return cls
