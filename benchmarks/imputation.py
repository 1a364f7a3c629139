"""Missing values: MIWAE and not-MIWAE under their authors' protocols.

`python -m benchmarks.imputation [--of breast] [--models published,short,rivals]
[--seeds 0,1,2]`. Holes are made in a standardized table, models are trained on
the table with its holes and fill them; what is printed is the error on the
hidden values.

- `breast`: scikit-learn's breast cancer table, half of the values hidden at
  random; mean square. As in the TensorFlow 2 notebook of
  https://github.com/pamattei/miwae, which prints 0.2867 after 1,001 epochs.
- `wine`: white wine without its grade; in the first half of the columns all
  values above the mean are hidden; root mean square. As in task01.py of
  https://github.com/nbip/notMIWAE: 1.035 with a mechanism of known sign.

Models: `published` is the network of the sources, `short` what a user gets
who asks for little, `rivals` are those of scikit-learn; `miwae` the `wine`
model without a mechanism.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer
from sklearn.impute import KNNImputer
from sklearn.impute import SimpleImputer

import keras_ae
from benchmarks import common
from keras_ae.core import markdown
from keras_ae.zoo import reproduction

PUBLISHED = {"breast": reproduction.MIWAE, "wine": 1.035}
SAMPLES = 10_000
FOLDER = Path(os.environ.get("KERAS_AE_DATA", "."))
STUDENT = {"student_t": {"df": "each"}}


def breast() -> tuple[np.ndarray, np.ndarray]:
    """569 rows of 30 columns, and the same with holes."""
    full = standardized(load_breast_cancer().data.astype("float32"))
    np.random.seed(1234)  # the source's own generator
    hidden = np.random.choice(full.size, full.size // 2, replace=False)
    x = full.copy()
    x.flat[hidden] = np.nan
    return full, x


def wine() -> tuple[np.ndarray, np.ndarray]:
    """4,898 rows of 11 columns, and the same with holes."""
    file = FOLDER / "uci" / "winequality-white.csv"
    data = pd.read_csv(file, header=None).to_numpy("float32")
    full = standardized(data[:, :-1])
    x = full.copy()
    half = x[:, : x.shape[1] // 2]  # a view
    half[half > half.mean(axis=0)] = np.nan
    return full, x


def standardized(data: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and deviation 1."""
    return (data - data.mean(axis=0)) / data.std(axis=0)


def error(name: str, filled: np.ndarray, full: np.ndarray, x: np.ndarray):
    """On the hidden values: mean square, or its root for `wine`."""
    square = float(np.mean(np.square(filled - full)[np.isnan(x)]))
    return square if name == "breast" else square**0.5


def he(width: int, activation: str) -> keras.layers.Dense:
    """A dense layer that starts as the source's."""
    return keras.layers.Dense(width, activation, kernel_initializer="he_normal")


def published_breast(x: np.ndarray, seed: int, epochs: int = 1001):
    """Three layers in the encoder, two in the decoder, Student-t in both."""
    keras.utils.set_random_seed(seed)
    columns = x.shape[1]
    bodies = [
        keras_ae.networks.mlp(shape, hidden, layer=he)
        for shape, hidden in (((columns,), (128,) * 3), ((10,), (128,) * 2))
    ]
    model = keras_ae.MIWAE(
        keras_ae.DistributionNetwork(bodies[0], STUDENT, 10),
        keras_ae.DistributionNetwork(bodies[1], STUDENT, columns),
        samples=20,
        seed=seed,
    )
    model.compile(keras.optimizers.Adam(2e-4))
    model.fit(x, epochs=epochs, batch_size=32, verbose=0)
    return model


def short_breast(x: np.ndarray, seed: int, epochs: int = 300):
    """Little asked for: a start at the principal components."""
    model = keras_ae.MIWAE.create(
        x.shape[1], 10, hidden=(128, 128), linear_path=True, seed=seed
    )
    model.adapt(x)
    model.compile("adam")
    model.fit(x, epochs=epochs, batch_size=32, verbose=0)
    return model


def published_wine(x: np.ndarray, seed: int, steps: int = 100_000, **options):
    """Gaussians; batches of 16; a code one shorter than a row."""
    options.setdefault("mechanism", {"self_masking": {"hides": "high"}})
    model = keras_ae.MIWAE.create(
        x.shape[1],
        x.shape[1] - 1,
        hidden=(128, 128),
        activation="tanh",
        likelihood="gaussian",
        samples=20,
        seed=seed,
        **options,
    )
    model.compile("adam")
    epochs = steps * 16 // len(x)
    model.fit(x, epochs=epochs, batch_size=16, verbose=0)
    return model


def miwae_wine(x: np.ndarray, seed: int):
    """The same without a mechanism."""
    return published_wine(x, seed, mechanism=None)


MODELS = {
    ("breast", "published"): published_breast,
    ("breast", "short"): short_breast,
    ("wine", "published"): published_wine,
    ("wine", "miwae"): miwae_wine,
}
SETS = {"breast": breast, "wine": wine}


def rivals(seed: int) -> dict[str, Callable]:
    """Imputers of scikit-learn, the last akin to missForest."""
    trees = ExtraTreesRegressor(100, max_depth=8, random_state=seed)
    return {
        "mean": SimpleImputer(),
        "5 neighbours": KNNImputer(),
        "iterative, Bayesian ridge": IterativeImputer(
            max_iter=10, random_state=seed
        ),
        "iterative, extra trees": IterativeImputer(trees, random_state=seed),
    }


def run(name: str, models: list[str], seeds: list[int]) -> dict:
    """Error and seconds: model -> seed -> both."""
    full, x = SETS[name]()
    found = {}

    def note(model: str, seed: int, filled: np.ndarray, start: float) -> None:
        result = {
            "error": error(name, filled, full, x),
            "seconds": time.perf_counter() - start,
        }
        found.setdefault(model, {})[str(seed)] = result
        print(name, model, seed, result, flush=True)

    for kind in models:
        for seed in seeds:
            start = time.perf_counter()
            if kind != "rivals":
                model = MODELS[name, kind](x, seed)
                note(kind, seed, model.impute(x, samples=SAMPLES), start)
            elif seed == seeds[0]:
                for rival, imputer in rivals(seed).items():
                    start = time.perf_counter()
                    note(rival, seed, imputer.fit_transform(x), start)
    return found


def main() -> None:
    """Train, fill, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--of", default="breast", choices=SETS)
    parser.add_argument("--models", default="published,short,rivals")
    parser.add_argument("--seeds", default="0,1,2")
    arguments = parser.parse_args()
    name, seeds = arguments.of, list(map(int, arguments.seeds.split(",")))
    found = run(name, arguments.models.split(","), seeds)
    results = common.read("imputation")
    results.pop("machine", None)
    for model, values in found.items():
        kept = results.setdefault(name, {}).setdefault(model, {})
        kept.update(values)  # seeds may come one run after the other
    rows = []
    for model, values in results[name].items():
        errors = [value["error"] for value in values.values()]
        rows.append([model, f"{np.mean(errors):.4f}", len(errors)])
    rows.append(["published", f"{PUBLISHED[name]:.4f}", ""])
    print(markdown.table(["model", "error", "seeds"], rows))
    common.write("imputation", results, folder=reproduction.BENCHMARKS)


if __name__ == "__main__":
    main()
