"""What the package is delivered with: floors and licences of what it needs.

    python -m tools.supply floors WHEEL     # constraints for pip (.ci/floors)
    python -m tools.supply licences [NAME]  # of NAME and all that it installs

Needs the standard library alone, so that it runs before anything is there.
"""

import argparse
import email
import importlib.metadata
import re
import sys
import zipfile
from collections.abc import Iterable
from collections.abc import Sequence

#: Licences that allow use in any work, by the words that name them. "Weak"
#: copyleft binds changes of the library itself alone, and that we make none.
ALLOWED = (
    r"\bMIT\b|\bBSD\b|BSD-[23]-Clause|Apache|\bISC\b|\bPSF\b|Python Software|"
    r"\bHPND\b|\bZlib\b|\bUnlicense\b|\b0BSD\b|Public Domain|\bCC0\b|"
    r"\bMPL\b|Mozilla Public|\bLGPL|Lesser General Public"
)
FORBIDDEN = r"(?<!L)GPL|(?<!Lesser )(?<!Library )General Public|Commons Clause"

#: Of releases whose metadata do not say it, as their own files do.
READ = {"namex": "Apache-2.0"}

REQUIREMENT = re.compile(r"([\w.-]+)\s*(?:\[([\w, -]*)\])?\s*([^;]*);?(.*)")


def floors(requirements: Iterable[str]) -> list[str]:
    """The least release that each requirement allows, `name==release`.

    Raises:
        ValueError: If a requirement has no floor, or a name two.

    Example:
        >>> floors(["scipy>=1.13", "tfp[tf]<0.26,>=0.25; extra == 'test'"])
        ['scipy==1.13', 'tfp==0.25']
    """
    found = {}
    for requirement in requirements:
        name, _, bounds, _ = REQUIREMENT.fullmatch(requirement).groups()
        floor = re.search(r">=\s*([\w.]+)", bounds)
        if floor is None:
            raise ValueError(
                f"A requirement has no floor. Expected `{name}>=release`. "
                f"Received: {requirement!r}"
            )
        pinned = f"{name}=={floor[1]}"
        if found.setdefault(name, pinned) != pinned:
            raise ValueError(
                "A name has two floors. Expected the same in all extras. "
                f"Received: {found[name]}, {pinned}"
            )
    return sorted(found.values())


def of_wheel(path: str) -> list[str]:
    """The requirements of a wheel, those of its extras too."""
    with zipfile.ZipFile(path) as wheel:
        (name,) = (n for n in wheel.namelist() if n.endswith("/METADATA"))
        text = wheel.read(name).decode("utf-8")
    return email.message_from_string(text).get_all("Requires-Dist", [])


def installed(name: str) -> dict[str, importlib.metadata.Distribution]:
    """A distribution and all that it requires, without extras that are not
    asked for, as far as it is installed; by name."""
    found: dict[str, importlib.metadata.Distribution] = {}
    waiting = [(name, "")]
    while waiting:
        name, extras = waiting.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in found:
            continue
        try:
            found[key] = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # for another system or Python
        for requirement in found[key].requires or []:
            other, inner, _, marker = REQUIREMENT.fullmatch(
                requirement
            ).groups()
            extra = re.search(r"extra\s*==\s*['\"]([\w-]+)", marker)
            if extra is None or extra[1] in extras:
                waiting.append((other, inner or ""))
    return found


def licence(distribution: importlib.metadata.Distribution) -> str:
    """What a distribution says of its licence, in short."""
    data = distribution.metadata
    classifiers = [
        line.rpartition("::")[2].strip()
        for line in data.get_all("Classifier", [])
        if line.startswith("License ::")
    ]
    free_text = (data.get("License") or "").strip()
    if "\n" in free_text or not re.search(ALLOWED, free_text):
        free_text = ""  # the whole licence, or a title that names none
    said = data.get("License-Expression") or ", ".join(classifiers) or free_text
    return said or READ.get(distribution.name, "unknown")


def refused(said: str) -> bool:
    """Whether a licence is copyleft for what uses it, or not known.

    Example:
        >>> [refused(s) for s in ("MIT", "LGPL-2.1", "GPL-3.0", "unknown")]
        [False, False, True, True]
    """
    # Of a choice, one is enough.
    choices = re.split(r"\bOR\b", said)
    return not any(
        re.search(ALLOWED, choice) and not re.search(FORBIDDEN, choice)
        for choice in choices
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was asked for; 1 if a licence is refused."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("floors").add_argument("wheel")
    commands.add_parser("licences").add_argument(
        "name", nargs="?", default="keras-ae"
    )
    asked = parser.parse_args(arguments)
    if asked.command == "floors":
        print("\n".join(floors(of_wheel(asked.wheel))))
        return 0
    bad = []
    for name, distribution in sorted(installed(asked.name).items()):
        said = licence(distribution)
        print(f"{name}\t{distribution.version}\t{said}")
        bad += [name] * refused(said)
    if bad:
        print(f"Not allowed, or not known: {', '.join(bad)}", file=sys.stderr)
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
