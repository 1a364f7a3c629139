"""Levels: the bound of a linear chain is its likelihood."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow_probability as tfp

import keras_ae
from keras_ae.math import chains
from tests.kinds import first

tfd = tfp.distributions

A, B, NOISE = 0.8, 0.6, 0.5  # z_2 = A z_1 + B e, x = 1.5 z_2 + NOISE e
W = 1.5
RAW = np.log(np.expm1(1.0))


def raw(scale):
    return np.log(np.expm1(scale - 1e-5))


@pytest.fixture(scope="module")
def linear():
    """z_1 ~ N(0, 1), z_2 and x linear; the posterior is exact."""
    model = keras_ae.HierarchicalVAE.create(
        (1,),
        2,
        network="linear",
        prior={"hierarchical": {"width": 1}},
        likelihood=keras_ae.heads.Gaussian(scale=NOISE),
        seed=0,
    )
    model.decoder.projection.set_weights([np.array([[0.0], [W]]), np.zeros(1)])
    # tanh is the identity but for a part in a million.
    model.prior.networks[0].set_weights(
        [
            np.array([[1e-3]]),
            np.zeros(1),
            np.array([[A * 1e3, 0.0]]),
            np.array([0.0, raw(B) - RAW]),
        ]
    )
    # x = W A z_1 + noise: of the top; x / W = z_2 + noise: of the other.
    variance = (W * B) ** 2 + NOISE**2
    gain = W * A / ((W * A) ** 2 + variance)
    top = np.sqrt(1 - gain * W * A)
    model.encoder.projection.set_weights(
        [
            np.array([[gain, 1 / W, 0.0, 0.0]]),
            np.array([0.0, 0.0, raw(top), raw(NOISE / W)]),
        ]
    )
    return model


def test_the_bound_of_a_linear_chain_is_its_likelihood(linear):
    x = np.linspace(-3, 3, 50, dtype="float32")[:, None]
    deviation = np.sqrt(W**2 * (A**2 + B**2) + NOISE**2)
    exact = scipy.stats.norm.logpdf(x[:, 0], scale=deviation)
    posterior, prior = linear.encode(x), linear.p_z()
    z = posterior.sample(20, seed=(0, 1))
    bound = (
        linear.decode(z).log_prob(x) + prior.log_prob(z)
    ) - posterior.log_prob(z)
    # Each draw gives it: the posterior is p(z|x).
    np.testing.assert_allclose(bound, np.tile(exact, (20, 1)), atol=1e-3)
    terms = linear.objective(np.repeat(x, 400, axis=0))
    mean = -(terms["reconstruction"] + terms["kl"]).numpy().reshape(50, 400)
    error = mean.std(1) / 20
    assert (np.abs(mean.mean(1) - exact) < 4 * error).all()
    np.testing.assert_allclose(
        terms["kl"], terms["kl_1"] + terms["kl_2"], rtol=1e-6
    )


def test_a_chain_has_the_law_of_its_levels(linear):
    prior = linear.p_z()
    covariance = [[1, A], [A, A**2 + B**2]]
    z = prior.sample(5_000, seed=(0, 2)).numpy()
    exact = scipy.stats.multivariate_normal(cov=covariance)
    np.testing.assert_allclose(prior.log_prob(z), exact.logpdf(z), atol=1e-3)
    np.testing.assert_allclose(np.cov(z.T), covariance, atol=0.08)
    assert linear.sample(3, seed=0).shape == (3, 1)


def test_a_product_of_normals_is_theirs_multiplied():
    p, q = (
        tfd.Independent(tfd.Normal([m], [s]), 1)
        for m, s in ((1.0, 0.5), (-2.0, 2.0))
    )
    x = np.linspace(-4, 4, 9)[:, None].astype("float32")
    rest = p.log_prob(x) + q.log_prob(x) - chains.product(p, q).log_prob(x)
    np.testing.assert_allclose(rest, np.full(9, rest[0]), rtol=1e-4)


def test_three_levels_and_other_parts():
    model = keras_ae.HierarchicalVAE.create(
        (4,), 7, hidden=(8,), prior={"hierarchical": {"levels": 3}}, samples=2
    )
    terms = model.objective(np.ones([5, 4], "float32"))
    assert set(terms) == {"reconstruction", "kl", "kl_1", "kl_2", "kl_3"}
    assert model.prior.sizes((7,)) == [3, 2, 2]
    assert terms["kl_1"].shape == (2, 5)
    for options in (
        {"prior": "standard_normal"},
        {"posterior": "laplace"},
        {"prior": {"hierarchical": {"levels": [2, 2]}}},
    ):
        with pytest.raises((TypeError, ValueError), match="Expected"):
            keras_ae.HierarchicalVAE.create((4,), 3, hidden=(8,), **options)


@pytest.mark.parametrize("code", [(5,), (4, 4, 5)])
def test_convolutions_have_levels_too(code):
    model = keras_ae.HierarchicalVAE.create(
        keras_ae.spaces.Image(8, 8),
        code if len(code) > 1 else code[0],
        network="conv",
        hidden=(4,),
        prior={"hierarchical": {"levels": [2, 3], "width": 4}},
        likelihood="bernoulli",
        seed=0,
    )
    x = np.random.default_rng(0).uniform(size=(3, 8, 8, 1)).astype("float32")
    posterior, prior = model.encode(x), model.p_z()
    assert posterior.event_shape == prior.event_shape == code
    z = posterior.sample(seed=(0, 1))
    found = chains.divergences(posterior, prior, z)
    # The KL of normals, of each level given the one above in the draw.
    for q, p, kl in zip(
        posterior.levels(z), prior.levels(z), found, strict=True
    ):
        ratio = (q.stddev() / p.stddev()).numpy()
        shift = ((q.mean() - p.mean()) / p.stddev()).numpy()
        each = (ratio**2 + shift**2 - 1) / 2 - np.log(ratio)
        expected = each.reshape(3, -1).sum(-1)
        np.testing.assert_allclose(kl, expected, rtol=1e-4, atol=1e-5)
    assert model.reconstruct(x).shape == x.shape
    assert model.sample(2, seed=0).shape == (2, 8, 8, 1)
    assert model.objective(x)["kl_2"].shape == (3,)


def test_a_level_of_a_grid_sees_what_is_around():
    """Where it looks at its own place alone, places are independent vectors
    with levels; else a place depends on its neighbours and no others."""
    grid, flat = (
        keras_ae.priors.Hierarchical([2, 1], width=4) for _ in range(2)
    )
    grid.build((None, 5, 5, 3))
    flat.build((None, 3))
    kernel, *rest = grid.networks[0].get_weights()
    alone = np.zeros_like(kernel)
    alone[1, 1] = kernel[1, 1]
    grid.networks[0].set_weights([alone, *rest])
    flat.networks[0].set_weights([kernel[1, 1], *rest])
    z = np.random.default_rng(1).normal(size=(2, 5, 5, 3)).astype("float32")
    np.testing.assert_allclose(
        grid.distribution(None).log_prob(z),
        flat.distribution(None).log_prob(z).numpy().sum((1, 2)),
        rtol=1e-5,
    )
    grid.networks[0].set_weights([kernel, *rest])
    moved = z.copy()
    moved[:, 1, 2, :2] += 1
    means = [grid.distribution(None).levels(v)[1].mean() for v in (z, moved)]
    near = np.zeros([5, 5], bool)
    near[0:3, 1:4] = True
    np.testing.assert_array_equal(
        (means[0] != means[1]).numpy().any((0, 3)), near
    )


def test_volumes_have_levels_and_more_sides_none():
    prior = keras_ae.priors.Hierarchical(2)
    prior.build((None, 2, 2, 2, 4))
    z = prior.distribution(None).sample(seed=(0, 1))
    assert z.shape == (2, 2, 2, 4)
    with pytest.raises(ValueError, match="one to three sides"):
        prior.sizes((2, 2, 2, 2, 4))


def with_top(top, space=(6,), code=5, **options):
    prior = {"hierarchical": {"levels": [2, 3], "width": 4, "top": top}}
    return keras_ae.HierarchicalVAE.create(
        space, code, prior=prior, likelihood="bernoulli", seed=0, **options
    )


def log_normal(z, mean, scale):
    """Of each row of `z` under each row of `mean`."""
    return scipy.stats.norm.logpdf(z[:, None], mean, scale).sum(-1)


@pytest.mark.parametrize("top", ["vamp", "exemplar"])
def test_the_top_is_a_mixture_of_what_the_encoder_says_of_it(top):
    x = np.random.default_rng(0).integers(0, 2, [4, 6]).astype("float32")
    model = with_top({top: {"components": 4}}, hidden=(8,))
    model.adapt(x)
    prior, z = model.p_z(), model.p_z().sample(7, seed=(0, 1)).numpy()
    said = model.encoder(x).distribution
    mean, scale = said.loc.numpy()[:, :2], said.scale.numpy()[:, :2]
    above = np.log(np.exp(log_normal(z[:, :2], mean, scale)).mean(1))
    below = prior.levels(z)[1]
    rest = scipy.stats.norm.logpdf(
        z[:, 2:], below.mean().numpy(), below.stddev().numpy()
    ).sum(1)
    np.testing.assert_allclose(prior.log_prob(z), above + rest, atol=1e-4)


def test_an_example_is_left_out_of_its_own_top():
    x = np.eye(6, dtype="float32")[:4]
    model = with_top({"exemplar": {"components": 4}}, hidden=(8,))
    model.adapt(x)
    prior = model.prior.among(x, model.encode)
    z = model.encode(x).sample(seed=(0, 1)).numpy()
    said = model.encoder(x).distribution
    each = log_normal(
        z[:, :2], said.loc.numpy()[:, :2], said.scale.numpy()[:, :2]
    )
    each[np.arange(4), np.arange(4)] = -np.inf
    # Examples stand in the prior in an order of their own: a sum over them.
    expected = np.log(np.exp(each).sum(1) / 3)
    np.testing.assert_allclose(
        prior.top.log_prob(z[:, :2]), expected, rtol=1e-4
    )


@pytest.mark.parametrize(
    "top", first(["vamp"], ["vamp", "flow", "gaussian_mixture", "exemplar"])
)
@pytest.mark.parametrize("grid", [False, True])
def test_a_learned_top_is_trained_saved_and_drawn_from(top, grid, tmp_path):
    rng = np.random.default_rng(0)
    arguments = {"components": 4} if top in ("vamp", "exemplar") else {}
    space = keras_ae.spaces.Image(8, 8) if grid else (6,)
    model = with_top(
        {top: arguments},
        space,
        (4, 4, 5) if grid else 5,
        hidden=(4,),
        network="conv" if grid else "mlp",
    )
    x = rng.integers(0, 2, [32, *(model.space.shape)]).astype("float32")
    model.adapt(x)
    model.compile("adam")
    before = [v.numpy() for v in model.prior.top.trainable_variables]
    logs = model.fit(x, epochs=1, batch_size=16, verbose=0).history
    assert np.isclose(logs["kl"][0], logs["kl_1"][0] + logs["kl_2"][0])
    for old, new in zip(
        before, model.prior.top.trainable_variables, strict=True
    ):
        assert (old != new.numpy()).any()
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    z = model.p_z().sample(3, seed=(0, 1))
    np.testing.assert_array_equal(
        again.p_z().log_prob(z), model.p_z().log_prob(z)
    )
    np.testing.assert_array_equal(
        again.sample(2, seed=1), model.sample(2, seed=1)
    )


def test_the_kl_of_a_learned_top_is_that_of_many_draws():
    model = with_top({"gaussian_mixture": {"components": 3}}, hidden=(8,))
    x = np.ones([1, 6], "float32")
    found = model.objective(np.repeat(x, 4_000, axis=0))["kl_1"].numpy()
    q, p = model.encode(x).top, model.p_z().top
    z = q.sample(40_000, seed=(3, 4))
    exact = (q.log_prob(z)[:, 0] - p.log_prob(z)[:, 0]).numpy()
    error = np.hypot(found.std() / 4_000**0.5, exact.std() / 200)
    assert abs(found.mean() - exact.mean()) < 4 * error


def test_a_top_that_looks_for_neighbors_is_refused():
    with pytest.raises(ValueError, match="neighbors=None"):
        keras_ae.priors.Hierarchical(2, top={"exemplar": {"neighbors": 3}})
