"""The command line: `keras-ae COMMAND ...` or `python -m keras_ae COMMAND ...`.

This file imports nothing but the standard library, so that help, usage errors
and completion come at once; the work is in `keras_ae.cli.commands`.
"""

import argparse
import ast
import contextlib
import importlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import Any

#: What a preset does with a file, answers written to another.
_ON_FILES = {
    "impute": "fill in what is missing in a file",
    "score": "tell how normal each row of a file is, in nats",
    "embed": "write the code of each row of a file",
}

#: Option of `keras_ae.data.load` -> what it is on the command line.
FILE_OPTIONS: dict[str, dict[str, Any]] = {
    "window": {
        "type": int,
        "metavar": "N",
        "help": "cut a long series into windows of so many points",
    },
    "image_size": {
        "type": ast.literal_eval,
        "metavar": "N",
        "help": "pixels of each side of images, or height,width",
    },
    "channels": {
        "type": int,
        "choices": [1, 3],
        "help": "make all images grey (1), or colors (3)",
    },
    "skip_broken": {
        "action": "store_true",
        "help": "leave out files of a folder that are no whole images",
    },
    "text": {
        "action": "append",
        "metavar": "COLUMN",
        "help": "a column that is text, whatever it looks like; repeatable",
    },
    "holes": {
        "action": "append",
        "metavar": "WORD",
        "help": "a word that stands for nothing, such as '?'; repeatable",
    },
    "drop": {
        "action": "append",
        "metavar": "COLUMN",
        "help": "a column to leave out; repeatable",
    },
    "header": {
        "action": argparse.BooleanOptionalAction,
        "help": "whether the first line of a .csv names its columns",
    },
    "encoding": {"help": "of a .csv [utf-8]"},
    "key": {"metavar": "NAME", "help": "of the array in a file of several"},
    "counts": {
        "action": argparse.BooleanOptionalAction,
        "help": "whether numbers are counts [of .h5ad and .h5]",
    },
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments after the program's name. Defaults to `sys.argv[1:]`.

    Returns:
        Exit code: 0, 1 where figures differ, 2 on an error.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    imports = _imports()
    parser, train = _parsers(imports)
    try:
        given, rest = imports.parse_known_args(argv)
        if rest[:1] == ["train"]:
            target = _target(rest[1:])
            if target is not None:
                _commands(given.modules).training.add_flags(train, target)
        arguments = parser.parse_args(rest, argparse.Namespace(argv=argv))
        if arguments.command == "completion":
            print(_completion(parser, arguments.shell))
            return 0
        run = getattr(_commands(given.modules), f"run_{arguments.command}")
        return run(arguments) or 0
    except BrokenPipeError:
        # The reader of a pipe has seen enough; nothing more is flushed to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (
        *(ValueError, TypeError, OSError),
        *(ArithmeticError, ImportError),  # NonFiniteError, a missing extra
    ) as error:
        print(f"keras-ae: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def add_file_options(parser: argparse.ArgumentParser) -> None:
    """Give a command the options of files."""
    group = parser.add_argument_group("files")
    for name, settings in FILE_OPTIONS.items():
        group.add_argument(
            "--" + name.replace("_", "-"),
            dest=f"file_{name}",
            default=argparse.SUPPRESS,
            **settings,
        )


def _imports() -> argparse.ArgumentParser:
    """The options that come before every command."""
    parser = argparse.ArgumentParser(
        prog="keras-ae", add_help=False, allow_abbrev=False
    )
    parser.add_argument(
        "--import",
        dest="modules",
        metavar="MODULE",
        action="append",
        default=[],
        help="module of another package to import first, installed or in the "
        "current folder, for the variants and parts that it registers; may be "
        "given several times",
    )
    return parser


def _target(argv: Sequence[str]) -> str | None:
    """What `train` is asked to train, wherever its own options stand."""
    parser = argparse.ArgumentParser(
        prog="keras-ae train", add_help=False, allow_abbrev=False
    )
    _add_target(parser, nargs="?")
    return parser.parse_known_args(argv)[0].target


def _add_target(parser: argparse.ArgumentParser, **settings: Any) -> None:
    parser.add_argument(
        "target",
        help="a recipe (JSON file), which resumes after an interruption, or a "
        "variant; `keras-ae train VARIANT --help` lists its arguments",
        **settings,
    )
    parser.add_argument(
        "--out",
        help="preset folder to write (default: the preset's name, here)",
    )
    parser.add_argument(
        "--runs",
        default="runs",
        help="folder for the states of recipes (default: %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="train a recipe with so many processes of this machine; for "
        "several machines, start this command on each, with TF_CONFIG set",
    )


def _parsers(
    imports: argparse.ArgumentParser,
) -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    """The parser, and that of `train`, which gets flags for its target."""
    parser = argparse.ArgumentParser(
        prog="keras-ae",
        description="Autoencoders: train, look at, serve.",
        parents=[imports],
    )
    parser.add_argument(
        "--version", action="version", version=f"%(prog)s {_version()}"
    )
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND"
    )

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name, help=text, description=text[0].upper() + text[1:] + "."
        )

    def preset(name: str, text: str) -> argparse.ArgumentParser:
        added = command(name, text)
        added.add_argument(
            "preset",
            type=_preset,
            help="name of a pretrained model, or a preset folder",
        )
        return added

    def figures(added: argparse.ArgumentParser) -> None:
        added.add_argument(
            "--json", action="store_true", help="print JSON, and nothing else"
        )

    def picture(added: argparse.ArgumentParser) -> None:
        added.add_argument(
            "--out",
            default="picture.png",
            help="file to write (default: %(default)s)",
        )

    added = command("list", "list the pretrained models")
    added.add_argument(
        "pattern", nargs="?", default="*", help='for example "*mnist*"'
    )
    figures(added)
    figures(command("variants", "list the variants that can be trained"))
    added = command("describe", "explain a variant or a pretrained model")
    added.add_argument("name", help="name of a variant or of a preset")

    train = command("train", "train a recipe or a variant, write a preset")
    _add_target(train)
    figures(train)

    added = preset("evaluate", "measure a pretrained model on test data")
    added.add_argument(
        "--data", help="data set (default: that of the preset's recipe)"
    )
    added.add_argument("--rows", type=_count, help="use the first rows only")
    added.add_argument(
        "--samples",
        type=int,
        help="estimate -log p(x) too, with so many importance samples",
    )
    figures(added)
    added = preset("report", "write all figures and pictures of a model")
    added.add_argument("--data", help="as in `evaluate`")
    added.add_argument("--rows", type=_count, help="use the first rows only")
    added.add_argument(
        "--samples",
        type=int,
        help="estimate -log p(x) anew, with so many importance samples "
        "(default: take it from the preset's card, else 1000)",
    )
    added.add_argument(
        "--out",
        default="report.html",
        help=".html, .md or .json file to write, or a folder for all three "
        "(default: %(default)s)",
    )
    added = preset("explore", "write a page in which codes are moved by hand")
    added.add_argument("--data", help="as in `evaluate`, for the map of codes")
    added.add_argument(
        "-o",
        "--out",
        default="explorer.html",
        help="file to write (default: %(default)s)",
    )
    added = preset("reconstruct", "draw test images and reconstructions")
    added.add_argument("--data", help="as in `evaluate`")
    added.add_argument(
        "-n", type=_count, default=10, help="images (default: 10)"
    )
    picture(added)
    for name, text in _ON_FILES.items():
        added = preset(name, text)
        added.add_argument("data", help="file or folder to read")
        added.add_argument("--out", required=True, help="file to write")
        add_file_options(added)
    added = preset("sample", "draw new images, or write new rows to a file")
    added.add_argument("-n", type=_count, default=16, help="how many [16]")
    added.add_argument("--seed", type=int, default=0, help="(default: 0)")
    added.add_argument("--condition", help="for a model that is told one")
    picture(added)
    added = preset("export", "write a file for serving, once it was checked")
    added.add_argument("path", help="folder (SavedModel) or file to write")
    added.add_argument(
        "--format",
        default="tf_saved_model",
        help="tf_saved_model, onnx, litert, openvino or stablehlo "
        "(default: %(default)s)",
    )
    added = command("demo", "show everything once, on images of digits")
    added.add_argument(
        "--out",
        default="keras_ae_demo.png",
        help="picture to write (default: %(default)s)",
    )
    added = command("verify", "recompute the recorded figures of presets")
    added.add_argument("pattern", nargs="?", default="*", help="as in `list`")
    figures(added)
    added = command(
        "reproduce",
        "recompute the table of published numbers, or one row of it",
    )
    added.add_argument(
        "row", nargs="?", help="key of a row (default: all that are trained)"
    )
    added.add_argument(
        "--train",
        action="store_true",
        help="train the recipe first, instead of taking the bundled weights",
    )
    added.add_argument(
        "--budget",
        type=float,
        metavar="MINUTES",
        help="train the row of the best -log p(x) of MNIST that was trained "
        "in so many minutes on two cores; measuring it comes on top",
    )
    added.add_argument("--runs", default="runs", help="as in `train`")
    figures(added)
    added = command("sheet", "draw the pictures of all presets side by side")
    added.add_argument("pattern", nargs="?", default="*", help="as in `list`")
    picture(added)
    figures(command("doctor", "tell what is installed, and what is missing"))
    added = command("completion", "print what a shell completes by")
    added.add_argument("shell", choices=["bash", "zsh", "tcsh"])
    return parser, train


