"""What the command line and the README say about variants and presets."""

import inspect
import re
import statistics
import textwrap
from collections.abc import Iterable
from typing import Any

from keras_ae.core import registry
from keras_ae.zoo import reproduction
from keras_ae.zoo import store

Table = tuple[list[str], list[list[str]]]

_SECTION = re.compile(r"^([A-Z]\w+):(?: (.*))?$")
_LINK = re.compile(r"https?://\S+")

#: Key figures of a preset, as they are called in tables.
_NAMES = {
    "loss": "loss",
    "negative_log_likelihood": "-log p(x)",
    "squared_error": "squared error",
    "normalized_squared_error": "squared error",
    "squared_error_over_pca": "squared error",
    "probe_accuracy": "linear probe",
}
#: A family of variants -> a term that its members have; the first that fits.
_FAMILIES = {
    "with a discriminator": "discriminator",
    "discrete codes": "codebook",
    "a bound from several draws": "bound",
    "codes like the prior, all together": "discrepancy",
    "a code with a prior": "kl",
    "a code without a prior": "reconstruction",
}
#: Format of a value and of its standard error, by unit.
_PLACES = {
    "nats": (".2f", ".2f"),
    "%": (".2f", ".2f"),
    "of that of PCA": (".4f", ".4f"),
}


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


def variants(package: str | None = None) -> Table:
    """Every registered variant: name, class, idea, terms, paper.

    Args:
        package: Only those of this package. Defaults to all.
    """
    rows = [
        [
            f"`{name}`",
            f"`{cls.__name__}`",
            summary(cls),
            ", ".join(f"`{term}`" for term in cls.terms),
            _paper(cls),
        ]
        for name, cls in _of(package)
    ]
    return ["name", "class", "what it is", "terms of the loss", "paper"], rows


def families(package: str | None = None) -> Table:
    """Names of the registered variants by what their terms have in common.

    Args:
        package: Only those of this package. Defaults to all.
    """
    found: dict[str, list[str]] = {kind: [] for kind in _FAMILIES}
    for name, cls in _of(package):
        family = next(f for f, term in _FAMILIES.items() if term in cls.terms)
        found[family].append(f"`{name}`")
    rows = [[kind, " ".join(names)] for kind, names in found.items() if names]
    return ["", "variants"], rows


def _of(package: str | None) -> list[tuple[str, type]]:
    """Name and class of the variants of a package, or of all."""
    pairs = [(name, registry.get(name)) for name in registry.variants()]
    return [
        (name, cls)
        for name, cls in pairs
        if package in (None, registry.package(cls))
    ]


def _paper(cls: type) -> str:
    """Authors and year, linked where the reference has an address."""
    reference = " ".join(sections(cls.__doc__)["Reference"].split())
    year = re.search(r"\d{4}", reference)
    short = reference[: year.end()] if year else reference
    link = _LINK.search(reference)
    return f"[{short}]({link[0].rstrip('.')})" if link else short


def bundled_presets(pattern: str = "*") -> Table:
    """The presets whose names fit, see `presets`."""
    return presets(store.list_presets(pattern))


def presets(names: Iterable[str]) -> Table:
    """Presets: name, variant, data, parameters, figures on test data."""
    rows = []
    for name in names:
        about = store.metadata(name)
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
    words = [wanted.get("name", wanted.get("path", "unknown"))]
    if wanted.get("binarization"):
        words.append(f"({wanted['binarization']} binarization)")
    return " ".join(words)


def figures(about: dict[str, Any]) -> list[str]:
    """The key figures of a preset: loss and likelihood, where recorded."""
    found = []
    for key, name in _NAMES.items():
        figure = (about.get("metrics") or {}).get(key)
        if figure:
            found.append(f"{name} {number(figure)}")
    return found


def number(figure: dict[str, Any]) -> str:
    """A recorded figure with its error and unit."""
    places, error_places = _PLACES.get(figure["unit"], (".4g", ".2g"))
    text = f"{figure['value']:{places}}"
    if "standard_error" in figure:
        text += f" ± {figure['standard_error']:{error_places}}"
    return f"{text} {figure['unit']}".rstrip()


def published() -> Table:
    """Published numbers beside those in the metadata of the presets.

    Rows whose preset is not there, or lacks the figure, are left out.
    """
    header = [
        "row",
        "what",
        "data",
        "network",
        "figure",
        "epochs",
        "ours",
        "published",
        "ours - published",
        "verdict",
        "minutes of training",
    ]
    rows = []
    for row in reproduction.recorded_rows():
        about = reproduction.about(row)
        figure = about["metrics"][row.figure]
        rows.append(
            [
                f"`{row.key}`",
                row.title,
                data(about),
                network(about["recipe"]["model"]),
                _estimate(row.figure, figure),
                _epochs(about["recipe"]["training"]),
                number(figure),
                *_compared(row, about["metrics"]),
                f"{about['wall_time'] / 60:.0f}",
            ]
        )
    for name, row in (("imputation", _imputation), ("frechet", _frechet)):
        if found := reproduction.benchmark(name):
            rows.append(row(found))
    return header, rows


