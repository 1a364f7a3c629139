"""Delivery: presets that are too large for the package, fetched once.

Where the folder of such a preset would be, there is an entry `NAME.json`:

    {"url": "https://.../NAME.zip", "sha256": "...", "size": 4370920,
     "metadata": {...}}

`shutil.make_archive(NAME, "zip", folder)` writes the archive of a preset
folder; `sha256` and `size`, in bytes, are those of the archive. `metadata` is
what the preset's own file of that name says, so that lists and cards need no
network.
"""

import hashlib
import http.client
import os
import re
import tempfile
import urllib.request
import zipfile
from pathlib import Path
from typing import Any
from typing import BinaryIO

import keras

KEYS = {"url": str, "sha256": str, "size": int, "metadata": dict}
CHUNK = 1 << 16  # bytes
TIMEOUT = 30  # seconds without a byte


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
        ValueError: If something is missing or of another type.
    """
    types = {key: type(entry.get(key)) for key in KEYS}
    if types != KEYS or not re.fullmatch("[0-9a-f]{64}", entry["sha256"]):
        raise ValueError(
            f"The entry {name}.json does not say how to fetch a preset. "
            "Expected `url`, `sha256` (64 hex digits), `size` (bytes) and "
            f"`metadata` (an object). Received: {entry}"
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
        ValueError: If the entry is none, or something else arrives; it is
            deleted then.
        FileNotFoundError: If the archive cannot be had, or not all of it.
            What has arrived is kept, and the next call goes on from there.
    """
    check(name, entry)
    folder = cache() / f"{name}-{entry['sha256'][:8]}"
    if folder.is_dir():
        return folder
    address = _address(name, entry["url"])
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f"{folder.name}.part")
    part.touch()
    with open(part, "r+b") as file:
        try:
            _receive(address, file, entry["size"])
        except (OSError, http.client.HTTPException) as error:
            raise FileNotFoundError(
                f"The preset {name!r} could not be fetched. Expected "
                f"{entry['size']:,} bytes from {address}. Received: {error}. "
                "Call again to go on from where it stopped. Without network, "
                f"put the file {name}.zip into the folder {cache()}, or set "
                "the environment variable KERAS_AE_MIRROR to a folder, or to "
                "the beginning of an address, that has it."
            ) from error
        file.seek(0)
        received = hashlib.file_digest(file, "sha256").hexdigest()
        if received == entry["sha256"]:
            _unpack(file, folder)
    part.unlink(missing_ok=True)
    if received != entry["sha256"]:
        raise ValueError(
            f"The archive of the preset {name!r} from {address} is damaged or "
            f"altered. Expected sha256 {entry['sha256']}. Received: "
            f"{received}. It was deleted; fetch it from another place."
        )
    return folder


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


def _receive(address: str, file: BinaryIO, size: int) -> None:
    """Go on with a file from its end until it has `size` bytes."""
    start = file.seek(0, os.SEEK_END)
    if start == size:
        return
    headers = {"Range": f"bytes={start}-"} if start else {}
    request = urllib.request.Request(address, headers=headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:
            start = 0  # the server sends the whole file all the same
        length = response.headers.get("Content-Length")
        if length is not None and start + int(length) != size:
            raise OSError(f"a file of {start + int(length):,} bytes")
        file.seek(start)
        bar = keras.utils.Progbar(size, unit_name="byte")
        while data := response.read(min(CHUNK, size - file.tell())):
            file.write(data)
            bar.update(file.tell())
    if file.tell() < size:
        raise OSError(f"the first {file.tell():,} bytes")


def _unpack(file: BinaryIO, folder: Path) -> None:
    """Write an archive of plain files to a folder, whole or not at all."""
    with (
        tempfile.TemporaryDirectory(dir=folder.parent) as scratch,
        zipfile.ZipFile(file) as archive,
    ):
        for member in archive.namelist():
            if not re.fullmatch(r"\w[\w.-]*", member):
                raise ValueError(
                    f"The archive of {folder.name} was not unpacked. Expected "
                    f"files without folders. Received: {member!r}"
                )
        whole = Path(scratch, folder.name)
        archive.extractall(whole)
        try:
            whole.rename(folder)
        except OSError:
            if not folder.is_dir():  # no other process was faster
                raise
