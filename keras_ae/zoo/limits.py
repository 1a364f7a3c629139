"""Limits: how much a preset may ask for, and what its metadata have to say.

All of it is looked at before anything is made of the files.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_ae.core.types import Json
from keras_ae.zoo.errors import PresetError

CONFIG = "config.json"
METADATA = "metadata.json"
WEIGHTS = "model.weights.h5"

MAX_JSON = 4_000_000  # bytes
MAX_DEPTH = 64  # of lists and objects in each other; ours have up to 16
#: Layers, calls of layers, initializers and the like: a dense layer has five,
#: the presets of this package up to 89 in all.
MAX_OBJECTS = 2_500
MAX_PARAMETERS = 200_000_000  # 0.8 GB in single precision
MAX_WEIGHTS = 2_000_000_000  # bytes


def check_file(path: Path, most: int) -> None:
    """Refuse a file that is too large to be looked at.

    Raises:
        PresetError: With its size.
    """
    size = path.stat().st_size
    if size > most:
        raise PresetError(
            f"The file {str(path)!r} is too large. Expected at most {most:,} "
            f"bytes. Received: {size:,}"
        )


def most_bytes(parameters: int, arrays: int = 1_000) -> int:
    """Bytes that a file of so many parameters may have.

    Twice what they need in double precision at most, and what HDF5 adds.

    Example:
        >>> most_bytes(1_000_000, arrays=10)
        16655360
    """
    return min(MAX_WEIGHTS, 16 * parameters + 65_536 * arrays)


def check_depth(value: Json, path: Path) -> None:
    """Refuse what is nested so deeply that Python could not walk through it.

    Raises:
        PresetError: With the file.
    """
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise PresetError(
        f"The file {str(path)!r} is nested too deeply. Expected at most "
        f"{MAX_DEPTH} levels. Received: more"
    )


def _children(node: Json) -> list[Json]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []


def check_objects(config: Json, path: Path) -> None:
    """Refuse a config of so many layers that building it would take minutes.

    Raises:
        PresetError: With the number of objects that it describes.
    """
    count = _objects(config)
    if count > MAX_OBJECTS:
        raise PresetError(
            f"The file {str(path)!r} describes too large a network. Expected "
            f"at most {MAX_OBJECTS:,} layers, calls of layers, initializers "
            f"and the like. Received: {count:,}"
        )


def _objects(node: Json) -> int:
    own = isinstance(node, dict) and "class_name" in node
    return own + sum(map(_objects, _children(node)))


def check_parameters(count: int, path: Path) -> None:
    """Refuse a config whose model would exhaust memory.

    Raises:
        PresetError: With the number of parameters.
    """
    if count > MAX_PARAMETERS:
        raise PresetError(
            f"The file {str(path)!r} asks for too much memory. Expected at "
            f"most {MAX_PARAMETERS:,} parameters. Received: {count:,}"
        )


def _text(value: Json) -> bool:
    return isinstance(value, str)


def _texts(value: Json) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _number(value: Json) -> bool:
    return isinstance(value, (int, float)) and 0 <= value < 1e15


def _versions(value: Json) -> bool:
    return isinstance(value, dict) and all(map(_text, value.values()))


def _hashes(value: Json) -> bool:
    return isinstance(value, dict) and all(
        re.fullmatch("[0-9a-f]{64}", str(value.get(file)))
        for file in (CONFIG, WEIGHTS)
    )


def _object(value: Json) -> bool:
    return isinstance(value, dict)


#: What metadata have to hold, and what they may.
_NEEDED: dict[str, tuple[Callable[[Json], bool], str]] = {
    "name": (_text, "text"),
    "variant": (_text, "text"),
    "parameters": (_number, "a count"),
    "saved": (_text, "text"),
    "versions": (_versions, "an object of texts"),
    "sha256": (_hashes, f"64 hex digits each for {CONFIG} and {WEIGHTS}"),
}
_OPTIONAL: dict[str, tuple[Callable[[Json], bool], str]] = {
    "description": (_text, "text"),
    "picture": (_text, "text"),
    "imports": (_texts, "a list of texts"),
    "recipe": (_object, "an object"),
    "wall_time": (_number, "seconds"),
}


def check_metadata(about: Json, path: Path, latest: int) -> dict[str, Any]:
    """The metadata of a preset, if they are such.

    Args:
        about: The content of the file.
        path: Of the file, for messages.
        latest: Format version up to which they can be read.

    Raises:
        PresetError: With the entry, what is expected there and what is there.
    """
    version = about.get("format_version")
    if type(version) is not int or not 1 <= version <= latest:
        raise PresetError(
            f"The file {str(path)!r} has a format that this version does not "
            f"read. Expected at most {latest}. Received: format_version="
            f"{version!r:.99}. Upgrade keras_ae."
        )
    there = {key: about[key] for key in _OPTIONAL if about.get(key) is not None}
    found = {key: about.get(key) for key in _NEEDED} | there
    for key, (holds, expected) in (_NEEDED | _OPTIONAL).items():
        if key in found and not holds(found[key]):
            raise PresetError(
                f"The file {str(path)!r} does not describe a preset. Expected "
                f"{expected} at {key!r}. Received: {found[key]!r:.99}"
            )
    return about
