"""Delivery: what arrives is what the entry says, whole, or nothing."""

import hashlib
import http.server
import json
import re
import shutil
import socket
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

import keras_ae
from keras_ae.zoo import delivery
from keras_ae.zoo import store

GOLDEN = Path(__file__).parents[1] / "golden" / "format_1" / "vae"
X = np.random.default_rng(0).random((5, 8), np.float32)


class Host(http.server.ThreadingHTTPServer):
    """A server of one file, `content`, under any address."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_port}/files"
        self.content = b""
        self.cut = None  # bytes of an answer after which to hang up
        self.ranges = True  # whether to honour a Range header
        self.meeting = threading.Barrier(1)  # requests to wait for
        self.log = []  # path and Range header of each request


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        host = self.server
        wanted = self.headers["Range"]
        host.log.append((self.path, wanted))
        host.meeting.wait(10)
        start = 0
        if wanted and host.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])
        body = host.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        if start:
            size = len(host.content)
            self.send_header(
                "Content-Range", f"bytes {start}-{size - 1}/{size}"
            )
        self.end_headers()
        self.wfile.write(body[: host.cut])

    def log_message(self, *arguments):
        """Quiet."""


@pytest.fixture
def host():
    with Host() as host:
        thread = threading.Thread(target=host.serve_forever, args=(0.01,))
        thread.start()
        yield host
        host.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache, and no setting of this machine's."""
    for name in ("KERAS_AE_MIRROR", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("KERAS_AE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_AE_ZOO", str(tmp_path / "zoo"))
    (tmp_path / "zoo").mkdir()
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The archive of a preset, as its publisher makes it."""
    base = tmp_path_factory.mktemp("archive") / "far"
    return Path(shutil.make_archive(str(base), "zip", GOLDEN)).read_bytes()


def offer(host, content):
    """Serve an archive and write the entry of the preset `far`."""
    host.content = content
    entry = {
        "url": f"{host.address}/far.zip",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "metadata": json.loads((GOLDEN / store.METADATA).read_text()),
    }
    (next(store.folders()) / "far.json").write_text(json.dumps(entry))
    return entry


def files(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def test_a_preset_is_fetched_once(host, archive, cache, capsys):
    entry = offer(host, archive)
    expected = keras_ae.load(GOLDEN).predict(X)
    for _ in range(2):
        model = keras_ae.VAE.from_preset("far")
        np.testing.assert_array_equal(model.predict(X), expected)
    assert host.log == [("/files/far.zip", None)]
    (folder,) = cache.iterdir()
    assert folder.name == f"far-{entry['sha256'][:8]}"
    assert files(folder) == files(GOLDEN)
    assert f"{len(archive)}/{len(archive)}" in capsys.readouterr().out


def test_lists_and_cards_need_no_network(host, archive, cache):
    entry = offer(host, archive)
    assert "far" in keras_ae.list_presets()
    assert store.metadata("far") == entry["metadata"]
    with pytest.raises(ValueError, match="Unknown preset.*'far'"):
        keras_ae.load("fat")
    assert not host.log
    assert not cache.exists()


def test_a_folder_goes_before_an_entry(host, archive):
    offer(host, archive)
    zoo = next(store.folders())
    shutil.copytree(GOLDEN, zoo / "far")
    assert store.find("far") == zoo / "far"
    assert not host.log


@pytest.mark.parametrize("ranges", [True, False])
def test_a_cut_connection_is_resumed(host, archive, cache, ranges):
    offer(host, archive)
    size, half = len(archive), len(archive) // 2
    host.cut, host.ranges = half, ranges
    message = f"{size:,} bytes.*first {half:,} bytes.*Call again"
    with pytest.raises(FileNotFoundError, match=message):
        keras_ae.load("far")
    (part,) = cache.iterdir()
    assert part.suffix == ".part"
    assert part.read_bytes() == archive[:half]
    host.cut = None
    assert files(store.find("far")) == files(GOLDEN)
    assert [wanted for _, wanted in host.log] == [None, f"bytes={half}-"]
    assert not part.exists()


def test_wrong_bytes_are_deleted(host, archive, cache):
    entry = offer(host, archive)
    wrong = archive[:-1] + bytes([archive[-1] ^ 1])
    host.content = wrong
    received = hashlib.sha256(wrong).hexdigest()
    message = f"Expected sha256 {entry['sha256']}. Received: {received}"
    with pytest.raises(ValueError, match=message):
        keras_ae.load("far")
    assert not list(cache.iterdir())
    host.content = archive
    assert files(store.find("far")) == files(GOLDEN)


def test_wrong_bytes_that_were_kept_are_deleted(host, archive, cache):
    entry = offer(host, archive)
    cache.mkdir()
    part = cache / f"far-{entry['sha256'][:8]}.part"
    part.write_bytes(b"something else")
    with pytest.raises(ValueError, match="damaged or altered"):
        keras_ae.load("far")
    assert not part.exists()
    assert files(store.find("far")) == files(GOLDEN)


def test_a_file_of_another_size_is_not_begun(host, archive, cache):
    offer(host, archive)
    host.content = b"<html>Please log in.</html>"
    with pytest.raises(FileNotFoundError, match="Received: a file of 27 bytes"):
        keras_ae.load("far")
    (part,) = cache.iterdir()
    assert not part.read_bytes()


def test_without_network_the_message_says_what_helps(
    host, archive, cache, tmp_path, monkeypatch
):
    entry = offer(host, archive)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    entry["url"] = f"http://127.0.0.1:{port}/far.zip"
    (next(store.folders()) / "far.json").write_text(json.dumps(entry))
    with pytest.raises(FileNotFoundError) as error:
        keras_ae.load("far")
    for word in (entry["url"], "refused", str(cache), "KERAS_AE_MIRROR"):
        assert word in str(error.value)
    by_hand = cache / "far.zip"
    by_hand.write_bytes(archive)
    assert files(store.find("far")) == files(GOLDEN)
    assert by_hand.is_file()


def test_a_mirror_is_asked_instead(host, archive, cache, tmp_path, monkeypatch):
    offer(host, archive)
    mirror = tmp_path / "a mirror"
    monkeypatch.setenv("KERAS_AE_MIRROR", str(mirror))
    with pytest.raises(FileNotFoundError, match="mirror/far.zip.*No such file"):
        keras_ae.load("far")
    mirror.mkdir()
    (mirror / "far.zip").write_bytes(archive)
    assert files(store.find("far")) == files(GOLDEN)
    assert not host.log
    shutil.rmtree(cache)
    monkeypatch.setenv("KERAS_AE_MIRROR", f"{host.address}/copies/")
    assert files(store.find("far")) == files(GOLDEN)
    assert host.log == [("/files/copies/far.zip", None)]


def test_two_may_fetch_at_once(host, archive):
    entry = offer(host, archive)
    host.meeting = threading.Barrier(2)
    found = []
    threads = [
        threading.Thread(
            target=lambda: found.append(delivery.fetch("far", entry))
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(host.log) == len(found) == 2
    assert found[0] == found[1]
    assert files(found[0]) == files(GOLDEN)


def test_another_archive_of_the_name_is_fetched_anew(host, archive, tmp_path):
    offer(host, archive)
    first = store.find("far")
    copy = shutil.copytree(GOLDEN, tmp_path / "copy")
    (copy / "README.md").write_text("better\n")
    path = shutil.make_archive(str(tmp_path / "far"), "zip", copy)
    offer(host, Path(path).read_bytes())
    second = store.find("far")
    assert second != first
    assert (second / "README.md").read_text() == "better\n"


@pytest.mark.parametrize(
    "member",
    ["../evil", "/evil", "evil/x", "evil/", "..", "a\\..\\..\\evil", "C:evil"],
)
def test_an_archive_stays_in_its_folder(host, cache, tmp_path, member):
    with zipfile.ZipFile(tmp_path / "far.zip", "w") as file:
        file.write(GOLDEN / store.CONFIG, store.CONFIG)
        file.writestr(member, "")
    offer(host, (tmp_path / "far.zip").read_bytes())
    with pytest.raises(ValueError, match="files without folders. Received"):
        keras_ae.load("far")
    assert not [p for p in cache.iterdir() if p.is_dir()]
    assert not list(tmp_path.rglob("*evil*"))


def test_a_half_unpacked_folder_is_not_used(host, archive, cache, monkeypatch):
    offer(host, archive)

    def full_disk(self, path):
        self.extract(store.CONFIG, path)
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(zipfile.ZipFile, "extractall", full_disk)
        with pytest.raises(OSError, match="No space"):
            keras_ae.load("far")
    assert [p.suffix for p in cache.iterdir()] == [".part"]
    assert files(store.find("far")) == files(GOLDEN)
    assert len(host.log) == 1  # what had arrived was kept


def packed(path, mode=0, method=zipfile.ZIP_DEFLATED, **changes):
    """The archive of a preset with members changed, or left out by None."""
    members = {p.name: p.read_bytes() for p in GOLDEN.iterdir()} | changes
    with zipfile.ZipFile(path, "w", method, compresslevel=1) as file:
        for name, content in members.items():
            if content is not None:
                info = zipfile.ZipInfo(name)
                info.compress_type = method
                info.external_attr = mode << 16
                file.writestr(info, content)
    return path.read_bytes()


def encrypted(path):
    """The flag alone, in the directory at the end of the archive."""
    content = bytearray(packed(path))
    place = content.index(b"PK\1\2")
    content[place + 8] |= 1
    return bytes(content)


WEIGHTS = store.WEIGHTS
BAD = {
    "BadZipFile": lambda path: b"no archive",
    "model.weights.h5 of 70,000,000 bytes, more than": lambda path: packed(
        path, **{WEIGHTS: bytes(70_000_000)}
    ),
    "Received: 'more.txt'": lambda path: packed(path, **{"more.txt": b""}),
    "no model.weights.h5": lambda path: packed(path, **{WEIGHTS: None}),
    "no plain file": lambda path: packed(path, mode=0o120777),
    "another way than": lambda path: packed(path, method=zipfile.ZIP_LZMA),
    "encrypted": encrypted,
    "BadZipFile: Bad CRC": lambda path: packed(
        path, method=zipfile.ZIP_STORED
    ).replace(b"# vae", b"# VAE", 1),
}


@pytest.mark.parametrize("words", BAD)
def test_an_archive_of_something_else_is_deleted(host, cache, tmp_path, words):
    offer(host, BAD[words](tmp_path / "far.zip"))
    message = f"'far' from .*altered. Expected only.*{words}.*another place"
    with pytest.raises(keras_ae.PresetError, match=message):
        keras_ae.load("far")
    assert not list(cache.iterdir())


def test_a_file_twice_in_an_archive_is_refused(host, cache, tmp_path):
    packed(tmp_path / "far.zip")
    with zipfile.ZipFile(tmp_path / "far.zip", "a") as file:
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr(store.CONFIG, "{}")
    offer(host, (tmp_path / "far.zip").read_bytes())
    with pytest.raises(keras_ae.PresetError, match="a file twice"):
        keras_ae.load("far")


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_archive_under_its_own_hash_is_refused(
    host, archive, cache, seed
):
    place = np.random.default_rng(seed).integers(len(archive), size=4)
    content = np.frombuffer(archive, np.uint8).copy()
    content[place] ^= 255
    offer(host, content.tobytes())
    try:
        found = files(store.find("far"))
    except keras_ae.PresetError:
        assert not list(cache.iterdir())
    else:  # in what no reader looks at, such as times
        assert found == files(GOLDEN)


@pytest.mark.parametrize(
    "url",
    ["far.zip", "gopher://host/far.zip", "http://[far", "http://a b/", ""],
)
def test_an_address_that_is_none_is_said(host, archive, url):
    entry = offer(host, archive) | {"url": url}
    (next(store.folders()) / "far.json").write_text(json.dumps(entry))
    with pytest.raises(keras_ae.PresetError, match="KERAS_AE_MIRROR") as error:
        keras_ae.load("far")
    assert isinstance(error.value, FileNotFoundError)


def test_a_part_that_is_too_long_is_begun_anew(host, archive, cache):
    entry = offer(host, archive)
    cache.mkdir()
    part = cache / f"far-{entry['sha256'][:8]}.part"
    part.write_bytes(archive + b"more")
    assert files(store.find("far")) == files(GOLDEN)
    assert host.log == [("/files/far.zip", None)]


def test_a_full_disk_is_said(host, archive, cache):
    entry = offer(host, archive)
    cache.mkdir()
    part = cache / f"far-{entry['sha256'][:8]}.part"
    part.symlink_to("/dev/full")
    message = "could not be kept.*No space left.*KERAS_AE_CACHE"
    with pytest.raises(keras_ae.PresetError, match=message):
        keras_ae.load("far")


def test_a_cache_that_cannot_be_written_is_said(host, archive, cache):
    offer(host, archive)
    cache.write_text("a file, not a folder")
    message = "far. could not be kept.*KERAS_AE_CACHE to another folder"
    with pytest.raises(keras_ae.PresetError, match=message):
        keras_ae.load("far")
    assert not host.log


@pytest.mark.parametrize(
    "change",
    [
        {"url": None},
        {"sha256": "../../evil"},
        {"sha256": "0" * 63},
        {"size": "27"},
        {"size": True},
        {"size": 10**12},
        {"metadata": []},
    ],
)
def test_an_entry_is_checked(host, archive, cache, change):
    entry = offer(host, archive) | change
    (next(store.folders()) / "far.json").write_text(json.dumps(entry))
    for function in (store.metadata, keras_ae.load):
        with pytest.raises(ValueError, match="far.json.*Expected `url`"):
            function("far")
    assert not host.log
    assert not cache.exists()


def test_the_cache_is_in_that_of_keras(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_AE_CACHE")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert delivery.cache() == tmp_path / "models" / "keras_ae"
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert delivery.cache() == tmp_path / ".keras" / "models" / "keras_ae"
