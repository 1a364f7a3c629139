"""Renew the generated tables of the README.

    python -m tools.readme [--check] [PATH]

They stand between `<!-- table: NAME -->` and `<!-- end -->`.
"""

import argparse
import functools
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from keras_ae.cli import tables
from keras_ae.core import markdown
from keras_ae.core import registry

README = Path(__file__).parents[1] / "README.md"
TABLES = {
    "variants": functools.partial(tables.variants, registry.PACKAGE),
    "presets": tables.bundled_presets,
    "published": tables.published,
}


def renewed(text: str) -> str:
    """A README with its generated tables made anew.

    Raises:
        ValueError: If it has no place for one of them.
    """
    for name, table in TABLES.items():
        pattern = rf"(<!-- table: {name} -->\n).*?(<!-- end -->)"
        block = f"\n{markdown.table(*table())}\n\n"
        text, count = re.subn(
            pattern,
            lambda match, block=block: match[1] + block + match[2],
            text,
            flags=re.DOTALL,
        )
        if count != 1:
            raise ValueError(
                f"The README has no place for the table of {name}. Expected "
                f"one `<!-- table: {name} -->` ... `<!-- end -->`. Received: "
                f"{count}"
            )
    return text


def main(argv: Sequence[str] | None = None) -> int:
    """Renew the tables, or say with 1 that they are not current."""
    parser = argparse.ArgumentParser("python -m tools.readme")
    parser.add_argument("path", nargs="?", type=Path, default=README)
    parser.add_argument(
        "--check", action="store_true", help="only say whether they are current"
    )
    arguments = parser.parse_args(argv)
    text = arguments.path.read_text(encoding="utf-8")
    new = renewed(text)
    if arguments.check:
        state = "current" if new == text else "not current"
        print(f"{arguments.path} is {state}.")
        return int(new != text)
    arguments.path.write_text(new, encoding="utf-8")
    print(f"Renewed the tables of {arguments.path}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
