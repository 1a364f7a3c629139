"""What Sphinx needs to read the docstrings and the figures of this package."""

import inspect
import re
import textwrap
from typing import Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

_LITERAL = re.compile(r"(``?)([^`]+)\1(\w*)")
_TABLE = re.compile(r"(?m)(?:^\|.*\|\n)+")
_OTHERS = re.compile(r"(?m)^ +(Other arguments: .*)$")
_CODE = re.compile(r"(?<!:):\n\n(?=    )")
_SPECIAL = re.compile(r"(?<!\\)([|*]|\b_(?=\W|$))")


def process(app: Any, what: str, name: str, obj: Any, *rest: Any) -> None:
    """Make reStructuredText of a docstring, before napoleon reads it.

    A formula is shown as it is, words in backticks are code, and signs of
    mathematics in prose are no markup.
    """
    lines = rest[-1]
    lines[:] = restructured("\n".join(lines)).split("\n")


def signature(app: Any, what: str, name: str, obj: Any, *rest: Any) -> Any:
    """What a constructor takes, which Keras hides behind `*args`."""
    if what != "class":
        return None
    taken = [
        parameter.replace(annotation=parameter.empty)
        for parameter in inspect.signature(obj.__init__).parameters.values()
        if parameter.name != "self"
    ]
    return str(inspect.Signature(taken)), None


def skipped(app: Any, what: str, name: str, obj: Any, *rest: Any) -> Any:
    """Leave out attributes, which their class describes, and methods that
    only say which hook they are."""
    is_method = inspect.isroutine(obj) or isinstance(obj, property)
    said = inspect.getdoc(obj) or ""
    if what == "class" and (not is_method or said.startswith("See `")):
        return True
    return None


def restructured(text: str) -> str:
    """A docstring of this package as reStructuredText.

    Example:
        >>> restructured("Of `x`.\\n\\nFormula:\\n    a * b")
        'Of ``x``.\\n\\n.. rubric:: Formula\\n\\n::\\n\\n    a * b'
    """
    blocks = re.split(r"(?m)^(?=\w+:(?: |$))", text)
    return "".join(_block(block) for block in blocks)


def figures(block: Any, names: dict, conf: dict) -> str:
    """The figures that a block of an example has made, for sphinx-gallery."""
    paths = []
    shown = names.setdefault("_figures_shown", set())
    for value in list(names["example_globals"].values()):
        if isinstance(value, Figure) and id(value) not in shown:
            shown.add(id(value))
            path = next(names["image_path_iterator"])
            value.savefig(path, dpi=100, bbox_inches="tight")
            paths.append(path)
    return figure_rst(paths, conf["src_dir"])


def _block(text: str) -> str:
    """One section, or what comes before the first."""
    title, _, body = text.partition("\n")
    if title == "Formula:":
        return f".. rubric:: Formula\n\n::\n\n{body}"
    if title.startswith("Reference:"):
        words = " ".join(text.removeprefix("Reference:").split())
        return f".. rubric:: Reference\n\n{_escaped(words)}\n"
    if title == "Example:":
        return text
    text = _OTHERS.sub(r"\n\1", text)
    text = _CODE.sub("::\n\n", _TABLE.sub(_quoted, text))
    text = _LITERAL.sub(_code, text)
    return "\n".join(map(_escaped, text.split("\n")))


def _code(match: re.Match) -> str:
    """A word of code, and letters that follow it at once."""
    return f"``{match[2]}``" + (f"\\ {match[3]}" if match[3] else "")


def _quoted(match: re.Match) -> str:
    """A table in Markdown, as it is."""
    return "::\n\n" + textwrap.indent(match[0], "    ")


def _escaped(line: str) -> str:
    """A line of prose whose signs of mathematics are no markup."""
    if line.lstrip().startswith((">>>", "...", "|", "- ")):
        return line
    parts = re.split(r"(``.*?``)", line)
    parts[::2] = (_SPECIAL.sub(r"\\\1", part) for part in parts[::2])
    return "".join(parts)
