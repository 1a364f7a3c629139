"""`keras-ae train`: a variant by flags, or a recipe."""

import argparse
import ast
import inspect
import os
import tempfile
from pathlib import Path
from typing import Any

from keras_ae.cli import checks
from keras_ae.cli import file_commands
from keras_ae.cli import main
from keras_ae.cli import tables
from keras_ae.cli import workers
from keras_ae.core import registry
from keras_ae.core import replicas
from keras_ae.core import validation
from keras_ae.core.config import AutoConfig
from keras_ae.model.training import spread
from keras_ae.zoo import publishing
from keras_ae.zoo import recipes
from keras_ae.zoo import store

#: Settings of a training from the command line, as in a recipe.
TRAINING = {"epochs": 20, "batch_size": 128, "learning_rate": 0.001}

#: Said of names that are not known.
OTHERS = "Those of another package need `keras-ae --import PACKAGE`."


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
            settings |= {"type": value, "metavar": kind.upper()}
        group.add_argument(
            "--" + name.replace("_", "-"),
            dest=f"model_{name}",
            default=argparse.SUPPRESS,
            help=text.replace("%", "%%"),
            **settings,
        )


def run(arguments: argparse.Namespace) -> None:
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


def value(text: str) -> Any:
    """A number, a tuple, a dict, or the word itself; the model checks it."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _train_with_workers(arguments: argparse.Namespace) -> None:
    """Start the workers that are asked for, or be one of them."""
    recipe = recipes.read(arguments.target)
    _place(recipe, arguments)
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


def _place(recipe: dict[str, Any], arguments: argparse.Namespace) -> Path:
    """The folder of the preset, if one can be written there."""
    folder = Path(arguments.out or recipe["preset"])
    store.check_place(folder, [publishing.PICTURE])
    return folder


def _publish(
    recipe: dict[str, Any],
    arguments: argparse.Namespace,
    runs: str,
    verbose: int = 1,
) -> None:
    folder = _place(recipe, arguments)
    publishing.publish(recipe, folder, runs, 0 if arguments.json else verbose)
    if not arguments.json:
        print(f"Wrote {folder}/:")
    checks.print_figures(store.metadata(folder)["metrics"], arguments.json)


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


def _is_variant(target: str) -> bool:
    """Whether `train` is asked for a variant; if not, for a recipe."""
    known = registry.variants()
    if target not in known and not Path(target).is_file():
        raise ValueError(
            f"{registry.unknown('variant', target, known)} A path to a recipe "
            f"works too. {OTHERS}"
        )
    return target in known


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
