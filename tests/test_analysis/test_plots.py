"""Plots: what is drawn is what the model gives, on the axes that are given."""

import warnings

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image
from scipy import stats
from sklearn.decomposition import PCA

import keras_ae
from keras_ae.analysis import evaluation
from keras_ae.analysis import plots
from keras_ae.parts.corruptions import GaussianNoise

SHAPE = (4, 5, 1)


@pytest.fixture(scope="module")
def vae():
    return keras_ae.VAE.create(
        SHAPE, 2, hidden=(8,), likelihood="bernoulli", seed=0
    )


@pytest.fixture(scope="module")
def rgb():
    return keras_ae.VAE.create(
        (4, 5, 3), 3, hidden=(8,), likelihood="bernoulli", seed=0
    )


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).uniform(size=(12, *SHAPE)).astype("f4")


def _ax(figure):
    return figure.axes[0]


def _tile(ax, row, column, gap=plots.GAP, shape=SHAPE):
    """One image of a mosaic, as drawn."""
    height, width, _ = shape
    top, left = row * (height + gap), column * (width + gap)
    drawn = ax.images[0].get_array()
    return np.asarray(drawn[top : top + height, left : left + width])


def _labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def test_latent_map_draws_the_codes(vae, x):
    ax = _ax(plots.latent_map(vae, x))
    (points,) = ax.collections
    np.testing.assert_allclose(points.get_offsets(), vae.embed(x))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("code $z_1$", "code $z_2$")
    assert ax.get_aspect() == 1


def test_latent_map_takes_a_data_frame():
    df = pd.DataFrame({"a": np.arange(6.0), "b": [*"xyzxyz"]})
    table = keras_ae.spaces.Table.from_frame(df)
    vae = keras_ae.VAE.create(table, 2, hidden=(4,), seed=0)
    ax = _ax(plots.latent_map(vae, df, df["b"].astype("category")))
    found = np.concatenate([p.get_offsets() for p in ax.collections])
    expected = vae.embed(df).iloc[[0, 3, 1, 4, 2, 5]]
    np.testing.assert_allclose(found, expected)


def test_latent_map_of_more_dimensions_draws_principal_components(rgb):
    x = np.random.default_rng(1).uniform(size=(30, 4, 5, 3))
    ax = _ax(plots.latent_map(rgb, x))
    pca = PCA(2)
    expected = pca.fit_transform(rgb.embed(x))
    np.testing.assert_allclose(ax.collections[0].get_offsets(), expected)
    share = pca.explained_variance_ratio_[0]
    assert f"{share:.0%}" in ax.get_xlabel()
    assert "principal component 2" in ax.get_ylabel()


def test_latent_map_with_classes_has_a_legend(vae, x):
    labels = np.array(list("abca" * 3))
    ax = _ax(plots.latent_map(vae, x, labels))
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["a", "b", "c"]
    counts = [len(points.get_offsets()) for points in ax.collections]
    assert counts == [6, 3, 3]
    colors = {tuple(points.get_facecolor()[0]) for points in ax.collections}
    assert len(colors) == 3


def test_every_class_is_told_apart(vae, x):
    """More classes than colors: then the marker differs."""
    ax = _ax(plots.latent_map(vae, x, np.arange(12)))
    looks = {
        (tuple(p.get_facecolor()[0]), len(p.get_paths()[0].vertices))
        for p in ax.collections
    }
    assert len(looks) == 12


@pytest.mark.parametrize("shape", [(11,), (12, 3)], ids=["few", "one_hot"])
def test_latent_map_wants_one_label_for_each_example(vae, x, shape):
    with pytest.raises(ValueError, match=r"`labels`. Expected 12 .*\(1[12],"):
        plots.latent_map(vae, x, np.zeros(shape, int))


def test_latent_map_with_numbers_has_a_color_scale(vae, x):
    values = x.mean(axis=(1, 2, 3))
    figure = plots.latent_map(vae, x, values)
    np.testing.assert_allclose(_ax(figure).collections[0].get_array(), values)
    assert figure.axes[1].get_ylabel() == "label"


