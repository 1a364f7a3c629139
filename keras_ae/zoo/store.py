"""Presets: folders of config, weights, metadata and model card.

A preset loads by name or path. Its weights are opened only when their hash
agrees with the metadata, and its config is built only when it names classes
of an allow-list and asks for a sensible amount of memory: a failed load
leaves nothing behind.
"""

import copy
import datetime
import fnmatch
import hashlib
import json
import math
import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

import keras_ae
from keras_ae.core import backend
from keras_ae.core import markdown
from keras_ae.core import registry
from keras_ae.zoo import delivery

FORMAT_VERSION = 1
#: Version -> function that changes a folder's config and weights files to the
#: next version. A renamed attribute or argument needs one.
MIGRATIONS: dict[int, Callable[[Path], None]] = {}
CONFIG = "config.json"
METADATA = "metadata.json"
WEIGHTS = "model.weights.h5"
CARD = "README.md"
MAX_PARAMETERS = 200_000_000  # 0.8 GB in single precision
MAX_JSON = 16_000_000  # bytes

#: Keras classes that a preset's config may name, beside the package's own.
ALLOWED = frozenset(
    """
    Functional Sequential InputLayer Dense Flatten Reshape Concatenate Add
    Multiply Activation Conv1D Conv2D Conv1DTranspose Conv2DTranspose
    Cropping2D ZeroPadding2D MaxPooling2D AveragePooling2D UpSampling2D
    GlobalAveragePooling2D BatchNormalization LayerNormalization Dropout
    RepeatVector LeakyReLU PReLU ReLU ELU Softmax Rescaling Identity
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
#: The zoo of the installed package, and that of the repository.
ZOOS = (Path(__file__).with_name("data"), Path(__file__).parents[2] / "zoo")
_KERAS_TENSOR = "__keras_tensor__"  # a place in a functional model's graph


def folders() -> Iterator[Path]:
    """Where presets are looked for, first hit wins: the folder that
    `KERAS_AE_ZOO` names, the installed package, the repository."""
    if os.environ.get("KERAS_AE_ZOO"):
        yield Path(os.environ["KERAS_AE_ZOO"])
    for zoo in ZOOS:
        yield zoo / "presets"


def list_presets(pattern: str = "*") -> tuple[str, ...]:
    """Names of the pretrained models, sorted.

    Args:
        pattern: Shell-style, for example `"*mnist*"`.

    Example:
        >>> "vae_digits" in list_presets("*digits*")
        True
    """
    return tuple(sorted(fnmatch.filter(_known(), pattern)))


def find(name: str | Path) -> Path:
    """Folder of a preset, by name or path; fetched if it is far away.

    Raises:
        ValueError: If there is none; the message lists the nearest names.
        FileNotFoundError: If it cannot be fetched, see `delivery.fetch`.
    """
    path = _locate(name)
    if path.is_dir():
        return path
    return delivery.fetch(path.stem, _read_json(path))


def metadata(name: str | Path) -> dict[str, Any]:
    """The metadata of a preset; nothing is fetched."""
    path = _locate(name)
    if path.is_dir():
        return _read_json(path / METADATA)
    return delivery.check(path.stem, _read_json(path))["metadata"]


def _known() -> dict[str, Path]:
    """Names to folders, or to the entries of presets that are fetched."""
    found: dict[str, Path] = {}
    for folder in folders():
        entries = {entry.stem: entry for entry in folder.glob("*.json")}
        whole = {c.parent.name: c.parent for c in folder.glob(f"*/{CONFIG}")}
        found = entries | whole | found
    return found


def _locate(name: str | Path) -> Path:
    if Path(name).is_dir():
        return Path(name)
    known = _known()
    if name not in known:
        message = registry.unknown("preset", str(name), known)
        raise ValueError(f"{message} A path to a preset folder works too.")
    return known[name]


def load(
    name: str | Path,
    cls: type | None = None,
    *,
    load_weights: bool = True,
    **overrides: Any,
) -> Any:
    """A pretrained model by name or path; its class is in the preset.

    Args:
        name: A name of `list_presets()`, or a folder.
        cls: Class that the preset must hold, or a base of it.
        load_weights: False gives the architecture with fresh weights.
        **overrides: Constructor arguments to replace.

    Raises:
        ValueError: If the preset is unknown, incomplete, altered, of another
            class, or asks for classes or sizes that are not allowed.
        FileNotFoundError: If it cannot be fetched.

    Example:
        >>> load("vae_digits").sample(2, seed=0).shape
        (2, 8, 8, 1)
    """
    folder = find(name)
    for file in (CONFIG, METADATA, WEIGHTS):
        if not (folder / file).is_file():
            raise ValueError(
                f"The preset {str(folder)!r} is incomplete. Expected the file "
                f"{file}. Received: {sorted(p.name for p in folder.iterdir())}"
            )
    about = _read_json(folder / METADATA)
    config = _read_json(folder / CONFIG)
    version = about.get("format_version")
    if version not in range(1, FORMAT_VERSION + 1):
        raise ValueError(
            f"The preset {str(folder)!r} has a format that this version does "
            f"not read. Expected at most {FORMAT_VERSION}. Received: "
            f"format_version={version!r}. Upgrade keras_ae."
        )
    hashes = about.get("sha256") or {}
    for file in (CONFIG, WEIGHTS):
        expected, received = hashes.get(file), sha256(folder / file)
        if expected != received:
            raise ValueError(
                f"The file {str(folder / file)!r} is damaged or altered. "
                f"Expected sha256 {expected}. Received: {received}. Fetch or "
                "save the preset again."
            )
    if version < FORMAT_VERSION:
        with tempfile.TemporaryDirectory() as scratch:
            now = _migrated(folder, Path(scratch))
            return load(now, cls, load_weights=load_weights, **overrides)
    check_classes(config)
    found = _class(config)
    if cls is not None and not issubclass(found, cls):
        raise ValueError(
            f"The preset {str(name)!r} holds a {found.__name__}. Expected a "
            f"{cls.__name__}. Call keras_ae.{found.__name__}.from_preset"
            f"({str(name)!r}) or keras_ae.load({str(name)!r})."
        )
    config["config"] |= keras.saving.serialize_keras_object(overrides)
    check_size(config)
    model = _construct(config)
    if load_weights:
        _load_weights(model, folder / WEIGHTS)
    return model


def _migrated(folder: Path, scratch: Path) -> Path:
    """A copy of a preset of an earlier format, in today's."""
    copy = Path(shutil.copytree(folder, scratch / folder.name))
    about = _read_json(copy / METADATA)
    for version in range(about["format_version"], FORMAT_VERSION):
        MIGRATIONS[version](copy)
    about["format_version"] = FORMAT_VERSION
    about["sha256"] = {f: sha256(copy / f) for f in (CONFIG, WEIGHTS)}
    _write_json(copy / METADATA, about)
    return copy


def save(model: Any, folder: str | Path, **about: Any) -> None:
    """Write a model to a preset folder.

    Args:
        model: A built model of a registered variant.
        folder: Made if it is not there; files of a preset are replaced.
        **about: Entries for the metadata, for example `recipe`, `metrics`.

    Raises:
        ValueError: If the model is not built.
    """
    if not model.built:
        raise ValueError(
            f"{model.name!r} is not built, so it has no weights. Expected a "
            "built model. Call `fit`, `build` or `create` first."
        )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    config = _strip(keras.saving.serialize_keras_object(model))
    check_classes(config)
    _write_json(folder / CONFIG, config)
    # A twin without optimizer, so that its slots are not saved.
    twin = _construct(config)
    twin.set_weights(model.get_weights())
    twin.save_weights(folder / WEIGHTS)
    _compress(folder / WEIGHTS)
    summary = {
        "format_version": FORMAT_VERSION,
        "name": folder.name,
        "variant": model.variant,
        "parameters": int(model.count_params()),
        "sha256": {f: sha256(folder / f) for f in (CONFIG, WEIGHTS)},
        "versions": {
            "python": platform.python_version(),
            "keras_ae": keras_ae.__version__,
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
            "tensorflow_probability": tfp.__version__,
            "numpy": np.__version__,
        },
        "saved": datetime.date.today().isoformat(),
    }
    _write_json(folder / METADATA, summary | about)
    (folder / CARD).write_text(card(summary | about), encoding="utf-8")


def card(about: dict[str, Any]) -> str:
    """A model card in Markdown from the metadata of a preset."""
    cls = registry.get(about["variant"])
    lines = [
        "---",
        "library_name: keras",
        "license: apache-2.0",
        f"tags: [keras-ae, autoencoder, {about['variant']}]",
        "---",
        f"# {about['name']}",
        "",
    ]
    if about.get("description"):
        lines += [about["description"], ""]
    lines += [
        f"`{cls.__name__}`: {cls.__doc__.strip().splitlines()[0]}",
        "",
        "```python",
        "import keras_ae",
        "",
        f'model = keras_ae.load("{about["name"]}")',
        "reconstruction = model.predict(x)",
        "```",
        "",
        f"{about['parameters']:,} parameters; saved {about['saved']} with "
        + ", ".join(f"{k} {v}" for k, v in about["versions"].items())
        + ".",
    ]
    if about.get("picture"):
        lines += ["", f"![Reconstructions and samples]({about['picture']})"]
    for key, section in (
        ("data", _bullets),
        ("metrics", _figures),
        ("recipe", _json),
    ):
        if about.get(key):
            lines += ["", f"## {key.capitalize()}", "", *section(about[key])]
    if about.get("wall_time"):
        lines += ["", f"Training took {about['wall_time'] / 60:.1f} minutes."]
    lines += ["", f"sha256 of the weights: `{about['sha256'][WEIGHTS]}`", ""]
    return "\n".join(lines)


def check_classes(config: Any) -> None:
    """Refuse a config that names a class outside the allow-list.

    Raises:
        ValueError: With the name.
    """
    if isinstance(config, dict):
        if "class_name" in config or "registered_name" in config:
            _check_class(config)
        for key, value in config.items():
            if key != "registered_name":
                check_classes(value)
    elif isinstance(config, list):
        for value in config:
            check_classes(value)
    elif isinstance(config, str) and _registered(config) is not None:
        # Keras looks plain strings up too, among all registered objects.
        raise ValueError(_not_allowed(config))


def _check_class(node: dict[str, Any]) -> None:
    """Refuse a node unless Keras' own lookup leads to an allowed class.

    That lookup takes whatever is registered under `registered_name` first,
    the class name standing in where there is none, and then `module`.
    """
    name, module = node.get("class_name"), node.get("module")
    registered = node.get("registered_name") or name
    if not isinstance(name, str) or not isinstance(registered, str):
        raise ValueError(_not_allowed(name))
    found = _registered(registered)
    if found is not None:
        own = registered.startswith(registry.PACKAGE + ">")
        allowed = own and getattr(found, "__name__", None) == name
    elif name == _KERAS_TENSOR:
        allowed = module is None
    else:
        allowed = name in ALLOWED and module in _KERAS_MODULES
    if not allowed:
        raise ValueError(
            _not_allowed(name if registered == name else registered, module)
        )


def _registered(name: str) -> Any:
    return keras.saving.get_registered_object(name)


def _not_allowed(name: Any, module: Any = None) -> str:
    return (
        "The preset names a class that is not allowed. Expected classes of "
        f"{registry.PACKAGE} and plain Keras layers. Received: {name!r}"
        + (f" of module {module!r}" if module else "")
    )


def check_size(config: dict[str, Any]) -> None:
    """Refuse a config whose model would exhaust memory.

    The model is built without allocating its variables, and counted.

    Raises:
        ValueError: With the number of parameters.
    """
    with keras.StatelessScope(initialize_variables=False):
        model = _construct(config)
        shapes = [tuple(v.shape) for v in model.weights]
    count = sum(math.prod(shape) for shape in shapes)
    if count > MAX_PARAMETERS:
        raise ValueError(
            "The preset asks for too much memory. Expected at most "
            f"{MAX_PARAMETERS:,} parameters. Received: {count:,}"
        )


def _compress(path: Path) -> None:
    """Write an HDF5 file anew, its arrays compressed without loss."""
    small = path.with_suffix(".small")

    def add(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            # One chunk an array: the bytes of all exponents, which are much
            # alike, then stand together. Of a small one the index is larger.
            packed = {
                "compression": "gzip",
                "compression_opts": 9,
                "shuffle": True,
                "chunks": node.shape,
            }
            large = node.nbytes > 8192
            copied = target.create_dataset(
                name, data=node[()], **(packed if large else {})
            )
        else:
            copied = target.require_group(name)
        copied.attrs.update(node.attrs)

    with h5py.File(path) as source, h5py.File(small, "w") as target:
        target.attrs.update(source.attrs)
        source.visititems(add)
    small.replace(path)


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _construct(config: dict[str, Any]) -> Any:
    # Deserializing a functional model empties the config it is given.
    model = _class(config).from_config(copy.deepcopy(config["config"]))
    model.build_from_config(config["build_config"])
    if not model.built:
        raise ValueError(
            "The preset's config does not build. Expected a `build_config` "
            f"with an input shape. Received: {config['build_config']}"
        )
    return model


def _class(config: dict[str, Any]) -> type:
    """The variant that a config describes."""
    cls = _registered(config.get("registered_name"))
    parts = (config.get("config"), config.get("build_config"))
    if not hasattr(cls, "variant") or not all(
        isinstance(p, dict) for p in parts
    ):
        raise ValueError(
            "The preset's config describes no model. Expected a registered "
            "variant with `config` and `build_config`. Received: "
            f"registered_name={config.get('registered_name')!r}, "
            f"keys={sorted(config)}"
        )
    return cls


def _load_weights(model: Any, path: Path) -> None:
    try:
        model.load_weights(path)
    except (ValueError, KeyError, OSError) as error:
        raise ValueError(
            f"The weights {str(path)!r} do not fit the preset's config. "
            f"Expected the weights of this {type(model).__name__}; an override "
            "that changes their shapes needs load_weights=False. Received: "
            f"{error}"
        ) from error


def _strip(node: Any) -> Any:
    """The config without compile settings, at every depth."""
    if isinstance(node, dict):
        return {k: _strip(v) for k, v in node.items() if k != "compile_config"}
    if isinstance(node, (list, tuple)):
        return [_strip(v) for v in node]
    return node


def _bullets(value: Any) -> list[str]:
    if not isinstance(value, dict):
        return [str(value)]
    return [f"- {key}: {entry}" for key, entry in value.items()]


def _figures(metrics: Any) -> list[str]:
    """A table, one column for everything that is said of any figure."""
    if not isinstance(metrics, dict):
        return _bullets(metrics)
    figures = {
        name: figure if isinstance(figure, dict) else {"value": figure}
        for name, figure in metrics.items()
    }
    columns = list(dict.fromkeys(k for f in figures.values() for k in f))
    header = ["figure", *(column.replace("_", " ") for column in columns)]
    rows = [
        [name, *(figure.get(column, "") for column in columns)]
        for name, figure in figures.items()
    ]
    return [markdown.table(header, rows)]


def _json(value: Any) -> list[str]:
    return ["```json", json.dumps(value, indent=2), "```"]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_JSON:
            raise ValueError(f"more than {MAX_JSON:,} bytes")
        value = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(value, dict):
            raise ValueError(f"a {type(value).__name__}")
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(
            f"The file {str(path)!r} cannot be read. Expected a JSON object. "
            f"Received: {error}"
        ) from error
    return value


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
