"""The error of everything that the files of a preset can do wrong."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

LONGEST = 600  # characters of another library's message; Keras quotes configs


class PresetError(ValueError):
    """A preset that is missing something, damaged, altered or not allowed.

    The message names the file, and the place in it where there is one. What
    another library said of it is the cause, `error.__cause__`.
    """


class FetchError(PresetError, FileNotFoundError):
    """A preset that could not be fetched, or not be put into the cache."""


@contextlib.contextmanager
def reading(path: Path, expected: str) -> Iterator[None]:
    """Inside, whatever goes wrong is a `PresetError` that names the file.

    It is for what other libraries say of a file; our own checks come first.

    Args:
        path: Of the file.
        expected: What it should have been.

    Example:
        >>> try:
        ...     with reading(Path("model.weights.h5"), "weights"):
        ...         raise RuntimeError("bad heap free list")
        ... except PresetError as error:
        ...     print(error)
        The file 'model.weights.h5' cannot be used. Expected weights. \
Received: RuntimeError: bad heap free list
    """
    try:
        yield
    except PresetError:
        raise
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        if len(said) > LONGEST:
            said = f"{said[:LONGEST]} [...]"
        raise PresetError(
            f"The file {str(path)!r} cannot be used. Expected {expected}. "
            f"Received: {said}"
        ) from error
