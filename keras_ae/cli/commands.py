"""What the command line does, one function `run_...` for each command."""

import argparse
import sys
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from keras_ae import spaces
from keras_ae.analysis import measures
from keras_ae.analysis import plots
from keras_ae.cli import checks
from keras_ae.cli import demo
from keras_ae.cli import doctor
from keras_ae.cli import file_commands
from keras_ae.cli import tables
from keras_ae.cli import training
from keras_ae.core import registry
from keras_ae.core.types import Rows
from keras_ae.jobs import explorer
from keras_ae.jobs import report
from keras_ae.zoo import card
from keras_ae.zoo import publishing
from keras_ae.zoo import reproduction
from keras_ae.zoo import splits
from keras_ae.zoo import store

# Ask for devices now: what TensorFlow prints then belongs to its start.
tf.config.list_physical_devices()


def run_list(arguments: argparse.Namespace) -> None:
    """Print the table of presets."""
    names = _matching(arguments.pattern)
    if arguments.json:
        checks.print_json({name: _about(name) for name in names})
    else:
        print(tables.plain(tables.presets(names)))


def run_variants(arguments: argparse.Namespace) -> None:
    """Print the table of variants."""
    if arguments.json:
        classes = {name: registry.get(name) for name in registry.variants()}
        checks.print_json(
            {
                name: {"summary": tables.summary(cls), "terms": cls.terms}
                for name, cls in classes.items()
            }
        )
        return
    header, rows = tables.variants()
    print(tables.plain((header[:3], [row[:3] for row in rows])))


def run_describe(arguments: argparse.Namespace) -> None:
    """Print what is known of a variant or of a preset."""
    name = arguments.name
    if name in registry.variants():
        cls = registry.get(name)
        print(f"{name} ({cls.__name__})\n\n{tables.description(cls)}")
        print(f"\n`keras-ae train {name} --help` lists its arguments.")
        return
    if name not in store.list_presets() and not Path(name).is_dir():
        known = {*registry.variants(), *store.list_presets()}
        unknown = registry.unknown("variant or preset", name, known)
        raise ValueError(f"{unknown} {training.OTHERS}")
    print(card.card(store.metadata(name)).split("---\n", 2)[2])


def run_train(arguments: argparse.Namespace) -> None:
    """Train a recipe or a variant and write its preset."""
    training.run(arguments)


def run_evaluate(arguments: argparse.Namespace) -> None:
    """Print figures of a preset on test data."""
    model, (train, test) = _model_and_data(arguments)
    wanted: dict[str, Any] = {"terms": {}}
    numbers = isinstance(model.space, (spaces.Array, spaces.Image))
    if numbers and model.missing == "refuse":
        wanted["squared_error"] = {}
    if arguments.samples:
        wanted["nll"] = {"samples": arguments.samples}
    verbose = int(not arguments.json)
    rows = train, _first(test, arguments.rows)
    found = measures.measure(model, wanted, rows, verbose)
    checks.print_figures(found, arguments.json)


def run_report(arguments: argparse.Namespace) -> None:
    """Write all figures and pictures of a preset."""
    model, (_, (x, y)) = _model_and_data(arguments)
    x, y = _first((x, y), arguments.rows)
    factors = y if y is not None and np.ndim(y) == 2 else None
    other = arguments.data or arguments.rows or arguments.samples
    recorded = store.metadata(arguments.preset).get("metrics")
    found = report.report(
        model,
        x,
        y if factors is None else None,
        factors,
        samples=arguments.samples or 1000,
        recorded=None if other else recorded,
        verbose=_verbose(arguments),
    )
    found.about["name"] = Path(arguments.preset).name
    found.save(arguments.out)
    print(f"Wrote {arguments.out}.")


def run_explore(arguments: argparse.Namespace) -> None:
    """Write a page in which codes are moved by hand."""
    x = y = None
    try:
        model, (_, (x, y)) = _model_and_data(arguments)
    except (ValueError, FileNotFoundError) as error:
        if arguments.data:
            raise
        model = store.load(arguments.preset)
        print(f"A map without points: {error}", file=sys.stderr)
    labels = y if np.ndim(y) == 1 else None
    title = Path(arguments.preset).name
    reason = explorer.explore(model, arguments.out, x, labels, title)
    print(f"Wrote {arguments.out}.")
    if reason:
        print(f"With a grid of examples: {reason}.")


def run_reconstruct(arguments: argparse.Namespace) -> None:
    """Draw test images above their reconstructions."""
    model, (_, (x, _)) = _model_and_data(arguments)
    _save(plots.reconstructions(model, _first(x, arguments.n)), arguments.out)


def run_sample(arguments: argparse.Namespace) -> None:
    """Draw new images, or write new examples to a file."""
    model = store.load(arguments.preset)
    options = _condition(model, arguments)
    if file_commands.is_data_file(arguments.out):
        options |= {"n": arguments.n, "seed": arguments.seed}
        file_commands.sample_to_file(
            model, arguments.out, _verbose(arguments), **options
        )
        return
    if not plots.draws(model):
        raise ValueError(
            f"The examples of {arguments.preset!r} are no images. Expected a "
            "file of rows to write, such as --out rows.csv. Received: --out "
            f"{arguments.out}"
        )
    figure = plots.samples(model, arguments.n, arguments.seed, **options)
    _save(figure, arguments.out)


