"""Reproduction: published numbers, and what the pretrained models reach.

Each row names a preset and one of the figures in its metadata. The rest of
the table (data, network, budget, estimator, our number and its error) comes
from there; `tables.published` draws it up. Of presets that would make the zoo
too large the metadata alone are kept, in `FIGURES`: such a row is recomputed
by training its recipe.
"""

import dataclasses
import json
import math
import time
from pathlib import Path
from typing import Any

from keras_ae.analysis import measures
from keras_ae.core import registry
from keras_ae.core import validation
from keras_ae.zoo import publishing
from keras_ae.zoo import recipes
from keras_ae.zoo import store

#: What benchmarks found of which the table has rows; installed like presets.
BENCHMARKS = next(filter(Path.is_dir, store.ZOOS), store.ZOOS[-1])
#: Metadata of trained presets whose weights are not kept.
FIGURES = BENCHMARKS / "figures"

BURDA = "[Burda et al., 2016](https://arxiv.org/abs/1509.00519)"
TF2_IWAE = "[TF2 re-implementation](https://github.com/nbip/IWAE)"
TOMCZAK = "[Tomczak, Welling, 2018](https://arxiv.org/abs/1705.07120)"
EXEMPLAR = "[Norouzi et al., 2020](https://arxiv.org/abs/2004.04795)"
DAVIDSON = "[Davidson et al., 2018](https://arxiv.org/abs/1804.00891)"
PYTHAE = "[Pythae](https://github.com/clementchadebec/benchmark_VAE)"
KERAS_IO = "[keras.io](https://keras.io/examples/generative/vq_vae/)"
RAINFORTH = "[Rainforth et al., 2018](https://arxiv.org/abs/1802.04537)"
MATHIEU = "[Mathieu et al., 2019](https://arxiv.org/abs/1901.06033)"
MIWAE = 0.2867  # which its authors' notebook prints
MATTEI = "[its authors](https://github.com/pamattei/miwae)"
GHOSH = "[Ghosh et al., 2020](https://arxiv.org/abs/1903.12436)"


@dataclasses.dataclass(frozen=True)
class Row:
    """One published number and the preset that answers it.

    Attributes:
        key: What `keras-ae reproduce` calls it.
        title: What it is, in the words of the literature.
        preset: The pretrained model.
        reach: Worst value that counts as reached.
        beat: Worst value that counts as beaten, or None.
        published: Values and where they are from.
        figure: Name of the figure in the preset's metadata.
        measured: Names of the figures to recompute, as in a recipe.
        needs: Another figure and what it has to exceed for `beat`.
        higher_is_better: Whether larger values are better.
    """

    key: str
    title: str
    preset: str
    reach: float
    beat: float | None = None
    published: tuple[tuple[float, str], ...] = ()
    figure: str = "negative_log_likelihood"
    measured: tuple[str, ...] = ("nll",)
    needs: tuple[str, float] | None = None
    higher_is_better: bool = False


