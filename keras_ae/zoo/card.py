"""Model cards: what is in the folder of a preset, for people."""

import json
from typing import Any

from keras_ae.core import markdown
from keras_ae.core import registry
from keras_ae.core.types import Json
from keras_ae.zoo import trust

CARD = "README.md"


def card(about: dict[str, Any]) -> str:
    """A model card in Markdown.

    Args:
        about: The metadata of a preset, see `store.metadata`.

    Example:
        >>> about = keras_ae.zoo.store.metadata("vae_digits")
        >>> card(about).splitlines()[5]
        '# vae_digits'
    """
    lines = [
        "---",
        "library_name: keras",
        "license: apache-2.0",
        f"tags: [keras-ae, autoencoder, {about['variant']}]",
        "---",
        f"# {about['name']}",
        "",
    ]
    if about.get("description"):
        lines += [about["description"], ""]
    lines += [
        _variant(about["variant"]),
        "",
        "```python",
        "import keras_ae",
        *(f"import {name}" for name in about.get("imports", ())),
        "",
        f'model = keras_ae.load("{about["name"]}")',
        "reconstruction = model.predict(x)",
        "```",
        "",
        f"{about['parameters']:,} parameters; saved {about['saved']} with "
        + ", ".join(f"{k} {v}" for k, v in about["versions"].items())
        + ".",
    ]
    if about.get("picture"):
        lines += ["", f"![Reconstructions and samples]({about['picture']})"]
    for key, section in (
        ("data", _bullets),
        ("metrics", _figures),
        ("recipe", _json),
    ):
        if about.get(key):
            lines += ["", f"## {key.capitalize()}", "", *section(about[key])]
    if about.get("wall_time"):
        lines += ["", f"Training took {about['wall_time'] / 60:.1f} minutes."]
    digest = about["sha256"][trust.WEIGHTS]
    lines += ["", f"sha256 of the weights: `{digest}`", ""]
    return "\n".join(lines)


def _variant(name: str) -> str:
    """Class and first line of a variant, where its package is imported."""
    if name not in registry.variants():
        return f"Variant `{name}` of another package."
    cls = registry.get(name)
    return f"`{cls.__name__}`: {cls.__doc__.strip().splitlines()[0]}"


def _bullets(value: Json) -> list[str]:
    if not isinstance(value, dict):
        return [str(value)]
    return [f"- {key}: {entry}" for key, entry in value.items()]


def _figures(metrics: Json) -> list[str]:
    """A table, one column for everything that is said of any figure."""
    if not isinstance(metrics, dict):
        return _bullets(metrics)
    figures = {
        name: figure if isinstance(figure, dict) else {"value": figure}
        for name, figure in metrics.items()
    }
    columns = list(dict.fromkeys(k for f in figures.values() for k in f))
    header = ["figure", *(column.replace("_", " ") for column in columns)]
    rows = [
        [name, *(figure.get(column, "") for column in columns)]
        for name, figure in figures.items()
    ]
    return [markdown.table(header, rows)]


def _json(value: Json) -> list[str]:
    return ["```json", json.dumps(value, indent=2), "```"]
