"""Delivery: presets that are too large for the package, fetched once.

Where the folder of such a preset would be, there is an entry `NAME.json`:

    {"url": "https://.../NAME.zip", "sha256": "...", "size": 4370920,
     "metadata": {...}}

`shutil.make_archive(NAME, "zip", folder)` writes the archive of a preset
folder; `sha256` and `size`, in bytes, are those of the archive. `metadata` is
what the preset's own file of that name says, so that lists and cards need no
network.
"""

import contextlib
import errno
import hashlib
import http.client
import os
import re
import stat
import struct
import tempfile
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import BinaryIO

import keras

from keras_ae.zoo import limits
from keras_ae.zoo.errors import FetchError
from keras_ae.zoo.errors import PresetError

KEYS = {"url": str, "sha256": str, "size": int, "metadata": dict}
CHUNK = 1 << 16  # bytes
TIMEOUT = 30  # seconds without a byte
#: What `zipfile` says of an archive that is none.
_BAD = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    RuntimeError,
    ValueError,
)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
#: Files of a preset, and how many bytes each may have.
FILES = {
    limits.CONFIG: limits.MAX_JSON,
    limits.METADATA: limits.MAX_JSON,
    limits.WEIGHTS: limits.MAX_WEIGHTS,
    "README.md": limits.MAX_JSON,
    "picture.png": limits.MAX_JSON,
}


def cache() -> Path:
    """Where fetched presets are kept: the folder that `KERAS_AE_CACHE` names,
    or `models/keras_ae` in Keras' cache."""
    if os.environ.get("KERAS_AE_CACHE"):
        return Path(os.environ["KERAS_AE_CACHE"])
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    return Path(home, "models", "keras_ae")


def check(name: str, entry: dict[str, Any]) -> dict[str, Any]:
    """The entry of a preset, if it is one.

    Raises:
        PresetError: If something is missing or of another type.
    """
    types = {key: type(entry.get(key)) for key in KEYS}
    if (
        types != KEYS
        or not re.fullmatch("[0-9a-f]{64}", entry["sha256"])
        or not 0 < entry["size"] <= sum(FILES.values())
    ):
        raise PresetError(
            f"The entry {name}.json does not say how to fetch a preset. "
            "Expected `url`, `sha256` (64 hex digits), `size` (bytes, up to "
            f"{sum(FILES.values()):,}) and `metadata` (an object). Received: "
            f"{entry!r:.999}"
        )
    return entry


def fetch(name: str, entry: dict[str, Any]) -> Path:
    """Folder of a preset in the cache, fetched if it is not there.

    The folder appears whole or not at all. Several processes may fetch one
    preset at the same time: they write the same bytes to the same places.

    Args:
        name: Of the preset.
        entry: Where its archive is and what must arrive, see `KEYS`.

    Raises:
        PresetError: If the entry is none, or something else arrives; it is
            deleted then.
        FetchError: If the archive cannot be had, or not all of it, or not be
            kept. It is a `PresetError` and a `FileNotFoundError`. What has
            arrived is kept, and the next call goes on from there.
    """
    check(name, entry)
    folder = cache() / f"{name}-{entry['sha256'][:8]}"
    if folder.is_dir():
        return folder
    address = _address(name, entry["url"])
    part = folder.with_name(f"{folder.name}.part")
    with _keeping(name, entry["size"]):
        folder.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
        with open(part, "r+b") as file:
            for start, data in _arriving(name, address, file, entry["size"]):
                file.seek(start)
                file.write(data)
            file.seek(0)
            received = hashlib.file_digest(file, "sha256").hexdigest()
            expected = f"sha256 {entry['sha256']}"
            if received == entry["sha256"]:
                expected = f"only {', '.join(FILES)}, files without folders"
                received = _unpack(file, folder, entry["metadata"])
        part.unlink(missing_ok=True)
    if received is not None:
        raise PresetError(
            f"The archive of the preset {name!r} from {address} is damaged or "
            f"altered. Expected {expected}. Received: {received}. It was "
            "deleted; fetch it from another place."
        )
    return folder