ROWS = (
    Row(
        "vae-z50",
        "VAE, one stochastic layer",
        "vae_z50_mnist",
        reach=86.8,
        beat=86.3,
        published=((86.76, BURDA), (86.35, f"{TF2_IWAE}, 100 units")),
    ),
    Row(
        "iwae-50",
        "the same, fine-tuned as IWAE with K = 50",
        "iwae_mnist",
        reach=85.3,
        beat=84.9,
        published=((84.88, f"{BURDA}, table 2"),),
    ),
    Row(
        "iwae-5",
        "IWAE, K = 5",
        "iwae_5_mnist",
        reach=85.6,
        beat=85.2,
        published=((85.54, BURDA), (85.18, f"{TF2_IWAE}, 100 units")),
    ),
    Row(
        "iwae-8x8",
        "IWAE, the mean of 8 bounds of K = 8, also called MIWAE(8, 8)",
        "iwae_8x8_mnist",
        reach=85.1,
        beat=84.9,
        published=((84.97, RAINFORTH), (85.09, PYTHAE)),
    ),
    Row(
        "piwae-8x8",
        "PIWAE(8, 8)",
        "piwae_mnist",
        reach=84.6,
        beat=84.4,
        published=((84.46, RAINFORTH), (84.58, PYTHAE)),
    ),
    Row(
        "ciwae",
        "CIWAE, K = 64, beta = 0.05",
        "ciwae_mnist",
        reach=84.8,
        beat=84.5,
        published=((84.57, RAINFORTH), (84.74, PYTHAE)),
    ),
    Row(
        "conditional",
        "VAE given the label",
        "conditional_vae_z40_mnist",
        reach=82.8,
        beat=82.3,
        published=((82.32, f"{TF2_IWAE}, prior given the label"),),
    ),
    Row(
        "vae",
        "VAE, gated layers",
        "vae_mnist",
        reach=84.9,
        beat=84.4,
        published=((84.45, EXEMPLAR),),
    ),
    Row(
        "vamp",
        "the same with a VampPrior, K = 500",
        "vamp_mnist",
        reach=82.6,
        beat=82.4,
        published=((82.43, EXEMPLAR),),
    ),
    Row(
        "vamp-iwae",
        "the same, fine-tuned as IWAE with K = 5",
        "vamp_iwae_mnist",
        reach=82.6,
        beat=82.4,
        published=((82.43, f"{EXEMPLAR}, trained by the VAE's bound"),),
    ),
    Row(
        "exemplar",
        "VAE whose prior is training images",
        "exemplar_mnist",
        reach=82.5,
        beat=82.0,
        published=((82.09, f"{EXEMPLAR}, 25,000 images"),),
    ),
    Row(
        "two-levels",
        "two levels, gated layers",
        "two_levels_mnist",
        reach=82.6,
        beat=82.3,
        published=((82.39, EXEMPLAR),),
    ),
    Row(
        "two-levels-vamp",
        "the same with a VampPrior, K = 500, at the top",
        "two_levels_vamp_mnist",
        reach=81.9,
        beat=81.5,
        published=((81.56, EXEMPLAR),),
    ),
    Row(
        "two-levels-conv",
        "two levels, convolutions",
        "two_levels_conv_mnist",
        reach=80.5,
        beat=79.6,
        published=((79.67, f"{EXEMPLAR}, VampPrior"), (80.52, EXEMPLAR)),
    ),
    Row(
        "vae-static",
        "VAE",
        "vae_binarized_mnist",
        reach=88.7,
        beat=88.0,
        published=((88.71, BURDA), (89.78, f"{PYTHAE}, 200 samples")),
    ),
    Row(
        "vamp-static",
        "VAE with a VampPrior, K = 500",
        "vamp_binarized_mnist",
        reach=85.8,
        beat=85.5,
        published=((85.57, TOMCZAK), (85.79, PYTHAE)),
    ),
    Row(
        "hamiltonian-static",
        "Hamiltonian VAE",
        "hamiltonian_binarized_mnist",
        reach=86.4,
        beat=86.0,
        published=((86.21, f"{PYTHAE}, convolutions"),),
    ),
    Row(
        "vae-fashion",
        "VAE, gated layers",
        "vae_fashion_mnist",
        reach=229.2,
        beat=228.6,
        published=((228.70, EXEMPLAR),),
    ),
    Row(
        "vamp-fashion",
        "the same with a VampPrior, K = 500",
        "vamp_fashion_mnist",
        reach=227.6,
        beat=227.3,
        published=((227.35, EXEMPLAR),),
    ),
    Row(
        "vamp-iwae-fashion",
        "the same, fine-tuned as IWAE with K = 5",
        "vamp_iwae_fashion_mnist",
        reach=227.6,
        beat=227.3,
        published=((227.35, f"{EXEMPLAR}, trained by the VAE's bound"),),
    ),
    Row(
        "exemplar-fashion",
        "VAE whose prior is training images",
        "exemplar_fashion_mnist",
        reach=227.2,
        beat=226.7,
        published=((226.75, f"{EXEMPLAR}, 25,000 images"),),
    ),
    Row(
        "hyperspherical",
        "hyperspherical VAE, d = 10",
        "hyperspherical_vae_mnist",
        reach=93.2,
        beat=93.0,
        published=((93.16, DAVIDSON), (93.13, PYTHAE)),
    ),
    Row(
        "poincare",
        "Poincare VAE, d = 10, wrapped normal",
        "poincare_vae_mnist",
        reach=101.7,
        beat=100.0,
        published=((101.47, MATHIEU), (101.66, PYTHAE)),
    ),
    Row(
        "linear",
        "linear autoencoder: as good as PCA",
        "linear_mnist",
        reach=1.001,
        published=((1.0, "the optimum, by scikit-learn"),),
        figure="squared_error_over_pca",
        measured=("pca",),
    ),
    Row(
        "autoencoder",
        "dense autoencoder of 32 units",
        "autoencoder_mnist",
        reach=0.0100,
        beat=0.0085,
        figure="squared_error",
        measured=("squared_error",),
    ),
    Row(
        "vqvae",
        "VQ-VAE; to beat it, with more than half the table in use",
        "vqvae_mnist",
        reach=0.045,
        beat=0.040,
        published=((0.0444, f"{KERAS_IO}, training images"),),
        figure="normalized_squared_error",
        measured=("normalized_squared_error", "terms"),
        needs=("perplexity", 64.0),
    ),
    Row(
        "sparse",
        "k-sparse autoencoder, linear classifier of its code",
        "sparse_mnist",
        reach=98.4,
        beat=98.65,
        figure="probe_accuracy",
        measured=("probe",),
        higher_is_better=True,
    ),
    Row(
        "probe-vae",
        "dense VAE, linear classifier of its code",
        "vae_mnist",
        reach=96.9,
        figure="probe_accuracy",
        measured=("probe",),
        higher_is_better=True,
    ),
    Row(
        "probe-denoising",
        "dense denoising autoencoder, linear classifier of its code",
        "denoising_mnist",
        reach=97.4,
        figure="probe_accuracy",
        measured=("probe",),
        higher_is_better=True,
    ),
)


