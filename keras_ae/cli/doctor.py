"""What is installed, what it runs on, and what is missing for what."""

import importlib.metadata
import os
import platform
from typing import Any

import tensorflow as tf
from packaging import requirements

import keras_ae
from keras_ae.zoo import store

DISTRIBUTION = "keras-ae"
VARIABLES = (
    "KERAS_AE_ZOO",
    "KERAS_AE_CACHE",
    "KERAS_AE_MIRROR",
    "KERAS_AE_DATA",
)


def report() -> dict[str, Any]:
    """All that a report of a fault should say.

    Returns:
        `python`, `platform`, `keras_ae`; `packages`, name to version of what
        the package needs; `missing`, what of that is not there or of another
        version; `extras`, name to what is missing for it; `devices`;
        `speed_policy` of a small dense VAE; `presets`, how many there are;
        `variables` of the environment that are set.

    Example:
        >>> report()["missing"]
        []
    """
    needed = _requirements()
    model = keras_ae.create("vae", (8,), 2, hidden=(16,))
    model.compile("adam")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "keras_ae": keras_ae.__version__,
        "packages": {r.name: _version(r.name) for r in needed.get("", [])},
        "missing": _missing(needed.pop("", [])),
        "extras": {name: _missing(some) for name, some in needed.items()},
        "devices": [d.name for d in tf.config.list_physical_devices()],
        "speed_policy": model.speed_policy().splitlines(),
        "presets": len(store.list_presets()),
        "variables": {n: os.environ[n] for n in VARIABLES if n in os.environ},
    }


def text(found: dict[str, Any]) -> str:
    """A report for people."""
    lines = [
        f"keras_ae {found['keras_ae']}, Python {found['python']}, "
        f"{found['platform']}",
        f"{found['presets']} pretrained models",
        "",
        "packages",
        *(f"  {name} {version}" for name, version in found["packages"].items()),
        *(f"  MISSING: {name}" for name in found["missing"]),
        "",
        "devices",
        *(f"  {name}" for name in found["devices"]),
        "",
        "speed, of a small dense model",
        *(f"  {line}" for line in found["speed_policy"]),
        "",
        "extras",
    ]
    for name, missing in sorted(found["extras"].items()):
        said = ", ".join(missing)
        hint = f'missing {said}: pip install "{DISTRIBUTION}[{name}]"'
        lines.append(f"  {name}: {hint if missing else 'all there'}")
    lines += [f"{name}={value}" for name, value in found["variables"].items()]
    return "\n".join(lines)


def _requirements() -> dict[str, list[requirements.Requirement]]:
    """Extra, or "" for what is always needed, -> requirements."""
    try:
        lines = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return {}  # run from a folder: nobody knows
    about = importlib.metadata.metadata(DISTRIBUTION)
    extras = about.get_all("Provides-Extra") or []
    found: dict[str, list] = {name: [] for name in ("", *extras)}
    for needed in map(requirements.Requirement, lines):
        for extra in [""] if _is_for(needed, "") else extras:
            if _is_for(needed, extra):
                found[extra].append(needed)
    return found


def _is_for(needed: requirements.Requirement, extra: str) -> bool:
    return needed.marker is None or needed.marker.evaluate({"extra": extra})


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _missing(needed: list[requirements.Requirement]) -> list[str]:
    """What is not there, or of a version that does not fit."""
    found = []
    for each in needed:
        version = _version(each.name)
        if version is None:
            found.append(f"{each.name}{each.specifier}")
        elif not each.specifier.contains(version, prereleases=True):
            found.append(f"{each.name}{each.specifier} (is {version})")
    return found
