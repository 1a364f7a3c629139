"""Which variants a test of all of them looks at when time is short."""

import pytest

from keras_ae.core import registry

#: One of each kind: a point as code, draws, a condition, holes, indices,
#: several players.
KINDS = (
    "autoencoder",
    "vae",
    "conditional-vae",
    "miwae",
    "vqvae",
    "factor-vae",
)


def variants(*others):
    """Parameters of a test of what variants have from the base: those of
    `KINDS` and `others`; all by `pytest --long`."""
    return [
        pytest.param(
            name,
            marks=[] if name in (*KINDS, *others) else pytest.mark.long,
        )
        for name in registry.variants()
    ]
