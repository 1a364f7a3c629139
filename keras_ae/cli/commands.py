"""What the command line does, one function `run_...` for each command."""

import argparse
import ast
import inspect
import os
import sys
import tempfile
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
from keras_ae.cli import main
from keras_ae.cli import tables
from keras_ae.cli import workers
from keras_ae.core import registry
from keras_ae.core import replicas
from keras_ae.core import validation
from keras_ae.core.config import AutoConfig
from keras_ae.core.types import Rows
from keras_ae.jobs import explorer
from keras_ae.jobs import report
from keras_ae.model import spread
from keras_ae.zoo import card
from keras_ae.zoo import publishing
from keras_ae.zoo import recipes
from keras_ae.zoo import reproduction
from keras_ae.zoo import splits
from keras_ae.zoo import store

# Ask for devices now: what TensorFlow prints then belongs to its start.
tf.config.list_physical_devices()

#: Settings of a training from the command line, as in a recipe.
TRAINING = {"epochs": 20, "batch_size": 128, "learning_rate": 0.001}

_OTHERS = "Those of another package need `keras-ae --import PACKAGE`."


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
        raise ValueError(
            f"{registry.unknown('variant or preset', name, known)} {_OTHERS}"
        )
    print(card.card(store.metadata(name)).split("---\n", 2)[2])


def add_flags(parser: argparse.ArgumentParser, target: str) -> None:
    """Give `train` the flags of a variant: those of `create`, then its own.

    Raises:
        ValueError: If the target is neither a variant nor a file.
    """
    if not _is_variant(target):
        return
    parser.usage = f"keras-ae train {target} [options]"
    group = parser.add_argument_group("training")
    group.add_argument(
        "--data", default="digits", help="data set, file or folder [digits]"
    )
    group.add_argument(
        "--binarization", choices=["dynamic"], help="draw bits at every epoch"
    )
    for name, default in TRAINING.items():
        group.add_argument(
            "--" + name.replace("_", "-"),
            type=type(default),
            default=default,
            help=f"[{default}]",
        )
    main.add_file_options(parser)
    cls = registry.get(target)
    group = parser.add_argument_group(f"model: {tables.summary(cls)}")
    for name, parameter, text in _arguments(cls):
        required = parameter.default is parameter.empty
        default = None if required else parameter.default
        settings: dict[str, Any] = {"required": required}
        if isinstance(default, bool):
            settings["action"] = argparse.BooleanOptionalAction
        else:
            kind = "value" if default is None else type(default).__name__
            settings |= {"type": _value, "metavar": kind.upper()}
        group.add_argument(
            "--" + name.replace("_", "-"),
            dest=f"model_{name}",
            default=argparse.SUPPRESS,
            help=text.replace("%", "%%"),
            **settings,
        )


def _arguments(cls: type) -> list[tuple[str, inspect.Parameter, str]]:
    """Name, parameter and help of what `create` takes and of the variant's
    own arguments, parts aside."""
    found: dict[str, inspect.Parameter] = {}
    texts: dict[str, str] = {}
    for base in cls.__mro__:
        if "create" in vars(base):
            signature = inspect.signature(base.create)
            found = dict(signature.parameters) | found
            texts = tables.arguments(base.create.__doc__) | texts
        texts |= {
            name: text
            for name, text in tables.arguments(base.__doc__).items()
            if name not in texts and issubclass(base, AutoConfig)
        }
    # What `create` does not make: all but the parts, which come first.
    found |= {
        name: parameter
        for name, parameter in cls.parameters().items()
        if parameter.kind is parameter.KEYWORD_ONLY
        or parameter.default is not parameter.empty
    }
    variable = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [
        (name, parameter, texts.get(name, ""))
        for name, parameter in found.items()
        if name != "input_shape" and parameter.kind not in variable
    ]