@dataclasses.dataclass(frozen=True)
class Result:
    """Figures of a row found now, beside those recorded.

    Attributes:
        row: The row.
        recorded: The recorded figures by name.
        found: Those of the same names found now.
        seconds: How long it took.
    """

    row: Row
    recorded: dict[str, Any]
    found: dict[str, Any]
    seconds: float

    @property
    def reproduced(self) -> bool:
        """Whether the row's figure is the recorded one, up to rounding."""
        name = self.row.figure
        return measures.agree(self.recorded[name], self.found[name])


def find(key: str) -> Row:
    """The row of a key.

    Raises:
        ValueError: If there is none; the message lists the nearest keys.

    Example:
        >>> find("vae").preset
        'vae_mnist'
    """
    rows = {row.key: row for row in ROWS}
    if key not in rows:
        raise ValueError(registry.unknown("row", key, rows))
    return rows[key]


def within(minutes: float) -> Row:
    """The row of the lowest -log p(x) of MNIST, binarized anew at every epoch,
    whose training took at most so many minutes on two processor cores.

    Raises:
        ValueError: If none did.
    """
    wanted = {"name": "mnist", "binarization": "dynamic"}
    times, figures = {}, {}
    for row in recorded_rows():
        found = about(row)
        same = wanted.items() <= found["data"].items()
        if same and row.figure == "negative_log_likelihood":
            times[row] = found["wall_time"] / 60
            figures[row] = found["metrics"][row.figure]["value"]
    fits = [row for row in times if times[row] <= minutes]
    if not fits:
        least = min(times.values(), default=math.inf)
        expected = f"at least {least:.1f}, minutes of the fastest training"
        raise ValueError(validation.invalid("budget", expected, minutes))
    return min(fits, key=figures.__getitem__)


def about(row: Row) -> dict[str, Any] | None:
    """The metadata of a row's preset; None where it was not trained."""
    if is_kept(row):
        return store.metadata(row.preset)
    path = FIGURES / f"{row.preset}.json"
    if not path.is_file():
        return None
    return json.loads(path.read_text(encoding="utf-8"))


def is_kept(row: Row) -> bool:
    """Whether the weights of a row's preset are there."""
    return row.preset in store.list_presets()


def recorded_rows() -> list[Row]:
    """The rows whose preset was trained and has the figure."""
    return [
        row
        for row in ROWS
        if row.figure in (about(row) or {}).get("metrics", {})
    ]


def verdict(row: Row, figures: dict[str, Any]) -> str:
    """Beaten, reached, or by how much not.

    Args:
        row: The row.
        figures: Figures by name, as in the metadata of a preset.
    """
    value = figures[row.figure]["value"]
    sign, bound = (-1, "at least") if row.higher_is_better else (1, "at most")
    beaten = row.beat is not None and sign * value <= sign * row.beat
    if beaten and row.needs:
        name, low = row.needs
        beaten = figures[name]["value"] > low
    if beaten:
        return f"beaten: {bound} {row.beat:g}"
    if sign * value <= sign * row.reach:
        return f"reached: {bound} {row.reach:g}"
    return f"not reached: {abs(value - row.reach):.2g} from {row.reach:g}"


def recompute(row: Row, verbose: int = 0) -> Result:
    """The row's figure from the bundled weights and the real data.

    Args:
        row: The row.
        verbose: 1 shows a progress bar.

    Raises:
        ValueError: If the preset's weights are not there, or its metadata do
            not have the figure.
    """
    if not is_kept(row):
        raise ValueError(
            f"The weights of the row {row.key!r} are not kept. Expected one of "
            f"{[r.key for r in recorded_rows() if is_kept(r)]}. Received: "
            f"{row.key!r}. Train it with `keras-ae reproduce {row.key} --train`"
            "."
        )
    start = time.perf_counter()
    pairs = publishing.recompute(row.preset, row.measured, verbose)
    if row.figure not in pairs:
        raise ValueError(
            f"The preset {row.preset!r} was not measured for the row "
            f"{row.key!r}. Expected the figures {list(row.measured)} in the "
            f"recipe's `metrics`. Received: {sorted(pairs)}"
        )
    recorded, found = (
        {name: pair[i] for name, pair in pairs.items()} for i in range(2)
    )
    return Result(row, recorded, found, time.perf_counter() - start)


def retrain(row: Row, runs: str | Path = recipes.RUNS) -> Result:
    """The row's figure after training its preset's recipe, or going on.

    The preset goes to `<runs>/<preset>/<preset>`.

    Raises:
        ValueError: If the preset was never trained, so that no recipe is
            known.
    """
    start = time.perf_counter()
    recorded = about(row) or store.metadata(row.preset)
    folder = Path(runs) / row.preset / row.preset
    publishing.publish(recorded["recipe"], folder, runs, verbose=1)
    found = store.metadata(folder)["metrics"]
    seconds = time.perf_counter() - start
    return Result(row, recorded["metrics"], found, seconds)


def benchmark(name: str) -> dict[str, Any] | None:
    """The results of `python -m benchmarks.NAME`, where they are at hand."""
    path = BENCHMARKS / f"{name}.json"
    if not path.is_file():
        return None
    return json.loads(path.read_text(encoding="utf-8"))
