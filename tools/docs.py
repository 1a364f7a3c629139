"""Build the site: `python -m tools.docs`; needs the extra `docs`.

The pages of `docs/` and the README are staged beside pages that are made from
the code: one a variant, one a module. Links lead to the same places as in the
repository. Warnings of Sphinx and links that lead nowhere are errors.
"""

import argparse
import re
import shutil
import sys
from collections.abc import Sequence
from html import parser
from pathlib import Path
from urllib import parse

from tools import pages

ROOT = Path(__file__).parents[1]
#: Caption of a part of the contents -> its pages.
CONTENTS = {
    "Start": ("quickstart", "choose", "data", "gallery/index"),
    "Models": (
        *("variants", "parts", "spaces", "zoo", "published"),
        *("side_by_side", "notes"),
    ),
    "Use": ("training", "judging", "scale", "saving", "serving", "cli"),
    "More": (
        *("extending", "coming_from", "where", "api/index"),
        *("/benchmarks/README", "/SECURITY", "/CHANGELOG"),
    ),
}


def version() -> str:
    """Of the package, without an import of it."""
    text = (ROOT / "keras_ae" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'__version__ = "(.+)"', text)[1]


def stage(folder: Path) -> None:
    """Write all sources of the site but the gallery into a folder."""
    for name in ("SECURITY.md", "CHANGELOG.md", "benchmarks/README.md"):
        _copy(ROOT / name, folder / name)
    _copy(ROOT / "docs" / "conf.py", folder / "conf.py")
    for path in (ROOT / "docs").glob("*.md"):
        _write(folder / "docs" / path.name, pages.linked(_read(path)))
    for path in (ROOT / "zoo").rglob("*"):
        if path.suffix in (".png", ".md"):
            _copy(path, folder / "zoo" / path.relative_to(ROOT / "zoo"))
    own = "tests/third_party/my_autoencoders.py"
    _copy(ROOT / own, folder / own)
    for name, text in (pages.variants() | pages.modules()).items():
        _write(folder / "docs" / f"{name}.md", text)
    _write(folder / "docs/variants.md", "", pages.children("variants/*"))
    _write(folder / "docs/zoo.md", "", pages.children("../zoo/presets/*/*"))
    readme = pages.linked(_read(ROOT / "README.md"), "docs/")
    trees = [
        pages.tree([f"docs/{p}" if p[0] != "/" else p[1:] for p in names], name)
        for name, names in CONTENTS.items()
    ]
    _write(folder / "index.md", "\n".join([readme, *trees]))


def dead_links(site: Path) -> list[str]:
    """Links between pages of a built site that lead nowhere."""
    dead = []
    known = {path: _Page.of(path) for path in site.rglob("*.html")}
    for path, page in known.items():
        for link in page.links:
            target, anchor = parse.urldefrag(parse.unquote(link))
            target = target.partition("?")[0]
            if re.match(r"\w+:", target):
                continue
            other = (path.parent / target).resolve() if target else path
            here = path.relative_to(site)
            if not other.exists():
                dead.append(f"{here}: {link}")
            elif anchor and other in known and anchor not in known[other].ids:
                dead.append(f"{here}: {link}: no such place")
    return sorted(dead)


def main(argv: Sequence[str] | None = None) -> int:
    """Build the site; 1 if something is wrong with it."""
    arguments = argparse.ArgumentParser("python -m tools.docs")
    arguments.add_argument("--out", type=Path, default=ROOT / "build" / "docs")
    arguments.add_argument(
        "--no-run",
        action="store_true",
        help="show the examples of the gallery without running them",
    )
    given = arguments.parse_args(argv)
    try:
        from sphinx.cmd import build
    except ImportError:
        print('Expected Sphinx: pip install "keras-ae[docs]"', file=sys.stderr)
        return 2
    source, site = given.out / "source", (given.out / "html").resolve()
    stage(source)
    shutil.rmtree(site, ignore_errors=True)
    options = ["-b", "html", "-W", "--keep-going", "-q", "-E"]
    options += ["-D", f"plot_gallery={int(not given.no_run)}"]
    code = build.main([*options, str(source), str(site)])
    dead = dead_links(site)
    print("\n".join([*dead, f"{len(dead)} dead links."]))
    count = len(list(site.rglob("*.html")))
    print(f"{count} pages in {site}, {'with' if code else 'no'} warnings.")
    return int(bool(code or dead))


class _Page(parser.HTMLParser):
    """Links and places of a page."""

    def __init__(self):
        super().__init__()
        self.links: set[str] = set()
        self.ids: set[str] = {""}

    @classmethod
    def of(cls, path: Path) -> "_Page":
        page = cls()
        page.feed(_read(path))
        return page

    def handle_starttag(self, tag: str, attrs: list) -> None:
        found = dict(attrs)
        self.ids.add(found.get("id") or "")
        link = found.get("href") if tag in ("a", "link") else found.get("src")
        if link and not link.startswith("data:"):
            self.links.add(link)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _write(path: Path, text: str, added: str = "") -> None:
    """Write a page if it changed, so that Sphinx reads it again only then."""
    if added:
        text = _read(path) + added
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or _read(path) != text:
        path.write_text(text, encoding="utf-8")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


if __name__ == "__main__":
    sys.exit(main())