@contextlib.contextmanager
def _keeping(name: str, size: int) -> Iterator[None]:
    """Inside, errors of the disk say what to do about them."""
    try:
        yield
    except PresetError:
        raise
    except OSError as error:
        raise FetchError(
            f"The preset {name!r} could not be kept. Expected a folder to "
            f"write to, with room for several times {size:,} bytes. Received: "
            f"{error}. Make room, or set the environment variable "
            f"KERAS_AE_CACHE to another folder than {str(cache())!r}; then "
            "call again to go on from where it stopped."
        ) from error


def _address(name: str, url: str) -> str:
    """Where to fetch from: a file put into the cache, the mirror, or `url`."""
    mirror = os.environ.get("KERAS_AE_MIRROR")
    if (cache() / f"{name}.zip").is_file():
        mirror = str(cache())
    if not mirror:
        return url
    if "://" not in mirror:
        mirror = Path(mirror).resolve().as_uri()
    return f"{mirror.rstrip('/')}/{name}.zip"


def _arriving(
    name: str, address: str, file: BinaryIO, size: int
) -> Iterator[tuple[int, bytes]]:
    """What a file lacks of `size` bytes, each piece with its place."""
    start = file.seek(0, os.SEEK_END)
    if start > size:  # of another archive, or written by two at once
        start = file.truncate(0)
    if start == size:
        return
    try:
        headers = {"Range": f"bytes={start}-"} if start else {}
        request = urllib.request.Request(address, headers=headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            if response.status != http.HTTPStatus.PARTIAL_CONTENT:
                start = 0  # the server sends the whole file all the same
            length = response.headers.get("Content-Length")
            if length is not None and start + int(length) != size:
                raise OSError(f"a file of {start + int(length):,} bytes")
            bar = keras.utils.Progbar(size, unit_name="byte")
            while data := response.read(min(CHUNK, size - start)):
                yield start, data
                start += len(data)
                bar.update(start)
        if start < size:
            raise OSError(f"the first {start:,} bytes")
    # ValueError: an address that is none, or a length.
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise FetchError(
            f"The preset {name!r} could not be fetched. Expected {size:,} "
            f"bytes from {address}. Received: {error}. Call again to go on "
            "from where it stopped. Without network, put the file "
            f"{name}.zip into the folder {cache()}, or set the environment "
            "variable KERAS_AE_MIRROR to a folder, or to the beginning of an "
            "address, that has it."
        ) from error


def _unpack(file: BinaryIO, folder: Path, about: dict[str, Any]) -> str | None:
    """Write an archive to a folder, whole or not at all.

    Returns:
        What is wrong with it; nothing is written then.
    """
    try:
        with (
            tempfile.TemporaryDirectory(dir=folder.parent) as scratch,
            zipfile.ZipFile(file) as archive,
        ):
            problem = _strange_member(archive.infolist(), about)
            if problem is not None:
                return problem
            whole = Path(scratch, folder.name)
            archive.extractall(whole)
            try:
                whole.rename(folder)
            except OSError:
                if not folder.is_dir():  # no other process was faster
                    raise
    except (OSError, *_BAD) as error:
        # Invalid: a place before the beginning of the file.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        return f"{type(error).__name__}: {error}"
    return None


def _strange_member(
    members: list[zipfile.ZipInfo], about: dict[str, Any]
) -> str | None:
    """What an archive has that no preset has, or too much of, or lacks."""
    parameters = about.get("parameters")
    known = FILES | {
        limits.WEIGHTS: limits.most_bytes(parameters)
        if type(parameters) is int
        else limits.MAX_WEIGHTS
    }
    names = [member.filename for member in members]
    if len(names) != len(set(names)):
        return f"a file twice, in {names[:9]!r:.99}"
    for member in members:
        name, size = member.filename, member.file_size
        if name not in known:
            return f"{name!r:.99}"
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
            return f"{name}, which is no plain file"
        if member.flag_bits & 1 or member.compress_type not in METHODS:
            return f"{name}, encrypted or packed in another way than deflated"
        if size > known[name]:
            return f"{name} of {size:,} bytes, more than {known[name]:,}"
    lacking = {limits.CONFIG, limits.METADATA, limits.WEIGHTS} - {*names}
    return f"no {min(lacking)}" if lacking else None
