"""Mutations: ways in which the files of a preset can be altered.

Each takes the folder of a copy and a generator of random numbers, alters the
copy and says in a few words what it did.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

FILES = ("config.json", "metadata.json", "model.weights.h5")
WEIGHTS = FILES[2]

#: Values that are seldom expected.
ODD = (
    None,
    True,
    -1,
    0,
    1,
    2**31,
    2**63,
    10**30,
    10**400,
    1e308,
    float("nan"),
    float("-inf"),
    "",
    "x",
    "x" * 10_000,
    "keras_ae>VAE",
    "../../etc/passwd",
    "\ud800",
    "float16",
    "orthogonal",
    [],
    {},
    [[]],
    ["x"],
    [None],
    [10**6],
    {"class_name": "Dense"},
    {"class_name": "__lambda__", "config": {"value": "4wAAAA=="}},
    {"class_name": "function", "module": "builtins", "config": "relu"},
)


def pick(rng: np.random.Generator, values):
    return values[rng.integers(len(values))]


# Bytes.


def flip(content, rng):
    for place in rng.integers(len(content), size=rng.integers(1, 9)):
        content[place] ^= 1 << rng.integers(8)
    return content


def truncate(content, rng):
    return content[: rng.integers(len(content))]


def insert(content, rng):
    place = rng.integers(len(content))
    return content[:place] + rng.bytes(rng.integers(1, 40)) + content[place:]


def cut(content, rng):
    place = rng.integers(len(content))
    return content[:place] + content[place + rng.integers(1, 400) :]


def overwrite(content, rng):
    # What a file says of itself stands at its beginning.
    place = rng.integers(pick(rng, (200, 3000, len(content))))
    size = rng.integers(1, 40)
    filling = pick(rng, (b"\xff", b"\0", b"\x7f", b"[", b"9"))
    content[place : place + size] = filling * size
    return content


def copy_slice(content, rng):
    source, target = rng.integers(len(content), size=2)
    size = rng.integers(1, 200)
    content[target : target + size] = content[source : source + size]
    return content


BYTES = (flip, truncate, insert, cut, overwrite, copy_slice)


def as_bytes(folder: Path, rng: np.random.Generator) -> str:
    """Some bytes of a file."""
    file, change = pick(rng, FILES), pick(rng, BYTES)
    path = folder / file
    path.write_bytes(change(bytearray(path.read_bytes()), rng))
    return f"{change.__name__} in {file}"


# JSON.


def places(node, path=()):
    """The paths of all nodes below one."""
    items = ()
    if isinstance(node, dict):
        items = node.items()
    elif isinstance(node, list):
        items = enumerate(node)
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def parent(value, path):
    for key in path[:-1]:
        value = value[key]
    return value


def nested(depth: int):
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


def put(value, path, rng):
    parent(value, path)[path[-1]] = pick(rng, ODD)


def put_nested(value, path, rng):
    depth = int(pick(rng, (3, 60, 70, 300, 900)))
    parent(value, path)[path[-1]] = nested(depth)


def remove(value, path, rng):
    parent(value, path).pop(path[-1])


def add(value, path, rng):
    node = parent(value, path)
    if isinstance(node, dict):
        node[f"{path[-1]}_more"] = pick(rng, ODD)
    else:
        node.insert(path[-1], pick(rng, ODD))


def scale(value, path, rng):
    """A number in the same or a later place, larger by far."""
    for place in (path, *places(value)):
        node = parent(value, place)
        number = node[place[-1]]
        if type(number) in (int, float) and number and rng.random() < 0.2:
            factor = int(pick(rng, (-1, 2, 10, 1000, 10**6, 10**12)))
            node[place[-1]] = number * factor
            return


def move(value, path, rng):
    other = pick(rng, list(places(value)))
    text = json.dumps(parent(value, other)[other[-1]])
    parent(value, path)[path[-1]] = json.loads(text)


def repeat(value, path, rng):
    node = parent(value, path)
    if isinstance(node, list):
        node *= int(pick(rng, (2, 10, 1000)))
    else:
        node[path[-1]] = [node[path[-1]]] * int(pick(rng, (1, 3, 100)))


JSON = (put, put, put_nested, remove, add, scale, scale, move, repeat)


def as_json(folder: Path, rng: np.random.Generator) -> str:
    """Some nodes of the config or the metadata."""
    file = pick(rng, ("config.json", "config.json", "metadata.json"))
    value = json.loads((folder / file).read_text())
    done = []
    for _ in range(rng.integers(1, 3)):
        change, path = pick(rng, JSON), pick(rng, list(places(value)))
        change(value, path, rng)
        done.append(f"{change.__name__} {'.'.join(map(str, path))}")
    text = json.dumps(value)
    if "e+308" in text and rng.random() < 0.5:
        text = text.replace("e+308", "e+309")
    (folder / file).write_text(text)
    return f"{', '.join(done)} in {file}"


# HDF5.


def nodes(file: h5py.File, kind: type) -> list[str]:
    found = []

    def note(name, node):
        if isinstance(node, kind):
            found.append(name)

    file.visititems(note)
    return found


def replace(file, name, **settings):
    del file[name]
    return file.create_dataset(name, **settings)


def h5_delete(file, name, array, rng):
    del file[pick(rng, nodes(file, h5py.Group))]


def h5_delete_array(file, name, array, rng):
    del file[name]


def h5_rename(file, name, array, rng):
    file.move(name, name + pick(rng, ("_", "0", "/0", "x" * 70_000)))


def h5_swap(file, name, array, rng):
    other = pick(rng, nodes(file, h5py.Dataset))
    if file[other].size < 1e7:
        replace(file, name, data=file[other][()])


def h5_shape(file, name, array, rng):
    shape = pick(
        rng,
        (
            (),
            (0,),
            (array.size,),
            (1, *array.shape),
            array.shape[::-1],
            (2 * array.shape[0], *array.shape[1:]),
            (1 << 40,),
        ),
    )
    replace(file, name, shape=shape, dtype=array.dtype)


def h5_type(file, name, array, rng):
    types = ("f2", "f8", ">f4", "i4", "u1", "S4", "V4", "c8", "?")
    kind = pick(
        rng, (*types, h5py.string_dtype(), [("a", "f4")], h5py.ref_dtype)
    )
    replace(file, name, shape=array.shape, dtype=kind)


def h5_link(file, name, array, rng):
    other = f"/{pick(rng, nodes(file, (h5py.Group, h5py.Dataset)))}"
    del file[name]
    file[name] = pick(
        rng,
        (
            h5py.SoftLink(other),
            h5py.SoftLink(f"/{name}"),
            h5py.ExternalLink("/etc/passwd", "/"),
            h5py.ExternalLink(file.filename, f"/{name}"),
        ),
    )


def h5_loop(file, name, array, rng):
    group = pick(rng, nodes(file, h5py.Group))
    file[f"{group}/again"] = file[pick(rng, ("/", group))]


def h5_elsewhere(file, name, array, rng):
    del file[name]
    if rng.random() < 0.5:
        source = [(pick(rng, ("/dev/zero", "/etc/passwd")), 0, array.nbytes)]
        shape, dtype = array.shape, array.dtype
        file.create_dataset(name, shape, dtype, external=source)
    else:
        layout = h5py.VirtualLayout(array.shape, array.dtype)
        layout[...] = h5py.VirtualSource(".", "other", array.shape)
        file.create_virtual_dataset(name, layout)


def h5_storage(file, name, array, rng):
    if array.ndim == 0:
        return
    settings = pick(
        rng,
        (
            {"compression": "lzf"},
            {"compression": "gzip", "compression_opts": 0},
            {"fletcher32": True},
            {"scaleoffset": 3},
            {"chunks": (1,) * array.ndim},
            {"chunks": True, "shuffle": True},
            {"maxshape": (None,) * array.ndim},
        ),
    )
    replace(file, name, data=array, **settings)


def h5_empty(file, name, array, rng):
    if rng.random() < 0.3:
        replace(file, name, data=h5py.Empty("f4"))
        return
    chunks = pick(rng, (None, array.shape or None))
    value = pick(rng, (0, 1, np.nan)) if array.dtype.kind == "f" else 0
    replace(
        file,
        name,
        shape=array.shape,
        dtype=array.dtype,
        chunks=chunks,
        fillvalue=value,
    )


def h5_bomb(file, name, array, rng):
    size = int(pick(rng, (10**6, 10**8, 1 << 28, 1 << 40)))
    settings = {"shape": (size,), "dtype": "f4"}
    if rng.random() < 0.5:
        settings |= {"chunks": (min(size, 10**6),), "compression": "gzip"}
    if rng.random() < 0.5:
        replace(file, name, **settings)
    else:
        group = pick(rng, nodes(file, h5py.Group))
        for i in range(rng.integers(1, 9)):
            file.create_dataset(f"{group}/{90 + i}", **settings)


def h5_real_bomb(file, name, array, rng):
    """Bytes that are there, packed: 100 MB."""
    data = np.zeros(25_000_000, "f4")
    replace(file, name, data=data, compression="gzip", chunks=data.shape)


def h5_values(file, name, array, rng):
    if array.size and array.dtype.kind == "f":
        array.flat[rng.integers(array.size)] = pick(
            rng, (np.nan, np.inf, 3e38, 0.5)
        )
        file[name][...] = array


def h5_attribute(file, name, array, rng):
    node = file[pick(rng, (name, "/", *nodes(file, h5py.Group)))]
    key = pick(rng, ("name", "dtype", "more", "layer_names"))
    node.attrs[key] = pick(
        rng,
        (
            "bfloat16",
            3,
            h5py.Empty("f4"),
            np.zeros(7_000),
            ["a", "b"],
            "x" * 60_000,
        ),
    )


def h5_many(file, name, array, rng):
    group = file[pick(rng, nodes(file, h5py.Group))]
    for i in range(int(pick(rng, (1, 100, 3_000)))):
        group.create_group(f"more_{i}")


def h5_deep(file, name, array, rng):
    depth = int(pick(rng, (10, 400)))
    file.create_group(f"{pick(rng, nodes(file, h5py.Group))}{'/a' * depth}")


def h5_datatype(file, name, array, rng):
    del file[name]
    file[name] = np.dtype("f4")


HDF5 = tuple(v for k, v in list(globals().items()) if k.startswith("h5_"))


def as_hdf5(folder: Path, rng: np.random.Generator) -> str:
    """The structure of the weights file."""
    done = []
    with h5py.File(folder / WEIGHTS, "r+") as file:
        for _ in range(rng.integers(1, 3)):
            change = pick(rng, HDF5)
            names = nodes(file, h5py.Dataset)
            if not names:
                break
            name = pick(rng, names)
            if not isinstance(file[name].shape, tuple) or file[name].size > 1e7:
                break
            if file[name].external or file[name].is_virtual:
                break
            try:
                change(file, name, file[name][()], rng)
            except (ValueError, OSError, RuntimeError, MemoryError):
                done.append("what HDF5 does not do itself,")
            done.append(f"{change.__name__} {name}")
    return f"{', '.join(done)} in {WEIGHTS}"


# Files.


def as_files(folder: Path, rng: np.random.Generator) -> str:
    """A whole file: none, another one, a huge one."""
    file = pick(rng, FILES)
    path = folder / file
    choice = rng.integers(5)
    if choice == 0:
        path.unlink()
        return f"no {file}"
    if choice == 1:
        other = pick(rng, FILES)
        path.write_bytes((folder / other).read_bytes())
        return f"{other} as {file}"
    if choice == 2:
        size = int(pick(rng, (10**6, 10**8, 10**9, 137 * 10**9)))
        os.truncate(path, max(size, path.stat().st_size))
        return f"{file} of {size:,} bytes"
    if choice == 3:
        others = sorted(Path(os.environ["FUZZ_PRESETS"]).iterdir())
        path.write_bytes((pick(rng, others) / file).read_bytes())
        return f"{file} of another preset"
    path.write_bytes(rng.bytes(rng.integers(4000)))
    return f"noise as {file}"


#: Each with how often it is chosen.
KINDS: dict[Callable[[Path, np.random.Generator], str], float] = {
    as_bytes: 0.3,
    as_json: 0.35,
    as_hdf5: 0.3,
    as_files: 0.05,
}
