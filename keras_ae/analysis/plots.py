"""Pictures of a model: its codes, its examples, its training.

Every function draws on the Matplotlib axes `ax`, or on those of a new figure,
and returns the figure: `plots.samples(model).savefig("samples.png")`. Nothing
is shown on a screen and no state of `matplotlib.pyplot` is touched.
"""

import itertools
import math
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import matplotlib as mpl
import matplotlib.image
import numpy as np
import tensorflow_probability as tfp
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keras_ae import spaces
from keras_ae.analysis import latent
from keras_ae.analysis.line_plots import lines as lines
from keras_ae.analysis.sheets import contact_sheet as contact_sheet
from keras_ae.analysis.table_plots import table as table
from keras_ae.analysis.unit_plots import aggregate as aggregate
from keras_ae.analysis.unit_plots import units as units
from keras_ae.core import files
from keras_ae.core import validation
from keras_ae.core.types import ArrayLike
from keras_ae.core.types import Given
from keras_ae.core.types import Rows
from keras_ae.model import generate
from keras_ae.model.base import BaseAutoencoder
from keras_ae.parts import priors

tfd = tfp.distributions

# Ten colors that stay apart for color-blind readers and in print.
# Reference: Petroff, 2021. Accessible Color Sequences for Data Visualization.
#     https://arxiv.org/abs/2107.02270
COLORS = mpl.color_sequences["petroff10"]
MARKERS = "o^sDvP"
GAP = 1  # pixels between two images


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure to a file, whole or not at all.

    Args:
        figure: What any function here returns.
        path: Its suffix names the format, PNG if it has none.
    """
    with files.replacing(path) as part:
        figure.savefig(part, format=Path(path).suffix[1:] or "png")


def latent_map(
    model: BaseAutoencoder,
    x: Rows,
    labels: ArrayLike | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Codes of examples as points in the plane.

    Codes of more than two numbers are projected on their first two principal
    components; the axes then say how much of the variance each one holds.

    Args:
        model: Any variant.
        x: Examples, `[N, ...]`.
        labels: `[N]`: integers or words get a color and a line in the legend
            each, floats a color scale.
        ax: Axes to draw on.

    Raises:
        ValueError: If there are not as many labels as examples, or codes of
            one number.
    """
    codes = np.asarray(model.embed(x))
    codes = codes.reshape(len(codes), -1)
    if labels is not None:
        validation.check_labels(labels, len(codes))
    names = ["code $z_1$", "code $z_2$"]
    if codes.shape[1] == 1:
        raise ValueError(
            "A map of the codes needs two axes. Expected codes of at least 2 "
            f"numbers. Received: codes of {model.encoder.event_shape}"
        )
    if codes.shape[1] > 2:
        from sklearn.decomposition import PCA  # a second, for few users

        pca = PCA(2).fit(codes)
        codes = pca.transform(codes)
        names = [
            f"principal component {i} ({share:.0%} of variance)"
            for i, share in enumerate(pca.explained_variance_ratio_, 1)
        ]
    ax = _axes(ax, 6, 5)
    style = {"s": 400 / math.sqrt(len(codes)), "alpha": 0.7, "linewidths": 0}
    if labels is None:
        ax.scatter(*codes.T, color=COLORS[0], **style)
    elif np.issubdtype((labels := np.asarray(labels)).dtype, np.floating):
        points = ax.scatter(*codes.T, c=labels, cmap="viridis", **style)
        ax.figure.colorbar(points, ax=ax, label="label").solids.set(alpha=1)
    else:
        for i, label in enumerate(np.unique(labels)):
            points = codes[labels == label]
            ax.scatter(
                *points.T,
                color=COLORS[i % len(COLORS)],
                marker=MARKERS[i // len(COLORS) % len(MARKERS)],
                label=str(label),
                **style,
            )
            ax.text(
                *np.median(points, axis=0),
                str(label),
                ha="center",
                va="center",
                bbox={
                    "boxstyle": "round",
                    "facecolor": "white",
                    "edgecolor": COLORS[i % len(COLORS)],
                    "alpha": 0.8,
                },
            )
        legend = ax.legend(
            title="label", loc="center left", bbox_to_anchor=(1, 0.5)
        )
        for handle in legend.legend_handles:
            handle.set(sizes=[40], alpha=1)
    ax.set(xlabel=names[0], ylabel=names[1], aspect="equal")
    ax.set_adjustable("datalim")
    return ax.figure


def manifold(
    model: BaseAutoencoder,
    n: int = 20,
    ax: Axes | None = None,
    given: Given | None = None,
) -> Figure:
    """What the decoder makes of a grid over a prior of two dimensions.

    The grid has equal steps in probability: its lines are the quantiles
    (i + 1/2) / n of the prior along each coordinate.

    Args:
        model: A variant with a prior and codes of 2 numbers, for images.
        n: Images along each side.
        ax: Axes to draw on.
        given: What a model that is told something is told, of all images.

    Reference: Kingma, Welling, 2014. Auto-Encoding Variational Bayes,
        figure 4. https://arxiv.org/abs/1312.6114
    """
    _check_images(model)
    n = validation.check_count("n", n)
    if model.prior is None or model.encoder.event_shape != (2,):
        raise ValueError(
            f"{type(model).__name__} {model.name!r} has no plane to show. "
            "Expected a variant with a prior and codes of 2 numbers. "
            f"Received: codes of {model.encoder.event_shape}"
        )
    lines = _quantiles(model, (np.arange(n) + 0.5) / n)  # [n, 2]
    codes = np.stack(np.meshgrid(*lines.T), axis=-1).reshape(-1, 2)
    if model.given is not None:
        codes = codes, model.given.check("given", given, n * n)
    images = model.decode(codes).mean().numpy()
    images = images.reshape(n, n, *images.shape[1:])
    ax = _axes(ax, 6, 6)
    # Rows from the top, so that the second coordinate grows upwards.
    centers = _mosaic(ax, images[::-1], gap=0)
    ticks = min(n, 6 + n % 2)  # even if n is: the ticks are then symmetric
    shown = np.linspace(0, n - 1, ticks).round().astype(int)
    for axis, places, values in (
        (ax.xaxis, centers[1], lines[:, 0]),
        (ax.yaxis, centers[0][::-1], lines[:, 1]),
    ):
        axis.set_ticks(places[shown], [f"{v:.2g}" for v in values[shown]])
    ax.set(xlabel="code $z_1$", ylabel="code $z_2$")
    return ax.figure


def reconstructions(
    model: BaseAutoencoder, x: Rows, ax: Axes | None = None
) -> Figure:
    """Originals above their reconstructions.

    Args:
        model: A variant for images.
        x: Examples, `[N, ...]`, a column each.
        ax: Axes to draw on.
    """
    _check_images(model)
    target, *_ = _originals(model, x)
    images = np.stack([target, model.reconstruct(x)])
    ax = _axes(ax, 0.7 * len(target) + 1, 1.8)
    rows, _ = _mosaic(ax, images)
    ax.set_yticks(rows, ["original", "reconstruction"])
    ax.set_xticks([])
    return ax.figure


def samples(
    model: BaseAutoencoder,
    n: int = 16,
    seed: int = 0,
    ax: Axes | None = None,
    **options: Any,
) -> Figure:
    """New examples in a square; the spare places stay empty.

    Args:
        model: A variant with `sample`, for images.
        n: How many.
        seed: Integer for the draws.
        ax: Axes to draw on.
        **options: Passed to `sample`, for example `given`.
    """
    _check_images(model)
    images = model.sample(n, seed=seed, **options)
    columns = math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    places = np.full((rows * columns, *images.shape[1:]), np.nan, np.float32)
    places[:n] = images
    ax = _axes(ax, 0.7 * columns, 0.7 * rows + 0.3)
    _mosaic(ax, places.reshape(rows, columns, *images.shape[1:]))
    ax.set(xticks=[], yticks=[], title=f"{n} samples")
    return ax.figure


def overview(model: BaseAutoencoder, x: Rows, ax: Axes | None = None) -> Figure:
    """Originals, reconstructions and, if there is a law of codes, two rows of
    samples: what a model can do at a glance.

    Args:
        model: A variant for images.
        x: Examples, `[N, ...]`, a column each; with their conditions, if the
            model has some, which the samples share.
        ax: Axes to draw on.
    """
    _check_images(model)
    target, *given = _originals(model, x)
    names = ["original", "reconstruction"]
    images = [target, model.reconstruct(x)]
    if model.source is not None:
        names += ["sample", "sample"]
        count = len(target)
        given = np.concatenate(given * 2) if given else None
        drawn = generate.sample(model, 2 * count, 0, given)
        images += [drawn[:count], drawn[count:]]
    ax = _axes(ax, 0.7 * len(target) + 1, 0.7 * len(images) + 0.3)
    rows, _ = _mosaic(ax, np.stack(images))
    ax.set_yticks(rows, names)
    ax.set_xticks([])
    return ax.figure


def examples(model: BaseAutoencoder, x: Rows, seed: int = 0) -> Figure:
    """What shows a model's examples best: `overview` of images, `table` of
    rows of a table beside new ones, `lines` of anything else.

    Args:
        model: Any variant.
        x: Examples, `[N, ...]`; of images and lines the first are shown.
        seed: Integer for the draws of rows.
    """
    few = keras.tree.map_structure(
        lambda rows: rows[:10], model.check_inputs(model.as_rows(x))
    )
    if draws(model):
        return overview(model, few)
    if isinstance(model.space, spaces.Table):
        rows, *given = keras.tree.flatten(model.as_rows(x))
        real = np.concatenate([*model.space.chunks(rows)])
        given = given[0] if given else None
        drawn = generate.sample(model, len(real), seed, given)
        return table(*map(model.space.array, (real, drawn)))
    return lines(model, keras.tree.map_structure(lambda rows: rows[:4], few))


def traversals(
    model: BaseAutoencoder,
    x: Rows,
    dimensions: Sequence[int] | None = None,
    values: Sequence[float] = (-3, -2, -1, 0, 1, 2, 3),
    ax: Axes | None = None,
) -> Figure:
    """One example, decoded with one number of its code replaced.

    A row for each number of the code, a column for each value.

    Args:
        model: A variant for images.
        x: One example, `[1, ...]`.
        dimensions: See `evaluation.traverse`.
        values: See `evaluation.traverse`.
        ax: Axes to draw on.
    """
    _check_images(model)
    images = latent.traverse(model, x, dimensions, values)
    if len(images) != 1:
        raise ValueError(
            "A traversal shows one example. Expected `x` of shape (1, ...). "
            f"Received: {len(images)} examples. Pass x[:1]."
        )
    rows, columns = images.shape[1:3]
    ax = _axes(ax, 0.7 * columns + 0.8, 0.7 * rows + 0.5)
    centers = _mosaic(ax, images[0])
    dimensions = range(rows) if dimensions is None else dimensions
    ax.set_yticks(centers[0], [f"$z_{{{d + 1}}}$" for d in dimensions])
    ax.set_xticks(centers[1], [f"{v:g}" for v in values])
    ax.set(xlabel="value in the code", ylabel="coordinate of the code")
    return ax.figure


def interpolations(
    model: BaseAutoencoder,
    a: Rows,
    b: Rows,
    steps: int = 8,
    ax: Axes | None = None,
) -> Figure:
    """Decoded points between the codes of two examples, a row for each pair.

    Args:
        model: A variant for images.
        a: Examples, `[N, ...]`, on the left.
        b: As many, on the right.
        steps: Images in a row, ends included.
        ax: Axes to draw on.
    """
    _check_images(model)
    images = latent.interpolate(model, a, b, steps)
    ax = _axes(ax, 0.7 * steps + 0.5, 0.7 * len(images) + 0.5)
    rows, columns = _mosaic(ax, images)
    ax.set_xticks(columns, [f"{t:.2g}" for t in np.linspace(0, 1, steps)])
    ax.set_yticks(rows, [str(i + 1) for i in range(len(rows))])
    ax.set(xlabel="position between the codes", ylabel="pair")
    return ax.figure


def history(
    history: keras.callbacks.History | Mapping, ax: Axes | None = None
) -> Figure:
    """Every logged term over the epochs; validation is dashed.

    Args:
        history: What `fit` returned, or a dict of lists.
        ax: Axes to draw on.
    """
    curves = getattr(history, "history", history)
    if not isinstance(curves, Mapping) or not any(curves.values()):
        raise ValueError(
            validation.invalid("history", "the history of a training", history)
        )
    epochs = [e + 1 for e in getattr(history, "epoch", [])]
    ax = _axes(ax, 6, 4)
    names = sorted({name.removeprefix("val_") for name in curves})
    for name, color in zip(names, itertools.cycle(COLORS), strict=False):
        for key, line in ((name, "-"), (f"val_{name}", "--")):
            if key in curves:
                ax.plot(
                    epochs or range(1, len(curves[key]) + 1),
                    curves[key],
                    line,
                    color=color,
                    label=key,
                    marker="o" if len(curves[key]) == 1 else None,
                )
    ax.set(xlabel="epoch", ylabel="nats per example")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend()
    return ax.figure


def score_field(
    model: BaseAutoencoder,
    limits: Sequence[float],
    n: int = 20,
    ax: Axes | None = None,
) -> Figure:
    """Arrows along the score that a denoising autoencoder has learned.

    Args:
        model: A `DenoisingAutoencoder` with Gaussian corruption, for examples
            of 2 numbers.
        limits: Lowest and highest value of both numbers.
        n: Arrows along each side.
        ax: Axes to draw on, for example over the points of the data.
    """
    if model.decoder.event_shape != (2,):
        raise ValueError(
            "A score field is drawn in the plane. Expected a model of "
            "examples of 2 numbers. Received: examples of shape "
            f"{model.decoder.event_shape}"
        )
    line = np.linspace(*limits, n)
    x = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    score = np.asarray(model.log_density_gradient(x.astype(np.float32)))
    ax = _axes(ax, 5, 5)
    ax.quiver(*x.T, *score.T, angles="xy", color=COLORS[0], width=0.003)
    ax.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    return ax.figure


def draws(model: BaseAutoencoder) -> bool:
    """Whether a model makes images, which can be drawn."""
    shape = model.decoder.event_shape
    return len(shape) == 3 and shape[-1] in (1, 3)


def shows(model: BaseAutoencoder) -> bool:
    """Whether `examples` has a way to draw those of a model."""
    if isinstance(model.space, spaces.Table):
        return model.source is not None
    return draws(model) or len(model.space.shape) < 3


def _axes(ax: Axes | None, width: float, height: float) -> Axes:
    """The given axes, or those of a new figure, size in inches."""
    if ax is not None:
        return ax
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    return figure.subplots()


def _check_images(model: BaseAutoencoder) -> None:
    shape = model.decoder.event_shape
    if not draws(model):
        raise ValueError(
            f"{type(model).__name__} {model.name!r} makes no images. Expected "
            "examples of shape (height, width, 1) or (height, width, 3). "
            f"Received: {shape}"
        )


def _originals(model: BaseAutoencoder, x: Rows) -> list[np.ndarray]:
    """Images as the model sees them, bytes as grey levels too; and what it
    is told beside them."""
    images, *given = keras.tree.flatten(model.check_inputs(x))
    return [np.asarray(model.space.tensor(images)), *given]


def _mosaic(ax: Axes, images: np.ndarray, gap: int = GAP) -> tuple:
    """Draw images `[R, C, H, W, 1 or 3]` as one; NaN and gaps are blank.

    Returns:
        Where the rows and the columns have their centers.
    """
    rows, columns, height, width, channels = images.shape
    framed = np.pad(
        np.clip(images, 0, 1),
        [(0, 0), (0, 0), (0, gap), (0, gap), (0, 0)],
        constant_values=np.nan,
    )
    whole = framed.transpose(0, 2, 1, 3, 4).reshape(
        rows * (height + gap), columns * (width + gap), channels
    )
    whole = whole[: len(whole) - gap, : whole.shape[1] - gap]
    if channels == 3:
        blank = np.isnan(whole[..., :1])
        whole = np.concatenate([np.nan_to_num(whole), ~blank], axis=-1)
    else:
        whole = whole[..., 0]
    ax.imshow(whole, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return (
        np.arange(rows) * (height + gap) + (height - 1) / 2,
        np.arange(columns) * (width + gap) + (width - 1) / 2,
    )


def _quantiles(model: BaseAutoencoder, levels: np.ndarray) -> np.ndarray:
    """Quantiles of each coordinate of the prior, `[levels, d]`: exact for
    standard normals, otherwise of 10,000 draws."""
    if isinstance(model.prior, priors.StandardNormal):
        line = tfd.Normal(0.0, 1.0).quantile(levels.astype(np.float32))
        return np.repeat(line[:, None], 2, axis=1)
    prior = model.p_z()
    return np.quantile(prior.sample(10_000, seed=(0, 0)), levels, axis=0)
