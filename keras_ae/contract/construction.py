"""Checks of construction: `create`, arguments, configuration."""

import inspect
import json
import math
import re

import keras

from keras_ae.contract.tools import families
from keras_ae.contract.tools import make
from keras_ae.contract.tools import own_numbers
from keras_ae.contract.tools import refused
from keras_ae.contract.tools import require
from keras_ae.model.base import BaseAutoencoder


def check_create(cls: type[BaseAutoencoder]) -> None:
    """`create` with shapes alone gives a built model with its defaults."""
    options = dict(cls.contract_case()[0])
    options.pop("hidden", None)
    model = cls.create(**options)
    require(model.built, "`create` did not build the model")
    require(model.trainable_variables, "there is nothing to train")
    require(model.seed is None, "`seed` is not None by default")


def check_arguments(cls: type[BaseAutoencoder]) -> None:
    """Arguments are attributes; a changed number arrives in the config."""
    default = make(cls)
    for name in cls.parameters():
        require(hasattr(default, name), f"argument {name!r} is no attribute")
    for name, value in own_numbers(cls).items():
        if value is None:
            continue
        other = value + 1 if isinstance(value, int) else value / 2 or 0.5
        changed = make(cls, **{name: other})
        require(
            changed.get_config()[name] != default.get_config()[name],
            f"{name}={other} and {name}={value} give the same config",
        )


def check_unknown_argument(cls: type[BaseAutoencoder]) -> None:
    """A misspelt argument is refused by name."""
    with refused("no_such_argument"):
        make(cls, no_such_argument=1)


def check_argument_ranges(cls: type[BaseAutoencoder]) -> None:
    """Numbers out of range are refused, with the name and the value."""
    for name in own_numbers(cls) | {"seed": None}:
        for value in (-1, math.nan):
            with refused(f"{name}.*Received:.*{value}"):
                make(cls, **{"seed": 0, name: value})


def check_docstring(cls: type[BaseAutoencoder]) -> None:
    """Sections, every own argument, a dated reference, terms with a line."""
    text = inspect.getdoc(cls) or ""
    parts = re.split(r"^(\w+):", text, flags=re.M)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    for name in ("Formula", "Args", "Example", "Reference"):
        require(sections.get(name, "").strip(), f"no section {name}:")
    require(text.splitlines()[0].endswith("."), "the first line is no sentence")
    require(
        re.search(r"\b(19|20)\d\d\b", sections["Reference"]),
        "the reference has no year",
    )
    inherited = set().union(*(b.parameters() for b in families(cls)))
    for name in set(cls.parameters()) - inherited:
        require(
            re.search(rf"\b{name}\b.*:", sections["Args"]),
            f"argument {name!r} is not under Args:",
        )
    for name, line in cls.terms.items():
        require(line.strip(), f"term {name!r} has no explanation")


def check_config(cls: type[BaseAutoencoder]) -> None:
    """The config survives JSON and rebuilds a model with equal attributes."""
    model = make(cls)
    text = json.dumps(keras.saving.serialize_keras_object(model))
    twin = keras.saving.deserialize_keras_object(json.loads(text))
    require(type(twin) is cls, f"rebuilt as {type(twin).__name__}")
    require(
        json.dumps(twin.get_config(), sort_keys=True)
        == json.dumps(model.get_config(), sort_keys=True),
        "the rebuilt model has another config",
    )
    public = {k for k in vars(model) if not k.startswith("_")}
    other = {k for k in vars(twin) if not k.startswith("_")}
    require(public == other, f"attributes differ: {public ^ other}")
    require(
        [v.shape for v in twin.weights] == [v.shape for v in model.weights],
        "the rebuilt model has other weights",
    )
