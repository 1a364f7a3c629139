"""What the command line and the README say about variants and presets."""

import inspect
import re
import textwrap
from typing import Any

from keras_ae import presets
from keras_ae import registry

Table = tuple[list[str], list[list[str]]]

_SECTION = re.compile(r"^([A-Z]\w+):(?: (.*))?$")
_LINK = re.compile(r"https?://\S+")


def sections(text: str | None) -> dict[str, str]:
    """A docstring by section; what comes before the first is under `""`."""
    found: dict[str, list[str]] = {"": []}
    title = ""
    for line in inspect.cleandoc(text or "").splitlines():
        match = _SECTION.match(line)
        if match:
            title = match[1]
            found[title] = [match[2] or ""]
        else:
            found[title].append(line)
    return {
        title: "\n".join(
            [*lines[:1], textwrap.dedent("\n".join(lines[1:]))]
        ).strip()
        for title, lines in found.items()
    }


def summary(cls: type) -> str:
    """First line of the docstring of a class."""
    return sections(cls.__doc__)[""].splitlines()[0]


def description(cls: type) -> str:
    """Idea, formula, terms, arguments and reference of a class as text."""
    found = sections(cls.__doc__)
    terms = "\n".join(f"{name}: {text}" for name, text in cls.terms.items())
    parts = [found[""]]
    for title, text in (
        ("Formula", found["Formula"]),
        ("Terms of the loss", terms),
        ("Arguments", found["Args"]),
        ("Reference", found["Reference"]),
    ):
        parts.append(f"{title}:\n{textwrap.indent(text, '    ')}")
    return "\n\n".join(parts)


def arguments(text: str | None) -> dict[str, str]:
    """name -> help, from the section `Args:` of a docstring."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in sections(text).get("Args", "").splitlines():
        if line.startswith(" "):
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
            continue
        match = re.match(r"(\w+(?:, \w+)*): (.*)", line)
        names = match[1].split(", ") if match else []
        found |= {name: match[2] for name in names}
    return found


def variants() -> Table:
    """Every registered variant: name, class, idea, terms, paper."""
    rows = []
    for name in registry.variants():
        cls = registry.get(name)
        rows.append(
            [
                f"`{name}`",
                f"`{cls.__name__}`",
                summary(cls),
                ", ".join(f"`{term}`" for term in cls.terms),
                _paper(cls),
            ]
        )
    return ["name", "class", "what it is", "terms of the loss", "paper"], rows


def _paper(cls: type) -> str:
    """Authors and year, linked where the reference has an address."""
    reference = " ".join(sections(cls.__doc__)["Reference"].split())
    year = re.search(r"\d{4}", reference)
    short = reference[: year.end()] if year else reference
    link = _LINK.search(reference)
    return f"[{short}]({link[0].rstrip('.')})" if link else short


def bundled_presets(pattern: str = "*") -> Table:
    """Every preset: name, variant, data, parameters, figures on test data."""
    rows = []
    for name in presets.list_presets(pattern):
        about = presets.metadata(name)
        rows.append(
            [
                f"`{name}`",
                f"`{about['variant']}`",
                data(about),
                f"{about['parameters']:,}",
                "; ".join(figures(about)),
            ]
        )
    return ["name", "variant", "data", "parameters", "on test data"], rows


def data(about: dict[str, Any]) -> str:
    """The data of a preset in a few words."""
    wanted = about.get("data") or {}
    words = [wanted.get("name", "unknown")]
    if wanted.get("binarization"):
        words.append(f"({wanted['binarization']} binarization)")
    return " ".join(words)


def figures(about: dict[str, Any]) -> list[str]:
    """The key figures of a preset: loss and likelihood, where recorded."""
    names = {
        "loss": "loss",
        "negative_log_likelihood": "-log p(x)",
        "squared_error": "squared error",
    }
    found = []
    for key, name in names.items():
        figure = (about.get("metrics") or {}).get(key)
        if figure:
            found.append(f"{name} {number(figure)}")
    return found


def number(figure: dict[str, Any]) -> str:
    """A recorded figure with its error and unit."""
    text = f"{figure['value']:.4g}"
    if figure["unit"] == "nats":
        text = f"{figure['value']:.2f}"
        if "standard_error" in figure:
            text += f" ± {figure['standard_error']:.2f}"
    return f"{text} {figure['unit']}"


def markdown(table: Table) -> str:
    """A table in Markdown."""
    header, rows = table
    cells = [header, ["---"] * len(header)]
    cells += [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def plain(table: Table) -> str:
    """A table for the terminal, without the marks of Markdown."""
    header, rows = table
    rows = [[re.sub(r"\[(.*)\]\(.*\)", r"\1", c) for c in r] for r in rows]
    rows = [[c.replace("`", "") for c in r] for r in [header, *rows]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip()
        for r in rows
    )


def renewed(text: str) -> str:
    """A README with its generated tables made anew.

    They stand between `<!-- table: NAME -->` and `<!-- end -->`.

    Raises:
        ValueError: If it has no place for one of them.
    """
    tables = {"variants": variants, "presets": bundled_presets}
    for name, table in tables.items():
        pattern = rf"(<!-- table: {name} -->\n).*?(<!-- end -->)"
        block = f"\n{markdown(table())}\n\n"
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
