"""Models with a code for each place: inputs of any size, whole or in tiles."""

import itertools
import math
from collections.abc import Callable
from collections.abc import Sequence
from typing import Self
from typing import final

import keras
import numpy as np
import tensorflow as tf

from keras_ae import spaces
from keras_ae.core import validation
from keras_ae.core.types import ArrayLike
from keras_ae.core.types import DType
from keras_ae.parts import networks

FARTHEST = 512  # cells; what reaches farther reaches everything


class Sizes:
    """Mixin of `BaseAutoencoder`: other sizes than that of the training.

    The networks of `create(..., network="conv", latent_dim=(8, 8, 4))` make
    each cell of the code from what is near its place, and each place from
    the cells near it.
    """

    @final
    def resized(self, sides: Sequence[int]) -> Self:
        """The model of larger or smaller examples, with copies of the weights.

        Args:
            sides: All but channels: height and width of images, length of
                series.

        Raises:
            ValueError: If the code is not a grid, if sides are no multiples
                of what a cell of the code stands for, or if the model has
                weights that are made for one size, as some priors have.

        Example:
            >>> small = keras_ae.VAE.create(
            ...     keras_ae.spaces.Image(16, 16, 3), (4, 4, 2), network="conv"
            ... )
            >>> large = small.resized((64, 32))
            >>> large.embed(np.zeros([1, 64, 32, 3])).shape
            (1, 16, 8, 2)
        """
        space = self._space(sides)
        cell = self._cell()
        grid = [n // f for n, f in zip(space.shape, cell, strict=False)]
        config = self.get_config()
        for value in config.values():
            if isinstance(value, dict):
                value.pop("build_config", None)  # of the size that it had
        config["space"] = keras.saving.serialize_keras_object(space)
        code = [*grid, self.encoder.event_shape[-1]]
        config["encoder"]["config"]["event_shape"] = code
        config["decoder"]["config"]["event_shape"] = [*space.shape]
        model = self.from_config(config)
        model.build((None, *space.row_shape))
        shapes = [[v.shape for v in m.weights] for m in (model, self)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"{self.name!r} has weights that are made for one size. "
                "Expected parts without such, for example "
                "prior='standard_normal'. Received: weights that are now "
                f"{shapes[0]} and were {shapes[1]}"
            )
        model.set_weights(self.get_weights())
        return model

    @final
    def reconstruct_tiles(
        self,
        x: ArrayLike,
        tile: Sequence[int],
        batch_size: int | None = None,
        dtype: DType = None,
    ) -> np.ndarray:
        """`reconstruct` of examples of any size, a tile at a time, in bounded
        memory; equal to `resized(...).reconstruct(x)` but for rounding.

        Each tile is seen with as much around it as can change it. With a
        decoder that makes a mean for each place.

        Args:
            x: Examples, `[N, sides, channels]`.
            tile: Sides of what is made at a time, rounded up to cells.
            batch_size: See `reconstruct`.
            dtype: See `reconstruct`.

        Raises:
            ValueError: See `resized`; and if networks look everywhere.

        Example:
            >>> model = keras_ae.Autoencoder.create(
            ...     (16, 16, 1), (4, 4, 2), network="conv", hidden=(8, 8)
            ... )
            >>> x = np.random.default_rng(0).uniform(size=(1, 96, 32, 1))
            >>> whole = model.resized((96, 32)).reconstruct(x)
            >>> tiles = model.reconstruct_tiles(x, (32, 32))
            >>> np.allclose(tiles, whole, atol=1e-5)
            True
        """
        halo = [a + b for a, b in zip(*self._reach(), strict=True)]

        def function(model: Self, rows: np.ndarray) -> np.ndarray:
            return model.reconstruct(rows, batch_size, dtype)

        return self._tiles(x, tile, halo, function, self._cell())

    @final
    def embed_tiles(
        self,
        x: ArrayLike,
        tile: Sequence[int],
        batch_size: int | None = None,
    ) -> np.ndarray:
        """`embed` of examples of any size, a tile at a time.

        Arguments and errors: see `reconstruct_tiles`.
        """

        def function(model: Self, rows: np.ndarray) -> np.ndarray:
            return model.embed(rows, batch_size)

        ones = [1] * len(self._cell())
        return self._tiles(x, tile, self._reach()[0], function, ones)

    def _space(self, sides: Sequence[int]) -> spaces.BaseSpace:
        """The space of examples of other sides."""
        space, cell = self.space.resized(sides), self._cell()
        if any(n % f for n, f in zip(space.shape, cell, strict=False)):
            expected = f"multiples of {cell}, of which a cell of the code is"
            raise ValueError(validation.invalid("sides", expected, sides))
        return space

    def _tiles(
        self,
        x: ArrayLike,
        tile: Sequence[int],
        halo: Sequence[int],
        function: Callable,
        places: Sequence[int],
    ) -> np.ndarray:
        """What a function makes of examples, put together from tiles.

        Args:
            x: Examples.
            tile: Sides of a tile.
            halo: Cells around it, of each side.
            function: A model of windows and rows to `[N, sides, ...]`.
            places: Places of the function's values in a cell, of each side.
        """
        cell = self._cell()
        tile = validation.check_shape("tile", tile)
        if len(tile) != len(cell):
            expected = f"{len(cell)} sides"
            raise ValueError(validation.invalid("tile", expected, tile))
        space = self._space(np.shape(x)[1 : len(cell) + 1])
        space.check("x", x)
        grid = [n // f for n, f in zip(space.shape, cell, strict=False)]
        tile = [math.ceil(n / f) for n, f in zip(tile, cell, strict=True)]
        window = [
            min(n, t + 2 * h) for n, t, h in zip(grid, tile, halo, strict=True)
        ]
        model = self.resized([n * f for n, f in zip(window, cell, strict=True)])
        result = None
        for corner in itertools.product(
            *(range(0, n, t) for n, t in zip(grid, tile, strict=True))
        ):
            first = [
                min(max(c - h, 0), n - w)
                for c, h, n, w in zip(corner, halo, grid, window, strict=True)
            ]
            seen = tuple(
                slice(a * f, (a + w) * f)
                for a, w, f in zip(first, window, cell, strict=True)
            )
            values = function(model, x[:, *seen])
            last = [
                min(c + t, n)
                for c, t, n in zip(corner, tile, grid, strict=True)
            ]
            kept, place = (
                tuple(
                    slice((c - a) * p, (b - a) * p)
                    for a, b, c, p in zip(
                        zero, last, corner, places, strict=True
                    )
                )
                for zero in (first, [0] * len(first))
            )
            if result is None:
                sides = [n * p for n, p in zip(grid, places, strict=True)]
                result = np.empty(
                    [len(values), *sides, values.shape[-1]], values.dtype
                )
            result[:, *place] = values[:, *kept]
        return result

    def _cell(self) -> list[int]:
        """Places of an example in a cell of the code, of each side."""
        sides, grid = self.space.shape[:-1], self.encoder.event_shape[:-1]
        bodies = [self.encoder.body, self.decoder.body]
        if len(sides) != len(grid) or not all(map(_free, bodies)):
            raise ValueError(
                f"The networks of {self.name!r} are made for one size. "
                "Expected a grid as code, as of `create(..., network='conv', "
                "latent_dim=(8, 8, 4))` for 64 x 64: sides that are the "
                "example's, halved without a rest. Received: a code of shape "
                f"{self.encoder.event_shape} for examples of shape "
                f"{self.space.shape}"
            )
        return [n // m for n, m in zip(sides, grid, strict=True)]

    def _reach(self) -> tuple[list[int], list[int]]:
        """How many cells away an input can change a cell, and a cell an
        output, of each side."""
        cell = self._cell()
        ones = [1] * len(cell)
        return (
            [
                _reach(self.encoder, self.space.shape[-1], cell, axis)
                for axis in range(len(cell))
            ],
            [
                _reach(self.decoder, self.encoder.event_shape[-1], ones, axis)
                for axis in range(len(cell))
            ],
        )


def _free(body: keras.Layer) -> bool:
    """Whether the sides of a body's input may have any size."""
    shape = getattr(body, "input_shape", ())
    return isinstance(shape, tuple) and set(shape[1:-1]) == {None}


def _reach(
    network: networks.DistributionNetwork,
    channels: int,
    cell: Sequence[int],
    axis: int,
) -> int:
    """How many cells of a side an input can change, beyond its own.

    Half of the input is not a number; what is made of it is not either, so
    that one can see how far the other half is from being untouched.

    Args:
        network: With a body for any size.
        channels: Of its input.
        cell: Places of the input in a cell, of each side.
        axis: Which side.
    """
    half = 8
    while half <= FARTHEST:
        cells = [2 * half if a == axis else 1 for a in range(len(cell))]
        sides = [n * f for n, f in zip(cells, cell, strict=True)]
        found = 0
        for part in (
            slice(0, half * cell[axis]),
            slice(half * cell[axis], None),
        ):
            x = np.zeros([1, *sides, channels], "float32")
            x[(slice(None),) * (axis + 1) + (part,)] = np.nan
            features = network.features(tf.constant(x)).numpy()
            hit = np.isnan(np.moveaxis(features, axis + 1, 0))
            hit = hit.reshape(2 * half, -1).any(axis=1)  # of each cell
            found = max(found, int(hit.sum()) - half)
        if found < half:
            return found
        half *= 2
    raise ValueError(
        f"The network {network.name!r} looks everywhere. Expected layers that "
        f"look less than {FARTHEST} cells far, such as convolutions."
    )
