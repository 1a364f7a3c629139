"""Presets: folders of config, weights, metadata and model card.

A preset loads by name or path. Its files are believed one after the other:
metadata that say what is needed, hashes that agree with them, a config of
allowed classes and sensible size, and weights that are those of its model. A
failed load leaves nothing behind, and is a `PresetError`.
"""

import datetime
import fnmatch
import io
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from matplotlib.figure import Figure

import keras_ae
from keras_ae.core import files
from keras_ae.core import registry
from keras_ae.core.types import Json
from keras_ae.model import finite
from keras_ae.model.base import BaseAutoencoder
from keras_ae.zoo import card as cards
from keras_ae.zoo import delivery
from keras_ae.zoo import errors
from keras_ae.zoo import limits
from keras_ae.zoo import trust
from keras_ae.zoo import weights
from keras_ae.zoo.errors import PresetError

FORMAT_VERSION = 1
#: Version -> function that changes a folder's config and weights files to the
#: next version. A renamed attribute or argument needs one.
MIGRATIONS: dict[int, Callable[[Path], None]] = {}
CONFIG = limits.CONFIG
METADATA = limits.METADATA
WEIGHTS = limits.WEIGHTS

#: The zoo of the installed package, and that of the repository.
ZOOS = (Path(__file__).with_name("data"), Path(__file__).parents[2] / "zoo")


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
        PresetError: If it cannot be fetched, see `delivery.fetch`.
    """
    path = _locate(name)
    if path.is_dir():
        files.settle(path)
        return path
    return delivery.fetch(path.stem, _read_json(path))


def metadata(name: str | Path) -> dict[str, Any]:
    """The metadata of a preset; nothing is fetched.

    Raises:
        PresetError: If they are not such.
    """
    path = _locate(name)
    if path.is_dir():
        files.settle(path)
        path /= METADATA
        about = _read_json(path)
    else:
        about = delivery.check(path.stem, _read_json(path))["metadata"]
    return limits.check_metadata(about, path, FORMAT_VERSION)


def _known() -> dict[str, Path]:
    """Names to folders, or to the entries of presets that are fetched."""
    found: dict[str, Path] = {}
    for folder in folders():
        entries = {e.stem: e for e in folder.glob("*.json") if e.is_file()}
        whole = {c.parent.name: c.parent for c in folder.glob(f"*/{CONFIG}")}
        found = entries | whole | found
    return found


def _locate(name: str | Path) -> Path:
    path = Path(name)
    if path.is_dir():
        return path
    known = _known()
    if name not in known and (path.suffix or len(path.parts) > 1):
        raise ValueError(
            f"{str(name)!r} is no folder. Expected the name of a preset, or "
            "the folder of one. Received: "
            f"{'a file' if path.is_file() else 'a path with nothing there'}. "
            "A .keras file is read by `keras.saving.load_model`."
        )
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
) -> BaseAutoencoder:
    """A pretrained model by name or path; its class is in the preset.

    Args:
        name: A name of `list_presets()`, or a folder.
        cls: Class that the preset must hold, or a base of it.
        load_weights: False gives the architecture with fresh weights.
        **overrides: Constructor arguments to replace.

    Raises:
        ValueError: If the preset is unknown.
        PresetError: If it is incomplete, altered, of another class, asks for
            classes or sizes that are not allowed, or cannot be fetched. It is
            a `ValueError`, and names the file and the place in it.

    Example:
        >>> load("vae_digits").sample(2, seed=0).shape
        (2, 8, 8, 1)
    """
    folder = find(name)
    about, config = _checked(folder)
    if about["format_version"] < FORMAT_VERSION:
        with tempfile.TemporaryDirectory() as scratch:
            now = _migrated(folder, Path(scratch))
            return load(now, cls, load_weights=load_weights, **overrides)
    found = trust.variant(config)
    if cls is not None and not issubclass(found, cls):
        raise PresetError(
            f"The preset {str(name)!r} holds a {found.__name__}. Expected a "
            f"{cls.__name__}. Call keras_ae.{found.__name__}.from_preset"
            f"({str(name)!r}) or keras_ae.load({str(name)!r})."
        )
    config["config"] |= keras.saving.serialize_keras_object(overrides)
    return weights.assemble(config, folder, load_weights=load_weights)


def _checked(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Metadata and config of a folder whose files are those they name."""
    for file in (CONFIG, METADATA, WEIGHTS):
        if not (folder / file).is_file():
            raise PresetError(
                f"The preset {str(folder)!r} is incomplete. Expected the file "
                f"{file}. Received: {sorted(p.name for p in folder.iterdir())}"
            )
    about = metadata(folder)
    config = _read_json(folder / CONFIG)
    limits.check_file(folder / WEIGHTS, limits.MAX_WEIGHTS)
    trust.check_hashes(folder, about["sha256"])
    trust.check_classes(config, f"The file {str(folder / CONFIG)!r}")
    return about, config


