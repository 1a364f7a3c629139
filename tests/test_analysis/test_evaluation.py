"""The latent space: tangent planes, lines, traversals, mere copying."""

import keras
import numpy as np
import pandas as pd
import pytest
from scipy.linalg import subspace_angles

import keras_ae
from keras_ae.analysis import evaluation
from keras_ae.parts.corruptions import GaussianNoise

# Three dimensions among ten.
BASIS = np.linalg.qr(np.random.default_rng(0).normal(size=(10, 3)))[0]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def _paraboloid(n, seed):
    """Points of a curved surface in 10 dimensions, and their tangents."""
    u, v = np.random.default_rng(seed).uniform(-1, 1, (2, n))
    points = np.stack([u, v, u**2 + v**2 / 2 - 0.5], axis=1)
    one, zero = np.ones(n), np.zeros(n)
    tangents = np.stack([[one, zero, 2 * u], [zero, one, v]])  # [2, 3, n]
    return (points @ BASIS.T).astype("float32"), BASIS @ tangents.T


def _trained(variant, x, epochs, learning_rate=5e-3, **options):
    model = keras_ae.create(variant, x.shape[1], seed=0, **options)
    steps = epochs * -(-len(x) // 128)
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    model.compile(keras.optimizers.Adam(schedule), jit_compile=False)
    model.fit(x, batch_size=128, epochs=epochs, verbose=0)
    return model


def _linear(encode, decode):
    """A linear autoencoder h = x encode, r = h decode."""
    model = keras_ae.Autoencoder.create(
        len(encode), encode.shape[1], network="linear"
    )
    model.encoder.projection.kernel.assign(encode)
    model.decoder.projection.kernel.assign(decode)
    return model


@pytest.mark.parametrize("rank", [None, 2])
def test_tangent_space_of_a_linear_code_is_its_svd(rank, rng):
    kernel = rng.normal(size=(6, 4)).astype("float32")
    space = evaluation.tangent_space(
        _linear(kernel, kernel.T), rng.normal(size=(5, 6)), rank
    )
    _, values, right = np.linalg.svd(kernel.T, full_matrices=False)
    assert space.directions.shape == (5, rank or 4, 6)
    for i in range(5):
        np.testing.assert_allclose(
            space.singular_values[i], values[:rank], rtol=1e-5
        )
        # One matrix product with the sign that the SVD leaves open.
        cosines = np.sum(space.directions[i] * right[:rank], axis=1)
        np.testing.assert_allclose(np.abs(cosines), 1, rtol=1e-5)


@pytest.mark.parametrize("network", ["mlp", "strided"])
def test_tangent_space_equals_finite_differences(network, rng):
    model = keras_ae.VAE.create(
        (3, 4, 1), 2, network=network, hidden=(8,), activation="tanh", seed=0
    )
    x = rng.uniform(size=(3, 3, 4, 1))
    space = evaluation.tangent_space(model, x)
    steps = np.eye(12).reshape(12, 1, 3, 4, 1)
    # Central differences: rounding 1e-7 / 1e-2, curvature 1e-4 of the value.
    up, down = (
        np.stack([model.embed(x + h * 1e-2) for h in sign * steps])
        for sign in (1, -1)
    )
    jacobian = ((up - down) / 2e-2).transpose(1, 2, 0)  # [B, d, D]
    for i in range(3):
        _, values, right = np.linalg.svd(jacobian[i], full_matrices=False)
        np.testing.assert_allclose(space.singular_values[i], values, rtol=1e-3)
        found = space.directions[i].reshape(2, -1)
        assert subspace_angles(found.T, right.T).max() < 1e-3


def test_tangent_space_does_not_depend_on_the_batch():
    model = keras_ae.Autoencoder.create(10, 3, hidden=(8,), seed=0)
    x, _ = _paraboloid(300, seed=1)  # more than one compiled batch
    whole = evaluation.tangent_space(model, x).singular_values
    single = evaluation.tangent_space(model, x[280:281]).singular_values
    np.testing.assert_allclose(whole[280:281], single, rtol=1e-4)


@pytest.mark.long
def test_tangent_space_finds_the_tangent_planes_of_a_curved_surface():
    """An encoder that has learned to remove noise changes only along the
    surface. The planes turn: one plane for all is far from most of them."""
    x, _ = _paraboloid(1024, seed=1)
    test, tangents = _paraboloid(200, seed=2)
    model = _trained(
        "denoising",
        x,
        epochs=300,
        learning_rate=1e-2,
        latent_dim=2,
        hidden=(64, 64),
        activation="tanh",
        corruption=GaussianNoise(0.2),
    )
    found = evaluation.tangent_space(model, test, 2).directions
    angles = [
        subspace_angles(a.T, b).max()
        for a, b in zip(found, tangents, strict=True)
    ]
    assert np.mean(angles) < 0.2
    flat = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)[2][:2]
    assert np.mean([subspace_angles(flat.T, b).max() for b in tangents]) > 0.5


