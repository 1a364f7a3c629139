"""Renew the generated tables of the README and of the pages in `docs/`.

    python -m tools.readme [--check] [PATH ...]

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
from tools import features

ROOT = Path(__file__).parents[1]
#: Presets that the README shows: one of each kind.
FIVE = (
    "vae_digits",
    "vamp_mnist",
    "vqvae_mnist",
    "sparse_mnist",
    "denoising_mnist",
)
TABLES = {
    "families": functools.partial(tables.families, registry.PACKAGE),
    "five": functools.partial(tables.presets, FIVE),
    "variants": functools.partial(tables.variants, registry.PACKAGE),
    "presets": tables.bundled_presets,
    "published": tables.published,
    "parts": features.parts,
    "features": features.side_by_side,
}


def pages() -> list[Path]:
    """The README and all pages, without pages that are made from the code."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def renewed(text: str) -> str:
    """A page with its generated tables made anew.

    Tables that are not of `TABLES` are left as they are: those of
    measurements, which a benchmark writes.
    """

    def table(match: re.Match) -> str:
        if match["name"] not in TABLES:
            return match[0]
        made = markdown.table(*TABLES[match["name"]]())
        return f"<!-- table: {match['name']} -->\n\n{made}\n\n<!-- end -->"

    return re.sub(
        r"<!-- table: (?P<name>\w+) -->\n.*?<!-- end -->",
        table,
        text,
        flags=re.DOTALL,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Renew the tables, or say with 1 that some are not current."""
    parser = argparse.ArgumentParser("python -m tools.readme")
    parser.add_argument("paths", nargs="*", type=Path, help="[all pages]")
    parser.add_argument(
        "--check", action="store_true", help="only say whether they are current"
    )
    arguments = parser.parse_args(argv)
    changed = 0
    for path in arguments.paths or pages():
        text = path.read_text(encoding="utf-8")
        new = renewed(text)
        if new == text:
            continue
        changed += 1
        if not arguments.check:
            path.write_text(new, encoding="utf-8")
        print(f"{'Not current' if arguments.check else 'Renewed'}: {path}")
    return int(arguments.check and changed > 0)


if __name__ == "__main__":
    sys.exit(main())
