"""What short codes are worth, beside principal components and t-SNE.

`python -m benchmarks.embedding`. Codes of 2 and of 16 numbers of the same
rows, at most 2,000 of each set, which are also those that train: a VAE and an
autoencoder of this package with the defaults of their space, 1,000 steps of
128 rows; PCA; t-SNE of two numbers. No method sees the labels. Of each code:
trustworthiness (whether neighbours in the code, ten, were neighbours before),
accuracy of five neighbours in the code (cross-validated), and how well k-means,
told the number of classes, finds the classes. Distances between rows, of which
PCA and t-SNE are made and trustworthiness too, are those of pixels and volts;
of cells those of logarithms of shares. Results are kept after each set, and a
run goes on where the last one ended. Ten minutes of one core for a seed.

References:
    Venna, Kaski, 2001. Neighborhood Preservation in Nonlinear Projection
        Methods: An Experimental Study (trustworthiness). ICANN.
    van der Maaten, Hinton, 2008. Visualizing Data using t-SNE. JMLR 9.
"""

import argparse
import functools
import sys
import time
from collections.abc import Callable

import keras
import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.manifold import trustworthiness
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics import normalized_mutual_info_score
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier

import keras_ae
from benchmarks import common
from keras_ae.core import markdown

SETS = ("digits", "mnist", "fashion_mnist", "ecg5000", "pbmc")
SIZES = (2, 16)  # of a code
ROWS = 2_000
STEPS, BATCH = 1_000, 128
NEIGHBOURS = 10  # of trustworthiness
FIGURES = ("trustworthiness", "accuracy", "NMI", "ARI")
OURS = {"VAE": "vae", "autoencoder": "autoencoder"}
WHAT = (
    f"codes of at most {ROWS} rows, {STEPS} steps of {BATCH} rows; "
    "trustworthiness, accuracy of 5 neighbours, NMI and ARI of k-means"
)


def load(name: str, seed: int) -> tuple:
    """Rows as a model takes them, their space, the same as vectors that can be
    compared, and labels."""
    (x, y), (x_test, y_test) = keras_ae.datasets.load(name)
    counts = name == "pbmc"
    if counts:
        x, x_test = x.toarray(), x_test.toarray()
    x, y = np.concatenate([x, x_test]), np.concatenate([y, y_test])
    kept = np.random.default_rng(seed).permutation(len(x))[:ROWS]
    x, y = x[kept], y[kept]
    if counts:
        totals = x.sum(axis=1, keepdims=True)
        logs = np.log1p(x / totals * np.median(totals))
        return x, keras_ae.spaces.Counts.from_counts(x), logs, y
    if x.ndim == 2:
        return x, keras_ae.spaces.Series.from_series(x, x.shape[1]), x, y
    space = keras_ae.spaces.Image(*x.shape[1:])
    return x, space, x.reshape(len(x), -1), y


def coded(variant: str, x, space, size: int, seed: int) -> np.ndarray:
    """Codes of a model trained on the rows."""
    model = keras_ae.create(variant, space, size, seed=seed)
    model.compile(keras.optimizers.Adam(1e-3))
    model.fit(x, batch_size=BATCH, steps_per_epoch=STEPS, verbose=0)
    return model.embed(x)


def methods(x, space, vectors, size: int, seed: int) -> dict[str, Callable]:
    """Functions that make the codes, by name."""
    found: dict[str, Callable] = {
        name: functools.partial(coded, variant, x, space, size, seed)
        for name, variant in OURS.items()
    }
    pca = PCA(size, random_state=seed)
    found["PCA"] = functools.partial(pca.fit_transform, vectors)
    if size == 2:
        tsne = TSNE(random_state=seed)
        found["t-SNE"] = functools.partial(tsne.fit_transform, vectors)
    return found


def worth(codes: np.ndarray, vectors: np.ndarray, y, seed: int) -> dict:
    """The four figures of a code."""
    classes = len(np.unique(y))
    groups = KMeans(classes, n_init=10, random_state=seed).fit_predict(codes)
    accuracy = cross_val_score(KNeighborsClassifier(5), codes, y, cv=5).mean()
    found = (
        trustworthiness(vectors, codes, n_neighbors=NEIGHBOURS),
        accuracy,
        normalized_mutual_info_score(y, groups),
        adjusted_rand_score(y, groups),
    )
    return dict(zip(FIGURES, map(float, found), strict=True))


def means(runs: dict[str, dict]) -> pd.DataFrame:
    """Means over seeds as text, a row for each method, the best in bold."""
    frame = pd.DataFrame(
        {method: pd.DataFrame(own).mean(axis=1) for method, own in runs.items()}
    ).T.round(3)
    best = frame.max()
    text = frame.map("{:.3f}".format)
    return text.where(frame != best, "**" + text + "**")


def table(results: dict) -> str:
    """One row for each set, size and method, in Markdown."""
    rows = []
    for name, sizes in results.items():
        for size, runs in sizes.items():
            for method, row in means(runs).iterrows():
                seeds = len(runs[method])
                rows.append([name, size, method, seeds, *row])
    return markdown.table(["set", "code", "method", "seeds", *FIGURES], rows)


def section(found: dict) -> list[list[str]]:
    """Rows of `benchmarks/README.md`."""
    rows = []
    for name, sizes in found["results"].items():
        for size, runs in sizes.items():
            words = {
                method: f"{method} {' / '.join(row)}"
                for method, row in means(runs).iterrows()
            }
            seeds = max(map(len, runs.values()))
            rows.append(
                [
                    f"{name}, code of {size}",
                    "trustworthiness / accuracy of 5 neighbours / NMI / ARI of "
                    f"k-means, seeds: {seeds}, the best in bold",
                    "; ".join(w for m, w in words.items() if m in OURS),
                    "; ".join(w for m, w in words.items() if m not in OURS),
                    "",
                ]
            )
    return rows


def main() -> None:
    """Train, embed, compare, print a table, keep the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    arguments = parser.parse_args()
    results = common.read("embedding").get("results", {})
    for seed in range(arguments.seeds):
        for name in arguments.sets:
            x, space, vectors, y = load(name, seed)
            for size in SIZES:
                runs = results.setdefault(name, {}).setdefault(str(size), {})
                every = methods(x, space, vectors, size, seed)
                for method, function in every.items():
                    own = runs.setdefault(method, {})
                    if str(seed) in own:
                        continue
                    start = time.process_time()
                    own[str(seed)] = worth(function(), vectors, y, seed)
                    spent = round(time.process_time() - start)
                    line = name, size, method, seed, own[str(seed)], spent
                    print(*line, file=sys.stderr, flush=True)
            common.write("embedding", {"what": WHAT, "results": results})
    text = table(results)
    print(text)
    path = common.RESULTS / "embedding.md"
    path.write_text(f"# {WHAT}; the best in bold\n\n{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
