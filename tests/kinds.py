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


def first(always, cases):
    """Parameters of a test: those of `cases` that are in `always`; all by
    `pytest --long`."""
    return [
        pytest.param(case, marks=[] if case in always else pytest.mark.long)
        for case in cases
    ]


def variants(*others):
    """Parameters of a test of what variants have from the base: those of
    `KINDS` and `others`."""
    return first((*KINDS, *others), registry.variants())
