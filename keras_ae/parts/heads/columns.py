"""The head of events whose values are of many kinds: the columns of a table."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.types import Shape
from keras_ae.math import autoregressive
from keras_ae.parts import flows
from keras_ae.parts.heads.base import BaseHead

tfd = tfp.distributions


@registry.register("columns")
class Columns(BaseHead):
    """Blocks of an event's last axis, each with a likelihood of its own.

    With `hidden`, each block is also told those before it, by a network of one
    layer, the same for all codes, which adds to the numbers of its head: new
    rows are far more like the real ones, and far likelier, and the code has
    less to say. Then a mean is
    that at the means of the blocks before, draws take as many steps as there
    are blocks, and holes are refused: what was not observed cannot be left
    out of a sum in which later blocks ask for it.

    Args:
        likelihoods: Heads of the blocks, or their names, in order.
        widths: Lengths of the blocks, in the same order.
        hidden: Units of that network; 0, the default: the blocks are
            independent given the code.
        order: Place of each block among those that are told. Defaults to None,
            as they come; a `Table` has that of the data frame.

    Raises:
        ValueError: If their numbers differ, or there are none; if one block
            alone is to be told others, or `order` is none of all blocks.

    Example:
        >>> head = Columns(["gaussian", "categorical"], [1, 3])
        >>> network = keras_ae.DistributionNetwork(
        ...     keras.Sequential([keras.layers.Dense(8)]), head, 4
        ... )
        >>> row = network(tf.zeros([1, 2]))
        >>> np.round(row.mean().numpy().astype(float), 2).tolist()
        [[0.0, 0.33, 0.33, 0.33]]

    Reference: Nazabal, Olmos, Ghahramani, Valera, 2020. Handling incomplete
        heterogeneous data using VAEs. Pattern Recognition 107.
        https://arxiv.org/abs/1807.03653. The network: Germain, Gregor, Murray,
        Larochelle, 2015. MADE: Masked Autoencoder for Distribution Estimation.
        https://arxiv.org/abs/1502.03509
    """

    def __init__(
        self,
        likelihoods: Sequence[str | dict | BaseHead],
        widths: Sequence[int],
        hidden: int = 0,
        order: Sequence[int] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if len(likelihoods) != len(widths) or not widths:
            expected = f"one length for each of {len(likelihoods)} likelihoods"
            raise ValueError(validation.invalid("widths", expected, widths))
        self.likelihoods = [
            registry.part(BaseHead, likelihood) for likelihood in likelihoods
        ]
        self.widths = [validation.check_count("widths", n) for n in widths]
        self.hidden = validation.check_count("hidden", hidden, 0)
        self.holes = not hidden
        if hidden and len(widths) == 1:
            expected = "0 for one block, which there is nothing to tell"
            raise ValueError(validation.invalid("hidden", expected, hidden))
        self.order = None if order is None else [int(n) for n in order]
        if order is not None and sorted(order) != [*range(len(widths))]:
            expected = f"the places 0 to {len(widths) - 1}, each once, or None"
            raise ValueError(validation.invalid("order", expected, order))

    def sizes(self, width: int) -> tuple[int, ...]:
        """See `BaseHead.sizes`; those of the blocks, one after the other."""
        if width != sum(self.widths):
            expected = f"a last axis of length {sum(self.widths)}"
            raise ValueError(validation.invalid("width", expected, width))
        return tuple(
            size for head, width in self._blocks() for size in head.sizes(width)
        )

    def build(self, input_shape: Shape) -> None:
        """Build the heads of the blocks."""
        for head, width in self._blocks():
            if not head.built:  # by Keras, of a model that is loaded
                head.build((*input_shape[:-1], width))
                head.built = True
        if self.hidden:
            self.told = self._network()

    def _network(self) -> list[flows.MaskedDense]:
        """Two layers, from all values to what is added to the numbers of each
        block, which reads those before it alone; nothing at first."""
        of_values = np.repeat(self._places(), self.widths)
        of_units = np.arange(self.hidden) % (len(self.widths) - 1)
        sizes = [sum(head.sizes(width)) for head, width in self._blocks()]
        of_numbers = np.repeat(self._places(), sizes)
        first = flows.MaskedDense(
            flows.reads(of_values, of_units, own=True), "relu"
        )
        second = flows.MaskedDense(
            flows.reads(of_units, of_numbers, own=False), start="zeros"
        )
        for layer, length in ((first, sum(self.widths)), (second, self.hidden)):
            layer.build((None, length))
            layer.built = True
        return [first, second]

    def call(
        self, *parts: tf.Tensor, rank: int, exposure: tf.Tensor | None = None
    ) -> tfd.Distribution:
        """See `BaseHead.call`; events of one axis, whose counts, if some are,
        have no total in common."""
        del exposure
        if rank != 1:
            expected = "events of one axis, the columns"
            raise ValueError(validation.invalid("rank", expected, rank))
        if not self.hidden:
            return tfd.Blockwise(self._laws(parts), dtype_override=tf.float32)
        sizes = [part.shape[-1] for part in parts]

        def laws(x: tf.Tensor) -> list[tfd.Distribution]:
            # Long tails are told by their order of magnitude.
            first, second = self.told
            more = tf.split(second(first(tf.asinh(x))), sizes, axis=-1)
            return self._laws([a + b for a, b in zip(parts, more, strict=True)])

        order = np.argsort(self._places())
        return autoregressive.Blocks(laws, self.widths, parts[0], order)

    def _places(self) -> Sequence[int]:
        """Of each block among those that are told."""
        return range(len(self.widths)) if self.order is None else self.order

    def _laws(self, parts: Sequence[tf.Tensor]) -> list[tfd.Distribution]:
        """The distribution of each block."""
        return [
            head(*own, rank=1)
            for head, own in zip(
                self.likelihoods, self._shared_out(parts), strict=True
            )
        ]

    def distribution(self, *parts: tf.Tensor) -> tfd.Distribution:
        """See `BaseHead.distribution`."""
        return self.call(*parts, rank=1)

    def check_support(self, name: str, value: np.ndarray) -> None:
        """See `BaseHead.check_support`."""
        ends = np.cumsum(self.widths)[:-1]
        for head, part in zip(
            self.likelihoods, np.split(value, ends, axis=-1), strict=True
        ):
            head.check_support(name, part)

    @property
    def normalized(self) -> bool:
        """See `BaseHead.normalized`."""
        return all(head.normalized for head in self.likelihoods)

    @property
    def support(self) -> str:
        """See `BaseHead.support`."""
        found = (head.support for head in self.likelihoods)
        return "; ".join(dict.fromkeys(text for text in found if text))

    def inside(self, value: tf.Tensor) -> tf.Tensor:
        """See `BaseHead.inside`."""
        parts = tf.split(value, self.widths, axis=-1)
        found = [
            tf.broadcast_to(head.inside(part), tf.shape(part))
            for head, part in zip(self.likelihoods, parts, strict=True)
        ]
        return tf.concat(found, axis=-1)

    def starts(self) -> dict[int, float]:
        """See `BaseHead.starts`."""
        return {
            first + number: value
            for first, head in self._firsts()
            for number, value in head.starts().items()
        }

    def monitors(self) -> dict[str, tf.Tensor]:
        """See `BaseHead.monitors`."""
        return {
            f"{name}_{number}": value
            for number, head in enumerate(self.likelihoods)
            for name, value in head.monitors().items()
        }

    def _blocks(self) -> list[tuple[BaseHead, int]]:
        return list(zip(self.likelihoods, self.widths, strict=True))

    def _firsts(self) -> list[tuple[int, BaseHead]]:
        """Each head with the number of its first part."""
        found, first = [], 0
        for head, width in self._blocks():
            found.append((first, head))
            first += len(head.sizes(width))
        return found

    def _shared_out(self, parts: Sequence[Any]) -> list[Sequence[Any]]:
        """The parts of each block."""
        firsts = [first for first, _ in self._firsts()]
        ends = [*firsts[1:], len(parts)]
        return [parts[i:j] for i, j in zip(firsts, ends, strict=True)]