def test_manifold_decodes_quantiles_of_the_prior(vae):
    ax = _ax(plots.manifold(vae, n=4))
    lines = stats.norm.ppf([1 / 8, 3 / 8, 5 / 8, 7 / 8])
    for row in range(4):
        for column in range(4):
            z = np.array([[lines[column], lines[3 - row]]], "float32")
            np.testing.assert_allclose(
                _tile(ax, row, column, gap=0),
                vae.decode(z).mean()[0, ..., 0],
                atol=1e-5,
            )
    assert _labels(ax.xaxis) == [f"{v:.2g}" for v in lines]
    # The upper rows have the larger values: pixel rows grow downwards.
    ticks = dict(zip(_labels(ax.yaxis), ax.get_yticks(), strict=True))
    assert ticks[f"{lines[3]:.2g}"] < ticks[f"{lines[0]:.2g}"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("code $z_1$", "code $z_2$")


def test_manifold_of_a_learned_prior_uses_its_draws(x):
    prior = keras_ae.priors.VampPrior(3)
    model = keras_ae.VAE.create(SHAPE, 2, hidden=(8,), prior=prior, seed=0)
    levels = np.array([0.25, 0.75])
    found = plots._quantiles(model, levels)
    draws = prior.distribution(model.encode).sample(20_000, seed=(3, 4))
    for i in range(2):
        share = [np.mean(draws[:, i] < q) for q in found[:, i]]
        # Of 10,000 and 20,000 draws: 4 * sqrt(0.19 * 1.5e-4) = 0.021.
        np.testing.assert_allclose(share, levels, atol=0.021)


def test_manifold_of_a_condition(x):
    model = keras_ae.ConditionalVAE.create(
        SHAPE, 2, hidden=(8,), condition=3, likelihood="bernoulli", seed=0
    )
    ax = _ax(plots.manifold(model, n=1, given=2))
    expected = model.decode((np.zeros([1, 2], "float32"), [2])).mean()
    np.testing.assert_allclose(_tile(ax, 0, 0), expected[0, ..., 0], atol=1e-6)


def test_reconstructions_stand_below_the_originals(vae, x):
    ax = _ax(plots.reconstructions(vae, x[:3]))
    decoded = vae.reconstruct(x[:3])
    for i in range(3):
        np.testing.assert_allclose(_tile(ax, 0, i), x[i, ..., 0])
        np.testing.assert_allclose(_tile(ax, 1, i), decoded[i, ..., 0])
    assert _labels(ax.yaxis) == ["original", "reconstruction"]
    # The label is level with the middle of the row of images.
    assert ax.get_yticks()[0] == pytest.approx((SHAPE[0] - 1) / 2)
    assert ax.images[0].get_cmap().name == "gray"
    assert ax.images[0].get_clim() == (0, 1)
    assert ax.get_aspect() == 1


def test_gaps_are_blank(vae, x):
    drawn = _ax(plots.reconstructions(vae, x[:3])).images[0].get_array()
    assert drawn.shape == (2 * 4 + 1, 3 * 5 + 2)
    assert np.ma.getmaskarray(drawn)[4].all()
    assert np.ma.getmaskarray(drawn)[:, [5, 11]].all()


def test_color_images(rgb):
    x = np.random.default_rng(1).uniform(size=(3, 4, 5, 3))
    ax = _ax(plots.reconstructions(rgb, x))
    tile = _tile(ax, 0, 1, shape=(4, 5, 3))
    np.testing.assert_allclose(tile[..., :3], x[1], atol=1e-6)
    assert np.all(tile[..., 3] == 1)  # opaque
    assert np.all(ax.images[0].get_array()[4, :, 3] == 0)  # the gap is not


def test_samples_are_those_of_the_model(vae):
    ax = _ax(plots.samples(vae, n=5, seed=3))
    expected = vae.sample(5, seed=3)
    for i in range(5):
        np.testing.assert_allclose(
            _tile(ax, i // 3, i % 3), expected[i, ..., 0]
        )
    assert (
        np.ma.getmaskarray(_tile(ax, 1, 2)).all()
        or np.isnan(_tile(ax, 1, 2)).all()
    )
    assert ax.get_title() == "5 samples"


def test_traversals(vae, x):
    values = (-1, 0.5)
    ax = _ax(plots.traversals(vae, x[:1], values=values))
    expected = evaluation.traverse(vae, x[:1], values=values)
    for row in range(2):
        for column in range(2):
            np.testing.assert_allclose(
                _tile(ax, row, column), expected[0, row, column, ..., 0]
            )
    assert _labels(ax.yaxis) == ["$z_{1}$", "$z_{2}$"]
    assert _labels(ax.xaxis) == ["-1", "0.5"]
    assert ax.get_xlabel() and ax.get_ylabel()


def test_interpolations(vae, x):
    ax = _ax(plots.interpolations(vae, x[:2], x[2:4], steps=3))
    expected = evaluation.interpolate(vae, x[:2], x[2:4], steps=3)
    for row in range(2):
        for column in range(3):
            np.testing.assert_allclose(
                _tile(ax, row, column), expected[row, column, ..., 0]
            )
    assert _labels(ax.xaxis) == ["0", "0.5", "1"]
    assert ax.get_xlabel() and ax.get_ylabel()


def test_history_draws_every_curve():
    curves = {
        "loss": [3.0, 2.0],
        "kl": [0.5, 1.0],
        "val_loss": [3.5, 2.5],
        "val_kl": [0.6, 1.1],
    }
    ax = _ax(plots.history(curves))
    drawn = {line.get_label(): line for line in ax.lines}
    assert {k: list(v.get_ydata()) for k, v in drawn.items()} == curves
    assert list(drawn["loss"].get_xdata()) == [1, 2]
    assert drawn["loss"].get_color() == drawn["val_loss"].get_color()
    assert drawn["loss"].get_linestyle() != drawn["val_loss"].get_linestyle()
    assert drawn["loss"].get_color() != drawn["kl"].get_color()
    texts = {text.get_text() for text in ax.get_legend().get_texts()}
    assert texts == set(curves)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "nats per example")


def test_history_of_a_resumed_training_keeps_its_epochs(vae, x):
    vae.compile("adam", jit_compile=False)
    result = vae.fit(x, epochs=5, initial_epoch=3, verbose=0)
    line = _ax(plots.history(result)).lines[0]
    assert list(line.get_xdata()) == [4, 5]
    figure = plots.history(vae.fit(x, epochs=1, verbose=0))
    figure.canvas.draw()
    (line, *_) = _ax(figure).lines
    assert line.get_marker() not in ("None", "")  # one epoch is seen too


def test_score_field_draws_the_score():
    model = keras_ae.DenoisingAutoencoder.create(
        2, 3, hidden=(8,), corruption=GaussianNoise(0.5), seed=0
    )
    ax = _ax(plots.score_field(model, (-1, 3), n=5))
    (arrows,) = ax.collections
    points = np.stack([arrows.X, arrows.Y], axis=1)
    assert points.min() == -1 and points.max() == 3 and len(points) == 25
    # The definition: (g(f(x)) - x) / sigma^2.
    score = (model.reconstruct(points) - points) / 0.25
    np.testing.assert_allclose(
        np.stack([arrows.U, arrows.V], axis=1), score, rtol=1e-4, atol=1e-5
    )
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$x_1$", "$x_2$")
    assert ax.get_aspect() == 1


DRAWINGS = {
    "latent_map": lambda vae, x, ax: plots.latent_map(vae, x, ax=ax),
    "manifold": lambda vae, x, ax: plots.manifold(vae, 2, ax=ax),
    "reconstructions": lambda vae, x, ax: plots.reconstructions(vae, x, ax=ax),
    "samples": lambda vae, x, ax: plots.samples(vae, 4, ax=ax),
    "traversals": lambda vae, x, ax: plots.traversals(vae, x[:1], ax=ax),
    "interpolations": lambda vae, x, ax: plots.interpolations(vae, x, x, ax=ax),
    "history": lambda vae, x, ax: plots.history({"loss": [1.0]}, ax=ax),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_given_axes_are_used_and_nothing_is_shown(name, vae, x, tmp_path):
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert DRAWINGS[name](vae, x, right) is figure
    assert right.has_data() and not left.has_data()
    own = DRAWINGS[name](vae, x, None)
    assert isinstance(own, Figure) and own is not figure
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        own.savefig(tmp_path / "picture.png")


@pytest.mark.parametrize(
    "name", sorted(set(DRAWINGS) - {"latent_map", "history"})
)
def test_models_of_other_data_are_refused(name):
    model = keras_ae.VAE.create(6, 2, hidden=(4,))
    with pytest.raises(ValueError, match=r"no images.*height.*\(6,\)"):
        DRAWINGS[name](model, np.zeros([2, 6]), None)


def test_what_cannot_be_drawn_is_refused(vae, rgb, x):
    with pytest.raises(ValueError, match=r"no plane.*\(3,\)"):
        plots.manifold(rgb)
    with pytest.raises(ValueError, match="one example.*12 examples"):
        plots.traversals(vae, x)
    with pytest.raises(ValueError, match="history.*{}"):
        plots.history({})
    with pytest.raises(ValueError, match=r"2 numbers.*\(4, 5, 1\)"):
        plots.score_field(vae, (-1, 1))
    line = keras_ae.VAE.create(SHAPE, 1, hidden=(4,))
    with pytest.raises(ValueError, match=r"two axes.*\(1,\)"):
        plots.latent_map(line, x)


def test_overview_draws_originals_reconstructions_and_samples(vae, x):
    ax = _ax(plots.overview(vae, x[:3]))
    assert _labels(ax.yaxis) == [
        "original",
        "reconstruction",
        "sample",
        "sample",
    ]
    drawn = vae.sample(6, seed=0)
    for column in range(3):
        np.testing.assert_allclose(_tile(ax, 0, column), x[column, ..., 0])
        np.testing.assert_allclose(
            _tile(ax, 1, column), vae.reconstruct(x[:3])[column, ..., 0]
        )
        for row in (0, 1):
            np.testing.assert_allclose(
                _tile(ax, 2 + row, column), drawn[3 * row + column, ..., 0]
            )


def test_overview_of_a_conditional_model_samples_the_conditions_of_x(x):
    model = keras_ae.ConditionalVAE.create(
        SHAPE, 2, condition=3, hidden=(8,), likelihood="bernoulli", seed=0
    )
    conditions = np.array([2, 0, 1])
    ax = _ax(plots.overview(model, (x[:3], conditions)))
    drawn = model.sample(6, 0, np.tile(conditions, 2))
    np.testing.assert_allclose(_tile(ax, 3, 1), drawn[4, ..., 0])


def test_overview_without_a_prior_has_two_rows(x):
    model = keras_ae.Autoencoder.create(SHAPE, 2, hidden=(8,), seed=0)
    assert len(_labels(_ax(plots.overview(model, x[:3])).yaxis)) == 2


def test_bytes_are_drawn_as_grey_levels():
    space = keras_ae.spaces.Image(6, 5)
    model = keras_ae.Autoencoder.create(space, 2, hidden=(8,), seed=0)
    x = np.random.default_rng(0).integers(0, 256, (3, 6, 5), dtype="uint8")
    for draw in (plots.overview, plots.reconstructions):
        tile = _tile(_ax(draw(model, x)), 0, 1, shape=space.shape)
        np.testing.assert_allclose(tile, x[1] / 255, rtol=1e-6)


def test_contact_sheet_shows_each_picture_under_its_name(tmp_path):
    images = np.random.default_rng(0).uniform(size=(4, 6, 5, 3))
    pictures = {f"model_{i}": tmp_path / f"{i}.png" for i in range(4)}
    for image, path in zip(images, pictures.values(), strict=True):
        matplotlib.image.imsave(path, image)
    axes = plots.contact_sheet(pictures).axes
    assert len(axes) == 6
    for ax, image, name in zip(axes, images, pictures, strict=False):
        assert ax.get_title() == name
        np.testing.assert_allclose(
            ax.images[0].get_array()[..., :3], image, atol=1 / 255
        )
    assert not axes[5].images


@pytest.mark.parametrize(
    ("variant", "shown"),
    [(keras_ae.Autoencoder, False), (keras_ae.ConditionalVAE, True)],
)
def test_tables_are_shown_where_rows_can_be_drawn(variant, shown):
    frame = pd.DataFrame({"a": np.linspace(0, 1, 9), "b": list("xyz") * 3})
    told = {"condition": 3} if shown else {}
    space = keras_ae.spaces.Table.from_frame(frame)
    model = variant.create(space, 2, hidden=(4,), **told)
    assert plots.shows(model) == shown
    if shown:
        figure = plots.examples(model, (frame, np.arange(9) % 3))
        assert [ax.get_title() for ax in figure.axes[:2]] == ["a", "b"]


def test_volumes_are_not_shown():
    model = keras_ae.Autoencoder.create((4, 4, 4, 1), 2, hidden=(4,))
    assert not plots.shows(model)
    with pytest.raises(ValueError, match="Lines are drawn of series"):
        plots.examples(model, np.zeros([2, 4, 4, 4, 1]))


def test_contact_sheet_leaves_grey_grey(tmp_path):
    levels = np.arange(12, dtype="uint8").reshape(3, 4) * 20
    Image.fromarray(levels).save(tmp_path / "grey.png")
    ax = plots.contact_sheet({"grey": tmp_path / "grey.png"}).axes[0]
    drawn = ax.images[0].to_rgba(ax.images[0].get_array())
    np.testing.assert_allclose(
        drawn[..., :3], np.repeat(levels[..., None] / 255, 3, -1), atol=1 / 255
    )
