"""As many endpoints of a model as a format can hold, and why not the others."""

import json
from collections.abc import Callable
from pathlib import Path

from keras_ae.core.types import Json
from keras_ae.model.formats import base
from keras_ae.model.formats.base import Endpoints
from keras_ae.model.formats.base import Format


def convert(
    write: Callable, chosen: Format, ends: Endpoints, scratch: Path, name: str
) -> tuple[Path, dict[str, str]]:
    """Write the endpoints that a format can hold.

    Args:
        write: `(endpoints, path)`, of the format's `convert`.
        chosen: The format.
        ends: As of `base.compiled`; the first must go.
        scratch: A folder for attempts; a failed one may leave
            something behind, so that each gets a folder in it.
        name: Of what is written.

    Returns:
        What was written, and the endpoints left out: name to why.

    Raises:
        Exception: As `write`, if the first endpoint can not go.
    """
    attempts = iter(range(len(ends) + 2))

    def attempt(able: Endpoints) -> tuple[Path, Json]:
        path = scratch / f".attempt-{next(attempts)}" / name
        path.parent.mkdir()
        return path, write(able, path)

    first = next(iter(ends))
    out = {
        name: f"the format lacks {', '.join(lacking)}"
        for name, (function, _) in ends.items()
        if (lacking := _lacking(function, chosen.lacks))
    }
    if first in out:
        raise ValueError(out[first])
    able = {name: end for name, end in ends.items() if name not in out}
    try:
        path, said = attempt(able)
    except OSError:
        raise  # no room, no right: no matter of an endpoint
    except Exception:
        for endpoint, end in able.items():
            try:
                attempt({endpoint: end})
            except OSError:
                raise
            except Exception as error:
                if endpoint == first:
                    raise
                out[endpoint] = in_short(error)
        able = {name: end for name, end in able.items() if name not in out}
        path, said = attempt(able)
    if said is not None:
        _write_manifest(path, able, said, out)
    return path, out


def in_short(error: Exception) -> str:
    """An error in a line.

    Example:
        >>> in_short(ValueError("no\\n  room"))
        'ValueError: no room'
    """
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]


def _lacking(function: Callable, lacks: tuple[str, ...]) -> list[str]:
    """Operations of an endpoint that a format never has."""
    if not lacks:
        return []
    return sorted(o for o in base.operations(function) if o.startswith(lacks))


def _write_manifest(
    folder: Path, ends: Endpoints, said: dict, out: dict[str, str]
) -> None:
    """Say in a folder what its endpoints take and give, and which there are
    not."""
    about = {name: base.signature(*ends[name]) | said[name] for name in said}
    text = json.dumps({"endpoints": about, "left_out": out}, indent=2)
    (folder / "manifest.json").write_text(f"{text}\n", encoding="utf-8")
