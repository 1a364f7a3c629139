"""The table of variants: names to classes."""

import difflib
from collections.abc import Callable
from typing import Any

import keras

from keras_ae.core import validation

PACKAGE = "keras_ae"
_VARIANTS: dict[str, type] = {}
_SECTIONS = ("Formula:", "Args:", "Example:", "Reference:")


def register(name: str) -> Callable[[type], type]:
    """Class decorator: make a variant known by `name`, and serializable.

    Args:
        name: Kebab-case name, for example `"beta-vae"`.

    Raises:
        ValueError: If the name is taken, or the docstring lacks a section.
        TypeError: If the class declares no `terms`.
    """

    def decorate(cls: type) -> type:
        if name in _VARIANTS:
            raise ValueError(
                f"Variant {name!r} is registered already. Expected a new "
                f"name. Received: {cls.__name__}, taken by "
                f"{_VARIANTS[name].__name__}."
            )
        if not getattr(cls, "terms", None):
            raise TypeError(
                f"{cls.__name__} declares no `terms`. Expected a dict of "
                "term name to one line that explains it."
            )
        missing = [s for s in _SECTIONS if s not in (cls.__doc__ or "")]
        if missing:
            raise ValueError(
                f"The docstring of {cls.__name__} lacks {missing}. Expected "
                f"the sections {list(_SECTIONS)}."
            )
        cls = keras.saving.register_keras_serializable(PACKAGE)(cls)
        cls.variant = name
        _VARIANTS[name] = cls
        return cls

    return decorate


def variants() -> tuple[str, ...]:
    """Names of all registered variants, sorted.

    Example:
        >>> "vae" in variants()
        True
    """
    return tuple(sorted(_VARIANTS))


def get(name: str) -> type:
    """The class registered under `name`.

    Raises:
        ValueError: If there is none; the message lists the nearest names.
    """
    if name not in _VARIANTS:
        raise ValueError(unknown("variant", name, _VARIANTS))
    return _VARIANTS[name]


def create(name: str, *args: Any, **kwargs: Any) -> keras.Model:
    """`get(name).create(...)`: the smallest working model of a variant.

    Example:
        >>> create("vae", (8,), 2, hidden=(16,)).variant
        'vae'
    """
    return get(name).create(*args, **kwargs)


def part(kind: str, identifier: Any, table: dict[str, type], base: type) -> Any:
    """A part of a model: as it is, by name, or by name and arguments.

    The last two are what a recipe or a command line can say.

    Args:
        kind: What it is, for messages: `"prior"`, `"head"`.
        identifier: An instance of `base`; a name of `table`; or a dict of
            one name and its arguments, `{"vamp": {"components": 500}}`.
        table: Names to classes.
        base: Class of all such parts.

    Raises:
        ValueError: If the name is unknown.
        TypeError: If it is none of the three.
    """
    if isinstance(identifier, str):
        identifier = {identifier: {}}
    if isinstance(identifier, dict) and len(identifier) == 1:
        ((name, arguments),) = identifier.items()
        if name not in table:
            raise ValueError(unknown(kind, name, table))
        return table[name](**arguments)
    hint = f"Or a name of {sorted(table)}, or {{name: arguments}}."
    return validation.check_type(kind, identifier, base, hint)


def unknown(kind: str, name: str, known: Any) -> str:
    """Message for a name that is not in a table, nearest names first."""
    known = sorted(known)
    near = difflib.get_close_matches(str(name), known, n=len(known), cutoff=0.4)
    rest = [k for k in known if k not in near]
    return f"Unknown {kind}. Expected one of {near + rest}. Received: {name!r}."
