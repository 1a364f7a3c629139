"""Files are whole, old or new, whenever the process that writes them ends."""

import errno
import os
import shutil
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from keras_ae.core import files
from tests import dying

OLD = {"a": "1", "b": "2", "tree/x": "3", "mine": "4"}
NEW = {"a": "5", "c": "6", "tree/y": "7", "key": "8"}


def write(folder, contents):
    for name, text in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def read(folder):
    """The files of a folder, without what is hidden."""
    paths = [p for p in folder.rglob("*") if p.is_file()]
    names = [str(path.relative_to(folder)) for path in paths]
    return {
        name: (folder / name).read_text()
        for name in names
        if not name.startswith(".")
    }


def hidden(folder):
    return [p for p in folder.rglob("*") if p.name.startswith(".")]


@pytest.mark.parametrize("there", [False, True])
def test_a_file_is_the_old_or_the_new_one_at_every_step(tmp_path, there):
    path = tmp_path / "file.txt"

    def prepare():
        path.unlink(missing_ok=True)
        if there:
            path.write_text("old")

    steps = []
    for step in dying.deaths(prepare, lambda: files.write_text(path, "new")):
        steps.append(path.read_text() if path.exists() else None)
        del step
    assert steps[0] == ("old" if there else None)
    assert steps[-1] == "new"
    assert steps == sorted(steps, key=lambda text: text == "new")
    assert path.read_text() == "new"
    assert not hidden(tmp_path)  # of all who died on the way


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_is_the_old_or_the_new_one_at_every_step(tmp_path, there):
    folder = tmp_path / "folder"
    before = OLD if there else {}
    after = before | NEW  # other files stay, those of a tree too

    def prepare():
        shutil.rmtree(folder, ignore_errors=True)
        write(folder, before)

    def save():
        with files.replacing(folder, "key") as part:
            write(part, NEW)

    found = []
    for step in dying.deaths(prepare, save):
        unsettled = read(folder) if folder.exists() else {}
        if unsettled.get("key"):
            assert unsettled == after  # whole, for those who only look for it
        files.settle(folder)
        found.append(read(folder))
        assert found[-1] in (before, after), step
        files.settle(folder)
        assert read(folder) == found[-1]
    assert before in found and after in found
    assert found == sorted(found, key=lambda files: files == after)
    assert read(folder) == after
    assert not hidden(tmp_path)


def test_settling_may_be_killed_too(tmp_path):
    folder = tmp_path / "folder"
    decided = tmp_path / "decided"

    def save():
        with files.replacing(folder, "key") as part:
            write(part, NEW)

    def stop():
        shutil.rmtree(folder, ignore_errors=True)
        write(folder, OLD)

    for _ in dying.deaths(stop, save):
        if any(folder.glob(f"{files.NEW}*")):
            shutil.copytree(folder, decided)
            break

    def again():
        shutil.rmtree(folder)
        shutil.copytree(decided, folder)

    after = OLD | NEW
    count = 0
    for _ in dying.deaths(again, lambda: files.settle(folder)):
        count += 1
        files.settle(folder)
        assert read(folder) == after
    assert count > 5


def test_the_current_folder_and_one_that_cannot_be_renamed(
    tmp_path, monkeypatch
):
    """A volume cannot be renamed, and there is no room beside it."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, OLD)
    inode = tmp_path.stat().st_ino
    with files.replacing(".") as part:
        assert part.parent.parent == tmp_path
        write(part, NEW)
    assert tmp_path.stat().st_ino == inode
    assert read(tmp_path)["a"] == "5"


def test_an_error_leaves_nothing(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(KeyError), files.replacing(path) as part:
        part.write_text("half")
        raise KeyError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


def test_what_is_no_place_for_a_folder_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "file.txt"
    file.write_text("mine")
    for path in file, file / "new" / "folder":
        with pytest.raises(ValueError, match=r"file.txt', which is a file"):
            files.check_folder(path)
    files.check_folder(tmp_path)
    files.check_folder(tmp_path / "new" / "folder")
    assert read(tmp_path) == {"file.txt": "mine"}
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]

    def read_only(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "mkdir", read_only)
    with pytest.raises(ValueError, match=r"Received: Read-only file system, '"):
        files.check_folder(tmp_path / "new")


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.write_text(path, "new")
    assert path.read_text() == "old"
    assert not hidden(tmp_path)


def test_rights_links_and_devices(tmp_path):
    path, link = tmp_path / "file.txt", tmp_path / "link.txt"
    link.symlink_to(path)
    files.write_text(link, "new")
    assert link.is_symlink() and path.read_text() == "new"
    path.write_text("as others do")
    usual = stat.S_IMODE(path.stat().st_mode)
    path.unlink()
    files.write_text(path, "new")
    assert stat.S_IMODE(path.stat().st_mode) == usual
    files.write_text(os.devnull, "gone")
    assert not Path(os.devnull).is_file()


def test_what_another_process_writes_is_left_alone(tmp_path):
    with files.replacing(tmp_path / "a") as first:
        first.write_text("a")
        with files.replacing(tmp_path / "b") as second:
            second.write_text("b")
    assert read(tmp_path) == {"a": "a", "b": "b"}


# Locks.

# The file alone, since the package takes seconds to import.
OWNER = """
    import importlib.util
    import sys

    spec = importlib.util.spec_from_file_location("files", sys.argv[2])
    files = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(files)
    with files.lock(sys.argv[1]):
        print("locked", flush=True)
        sys.stdin.read()
"""


def test_a_folder_has_one_owner_at_a_time(tmp_path):
    code = textwrap.dedent(OWNER)
    command = [sys.executable, "-c", code, str(tmp_path), files.__file__]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as owner:
        assert owner.stdout.readline() == b"locked\n"
        message = f"{tmp_path.name}.*in use.*process {owner.pid} on .* since"
        with pytest.raises(ValueError, match=message):
            with files.lock(tmp_path):
                pass
        owner.kill()  # the lock ends with the process
        owner.wait()
    with files.lock(tmp_path):
        with files.lock(tmp_path):  # it is ours
            pass
        assert f"process {os.getpid()} " in (tmp_path / files.LOCK).read_text()
