"""Every registered variant keeps every point of the contract.

What all variants share is looked at in one of each kind; in all of them by
`pytest --long tests/test_contract.py`.
"""

import pytest
import tensorflow as tf

import keras_ae
from keras_ae import contract
from keras_ae.contract import tools
from keras_ae.core import registry

NAMES = {check.__name__: check for check in contract.CHECKS}
#: One of each kind that has a way of its own through the base: draws and a
#: condition, several draws, indices.
KINDS = ("conditional-vae", "iwae", "vqvae")
#: Checks of what variants have from the base alone, each with those that have
#: something of their own in it besides.
SHARED = {
    "check_bad_data": ("miwae",),
    "check_compile_loss": (),
    "check_eager": (),
    "check_evaluate": (),
    "check_exact_resume": ("factor-vae",),
    "check_frozen": (),
    "check_functional": (),
    "check_input_types": (),
    "check_keras_file": (),
    # The others train in tests of their own, or as one of these does.
    "check_loss_falls": (
        "contractive",
        "factor-vae",
        "hamiltonian-vae",
        "masked",
        "vae-gan",
    ),
    "check_metrics": (),
    "check_mixed_precision": (),
    "check_predict": (),
    "check_preset": (),
    # The players and the masks draw for themselves.
    "check_seeds": ("denoising", "factor-vae", "hamiltonian-vae", "masked"),
    "check_saved_model": ("hyperspherical-vae", "miwae"),
    "check_rows_alone": (
        "denoising",
        "hierarchical-vae",
        "m2",
        "masked",
        "miwae",
        "rae",
        "sparse",
    ),
    "check_streams": (),
    "check_traces": (),
    "check_validation_split": (),
    "check_weights_file": (),
    # A step of all that layers and terms do, but the penalty of gradients.
    "check_xla": ("contractive",),
}
KEPT = [
    pytest.param(
        variant,
        check,
        id=f"{variant}-{name}",
        marks=[]
        if variant in (*KINDS, *SHARED.get(name, (variant,)))
        else [pytest.mark.long],
    )
    for variant in registry.variants()
    for name, check in NAMES.items()
    if (variant, name) not in contract.EXCUSED
]


@pytest.mark.parametrize("variant, check", KEPT)
def test_contract(variant, check):
    check(registry.get(variant))


@pytest.mark.parametrize("variant, name", sorted(contract.EXCUSED))
def test_excuse_is_needed(variant, name):
    with pytest.raises(AssertionError):
        NAMES[name](registry.get(variant))


def test_excuses_have_reasons():
    for (variant, name), reason in contract.EXCUSED.items():
        assert variant in registry.variants()
        assert name in NAMES
        assert len(reason.split()) > 3


class Averaged(keras_ae.VAE):
    """Forgets that weights are one for each example: nothing is left of them
    in a mean over the batch."""

    def loss_terms(self, *arguments):
        terms = super().loss_terms(*arguments)
        return terms | {"kl": tf.reduce_mean(terms["kl"])}


class Declared(Averaged):
    """Says that it means it."""

    batch_statistics = frozenset({"kl"})


class Misdeclared(keras_ae.VAE):
    """Calls a term of every example a statistic."""

    batch_statistics = frozenset({"kl"})


class Unknown(keras_ae.VAE):
    """Has no such term."""

    batch_statistics = frozenset({"perplexity"})


@pytest.mark.parametrize("name", ["check_term_shapes", "check_sample_weight"])
@pytest.mark.parametrize("cls", [Averaged, Misdeclared, Unknown])
def test_a_mean_over_the_batch_is_declared(cls, name):
    # What is not declared is refused as soon as the model trains.
    kind = ValueError if cls is Averaged else AssertionError
    with pytest.raises(kind, match="batch_statistics"):
        NAMES[name](cls)
    NAMES[name](Declared)


@pytest.mark.parametrize(
    "cls, options, expected",
    [
        (keras_ae.SparseAutoencoder, {"sparsity": "kl_to_rho"}, {"sparsity"}),
        (keras_ae.SparseAutoencoder, {"sparsity": "top_k"}, set()),
        (keras_ae.BetaVAE, {"constraint": "free_bits"}, {"constrained_kl"}),
        (keras_ae.BetaVAE, {}, set()),
        (keras_ae.VQVAE, {}, {"perplexity"}),
    ],
)
def test_parts_declare_their_statistics(cls, options, expected):
    model = tools.make(cls, **{"latent_dim": 10} | options)
    model.compile("adam")
    terms = model.objective(tools.rows(cls))
    found = {n for n, value in terms.items() if value.shape.rank == 0}
    assert found == model.batch_statistics == expected