def _migrated(folder: Path, scratch: Path) -> Path:
    """A copy of a preset of an earlier format, in today's."""
    copy = scratch / folder.name
    copy.mkdir()
    for file in (CONFIG, METADATA, WEIGHTS):
        shutil.copyfile(folder / file, copy / file)
    about = _read_json(copy / METADATA)
    for version in range(about["format_version"], FORMAT_VERSION):
        MIGRATIONS[version](copy)
    about["format_version"] = FORMAT_VERSION
    about["sha256"] = trust.hashes(copy)
    _write_json(copy / METADATA, about)
    return copy


def check_place(folder: str | Path, pictures: Iterable[str] = ()) -> None:
    """Refuse a folder that cannot be written, or in which a preset would
    replace files of something else.

    Args:
        folder: It need not exist.
        pictures: Names of the files that come with the preset.

    Raises:
        ValueError: If it holds some of their names, and is no preset; or is
            no place for a folder.
    """
    folder = Path(folder)
    files.check_folder(folder)
    files.settle(folder)
    names = [
        name
        for name in (CONFIG, WEIGHTS, cards.CARD, *pictures)
        if (folder / name).exists()
    ]
    if names and not (folder / METADATA).exists():
        raise ValueError(
            f"The folder {str(folder)!r} is no preset, and has files that one "
            "would replace. Expected a new folder, that of a preset, or one "
            f"without such files. Received: {names}. Name another folder."
        )


def save(
    model: BaseAutoencoder,
    folder: str | Path,
    pictures: dict[str, Figure] | None = None,
    **about: Any,
) -> None:
    """Write a model to a preset folder, whole or not at all.

    Args:
        model: A built model of a registered variant.
        folder: Made if it is not there; files of a preset are replaced.
        pictures: Name of a file to the figure that it holds.
        **about: Entries for the metadata, for example `recipe`, `metrics`.

    Raises:
        ValueError: If the model is not built, or has a class that could not
            be loaded again; the message names it. See `check_place`, too.
        NonFiniteError: If a weight is NaN or infinite.
    """
    if not model.built:
        raise ValueError(
            f"{model.name!r} is not built, so it has no weights. Expected a "
            "built model. Call `fit`, `build` or `create` first."
        )
    finite.check_weights(model)
    trust.check_layers(model)
    check_place(folder, pictures or ())
    config = _strip(keras.saving.serialize_keras_object(model))
    what = f"{model.name!r} cannot be saved as a preset: its config"
    trust.check_classes(config, what)
    # A twin without optimizer, so that its slots are not saved.
    twin = trust.construct(config)
    twin.set_weights(model.get_weights())
    folder = Path(os.path.abspath(folder))  # "." has no name
    summary = {
        "format_version": FORMAT_VERSION,
        "name": folder.name,
        "variant": model.variant,
        "parameters": int(model.count_params()),
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
    others = trust.packages(config)
    if others:
        summary["imports"] = others
    with files.replacing(folder, METADATA) as whole:
        whole.mkdir()
        _write_json(whole / CONFIG, config)
        twin.save_weights(whole / WEIGHTS)
        _compress(whole / WEIGHTS)
        summary["sha256"] = trust.hashes(whole)
        _write_json(whole / METADATA, summary | about)
        text = cards.card(summary | about)
        (whole / cards.CARD).write_text(text, encoding="utf-8")
        for name, figure in (pictures or {}).items():
            _draw(figure, whole / name)


def _draw(figure: Figure, path: Path) -> None:
    """A small file: few colors are enough for a card."""
    from PIL import Image  # comes with Matplotlib

    with io.BytesIO() as drawn:
        figure.savefig(drawn, dpi=70)
        picture = Image.open(drawn).convert("RGB")
    few = picture.quantize(64, Image.Quantize.MAXCOVERAGE, dither=0)
    few.save(path, optimize=True)


def _compress(path: Path) -> None:
    """Write an HDF5 file anew, its arrays compressed without loss."""
    small = path.with_suffix(".small")

    def add(name: str, node: Json) -> None:
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


def _strip(node: Json) -> Json:
    """The config without compile settings, at every depth."""
    if isinstance(node, dict):
        return {k: _strip(v) for k, v in node.items() if k != "compile_config"}
    if isinstance(node, (list, tuple)):
        return [_strip(v) for v in node]
    return node


def _read_json(path: Path) -> dict[str, Any]:
    with errors.reading(path, "a JSON object"):
        if not path.is_file():
            raise FileNotFoundError("no file")
        limits.check_file(path, limits.MAX_JSON)
        value = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(value, dict):
            raise TypeError(f"a {type(value).__name__}")
        limits.check_depth(value, path)
    return value


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
