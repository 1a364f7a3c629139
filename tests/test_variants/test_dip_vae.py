"""Codes without correlation and of variance one."""

import keras
import numpy as np
import pytest

import keras_ae

RNG = np.random.default_rng(0)
X = RNG.normal(size=(512, 2)) @ RNG.normal(size=(2, 6))
X = (X + 0.1 * RNG.normal(size=X.shape)).astype("float32")


def model(**options):
    made = keras_ae.DIPVAE.create((6,), 2, network="linear", seed=0, **options)
    kernel = np.zeros((6, 4), "float32")
    kernel[0, 0] = kernel[0, 1] = kernel[1, 1] = 1.0
    made.encoder.projection.set_weights([kernel, np.zeros(4, "float32")])
    made.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    return made


def aggregate(made, covariance_of):
    """Covariance of the means of codes, or of codes, by NumPy."""
    posterior = made.encode(X)
    found = np.cov(posterior.mean().numpy().T, bias=True)
    if covariance_of == "means":
        return found
    return found + np.diag(posterior.variance().numpy().mean(axis=0))


@pytest.mark.parametrize("covariance_of", ["codes", "means"])
def test_terms_are_distances_from_the_identity_and_shrink(covariance_of):
    made = model(
        covariance_of=covariance_of, off_diagonal=100.0, diagonal=100.0
    )
    terms = made.objective(X)
    covariance = aggregate(made, covariance_of)
    apart = (covariance - np.eye(2)) ** 2
    np.testing.assert_allclose(terms["diagonal"], np.trace(apart), rtol=1e-4)
    expected = apart.sum() - np.trace(apart)
    np.testing.assert_allclose(terms["off_diagonal"], expected, rtol=1e-4)
    assert expected > 0.5
    made.fit(np.tile(X, (80, 1)), batch_size=256, shuffle=False, verbose=0)
    covariance = aggregate(made, covariance_of)
    assert np.abs(covariance - np.eye(2)).max() < 0.1


def test_without_weights_it_is_the_vae():
    made = model(off_diagonal=0.0, diagonal=0.0)
    logs = made.evaluate(X, batch_size=512, verbose=0, return_dict=True)
    expected = logs["reconstruction"] + logs["kl"]
    np.testing.assert_allclose(logs["loss"], expected, rtol=1e-5)


def test_out_of_range_is_refused():
    for options in (
        {"covariance_of": "draws"},
        {"off_diagonal": -1.0},
        {"diagonal": -1.0},
    ):
        with pytest.raises(ValueError, match="Expected"):
            model(**options)