def test_contraction_makes_the_spectrum_fall_faster():
    """Of 16 numbers of the code a plain encoder makes most sensitive to
    something; the surface lies in 3 dimensions and varies along 2."""
    x, _ = _paraboloid(1024, seed=1)
    options = {"latent_dim": 16, "hidden": (64,), "activation": "tanh"}
    plain = _trained("autoencoder", x, 40, **options)
    contractive = _trained("contractive", x, 40, strength=0.003, **options)
    spectra = []
    for model in (plain, contractive):
        values = evaluation.tangent_space(model, x[:200]).singular_values
        spectra.append(np.mean(values / values[:, :1], axis=0))
        residual = np.square(x - model.reconstruct(x)).sum(axis=1)
        assert residual.mean() < 0.01 * x.var(axis=0).sum()  # both learned
    assert np.all(spectra[1][3:] < spectra[0][3:] / 2)


def test_interpolation_is_linear_in_code_and_ends_at_reconstructions(rng):
    model = keras_ae.VAE.create((6, 5, 1), 3, hidden=(8,), seed=0)
    a, b = rng.uniform(size=(2, 4, 6, 5, 1)).astype("float32")
    path = evaluation.interpolate(model, a, b, steps=5)
    assert path.shape == (4, 5, 6, 5, 1)
    np.testing.assert_allclose(path[:, 0], model.reconstruct(a), atol=1e-6)
    np.testing.assert_allclose(path[:, -1], model.reconstruct(b), atol=1e-6)
    middle = model.decode((model.embed(a) + model.embed(b)) / 2).mean()
    np.testing.assert_allclose(path[:, 2], middle, atol=1e-6)


def test_interpolation_keeps_the_condition_of_the_start(rng):
    model = keras_ae.ConditionalVAE.create(
        5, 2, hidden=(8,), condition=3, seed=0
    )
    a, b = rng.uniform(size=(2, 4, 5)).astype("float32")
    path = evaluation.interpolate(model, (a, [0] * 4), (b, [2] * 4), steps=3)
    codes = model.embed((b, [2] * 4))
    expected = model.decode((codes, np.zeros(4, int))).mean()
    np.testing.assert_allclose(path[:, -1], expected, atol=1e-6)


def test_traversal_changes_one_coordinate_only(rng):
    """With the identity for a decoder the codes themselves are seen."""
    model = _linear(rng.normal(size=(4, 4)).astype("float32"), np.eye(4))
    x = rng.normal(size=(2, 4)).astype("float32")
    codes = model.embed(x)
    result = evaluation.traverse(model, x, dimensions=[3, 1], values=(-2, 0, 5))
    expected = np.broadcast_to(codes[:, None, None], (2, 2, 3, 4)).copy()
    expected[:, 0, :, 3] = expected[:, 1, :, 1] = (-2, 0, 5)
    np.testing.assert_allclose(result, expected, atol=1e-6)
    assert evaluation.traverse(model, x).shape == (2, 4, 7, 4)