def _value(text: str) -> Any:
    """A number, a tuple, a dict, or the word itself; the model checks it."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def run_train(arguments: argparse.Namespace) -> None:
    """Train a recipe or a variant and write its preset."""
    several = arguments.workers is not None or workers.VARIABLE in os.environ
    if several and _is_variant(arguments.target):
        raise ValueError(
            "Several workers train a recipe. Expected a JSON file, so that "
            "all of them find the state of the training in one place. "
            f"Received: the variant {arguments.target!r}"
        )
    if several:
        _train_with_workers(arguments)
    elif _is_variant(arguments.target):
        recipe = _recipe(arguments)
        with tempfile.TemporaryDirectory() as runs:
            _publish(recipe, arguments, runs)
    else:
        recipe = recipes.read(arguments.target)
        _publish(recipe, arguments, arguments.runs)


def _train_with_workers(arguments: argparse.Namespace) -> None:
    """Start the workers that are asked for, or be one of them."""
    recipe = recipes.read(arguments.target)
    if workers.VARIABLE not in os.environ:
        count = validation.check_count("--workers", arguments.workers)
        workers.start(arguments.argv, count)
        return
    strategy = workers.strategy()
    chief = replicas.is_chief(strategy)
    try:
        recipes.train(recipe, arguments.runs, 2 if chief else 0, strategy)
        if chief:
            _publish(recipe, arguments, arguments.runs, verbose=0)
        # Who ends before the others is taken for lost.
        with spread.guarded(strategy):
            replicas.agree(strategy, 0)
    except RuntimeError as error:
        raise ValueError(str(error)) from error  # another worker was lost


def _is_variant(target: str) -> bool:
    """Whether `train` is asked for a variant; if not, for a recipe."""
    known = registry.variants()
    if target not in known and not Path(target).is_file():
        raise ValueError(
            f"{registry.unknown('variant', target, known)} A path to a recipe "
            f"works too. {_OTHERS}"
        )
    return target in known


def _recipe(arguments: argparse.Namespace) -> dict[str, Any]:
    """The flags of `train VARIANT` as a recipe."""
    given = vars(arguments)
    model = {
        name.removeprefix("model_"): value
        for name, value in given.items()
        if name.startswith("model_")
    }
    seed = model.pop("seed", 0)
    data = file_commands.wanted(arguments)
    if arguments.binarization:
        data["binarization"] = arguments.binarization
    if "condition" in model:
        data["condition"] = "labels"
    variant = arguments.target
    stem = Path(arguments.data).name.partition(".")[0]
    name = f"{variant.replace('-', '_')}_{stem}"
    return {
        "preset": Path(arguments.out).name if arguments.out else name,
        "description": tables.summary(registry.get(variant)),
        "data": data,
        "model": {"variant": variant} | model,
        "training": {key: given[key] for key in TRAINING},
        "metrics": {"terms": {}},
        "seed": seed,
    }


def _publish(
    recipe: dict[str, Any],
    arguments: argparse.Namespace,
    runs: str,
    verbose: int = 1,
) -> None:
    folder = Path(arguments.out or recipe["preset"])
    publishing.publish(recipe, folder, runs, 0 if arguments.json else verbose)
    if not arguments.json:
        print(f"Wrote {folder}/:")
    checks.print_figures(store.metadata(folder)["metrics"], arguments.json)


def run_evaluate(arguments: argparse.Namespace) -> None:
    """Print figures of a preset on test data."""
    model, (train, test) = _model_and_data(arguments)
    wanted: dict[str, Any] = {"terms": {}}
    numbers = isinstance(model.space, (spaces.Array, spaces.Image))
    if numbers and model.missing == "refuse":
        wanted["squared_error"] = {}
    if arguments.samples:
        wanted["nll"] = {"samples": arguments.samples}
    splits = train, _first(test, arguments.rows)
    verbose = int(not arguments.json)
    found = measures.measure(model, wanted, splits, verbose)
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
    options = {}
    if arguments.condition is not None:
        options["condition"] = _value(arguments.condition)
    if file_commands.is_data_file(arguments.out):
        options |= {"n": arguments.n, "seed": arguments.seed}
        file_commands.sample_to_file(
            model, arguments.out, _verbose(arguments), **options
        )
        return
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
    """Draw what is in the cards of the presets, side by side."""
    names = _matching(arguments.pattern)
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


def run_completion(arguments: argparse.Namespace) -> None:
    """Print the script by which a shell completes."""
    try:
        import shtab
    except ImportError as error:
        raise ImportError(
            "Completion needs shtab. Expected it to be installed. Received: "
            f"{error}. pip install 'keras-ae[completion]'"
        ) from error
    print(shtab.complete(main.parser(), arguments.shell))


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
