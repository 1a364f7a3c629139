"""One wording for what is wrong with a file."""

import contextlib
import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType


class FileError(ValueError):
    """A file that cannot be taken as examples."""


def unreadable(
    path: Path, expected: str, received: object, advice: str = ""
) -> FileError:
    """The error: which file, what was expected, what is there, what to do."""
    kind = "folder" if path.is_dir() else "file"
    message = (
        f"The {kind} {str(path)!r} cannot be taken as examples. Expected "
        f"{expected}. Received: {received}"
    )
    return FileError(f"{message}. {advice}" if advice else message)


@contextlib.contextmanager
def reading(
    path: Path, expected: str, *errors: type[Exception]
) -> Iterator[None]:
    """Inside, these errors of a library say which file, what was expected."""
    try:
        yield
    except FileError:
        raise
    except errors as error:
        text = f"{type(error).__name__}: {str(error).strip().rstrip('.')}"
        raise unreadable(path, expected, text) from error


def needed(package: str, what: str) -> ModuleType:
    """A package of the extra `data`, imported when something needs it.

    Raises:
        ImportError: If it is not installed; the message says how to get it.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(
            f"{what} needs {package.partition('.')[0]}. Expected it to be "
            f"installed. Received: {error}. pip install 'keras-ae[data]'"
        ) from error


def listed(names: list, most: int = 5) -> str:
    """The first names, and how many more there are.

    Example:
        >>> listed(["a", "b", "c"], most=2)
        'a, b and 1 more'
    """
    rest = len(names) - most
    text = ", ".join(map(str, names[:most]))
    return f"{text} and {rest} more" if rest > 0 else text
