"""What `create` makes of its arguments."""

import keras
import numpy as np
import pytest

import keras_ae

X = np.random.default_rng(0).normal(size=(40, 6)).astype("float32")


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float64"])
def test_a_policy_is_that_of_all_layers(policy):
    """As if it were that of the process, which it does not change."""

    def trained(**options):
        model = keras_ae.VAE.create((6,), 2, hidden=(8,), seed=0, **options)
        model.compile("adam", jit_compile=False)
        model.fit(X, epochs=1, verbose=0)
        return model

    before = keras.config.dtype_policy()
    found = trained(dtype=policy)
    assert keras.config.dtype_policy() == before
    keras.config.set_dtype_policy(policy)
    try:
        expected = trained()
    finally:
        keras.config.set_dtype_policy(before)
    for one, two in zip(found.weights, expected.weights, strict=True):
        assert one.dtype == two.dtype
        np.testing.assert_array_equal(one, two)
    plain = trained().get_weights()
    pairs = zip(found.get_weights(), plain, strict=True)
    assert any((a != b).any() for a, b in pairs)


@pytest.mark.parametrize("variant", ["conditional-vae", "m2"])
def test_a_condition_that_is_missing_is_named(variant):
    with pytest.raises(TypeError, match="Expected `condition`"):
        keras_ae.create(variant, (6,), 2)


class Lump(keras_ae.VAE):
    """Gives one number where terms by name are due."""

    def loss_terms(self, *arguments):
        return sum(super().loss_terms(*arguments).values())


def test_terms_without_names_are_refused():
    model = Lump.create((6,), 2, hidden=(8,))
    model.compile("adam", jit_compile=False)
    with pytest.raises(TypeError, match="no dict. Expected .'kl'"):
        model.fit(X, verbose=0)


def test_labels_beside_examples_that_nobody_is_told_are_named():
    model = keras_ae.VAE.create((6,), 2, hidden=(8,))
    model.compile("adam")
    with pytest.raises(TypeError, match="nothing beside them.*`given`"):
        model.fit((X, np.zeros(len(X), "int32")), verbose=0)
    with pytest.raises(TypeError, match="no array.*str.*keras_ae.data.load"):
        model.embed("table.csv")


def test_a_model_that_is_not_built_has_no_samples():
    encoder = keras_ae.DistributionNetwork(keras.layers.Dense(4), "gaussian", 2)
    decoder = keras_ae.DistributionNetwork(keras.layers.Dense(4), "gaussian", 3)
    model = keras_ae.VAE(encoder, decoder)
    with pytest.raises(ValueError, match="not built.*`fit`, `build`"):
        model.sample(4)
    model.build((None, 3))
    assert model.sample(4).shape == (4, 3)
