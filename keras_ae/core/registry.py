"""Names of variants and of parts: one table, one decorator.

What is registered is reachable by its name (`VAE.create(..., prior="vamp")`,
recipes, the command line) and can be saved, from any package.
"""

import difflib
import inspect
import re
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any
from typing import TypeVar

import keras

from keras_ae.core import plugins
from keras_ae.core import validation

T = TypeVar("T")

PACKAGE = "keras_ae"
#: Kind -> name -> what it stands for, a class but for networks.
_TABLES: dict[str, dict[str, Any]] = {}
#: Name under which Keras saves it -> class.
_CLASSES: dict[str, type] = {}
_SECTIONS = ("Formula:", "Args:", "Example:", "Reference:")


def register(name: str) -> Callable[[type], type]:
    """Class decorator: known by `name`, and serializable.

    For variants and for parts alike; the kind is that of the base class
    (`BaseHead`, `BasePrior`, ...), and `"layer"` for any other Keras layer,
    which has no use for its name but can then be part of a preset. Keras
    saves the class under the name of its own top-level package, so that two
    packages may both have a `StudentT`.

    A class of the same module and name replaces the earlier one: a cell of a
    notebook may run twice.

    Args:
        name: Small letters and digits, with `-` or `_` between words, for
            example `"beta-vae"`; new in its kind.

    Raises:
        ValueError: If the name is taken or not of this form, if the docstring
            of a variant lacks a section, or if a constructor has an argument
            that Keras keeps for itself.
        TypeError: If the class is neither a variant, a part nor a layer, if
            it is abstract, or a variant that declares no `terms`.

    Example:
        >>> @keras_ae.register("silence")
        ... class Silence(keras_ae.corruptions.BaseCorruption):
        ...     def corrupt(self, x, seed):
        ...         return tf.zeros_like(x)
        >>> model = keras_ae.DenoisingAutoencoder.create(
        ...     (8,), 2, hidden=(4,), corruption="silence"
        ... )
        >>> type(model.corruption).__name__
        'Silence'
    """
    _check_name(name)

    def decorate(cls: type) -> type:
        kind = _kind(cls)
        saved = f"{package(cls)}>{cls.__name__}"
        _check_class(cls)
        if kind == "variant":
            _check_variant(cls)
        other = _CLASSES.get(saved) or keras.saving.get_registered_object(saved)
        if other is not None and not _same(cls, other):
            raise ValueError(
                f"Keras saves two classes as {saved!r}: {_place(cls)} and "
                f"{_place(other)}. Expected a class name that is new in its "
                f"package. Received: {cls.__name__}. Rename one of them."
            )
        add(kind, name, cls)
        cls = keras.saving.register_keras_serializable(package(cls))(cls)
        _CLASSES[saved] = cls
        if kind == "variant":
            cls.variant = name
        return cls

    return decorate


def add(kind: str, name: str, value: object) -> None:
    """Enter `value` into the table of a kind.

    Raises:
        ValueError: If the name is taken or not of the form of a name.
    """
    _check_name(name)
    table = _TABLES.setdefault(kind, {})
    if name in table and not _same(value, table[name]):
        raise ValueError(
            f"{kind.capitalize()} {name!r} is registered already. Expected a "
            f"new name. Received: {_place(value)}, taken by "
            f"{_place(table[name])}."
        )
    table[name] = value


def package(cls: type) -> str:
    """Top-level package of a class; what has to be imported to have it."""
    return cls.__module__.partition(".")[0]


def names(kind: str) -> tuple[str, ...]:
    """All names of a kind, sorted.

    Args:
        kind: `"variant"`, `"head"`, `"prior"`, `"corruption"`,
            `"sparsity"`, `"codebook"`, `"schedule"`, `"constraint"`,
            `"condition"`, `"network"`, or that of any other base class.

    Example:
        >>> names("mechanism")
        ('self_masking',)
    """
    plugins.load()
    return tuple(sorted(_TABLES.get(kind, ())))


def find(kind: str, name: str) -> Any:
    """What is registered under a kind and a name.

    Raises:
        ValueError: If there is none; the message lists the nearest names.
    """
    if name not in _TABLES.get(kind, {}):
        plugins.load()
    table = _TABLES.get(kind, {})
    if name not in table:
        raise ValueError(unknown(kind, name, table))
    return table[name]


def saved_as(name: str) -> type | None:
    """The registered class that Keras saves as `name`, or None.

    Example:
        >>> saved_as("keras_ae>VampPrior") is keras_ae.priors.VampPrior
        True
    """
    if name not in _CLASSES and ">" in name:  # of a package, not of Keras
        plugins.load()
    return _CLASSES.get(name)


def variants() -> tuple[str, ...]:
    """Names of all registered variants, sorted.

    Example:
        >>> "vae" in variants()
        True
    """
    return names("variant")


def get(name: str) -> type:
    """The variant registered under `name`.

    Raises:
        ValueError: If there is none; the message lists the nearest names.
    """
    return find("variant", name)


