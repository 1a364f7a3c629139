"""Weights: a file is compared with what the model would write to one.

Keras reads whatever an HDF5 file has under the names that it looks for, into
memory first. Here all of it has to be what this model's own file would hold:
the same names, shapes and types, stored plainly, finite, and nothing beside.
"""

import itertools
import math
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from keras_ae.core import backend
from keras_ae.core import validation
from keras_ae.model.base import BaseAutoencoder
from keras_ae.zoo import errors
from keras_ae.zoo import limits
from keras_ae.zoo import trust
from keras_ae.zoo.errors import PresetError

FILTERS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE)
#: Bytes of a chunk, unless the array is smaller: many tiny ones take minutes.
SMALLEST_CHUNK = 4096
#: Trained weights pack to a tenth at best; small arrays may be all zeros.
MAX_EXPANSION = 100
LARGE = 160_000  # bytes, packed

EXPECTED = (
    "the weights of this model; an override that changes their shapes needs "
    "load_weights=False"
)

Array = keras.Variable | np.ndarray
#: Names to arrays, and to groups of such.
Group = dict[str, Any]


def assemble(
    config: dict[str, Any], path: Path, *, load_weights: bool = True
) -> BaseAutoencoder:
    """The model of a preset whose hashes and classes are those expected.

    It is built without values first. They are allocated when its size and
    the file of the weights have passed, and drawn only where nothing is read.

    Args:
        config: The content of the config file.
        path: Of the folder.
        load_weights: False gives fresh weights.

    Raises:
        PresetError: If the config builds no model, or too large a one, or the
            weights are not those of this model.
    """
    file = path / limits.WEIGHTS
    limits.check_objects(config, path / limits.CONFIG)
    with errors.reading(path / limits.CONFIG, "the config of a model"):
        with backend.deferred_weights() as made:
            model = trust.construct(config)
        count = sum(math.prod(v.shape) for v in made)
        limits.check_parameters(count, path / limits.CONFIG)
        layout = backend.weights_layout(model)
    read = set()
    if load_weights:
        check(file, layout)
        read = {id(v) for group in layout.values() for v in group.values()}
    zeros = keras.initializers.Zeros()
    with errors.reading(path / limits.CONFIG, "initializers that work"):
        for variable in made:
            backend.allocate(variable, zeros if id(variable) in read else None)
    if load_weights:
        with errors.reading(file, EXPECTED):
            model.load_weights(file)
    return model


def check(path: Path, layout: Mapping[str, Mapping[str, Array]]) -> None:
    """Refuse a file that is not the one that a model would write.

    Args:
        path: Of the file.
        layout: Group to name to array, see `backend.weights_layout`.

    Raises:
        PresetError: With the place in the file.
    """
    sizes = [math.prod(v.shape) for g in layout.values() for v in g.values()]
    most = limits.most_bytes(sum(sizes), len(layout) + len(sizes))
    limits.check_file(path, most)
    expected: Group = {}
    for place, arrays in layout.items():
        group = expected
        for name in place.split("/"):
            group = group.setdefault(name, {})
        group.update(arrays)
    with errors.reading(path, EXPECTED), h5py.File(path) as file:
        found = next(_problems(file, expected, ""), None)
        if found is not None:
            place, problem = found
            raise PresetError(
                f"The weights {str(path)!r} do not fit the preset's config, at "
                f"{place or '/'!r}. Expected {EXPECTED}. Received: {problem}"
            )


def _problems(
    group: h5py.Group, expected: Group, place: str
) -> Iterator[tuple[str, str]]:
    """Places where a group differs from the expected one, and how."""
    named = place.rpartition("/")[2] == "vars"
    yield from _strange_attributes(group, {"name"} if named else set(), place)
    # No more names are asked for than tell that there are too many.
    names = list(itertools.islice(group, len(expected) + 1))
    for name in names:
        if name not in expected:
            yield place, f"{name[:99]!r}, which the model does not have"
    for name, value in expected.items():
        inner = f"{place}/{name}".lstrip("/")
        if name not in names:
            # Groups without arrays come and go with versions of Keras.
            if any(_arrays(value)):
                yield inner, "nothing"
            continue
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            yield inner, f"a {type(link).__name__}"
        node = group[name]
        kind = h5py.Group if isinstance(value, dict) else h5py.Dataset
        if not isinstance(node, kind):
            yield inner, f"a {type(node).__name__}, not a {kind.__name__}"
        elif isinstance(node, h5py.Group):
            yield from _problems(node, value, inner)
        else:
            yield from _wrong_array(node, value, inner)


def _arrays(value: Group | Array) -> Iterator[bool]:
    """True for each array in a group."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _arrays(inner)
    else:
        yield True


def _strange_attributes(
    node: h5py.Group | h5py.Dataset, known: set[str], place: str
) -> Iterator[tuple[str, str]]:
    for name in itertools.islice(node.attrs, len(known) + 1):
        if name not in known:
            yield place, f"the attribute {name[:99]!r}"
        kind = node.attrs.get_id(name)
        if kind.shape != () or h5py.check_string_dtype(kind.dtype) is None:
            yield place, f"the attribute {name!r}, which is no text"


def _wrong_array(
    node: h5py.Dataset, value: Array, place: str
) -> Iterator[tuple[str, str]]:
    dtype = _dtype(value)
    # HDF5 has no bfloat16; Keras writes the bytes, and the type beside.
    plain = dtype.kind in "fiub"
    stored = dtype if plain else np.dtype(f"V{dtype.itemsize}")
    yield from _strange_attributes(node, set() if plain else {"dtype"}, place)
    shape = tuple(value.shape)
    if node.shape != shape or node.dtype != stored:
        found = f"shape {node.shape} of {node.dtype}"
        yield place, f"{found}, not {shape} of {stored}"
    problem = _storage(node)
    if problem is not None:
        yield place, problem
    array = node[()].reshape(-1).view(dtype)
    if not all(np.isfinite(p).all() for _, p in validation.parts(array)):
        yield place, "NaN or infinite values"


def _storage(node: h5py.Dataset) -> str | None:
    """What is wrong with the way in which an array is stored."""
    plan = node.id.get_create_plist()
    filters = [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]
    if node.external or node.is_virtual:
        return "an array that is kept in another file"
    if len({*filters} & {*FILTERS}) != len(filters):
        return f"the filters {filters} instead of gzip and shuffle"
    if node.chunks is None:
        stored = node.id.get_storage_size()
        return None if stored == node.nbytes else f"{stored:,} bytes stored"
    size = math.prod(node.chunks) * node.dtype.itemsize
    if not min(node.nbytes, SMALLEST_CHUNK) <= size <= max(node.nbytes, 1):
        return f"chunks of shape {node.chunks}"
    packed = node.id.get_storage_size()
    if node.nbytes > MAX_EXPANSION * max(packed, LARGE):
        return f"{packed:,} bytes that unpack to {node.nbytes:,}"
    pairs = zip(node.shape, node.chunks, strict=True)
    expected = math.prod(math.ceil(a / b) for a, b in pairs)
    stored = node.id.get_num_chunks()
    return None if stored == expected else f"{stored} of {expected} chunks"


def _dtype(value: Array) -> np.dtype:
    return np.dtype(keras.backend.standardize_dtype(value.dtype))
