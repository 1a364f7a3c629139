"""The seeds of a model: their state, saved with its weights."""

import contextlib
from collections.abc import Iterator
from collections.abc import MutableMapping
from typing import final

import numpy as np
import tensorflow as tf

from keras_ae.core import backend


class Seeds:
    """Mixin for a `keras.Model` with a `seed_generator`."""

    @final
    def next_seed(self) -> tf.Tensor:
        """A fresh seed, int32 `[2]`, from the model's saved state."""
        return tf.cast(self.seed_generator.next(), tf.int32)

    @final
    @contextlib.contextmanager
    def evaluation_seeds(self) -> Iterator[None]:
        """Inside, seeds start from a fixed point; the state is put back."""
        state = self.seed_generator.state
        kept = state.numpy()
        state.assign(np.array([kept[0] ^ 0x5EED, 0], kept.dtype))
        try:
            yield
        finally:
            state.assign(kept)

    @final
    def save_own_variables(self, store: MutableMapping) -> None:
        """Save the states of all seed generators beside the variables."""
        super().save_own_variables(store)
        for i, state in enumerate(backend.seed_states(self)):
            store[f"seed_state_{i}"] = state.numpy()

    @final
    def load_own_variables(self, store: MutableMapping) -> None:
        """Restore what `save_own_variables` saved."""
        entries = {key: store[key] for key in store.keys()}
        for i, state in enumerate(backend.seed_states(self)):
            state.assign(entries.pop(f"seed_state_{i}"))
        super().load_own_variables(entries)