@pytest.mark.parametrize("kept", [0, 3, 8])
def test_copying_of_a_projection_is_known_in_closed_form(kept, rng):
    """Shuffled columns are independent with the variances v of the data: a
    symmetric map M leaves sum_ij (I - M)_ij^2 v_j of sum(v) behind."""
    mixing = rng.normal(size=(8, 8))
    x = rng.normal(size=(20_000, 8)) @ mixing
    x -= x.mean(axis=0)
    covariance = np.cov(x.T, bias=True)
    v, rest = np.diag(covariance), np.eye(8)
    basis = np.linalg.svd(x, full_matrices=False)[2][:kept]
    rest = rest - basis.T @ basis
    code = np.zeros((8, 16), "float32")  # overcomplete, half of it unused
    code[:, :8] = np.eye(8)
    decode = np.concatenate([np.eye(8) - rest, np.zeros((8, 8))])
    shares = evaluation.copying(_linear(code, decode), x)
    on_data = 1 - np.trace(rest @ covariance @ rest) / v.sum()
    off_data = 1 - np.sum(np.square(rest) @ v) / v.sum()
    # `on_data` is exact, `off_data` has correlations of 1/sqrt(20,000) left.
    assert shares.on_data == pytest.approx(on_data, abs=1e-4)
    assert shares.off_data == pytest.approx(off_data, abs=0.02)


def test_overcomplete_copies_anything_unless_regularized(rng):
    """Two factors with noise, code of twice the length of the data. The best
    linear denoiser is known: C (C + s^2 I)^-1 for data of covariance C."""
    loadings = rng.normal(size=(2, 8))
    noise = 0.3 * rng.normal(size=(4096, 8))
    x = rng.normal(size=(4096, 2)) @ loadings + noise
    x -= x.mean(axis=0)
    options = {"latent_dim": 16, "network": "linear", "learning_rate": 1e-2}
    plain = evaluation.copying(_trained("autoencoder", x, 30, **options), x)
    assert min(plain) > 0.98
    denoising = evaluation.copying(
        _trained("denoising", x, 30, corruption=GaussianNoise(1.0), **options),
        x,
    )
    covariance = np.cov(x.T, bias=True)
    rest = np.eye(8) - covariance @ np.linalg.inv(covariance + np.eye(8))
    v = np.diag(covariance)
    expected = (
        1 - np.trace(rest @ covariance @ rest) / v.sum(),
        1 - np.sum(np.square(rest) @ v) / v.sum(),
    )
    # Weights learned from noise wander by a few per cent around the best.
    np.testing.assert_allclose(denoising, expected, atol=0.05)
    assert denoising.off_data < 0.8 < 0.9 < denoising.on_data


def test_bad_arguments_are_refused():
    model = keras_ae.Autoencoder.create(5, 2, hidden=(4,))
    x = np.zeros([3, 5])
    with pytest.raises(ValueError, match="rank.*at most 2.*rank=3"):
        evaluation.tangent_space(model, x, rank=3)
    with pytest.raises(ValueError, match="steps.*at least 2.*steps=1"):
        evaluation.interpolate(model, x, x, steps=1)
    with pytest.raises(ValueError, match="not pairs.*3 and 2"):
        evaluation.interpolate(model, x, x[:2])
    with pytest.raises(ValueError, match="dimensions.*dimensions=2"):
        evaluation.traverse(model, x, dimensions=[2])
    with pytest.raises(ValueError, match="does not vary.*3 examples"):
        evaluation.copying(model, x)


def test_lines_and_traversals_of_a_data_frame_are_those_of_its_rows():
    df = pd.DataFrame({"a": np.arange(6.0), "b": [*"xyzxyz"]})
    table = keras_ae.spaces.Table.from_frame(df)
    vae = keras_ae.VAE.create(table, 2, hidden=(4,), seed=0)
    rows = table.rows("x", df)
    np.testing.assert_array_equal(
        evaluation.traverse(vae, df), evaluation.traverse(vae, rows)
    )
    np.testing.assert_array_equal(
        evaluation.interpolate(vae, df[:3], df[3:], 4),
        evaluation.interpolate(vae, rows[:3], rows[3:], 4),
    )
