"""A report as a page, as Markdown, as JSON."""

import base64
import html as web
import io
import json
import math
import re
from typing import TYPE_CHECKING
from typing import Any

from matplotlib.figure import Figure

from keras_ae.core import markdown as tables
from keras_ae.jobs.report import sections

if TYPE_CHECKING:
    from keras_ae.jobs.report import Report

HEAD = ("figure", "value", "how")
#: What a section says, and which of its figures is better where.
_TEXTS = {
    "Loss": "What was minimized, and the error of what comes back of the data. "
    "Lower is better.",
    "Likelihood": "Nats an example; lower is better. The rate is what the code "
    "tells, the distortion what it leaves to be told; their sum bounds "
    "-log p(x) from above.",
    "Code": "Units without KL or variance are not in use. The discrepancy is "
    "0 where codes, all together, follow the prior.",
    "Classes": "Whether the labels can be read off the code. Higher is better.",
    "Samples": "New examples beside the data. The Frechet distance is to be "
    "near that of the data themselves; a p-value near 0 or 1 says that draws "
    "differ from the data in that respect.",
    "Factors": "Whether each number of the code stands for one factor: 1 at "
    "best.",
    "Anomalies": "How well the score tells rows of label 1: 1 at best; by "
    "chance 0.5, and a precision that is their share.",
}
_PLACES = {
    "Loss": ("examples",),
    "Code": ("code", "units", "codes and prior", "traversals"),
    "Samples": ("manifold",),
}
_CAPTIONS = {
    "examples": "Examples of the data beside what the model makes.",
    "code": "Codes of test rows.",
    "units": "What each number of the code says.",
    "codes and prior": "Draws of the codes and of the prior.",
    "traversals": "One example, with one number of its code replaced.",
    "manifold": "The decoder over the plane of codes.",
}


def html(report: "Report") -> str:
    """One page, with the pictures inside; nothing is loaded from elsewhere."""
    title = f"Report of {web.escape(report.about['name'])}"
    parts = [f"<h1>{title}</h1>", _table_of_facts(report.about)]
    for section, names in _found(report).items():
        rows = _rows(report, names)
        drawn = [n for n in _PLACES.get(section, ()) if n in report.pictures]
        if not rows and not drawn:
            continue
        parts.append(f"<section><h2>{section}</h2><p>{_TEXTS[section]}</p>")
        if rows:
            parts.append(_table(HEAD, rows))
        parts += [_picture(name, report.pictures[name]) for name in drawn]
        parts.append("</section>")
    if report.missing:
        parts.append("<section><h2>Not computed</h2>")
        parts += [_table(("figure", "why"), _missing(report)), "</section>"]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def markdown(report: "Report") -> str:
    """Tables in Markdown."""
    lines = [f"# Report of {report.about['name']}", ""]
    lines += [tables.table(("what", ""), report.about.items()), ""]
    for section, names in _found(report).items():
        rows = _rows(report, names)
        if rows:
            lines += [f"## {section}", "", _TEXTS[section], ""]
            lines += [tables.table(HEAD, rows), ""]
    if report.missing:
        lines += ["## Not computed", ""]
        lines += [tables.table(("figure", "why"), _missing(report)), ""]
    return "\n".join(lines)


def json_text(report: "Report") -> str:
    """All but the pictures."""
    content = {
        "about": report.about,
        "figures": report.figures,
        "missing": report.missing,
    }
    return json.dumps(content, indent=2) + "\n"


def _found(report: "Report") -> dict[str, list[str]]:
    """Section to names of its figures, in order."""
    return {
        section: [
            n for n in report.figures if report.figures[n]["section"] == section
        ]
        for section in sections.SECTIONS
    }


def _rows(report: "Report", names: list[str]) -> list[list[str]]:
    return [
        [_words(name), _value(figure), _how(figure)]
        for name, figure in ((n, report.figures[n]) for n in names)
    ]


def _missing(report: "Report") -> list[list[str]]:
    """Names of what is missing, and why; those of one reason in one row."""
    names: dict[str, list[str]] = {}
    for name, why in report.missing.items():
        names.setdefault(why, []).append(_words(name))
    return [[", ".join(those), why] for why, those in names.items()]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _value(figure: dict[str, Any]) -> str:
    """A value with its error and unit; of several the largest ones."""
    value = figure["value"]
    if isinstance(value, list):
        first = sorted(value, reverse=True)[:5]
        text = ", ".join(f"{v:.3g}" for v in first)
        text += ", ..." if len(value) > len(first) else ""
    elif isinstance(value, int):
        text = f"{value}"
    elif figure.get("standard_error"):
        error = figure["standard_error"]
        places = max(0, 1 - math.floor(math.log10(error)))  # two digits
        text = f"{value:.{places}f} ± {error:.{places}f}"
    else:
        text = f"{value:.4f}"
    return f"{text} {figure['unit']}".rstrip()


def _how(figure: dict[str, Any]) -> str:
    parts = [figure.get("estimator"), f"{figure['rows']:,} rows"]
    if isinstance(figure["value"], list):
        parts.insert(0, f"of {len(figure['value'])}, the largest first")
    return "; ".join(filter(None, parts))


def _table_of_facts(about: dict[str, str]) -> str:
    items = "".join(
        f"<div><dt>{web.escape(k)}</dt><dd>{web.escape(v)}</dd></div>"
        for k, v in about.items()
    )
    return f"<dl>{items}</dl>"


def _table(head: tuple[str, ...], rows: list[list[str]]) -> str:
    cells = "".join(f"<th scope='col'>{name}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{_code(c)}</td>" for c in row) + "</tr>"
        for row in rows
    )
    return (
        '<div class="wide"><table><thead><tr>'
        f"{cells}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _code(text: str) -> str:
    """A text with `code` in it as HTML."""
    return re.sub("`(.+?)`", r"<code>\1</code>", web.escape(text))


def _picture(name: str, figure: Figure) -> str:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    data = base64.b64encode(file.getvalue()).decode()
    text = web.escape(_CAPTIONS[name])
    return (
        f'<figure><img alt="{text}" src="data:image/png;base64,{data}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: auto; padding: 1rem; }
h1 { font-size: 1.6rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2rem 0 0; border-top: 1px solid var(--line);
  padding-top: 1rem; }
p { max-width: 42rem; margin: .5rem 0; }
dl { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; margin: 0; }
dt { font-size: .8rem; opacity: .7; }
dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0;
  border-bottom: 1px solid var(--line); }
td:nth-child(2) { font-variant-numeric: tabular-nums; }
td:last-child { min-width: 10rem; }
figure { margin: 1rem 0; }
img { max-width: 100%; height: auto; background: white; border-radius: 6px; }
figcaption { font-size: .85rem; opacity: .8; }
@media (max-width: 36rem) {
  thead { display: none; }
  tr { display: block; padding: .4rem 0; border-bottom: 1px solid var(--line); }
  td { display: block; border: 0; padding: 0; }
  td:first-child { font-weight: 600; }
  td:last-child { font-size: .8rem; opacity: .8; }
}
"""
