"""Configuration read off the constructor: `get_config` written once."""

import inspect
from typing import Any
from typing import Self

import keras

from keras_ae.core import backend


class AutoConfig:
    """Gives `get_config` and `from_config` to any class of the package.

    The rule, as in scikit-learn: an argument of the constructor is an
    attribute of the same name. Keras layers and models add `name`,
    `trainable` and `dtype`.
    """

    #: Arguments of a base that the class sets itself.
    fixed: tuple[str, ...] = ()

    @classmethod
    def parameters(cls) -> dict[str, inspect.Parameter]:
        """Constructor arguments of the class and of its bases in the package.

        Walks the class order while constructors pass `**kwargs` on.
        """
        found: dict[str, inspect.Parameter] = {}
        for base in cls.__mro__:
            if base is AutoConfig or backend.is_keras(base):
                break
            if "__init__" not in vars(base):
                continue
            signature = inspect.signature(base.__init__).parameters
            kinds = {p.kind for p in signature.values()}
            for name, parameter in signature.items():
                if name != "self" and parameter.kind not in (
                    inspect.Parameter.VAR_KEYWORD,
                    inspect.Parameter.VAR_POSITIONAL,
                ):
                    found.setdefault(name, parameter)
            if inspect.Parameter.VAR_KEYWORD not in kinds:
                break
        return {n: p for n, p in found.items() if n not in cls.fixed}

    def arguments(self) -> dict[str, Any]:
        """What the constructor was given, by name.

        Raises:
            AttributeError: If an argument is not kept.
        """
        missing = [n for n in self.parameters() if not hasattr(self, n)]
        if missing:
            raise AttributeError(
                f"{type(self).__name__} does not keep all arguments of its "
                "constructor. Expected each as an attribute of the same name. "
                f"Received: none for {missing}. Write self.{missing[0]} = "
                f"{missing[0]} in `__init__`."
            )
        return {name: getattr(self, name) for name in self.parameters()}

    def get_config(self) -> dict[str, Any]:
        """Serializable arguments that rebuild an equal object."""
        config = {}
        if isinstance(self, keras.Layer):
            config = {
                "name": self.name,
                "trainable": self.trainable,
                "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
            }
        for name, value in self.arguments().items():
            config[name] = keras.saving.serialize_keras_object(value)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Rebuild from `get_config`; nested objects are deserialized."""
        return cls(
            **{
                name: keras.saving.deserialize_keras_object(value)
                for name, value in config.items()
            }
        )

    def __repr__(self) -> str:
        if isinstance(self, keras.Layer):
            return super().__repr__()
        values = (f"{n}={getattr(self, n)!r}" for n in self.parameters())
        return f"{type(self).__name__}({', '.join(values)})"
