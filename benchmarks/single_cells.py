"""Types of cells in the codes of their counts.

`python -m benchmarks.single_cells`. Unique molecules of the 2,000 most
variable genes in three sets of cells. A VAE on `spaces.Counts` with the
likelihood that is natural there; KMeans, told the number of types, groups the
mean codes; its groups are compared with the published types. Beside it PCA of
logarithms of shares. One recipe for all sets. Training does not see the types;
the number of epochs was chosen by them, with one seed on PBMC and kidney (of
10, 20, 30; longer trainings split types). Needs h5py.
"""

import argparse
import functools
import os
import sys
import time
from pathlib import Path

import h5py
import keras
import numpy as np
import scipy.sparse
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics import normalized_mutual_info_score

import keras_ae
from benchmarks import common
from keras_ae.core import markdown

FOLDER = Path(os.environ.get("KERAS_AE_DATA", ".")) / "single_cell"
SETS = {
    "PBMC": "10X_PBMC_top2000.h5",
    "kidney": "human_kidney_counts_top2000.h5",
    "CBMC": "CITE_CBMC_counts_top2000.h5",
}
COMPONENTS = 32  # of PCA
LATENT = 16
HIDDEN = (128,)
BATCH = 128
EPOCHS = 20
LIKELIHOODS = (
    "poisson",
    "negative_binomial",
    "zero_inflated_negative_binomial",
    "multinomial",
)


def load(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Counts `[N, 2000]` and types `[N]`."""
    with h5py.File(FOLDER / SETS[name]) as file:
        types = np.unique(file["Y"][:], return_inverse=True)[1]
        return file["X"][:], types


def agreement(codes: np.ndarray, types: np.ndarray, seed: int) -> dict:
    """Of the groups that KMeans finds with the types."""
    means = KMeans(types.max() + 1, n_init=10, random_state=seed)
    groups = means.fit_predict(codes)
    return {
        "NMI": float(normalized_mutual_info_score(types, groups)),
        "ARI": float(adjusted_rand_score(types, groups)),
    }


def components(
    counts: np.ndarray, seed: int, total: float | None = None
) -> np.ndarray:
    """PCA of logarithms of counts, scaled to a total, or to the median."""
    totals = counts.sum(axis=1, keepdims=True)
    total = np.median(totals) if total is None else total
    logs = np.log1p(counts / totals * total)
    return PCA(COMPONENTS, random_state=seed).fit_transform(logs)


def codes(
    counts: np.ndarray, seed: int, likelihood: str | None, epochs: int
) -> np.ndarray:
    """Mean codes of a VAE trained on the counts."""
    x = scipy.sparse.csr_array(counts)
    model = keras_ae.VAE.create(
        keras_ae.spaces.Counts.from_counts(x),
        LATENT,
        hidden=HIDDEN,
        likelihood=likelihood,
        seed=seed,
    )
    model.compile(keras.optimizers.Adam(1e-3))
    model.fit(x, batch_size=BATCH, epochs=epochs, verbose=0)
    return model.embed(x)


def table(found: dict) -> str:
    """One row for each set and method, in Markdown."""
    rows = []
    for name, methods in found.items():
        for method, runs in methods.items():
            row = [name, method, str(len(runs))]
            for key in ("NMI", "ARI"):
                values = [run[key] for run in runs]
                row.append(f"{np.mean(values):.3f} +- {np.std(values):.3f}")
            rows.append(row)
    return markdown.table(["set", "codes", "seeds", "NMI", "ARI"], rows)


def main() -> None:
    """Train, group, compare, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--likelihood", choices=LIKELIHOODS)
    arguments = parser.parse_args()
    start = time.process_time()
    methods = {
        "PCA, median total": components,
        "PCA, total 10,000": functools.partial(components, total=1e4),
        "VAE": functools.partial(
            codes, likelihood=arguments.likelihood, epochs=arguments.epochs
        ),
    }
    found: dict = {
        name: {method: [] for method in methods} for name in arguments.sets
    }
    for seed in range(arguments.seeds):
        for name, runs in found.items():
            counts, types = load(name)
            for method, function in methods.items():
                values = function(counts, seed=seed)
                runs[method].append(agreement(values, types, seed))
                last = runs[method][-1]
                print(name, seed, method, last, file=sys.stderr, flush=True)
    print(table(found))
    default = parser.parse_args([])
    default.seeds = arguments.seeds
    if arguments == default:
        common.write(
            "single_cells",
            {
                "what": f"VAE, code {LATENT}, hidden {HIDDEN}, {EPOCHS} "
                f"epochs, batch {BATCH}; PCA, {COMPONENTS} components; KMeans "
                "of the codes against the types of cells",
                "cpu_seconds": round(time.process_time() - start),
                "results": found,
            },
        )


if __name__ == "__main__":
    main()