def create(name: str, *args: Any, **kwargs: Any) -> keras.Model:
    """`get(name).create(...)`: the smallest working model of a variant.

    Example:
        >>> create("vae", (8,), 2, hidden=(16,)).variant
        'vae'
    """
    return get(name).create(*args, **kwargs)


def part(
    base: type[T], identifier: str | dict | T, argument: str | None = None
) -> T:
    """A part of a model: as it is, by name, or by name and arguments.

    The last two are what a recipe or a command line can say.

    Args:
        base: Class of all such parts.
        identifier: An instance of `base`; a name; or a dict of one name and
            its arguments, `{"vamp": {"components": 500}}`.
        argument: The argument that it was passed as, for messages. Defaults
            to the kind of `base`.

    Raises:
        ValueError: If the name is unknown.
        TypeError: If it is none of the three, or arguments are missing.
    """
    if isinstance(identifier, str):
        identifier = {identifier: {}}
    if isinstance(identifier, dict) and len(identifier) == 1:
        ((name, arguments),) = identifier.items()
        cls = find(base.kind, name)
        hint = f"Arguments by name, {{{name!r}: {{argument: value}}}}."
        validation.check_type(name, arguments, dict, hint)
        _check_complete(cls, name, arguments)
        return cls(**arguments)
    if isinstance(identifier, base):
        return identifier
    hint = f"Or a name of {list(names(base.kind))}, or {{name: arguments}}."
    return validation.check_type(argument or base.kind, identifier, base, hint)


def _check_complete(cls: type, name: str, arguments: dict) -> None:
    """Refuse a name without the arguments that have no default."""
    needed = [
        argument
        for argument, parameter in cls.parameters().items()
        if parameter.default is parameter.empty
    ]
    missing = [argument for argument in needed if argument not in arguments]
    if missing:
        raise TypeError(
            f"{cls.kind.capitalize()} {name!r} lacks arguments. Expected "
            f"{{{name!r}: arguments}} with {needed}. Received: none for "
            f"{missing}"
        )


def unknown(kind: str, name: Any, known: Iterable[Any]) -> str:
    """Message for a name that is not in a table, nearest names first."""
    known = sorted(known, key=str)
    asked, words = str(name).lower(), [*map(str, known)]
    near = difflib.get_close_matches(asked, words, n=len(words), cutoff=0.4)
    ranks = {word: rank for rank, word in enumerate(near)}
    known.sort(key=lambda own: ranks.get(str(own), len(near)))
    return f"Unknown {kind}. Expected one of {known}. Received: {name!r}."


def _kind(cls: type) -> str:
    kind = getattr(cls, "kind", None)
    if isinstance(cls, type) and isinstance(kind, str):
        return kind
    if isinstance(cls, type) and issubclass(cls, keras.Layer):
        return "layer"
    raise TypeError(
        "Only classes of variants, parts and layers have names. Expected a "
        "class below `BaseAutoencoder`, `BaseHead`, `BasePrior` or another "
        f"base of `keras_ae`, or a `keras.Layer`. Received: {cls!r}"
    )


def _check_name(name: str) -> None:
    form = r"[a-z0-9]+([_-][a-z0-9]+)*"
    if not isinstance(name, str) or not re.fullmatch(form, name):
        expected = 'a name of small letters, such as `@register("beta-vae")`'
        raise ValueError(validation.invalid("name", expected, name))


def _check_class(cls: type) -> None:
    """Refuse what could not be made, or not be saved."""
    if inspect.isabstract(cls):
        raise TypeError(
            f"{cls.__name__} is abstract. Expected a class that defines "
            f"{sorted(cls.__abstractmethods__)}. Received: {_place(cls)}"
        )
    if not issubclass(cls, keras.Layer) or not hasattr(cls, "parameters"):
        return
    base = keras.Model if issubclass(cls, keras.Model) else keras.Layer
    for name in set(cls.parameters()) - {"name", "trainable", "dtype"}:
        found = inspect.getattr_static(base, name, None)
        if isinstance(found, property) and (
            found.fset is None or name == "layers"
        ):
            raise ValueError(
                f"{cls.__name__} has an argument `{name}`, which Keras keeps "
                "for itself on layers. Expected names of arguments that can "
                f"be attributes. Received: {sorted(cls.parameters())}. Rename "
                "it."
            )


#: What variants overrode before, and what they override now.
_HOOKS = {"encode": "posterior", "decode": "likelihood"}


def _check_variant(cls: type) -> None:
    for name in vars(cls):
        for base in cls.__mro__[1:]:
            if getattr(vars(base).get(name), "__final__", False):
                hint = f" Override `{_HOOKS[name]}`." if name in _HOOKS else ""
                raise TypeError(
                    f"{cls.__name__} overrides `{name}`, which is final, so "
                    "that it would not be called everywhere. Expected hooks "
                    f"alone, see `{base.__name__}`.{hint}"
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


def _same(one: object, other: object) -> bool:
    """Whether two classes are one, defined again."""
    return _place(one) == _place(other)


def _place(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_place, value))
    if not hasattr(value, "__qualname__"):
        return repr(value)
    return f"{value.__module__}.{value.__qualname__}"