def reproduced(result: reproduction.Result) -> Table:
    """What was found now, beside what is recorded and published."""
    row = result.row
    cells = {
        "found": number(result.found[row.figure]),
        "recorded": number(result.recorded[row.figure]),
    }
    compared = _compared(row, result.found)
    names = ["published", "found - published", "verdict"]
    cells |= dict(zip(names, compared, strict=True))
    cells["seconds"] = f"{result.seconds:.0f}"
    return list(cells), [list(cells.values())]


def network(model: dict[str, Any]) -> str:
    """The model of a recipe in a few words.

    Example:
        >>> network({"variant": "vae", "latent_dim": 2, "hidden": [20, 10]})
        'vae, mlp 20-10, code 2'
    """
    rest = dict(model)
    words = [rest.pop("variant")]
    hidden = "-".join(map(str, rest.pop("hidden", ())))
    words.append(f"{rest.pop('network', 'mlp')} {hidden}".rstrip())
    words.append(f"code {_words(rest.pop('latent_dim'))}")
    words += [f"{name} {_words(value)}" for name, value in rest.items()]
    return ", ".join(words)


def _words(value: object) -> str:
    """A value of a recipe: parts and their arguments without brackets."""
    if isinstance(value, dict):
        return " ".join(f"{k} {_words(v)}".rstrip() for k, v in value.items())
    if isinstance(value, list):
        return "x".join(map(str, value))
    return str(value)


def _estimate(name: str, figure: dict[str, Any]) -> str:
    """What a figure is, how it was estimated, on how many test images."""
    words = [_NAMES[name], figure.get("estimator")]
    words.append(f"{figure['rows']:,} images")
    return ", ".join(filter(None, words))


def _epochs(training: dict[str, Any]) -> str:
    words = str(training["epochs"])
    if isinstance(first := training.get("start"), dict):
        words += f" after the {first['training']['epochs']} of"
        words += f" `{first['preset']}`"
    elif first is not None:
        words += f" after `{first}`"
    if "kl_warmup" in training:
        words += f", {training['kl_warmup']} to warm up the KL"
    return words


def _compared(row: reproduction.Row, figures: dict[str, Any]) -> list[str]:
    """Cells: the published values, what is added to them, the verdict."""
    figure = figures[row.figure]
    places, _ = _PLACES.get(figure["unit"], (".3g", None))
    return [
        "; ".join(f"{value:g} ({source})" for value, source in row.published),
        "; ".join(
            f"{figure['value'] - value:+{places}}" for value, _ in row.published
        ),
        reproduction.verdict(row, figures),
    ]


def _imputation(found: dict[str, Any]) -> list[str]:
    """The row of `benchmarks.imputation`: its MIWAE under published rules."""
    runs = found["breast"]["published"]
    errors = [run["error"] for run in runs.values()]
    first, mean = runs["0"]["error"], statistics.fmean(errors)
    published = reproduction.MIWAE
    spread = statistics.stdev(errors) / len(errors) ** 0.5
    reached = [
        "reached" if error <= published + 0.005 else "not reached"
        for error in (first, mean)
    ]
    return [
        "`benchmarks.imputation`",
        "MIWAE, K = 20, half of the values hidden at random",
        "breast cancer, of scikit-learn, standardized",
        "miwae, mlp 128-128-128, code 10, likelihood student_t",
        "mean squared error of hidden values, 10,000 importance samples, "
        f"{len(errors)} seeds",
        "1001",
        f"{first:.4f}; mean of seeds {mean:.4f} ± {spread:.4f}",
        f"{published} ({reproduction.MATTEI}, one seed)",
        f"{first - published:+.4f}; {mean - published:+.4f}",
        f"{reached[0]}: within 0.005; mean of seeds: {reached[1]}",
        f"{statistics.fmean(r['seconds'] for r in runs.values()) / 60:.0f}",
    ]


def _frechet(found: dict[str, Any]) -> list[str]:
    """The row of `benchmarks.frechet`, which trains its own models."""
    ours, theirs, gap = (
        f"{found[name]['mean']:.2f} ± {found[name]['standard_error']:.2f}"
        for name in ("mixture", "prior", "difference")
    )
    reached = found["difference"]["mean"] <= 0
    return [
        "`benchmarks.frechet`",
        "autoencoder + Gaussian mixture samples as well as VAE + prior",
        found["data"],
        found["network"],
        f"Frechet distance on the features of a classifier "
        f"({found['classifier']['accuracy']:.2f} % accuracy), "
        f"{found['samples']:,} samples, {found['seeds']} seeds",
        str(found["epochs"]),
        ours,
        f"at most that of the VAE ({reproduction.GHOSH}), here {theirs}",
        gap,
        "reached" if reached else "not reached",
        f"{found['seconds'] / 60:.0f}",
    ]


def plain(table: Table) -> str:
    """A table for the terminal, without the marks of Markdown."""
    header, rows = table
    rows = [[re.sub(r"\[(.*?)\]\(.*?\)", r"\1", c) for c in r] for r in rows]
    rows = [[c.replace("`", "") for c in r] for r in [header, *rows]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip()
        for r in rows
    )
