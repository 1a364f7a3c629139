"""What every space is: an example's shape, and the way in and out."""

import abc
import inspect
from collections.abc import Iterator
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any
from typing import Self

import numpy as np
import tensorflow as tf

from keras_ae.core import registry
from keras_ae.core import rows as rows_of
from keras_ae.core import validation
from keras_ae.core.config import AutoConfig
from keras_ae.core.types import ArrayLike
from keras_ae.core.types import DType

if TYPE_CHECKING:
    from keras_ae.parts.heads import BaseHead


class BaseSpace(AutoConfig, abc.ABC):
    """What one example is: how a user's data become tensors and come back.

    On the host `rows` makes one array of whatever a user has, and `check`
    looks at it in the type that it has, in parts, without a copy. `tensor`
    makes float32 of it, in the graph, a batch at a time: until then bytes
    stay bytes. `features` is what networks read of a tensor. `array` is the
    way back.

    A space has these attributes, as arguments or properties:

    - `shape`: shape of the tensor of one example, a tuple.
    - `row_shape`: shape of one row before `tensor`. Defaults to `shape`.
    - `support`: in words, which values of a tensor can be, where not every
      finite number can; see `nearest`.
    - `likelihood`: what `heads.get` makes the natural likelihood from, or
      None for that of the variant.
    - `missing`: `"mask"` if NaN is "not observed" unless a model is told
      otherwise, `"refuse"` if it is an error, the default.
    - `drawn`: whether a new example is a draw of p(x|z), not its mean.
    """

    kind = "space"

    shape: tuple[int, ...]
    support = ""
    likelihood: "str | dict | BaseHead | None" = None
    missing = "refuse"
    drawn = False

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of one row, as `rows` makes it and `tensor` takes it."""
        return self.shape

    def rows(self, name: str, data: Any) -> Any:
        """A user's data as rows `[N, *row_shape]`; rows, and streams of them,
        as they are.

        Args:
            name: What the data are, for messages: `"x"`.
            data: Whatever the space is made for.

        Raises:
            ValueError: If the data do not fit, with what to do.
        """
        del name
        return data

    def named(self, likelihood: Any) -> Any:
        """A likelihood as it was asked for; where it was by the name of the
        space's own, with the arguments that have no default, from there.

        Example:
            >>> import pandas as pd
            >>> table = keras_ae.spaces.Table.from_frame(
            ...     pd.DataFrame({"a": [1.5, 2.5, 4.0], "b": ["x", "y", "x"]})
            ... )
            >>> table.named({"columns": {"hidden": 8}})["columns"]["widths"]
            [1, 1]
        """
        own = self.likelihood
        if isinstance(likelihood, str):
            likelihood = {likelihood: {}}
        both = isinstance(likelihood, dict) and isinstance(own, dict)
        if not both or likelihood.keys() != own.keys():
            return likelihood
        (name,) = own
        if not isinstance(likelihood[name], dict):
            return likelihood  # refused where its head is made
        parameters = registry.find("head", name).parameters()
        needed = {
            key: value
            for key, value in own[name].items()
            if parameters[key].default is inspect.Parameter.empty
        }
        return {name: needed | likelihood[name]}

    def check_head(self, head: "BaseHead") -> None:
        """Refuse a likelihood of other values than examples have."""
        del head

    def holes(self, missing: str | None, head: "BaseHead") -> str:
        """What becomes of values that were not observed, `"refuse"` or
        `"mask"`; None is what is natural here, of a head that can leave
        values out.

        Raises:
            ValueError: If they are to be left out, and the head cannot.
        """
        if missing is None:
            return self.missing if head.holes else "refuse"
        validation.check_in("missing", missing, ("refuse", "mask"))
        if missing == "mask" and not head.holes:
            raise ValueError(
                "Holes need a likelihood that can leave values out. Expected "
                'missing="refuse" for one that tells values those before '
                f'them. Received: missing="mask", {type(head).__name__}'
            )
        return missing

    def features(self, x: tf.Tensor) -> tf.Tensor:
        """What networks read of the tensor `[(S...,) B, *shape]` of
        examples."""
        return x

    def nearest(self, x: tf.Tensor) -> tf.Tensor:
        """The values that can be, nearest to those of a tensor
        `[B, *shape]`: by default any number can."""
        return x

    def exposure(self, target: tf.Tensor | None) -> tf.Tensor | None:
        """How much was observed of each example, which a likelihood may be
        told, see `BaseHead.exposed`; None, the default, where that says
        nothing.

        Args:
            target: Examples `[B, *shape]`, or None where there are codes
                alone.
        """
        del target
        return None

    @abc.abstractmethod
    def check(self, name: str, rows: ArrayLike, holes: bool = False) -> None:
        """Refuse rows that are no examples of the space.

        Args:
            name: What the rows are, for messages: `"x"`.
            rows: An array or tensor `[N, ...]`.
            holes: Whether NaN is allowed, for "not observed".

        Raises:
            ValueError: With what was expected, what came, what to do.
        """

    @abc.abstractmethod
    def tensor(self, rows: tf.Tensor) -> tf.Tensor:
        """Rows `[B, ...]` of any type as float32 `[B, *shape]`.

        Raises:
            ValueError: If the static shape is another.
        """

    @abc.abstractmethod
    def array(
        self, values: np.ndarray, dtype: DType = None, like: Any = None
    ) -> Any:
        """What a model returns, in the user's units and form.

        Args:
            values: `[..., *shape]`, in the units of `tensor`.
            dtype: A NumPy type, or None for the type of `values`.
            like: The user's data that were asked about, if any.
        """

    def filled(self, values: np.ndarray, like: Any) -> Any:
        """`array`, of data whose holes were filled: what was observed is what
        it was."""
        found = self.array(values, like=like)
        own = np.asarray(self.rows("like", like)).reshape(-1, *self.shape)
        return np.where(np.isnan(own), found, own)

    def codes(self, values: np.ndarray, like: Any) -> Any:
        """Codes `[N, ...]` of the user's data, in the form of those."""
        del like
        return values

    def chunks(self, rows: ArrayLike) -> Iterator[np.ndarray]:
        """Checked rows as float32 arrays `[n, *shape]` in the units of
        `tensor`, a few megabytes at a time; for checks on the host.

        Example:
            >>> from keras_ae.spaces import Image
            >>> rows = np.full([2, 1, 1, 1], 255, "uint8")
            >>> [float(part.max()) for part in Image(1, 1).chunks(rows)]
            [1.0]
        """
        for _, part in validation.parts(rows_of.held(rows)):
            yield self.tensor(tf.convert_to_tensor(part)).numpy()

    def resized(self, sides: Sequence[int]) -> Self:
        """The space of examples of the same kind with other sides.

        Args:
            sides: All but channels: height and width of an `Image`, length of
                a `Series`.

        Raises:
            ValueError: If there are more sides or fewer, or none at all.

        Example:
            >>> from keras_ae.spaces import Image
            >>> Image(4, 4, 3).resized((8, 16)).shape
            (8, 16, 3)
        """
        sides = validation.check_shape("sides", sides)
        config = self.sized(sides) if len(sides) == len(self.shape) - 1 else {}
        if not config:
            expected = f"other sides than those of {self!r}, as many"
            raise ValueError(validation.invalid("sides", expected, sides))
        return self.from_config(self.get_config() | config)

    def sized(self, sides: tuple[int, ...]) -> dict[str, Any]:
        """The constructor's arguments that say what the sides are; none, the
        default, where examples have no sides."""
        del sides
        return {}

    def check_static(self, rows: tf.Tensor) -> tf.Tensor:
        """`rows` if their static shape can be `[B, *shape]`."""
        if not rows.shape.is_compatible_with((None, *self.shape)):
            raise ValueError(
                "Invalid shape of a batch. Expected (B, "
                f"{', '.join(map(str, self.shape))}), examples of {self!r}. "
                f"Received: shape {tuple(rows.shape)}"
            )
        return rows


def as_type(values: np.ndarray, dtype: DType) -> np.ndarray:
    """`values` in a type; whole numbers are rounded to, inside their range;
    True is 0.5 or more.

    Raises:
        ValueError: On NaN, where the type is one of whole numbers.

    Example:
        >>> as_type(np.array([-3.0, 0.9, 300.0]), "uint8").tolist()
        [0, 1, 255]
    """
    dtype = np.dtype(dtype)
    if dtype.kind not in "iub" or values.dtype == dtype:
        return values.astype(dtype)
    if np.isnan(values).any():
        raise ValueError(
            "NaN cannot become whole numbers. Expected finite values to "
            f"convert to {dtype}. Received: {int(np.isnan(values).sum())} NaN. "
            "Train with a lower learning rate, or ask for floats."
        )
    if dtype.kind == "b":
        return values >= 0.5
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    top = float(most)  # of 64 bits it is one too many
    top = np.nextafter(top, 0) if top > most else top
    whole = np.rint(values.astype(np.float64))
    return whole.clip(float(least), top).astype(dtype)