def run_impute(arguments: argparse.Namespace) -> None:
    """Fill in the holes of a file."""
    file_commands.run_impute(arguments, _verbose(arguments))


def run_score(arguments: argparse.Namespace) -> None:
    """Score the rows of a file."""
    file_commands.run_score(arguments, _verbose(arguments))


def run_embed(arguments: argparse.Namespace) -> None:
    """Write the codes of the rows of a file."""
    file_commands.run_embed(arguments, _verbose(arguments))


def run_export(arguments: argparse.Namespace) -> None:
    """Write a file for serving and name what it answers."""
    model = store.load(arguments.preset)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The .* export of")  # below
            written = model.export(arguments.path, format=arguments.format)
    except (ImportError, RuntimeError) as error:
        # A package is missing, or the format can not hold the model.
        raise ValueError(str(error)) from error
    names = ", ".join(written.endpoints)
    print(f"Wrote {arguments.path} with the signatures {names}.")
    for name, why in written.left_out.items():
        print(f"Without {name}: {why}.")


def run_demo(arguments: argparse.Namespace) -> None:
    """Show everything once."""
    demo.run(arguments.out)


def run_verify(arguments: argparse.Namespace) -> int:
    """Recompute the recorded figures; 1 if some differ."""
    names = _matching(arguments.pattern)
    return checks.verify(names, _verbose(arguments), arguments.json)


def run_reproduce(arguments: argparse.Namespace) -> int:
    """Recompute rows of the table of published numbers; 1 if some differ."""
    limited = arguments.budget is not None
    if limited and arguments.row:
        raise ValueError(
            "A budget chooses the row. Expected a row or --budget. Received: "
            f"{arguments.row!r} and --budget {arguments.budget:g}"
        )
    if limited:
        rows = [reproduction.within(arguments.budget)]
    elif arguments.row:
        rows = [reproduction.find(arguments.row)]
    else:
        rows = reproduction.recorded_rows()
        if not arguments.train:
            rows = checks.kept(rows)
    runs = arguments.runs if arguments.train or limited else None
    return checks.reproduce(rows, runs, _verbose(arguments), arguments.json)


def run_sheet(arguments: argparse.Namespace) -> None:
    """Draw what is in the cards of the presets, by their data."""
    names = sorted(
        _matching(arguments.pattern),
        key=lambda name: tables.data(store.metadata(name)),
    )
    pictures = {name: store.find(name) / publishing.PICTURE for name in names}
    pictures = {name: path for name, path in pictures.items() if path.is_file()}
    if not pictures:
        raise ValueError(
            "No preset has a picture. Expected names of presets with "
            f"{publishing.PICTURE}. Received: {list(names)}"
        )
    plots.save(plots.contact_sheet(pictures), arguments.out)
    print(f"Drawn {len(pictures)} pictures: {arguments.out}")


def run_doctor(arguments: argparse.Namespace) -> int:
    """Tell what is installed and what is missing; 1 if it cannot work."""
    found = doctor.report()
    if arguments.json:
        checks.print_json(found)
    else:
        print(doctor.text(found))
    return int(bool(found["missing"]))


def _model_and_data(arguments: argparse.Namespace) -> tuple[Any, Any]:
    """A preset, compiled, and the splits of its data set or another."""
    about = store.metadata(arguments.preset)
    data = about.get("recipe", about).get("data") or {}
    if arguments.data:
        given = file_commands.wanted(arguments)
        data = {key: data[key] for key in data if key != "path"} | given
    if not data:
        raise ValueError(
            f"The preset {arguments.preset!r} does not say what data it is "
            "for. Expected a data set. Pass --data."
        )
    model = store.load(arguments.preset)
    model.compile()
    if arguments.data and "path" in data:  # all of it is new to the model
        found = file_commands.rows_of(
            model, arguments.data, data, _verbose(arguments)
        )
        return model, ((found.rows, None), (found.rows, None))
    return model, splits.of(data)[1]


def _condition(model: Any, arguments: argparse.Namespace) -> dict[str, Any]:
    """What `sample` is told, if the model is told something."""
    given = arguments.condition
    wanted = model.given is not None
    if wanted != (given is not None):
        raise ValueError(
            f"The examples of {arguments.preset!r} are those of "
            f"{'a' if wanted else 'no'} condition. Expected "
            f"{'a class, --condition 3' if wanted else 'no --condition'}. "
            f"Received: {'none' if given is None else given}"
        )
    return {"given": training.value(given)} if wanted else {}


def _matching(pattern: str) -> tuple[str, ...]:
    """Names of presets, at least one."""
    names = store.list_presets(pattern)
    if not names:
        raise ValueError(
            registry.unknown("preset", pattern, store.list_presets())
        )
    return names


def _verbose(arguments: argparse.Namespace) -> int:
    """A progress bar where someone looks; in a file it is a heap of lines."""
    return int(sys.stdout.isatty() and not getattr(arguments, "json", False))


def _first(x: Rows, rows: int | None) -> Rows:
    return keras.tree.map_structure(
        lambda a: None if a is None else a[:rows], x
    )


def _about(name: str) -> dict[str, Any]:
    about = store.metadata(name)
    kept = ("variant", "description", "data", "parameters", "metrics")
    return {key: about[key] for key in kept if key in about}


def _save(figure: Figure, path: str) -> None:
    plots.save(figure, path)
    print(f"Wrote {path}.")