def _version() -> str:
    """That of the package, which is not imported."""
    code = Path(__file__).parents[1].joinpath("__init__.py").read_text("utf-8")
    return re.search(r'^__version__ = "(.+)"$', code, re.MULTILINE)[1]


def _preset(name: str) -> str:
    """A name, or a folder that is there.

    Raises:
        ArgumentTypeError: On other paths.
    """
    if Path(name).is_dir():
        return name
    if name.endswith(".keras"):
        received = f"{name!r}, which keras.saving.load_model reads, in Python"
    elif os.path.dirname(name):
        received = f"no such folder, {name!r}"
    else:
        return name
    raise argparse.ArgumentTypeError(
        "expected the name of a pretrained model, or a preset folder, as "
        f"`keras-ae train` writes. Received: {received}"
    )


def _count(text: str) -> int:
    """A whole number of at least 1.

    Raises:
        ArgumentTypeError: On others.
    """
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(
        f"expected a whole number of at least 1. Received: {text!r}"
    )


def _completion(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script by which a shell completes.

    Raises:
        ImportError: Without shtab.
    """
    try:
        import shtab
    except ImportError as error:
        raise ImportError(
            "Completion needs shtab. Expected it to be installed. Received: "
            f"{error}. pip install 'keras-ae[completion]'"
        ) from error
    return shtab.complete(parser, shell)


def _commands(modules: Sequence[str]) -> Any:
    """The commands, once the modules of other packages are imported.

    Raises:
        ValueError: If one of them cannot be.
    """
    with _quiet():
        commands = importlib.import_module("keras_ae.cli.commands")
    if modules and os.getcwd() not in sys.path:
        # `python -m keras_ae` looks there by itself, the script does not.
        sys.path.insert(0, os.getcwd())
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:
            raise ValueError(
                "Invalid value for `--import`. Expected a module that can be "
                "imported, installed or in the current folder, such as "
                f"`my_autoencoders`. Received: {name!r}, "
                f"{type(error).__name__}: {error}"
            ) from error
    return commands


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide what TensorFlow's C++ code prints while it starts.

    Some of it ignores TF_CPP_MIN_LOG_LEVEL, so the file descriptor itself
    goes elsewhere. On an error all of it is shown; with the variable at 0,
    nothing is hidden.
    """
    level = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if level == "0" or "tensorflow" in sys.modules:
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as hidden:
        os.dup2(hidden.fileno(), 2)
        try:
            yield
        except BaseException:
            hidden.seek(0)
            os.write(kept, hidden.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


if __name__ == "__main__":
    sys.exit(main())
