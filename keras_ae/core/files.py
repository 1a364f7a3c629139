"""Durable files: whole or not at all, whatever ends the process, and when.

What is written goes into a hidden folder beside its place first, is flushed
to the disk, and gets there by one rename: `replacing`. A folder that exists
may hold other files, be the current one or a volume of its own. It is not
replaced: one rename inside it decides that the new files hold, then they are
moved one by one, and if that is cut short, the next `settle` goes on with it.
"""

import contextlib
import datetime
import errno
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: everything but the locks
    fcntl = None

PART = ".keras-ae-part-"  # what is being written, or was when a process ended
NEW = ".keras-ae-new-"  # what is written and holds, not moved yet
LOCK = ".keras-ae-lock"

#: Folders that this process has locked.
_OWN: set[Path] = set()


@contextlib.contextmanager
def replacing(path: str | Path, last: str = "") -> Iterator[Path]:
    """Write a file, or the files of a folder, whole or not at all.

    When the block ends well, what it wrote is flushed and put into place; of
    a folder that exists, and of those in it, other files stay. When not,
    nothing is left of it.

    Args:
        path: File or folder. Missing folders above it are made.
        last: The file without which nobody takes such a folder for whole. It
            is taken away first and put there last, for readers who do not
            call `settle`.

    Yields:
        Path to write instead, of the same name; nothing is there yet.

    Raises:
        OSError: If there is no room, or no right to write.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with replacing(Path(folder, "numbers.npy")) as part:
        ...         np.save(part, [1.0, 2.0])
        ...     os.listdir(folder)
        ['numbers.npy']
    """
    path = Path(os.path.realpath(path))  # a link stays one
    if path.exists() and not path.is_file() and not path.is_dir():
        yield path  # a device or a pipe has no place to be put into
        return
    home = path if path.is_dir() else path.parent
    home.mkdir(parents=True, exist_ok=True)
    with _scratch(home) as scratch:
        part = scratch / path.name
        yield part
        _flush_all(part)
        if path.is_dir() and part.is_dir():
            with _alone(path):
                _move_all(path)
                os.rename(part, path / (NEW + last))
                _flush(path)
                _move_all(path)
        else:
            os.replace(part, path)
            _flush(path.parent)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file, whole or not at all. See `replacing`."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def check_folder(folder: str | Path) -> None:
    """Refuse a path where no folder can be written, before there is work.

    Raises:
        ValueError: If it is, or is below, a file, or there is no right to
            write; the message says which.
    """
    path = Path(os.path.realpath(folder))
    home = next(p for p in (path, *path.parents) if p.exists())
    received = f"{str(home)!r}, which is a file"
    try:
        if home.is_dir():
            tempfile.TemporaryDirectory(prefix=PART, dir=home).cleanup()
            return
    except OSError as error:
        received = f"{error.strerror or error}, {str(home)!r}"
    raise ValueError(
        f"The folder {str(folder)!r} cannot be written. Expected a folder, or "
        f"a place for one. Received: {received}. Name another folder."
    )


def settle(folder: str | Path) -> None:
    """Finish what a process had decided to write to a folder when it ended.

    To be called before the files of a folder are read that `replacing` may
    have written: they are all the old ones or all the new ones then.

    Args:
        folder: It need not exist.

    Raises:
        OSError: If there is something to finish, and no right to do so.
    """
    folder = Path(folder)
    if any(folder.glob(f"{NEW}*")):
        with _alone(folder):
            _move_all(folder)


@contextlib.contextmanager
def lock(folder: str | Path) -> Iterator[None]:
    """Inside, a folder is this process' own: one owner at a time.

    The lock is advisory and ends with the process, however that ends. A
    process may lock again what it has locked.

    Args:
        folder: Made if it is not there.

    Raises:
        ValueError: If another process has it; the message names that.
    """
    folder = Path(os.path.realpath(folder))
    if folder in _OWN:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _lock(handle, wait=False)
    except BlockingIOError:
        owner = os.read(handle, 1000).decode(errors="replace").strip()
        os.close(handle)
        raise ValueError(
            f"The folder {str(folder)!r} is in use. Expected one process at a "
            f"time. Received: it belongs to {owner or 'another process'}. "
            "Wait until that has ended, end it, or choose another folder."
        ) from None
    except OSError:  # a file system without locks
        pass
    now = datetime.datetime.now().isoformat(" ", "seconds")
    owner = f"process {os.getpid()} on {platform.node()} since {now}\n"
    os.truncate(handle, 0)
    os.write(handle, owner.encode())
    _OWN.add(folder)
    try:
        yield
    finally:
        # The file stays: a lock on one that is deleted is no lock.
        _OWN.discard(folder)
        os.close(handle)


@contextlib.contextmanager
def _scratch(home: Path) -> Iterator[Path]:
    """A hidden folder in another, locked while it is in use; those of
    processes that have ended are deleted."""
    with contextlib.ExitStack() as stack:
        with _alone(home):  # nobody shall take the new one for a dead one
            for old in home.glob(f"{PART}*"):
                with contextlib.suppress(OSError), _handle(old) as handle:
                    _lock(handle, wait=False)
                    shutil.rmtree(old, ignore_errors=True)
            scratch = Path(tempfile.mkdtemp(prefix=PART, dir=home))
            stack.callback(shutil.rmtree, scratch, ignore_errors=True)
            with contextlib.suppress(OSError):
                _lock(stack.enter_context(_handle(scratch)))
        yield scratch


def _move_all(folder: Path) -> None:
    """Move new files into the folder that they were written to."""
    for new in sorted(folder.glob(f"{NEW}*")):
        last = new.name.removeprefix(NEW)
        if last and (new / last).exists():
            (folder / last).unlink(missing_ok=True)
        _merge(new, folder, last)


def _merge(new: Path, folder: Path, last: str = "") -> None:
    """Move what is in a new folder into another, whose other files stay, in
    the folders in it too."""
    for part in sorted(new.iterdir(), key=lambda part: part.name == last):
        place = folder / part.name
        if part.is_dir() and place.is_dir():
            _merge(part, place)
        else:
            os.replace(part, place)
    _flush(folder)
    new.rmdir()


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Inside, other processes wait here for the same folder."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # without locks, it is not sure
            _lock(stack.enter_context(_handle(folder)))
        yield


def _lock(handle: int, wait: bool = True) -> None:
    """Lock an open file or folder until it is closed.

    Raises:
        BlockingIOError: If another has it and this is not to wait.
        OSError: If there are no locks here.
    """
    if fcntl is None:
        raise OSError(errno.ENOTSUP, "no locks")
    fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


@contextlib.contextmanager
def _handle(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY)
    try:
        yield handle
    finally:
        os.close(handle)


def _flush_all(path: Path) -> None:
    """Have a file, or a folder with all that is in it, on the disk."""
    for inner in path.iterdir() if path.is_dir() else ():
        _flush_all(inner)
    _flush(path)


def _flush(path: Path) -> None:
    """Have a file, or a folder's list of names, on the disk."""
    if os.name == "nt":
        return  # it wants the handle that wrote, and none of a folder
    with _handle(path) as handle:
        try:
            os.fsync(handle)
        except OSError as error:  # some file systems flush no folders
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
