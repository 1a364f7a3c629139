"""Commands on a user's own files: what `--data FILE` means, and answers that
are written as the same kind of file."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_ae import data
from keras_ae import spaces
from keras_ae.model import compiled
from keras_ae.model.base import BaseAutoencoder
from keras_ae.zoo import datasets
from keras_ae.zoo import store


def wanted(arguments: argparse.Namespace) -> dict[str, Any]:
    """The `data` of a recipe that `--data` and the options of files ask for.

    Raises:
        ValueError: If there are such options for a data set.
    """
    named, own = arguments.data, _options(arguments)
    if named not in datasets.names() and data.is_path(named):
        return {"path": named} | own
    if own:
        raise ValueError(
            f"The options {sorted(own)} are for files. Expected --data FILE, "
            f"or none of them. Received: the data set {named!r}"
        )
    return {"name": named}


def rows_of(
    model: BaseAutoencoder, path: str, options: dict[str, Any], verbose: int
) -> data.Data:
    """A file for a trained model, read as the file was that it was trained
    on, where `options` do not say otherwise."""
    known = data.options_of(path) - {"window"}
    options = {key: options[key] for key in options if key in known}
    return data.load(path, space=model.space, verbose=verbose, **options)


def run_impute(arguments: argparse.Namespace, verbose: int) -> None:
    """Write a file with its holes filled in."""
    model, found = _opened(arguments, verbose)
    with compiled.progress(verbose):
        filled = model.impute(found.rows)
    _write(arguments.out, model, filled, found)


def run_score(arguments: argparse.Namespace, verbose: int) -> None:
    """Write how normal each row is, in nats."""
    model, found = _opened(arguments, verbose)
    with compiled.progress(verbose):
        scores = model.score_samples(found.rows)
    if _is_long(model, found.rows):  # one for each point, not each window
        scores = model.space.points(scores, len(found.rows))
    _write(arguments.out, model, scores, found, "score")


def run_embed(arguments: argparse.Namespace, verbose: int) -> None:
    """Write the code of each row."""
    model, found = _opened(arguments, verbose)
    with compiled.progress(verbose):
        codes = model.embed(found.rows)
    if not hasattr(codes, "columns"):
        codes = codes.reshape(len(codes), -1)
    _write(arguments.out, model, codes, found, "z")


def sample_to_file(
    model: BaseAutoencoder, out: str, verbose: int, **settings: Any
) -> None:
    """Write new examples."""
    with compiled.progress(verbose):
        drawn = model.sample(**settings)
    channels = getattr(model.space, "names", None)  # of a series
    _write(out, model, drawn, name=channels or "x")


def is_data_file(out: str) -> bool:
    """Whether `--out` asks for data; if not, for a picture."""
    return data.is_data(out) or out.endswith(os.sep) or Path(out).is_dir()


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        name.removeprefix("file_"): value
        for name, value in vars(arguments).items()
        if name.startswith("file_")
    }


def _opened(
    arguments: argparse.Namespace, verbose: int
) -> tuple[BaseAutoencoder, data.Data]:
    """The model of a preset, and the rows of the file for it."""
    data.check_name(arguments.out)
    trained = store.metadata(arguments.preset).get("data") or {}
    own = _options(arguments)
    surplus = sorted({*own} - data.options_of(arguments.data))
    if surplus:
        raise ValueError(
            f"The options {surplus} are not for {arguments.data!r}. Expected "
            f"some of {sorted(data.options_of(arguments.data))}."
        )
    model = store.load(arguments.preset)
    return model, rows_of(model, arguments.data, trained | own, verbose)


def _is_long(model: BaseAutoencoder, rows: Any) -> bool:
    """Whether rows are one long series, which the model sees windows of."""
    space = model.space
    return isinstance(space, spaces.Series) and space.is_long(rows)


def _starts(space: spaces.Series, total: int) -> np.ndarray:
    """The points of a long series that its windows begin with."""
    places = spaces.Series(space.length, stride=space.stride)
    return places.windows(np.arange(total))[:, 0, 0]


def _pixels(
    out: str, space: spaces.Image, found: data.Data | None
) -> np.dtype | type:
    """What the values of images are written as: bytes in a folder; in an
    array what was read, and levels of new ones."""
    if not data.is_data(out):
        return np.uint8
    if found is None:
        return np.min_scalar_type(space.levels - 1)
    return found.rows.dtype


def _write(
    out: str,
    model: BaseAutoencoder,
    answer: Any,
    found: data.Data | None = None,
    name: str | Sequence[str] = "x",
) -> None:
    """Write an answer, its rows named as those that were asked about."""
    names = None
    if found is not None and not hasattr(answer, "columns"):
        names = getattr(found.rows, "index", found.names)
        if names is not None and len(names) != len(answer):
            names = names[_starts(model.space, len(names))]
    image = isinstance(model.space, spaces.Image)
    if image and answer.ndim == len(model.space.shape) + 1:
        answer = model.space.array(answer, _pixels(out, model.space, found))
    data.write(out, answer, names, name)
    print(f"Wrote {out}.")
