"""Codebooks one after the other."""

from typing import TYPE_CHECKING
from typing import Any

import numpy as np
import tensorflow as tf

from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.core.types import Shape
from keras_ae.parts.codebooks.base import BaseCodebook
from keras_ae.parts.codebooks.tables import BaseTable
from keras_ae.parts.codebooks.tables import some_vectors

if TYPE_CHECKING:
    from keras_ae.model.base import BaseAutoencoder
    from keras_ae.model.batch import Forward
    from keras_ae.model.batch import Moment


@registry.register("residual")
class Residual(BaseCodebook):
    """Each table codes what those before it left: a vector is a sum of codes.

    With `depth` tables of `size` codes there are `size ** depth` sums.

    Formula:
        r_0 = z,  e_q = nearest of table q to r_q,  r_(q+1) = r_q - e_q
        e = sum_q e_q

    Args:
        table: A codebook with a table, its name, or `{name: arguments}`; all
            tables are made like it. Defaults to `"ema"`.
        depth: Number of tables. Defaults to 4.

    Example:
        >>> codebook = Residual({"ema": {"size": 8}}, depth=3)
        >>> codebook.build((None, 2))
        >>> codebook.indices(tf.zeros([5, 2])).shape
        TensorShape([5, 3])

    Reference: Lee, Kim, Kim, Cho, Han, 2022. Autoregressive Image Generation
        Using Residual Quantization. CVPR. https://arxiv.org/abs/2203.01941
    """

    def __init__(
        self,
        table: str | dict | BaseTable = "ema",
        depth: int = 4,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.table = registry.part(BaseTable, table, "table")
        self.depth = validation.check_count("depth", depth)
        config = {n: getattr(self.table, n) for n in self.table.parameters()}
        others = [type(self.table)(**config) for _ in range(1, self.depth)]
        self.tables = [self.table, *others]
        self.size, self.weight = self.table.size, self.table.weight

    def build(self, input_shape: Shape) -> None:
        """Make the tables."""
        for table in self.tables:
            if not table.built:
                table.build(input_shape)
        self.built = True

    def index_shape(self, code_shape: Shape) -> tuple[int, ...]:
        """See `BaseCodebook.index_shape`; one more axis, of the tables."""
        return (*code_shape[:-1], self.depth)

    def indices(self, z: tf.Tensor) -> tf.Tensor:
        """Numbers in each table: `[..., d]` to int32 `[..., depth]`."""
        found = []
        for table in self.tables:
            found.append(table.indices(z))
            z -= table.lookup(found[-1])
        return tf.stack(found, axis=-1)

    def lookup(self, indices: tf.Tensor) -> tf.Tensor:
        """Sums of codes: `[..., depth]` to `[..., d]`."""
        parts = tf.unstack(tf.convert_to_tensor(indices), self.depth, axis=-1)
        codes = zip(self.tables, parts, strict=True)
        return tf.add_n([table.lookup(part) for table, part in codes])

    def after_step(self, forward: "Forward", moment: "Moment") -> None:
        """See `BasePart.after_step`; each table learns from what the others
        left to it."""
        z, indices = forward.extras["z"], forward.extras["indices"]
        for i, table in enumerate(self.tables):
            code = table.lookup(indices[..., i])
            table.update(z, indices[..., i], moment.seed())
            z -= code

    def adapt(self, model: "BaseAutoencoder", x: np.ndarray) -> None:
        """See `BasePart.adapt`; table after table, as `BaseTable` does."""
        vectors = some_vectors(model, x, self.size)
        for table in self.tables:
            vectors = table.start_from(vectors)
