"""Mixed tables: holes filled, and new rows that a classifier learns from.

`python -m benchmarks.tables [holes] [adult] [--sets Wine,Breast] [--shares
20,50] [--masks 1,2,3] [--rivals mean,knn,iterative,forest]`. One recipe for
all sets: `RECIPE`.

- `holes`: tables and masks of HI-VAE (Nazabal et al., 2020; folder `hivae` of
  `KERAS_AE_DATA`), trained on the table with its holes; the mean over columns
  of the share of errors (categories), of mean shift / grades (ordinal), or of
  root mean square / range (numbers), on hidden values.
- `adult`: trained on the raw training half of Adult; CatBoost learns from as
  many drawn rows, F1 on the test half; beside it F1 of the real rows, and of a
  model whose columns are independent given the code. As in
  Kotelnikov et al., 2023, TabDDPM, which reports TVAE 0.781, TabDDPM 0.795,
  real rows 0.815, with hyperparameters of CatBoost tuned, which are not here.
"""

import argparse
import time

import keras
import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer
from sklearn.impute import KNNImputer
from sklearn.metrics import f1_score
from sklearn.preprocessing import StandardScaler

import keras_ae
from benchmarks import common
from benchmarks.imputation import FOLDER
from keras_ae.core import markdown

RECIPE = {"latent_dim": 10, "hidden": (128, 128)}
TOLD = {"columns": {"hidden": 128}}  # each column those before it
STEPS = 12_000
BATCH = 128
TYPES = {
    "real": "real",
    "pos": "positive",
    "count": "count",
    "cat": "categorical",
    "ordinal": "ordinal",
}
PUBLISHED = {"TVAE": 0.781, "TabDDPM": 0.795, "real rows": 0.815}
_NAMES = (
    "age workclass fnlwgt education education_num marital occupation "
    "relationship race sex gain loss hours country income"
).split()


def model(
    frame: pd.DataFrame,
    types: dict,
    seed: int,
    steps: int = STEPS,
    likelihood: dict | None = None,
):
    """A VAE trained on a data frame; of the default kind without more."""
    keras.utils.set_random_seed(seed)
    table = keras_ae.spaces.Table.from_frame(frame, types=types)
    vae = keras_ae.VAE.create(table, seed=seed, likelihood=likelihood, **RECIPE)
    vae.compile("adam")
    epochs = max(1, steps * BATCH // len(frame))
    vae.fit(frame, batch_size=BATCH, epochs=epochs, verbose=0)
    return vae


def holes(name: str, share: int, mask: int) -> tuple:
    """A table, which values are hidden, and the types of the columns."""
    with np.load(FOLDER / "hivae" / f"{name}.npz") as file:
        data = file["data"].astype(float)
        kinds = [str(line).split(",")[0] for line in file["types"][1:]]
        bits = np.unpackbits(file[f"missing{share}_{mask}"])
    hidden = bits[: data.size].reshape(data.shape).astype(bool)
    return data, hidden, kinds


def shown(data: np.ndarray, hidden: np.ndarray, kinds: list) -> tuple:
    """The data frame with holes, and the types of its columns."""
    frame = pd.DataFrame(np.where(hidden, np.nan, data))
    frame.columns = [f"c{i}" for i in range(data.shape[1])]
    types = dict(zip(frame.columns, map(TYPES.get, kinds), strict=True))
    for column, kind in types.items():
        if kind == "positive" and frame[column].min() <= 0:
            types[column] = "real"
    return frame, types


def error(
    data: np.ndarray, hidden: np.ndarray, kinds: list, filled: np.ndarray
) -> float:
    """Mean over columns, see the module."""
    found = []
    for true, guess, mask, kind in zip(
        data.T, filled.T, hidden.T, kinds, strict=True
    ):
        mask = mask & ~np.isnan(true)  # some are missing in the source
        if not mask.any():
            continue
        off = (guess - true)[mask]
        if kind == "cat":
            found.append(np.mean(off != 0))
        elif kind == "ordinal":
            found.append(
                np.abs(off).mean() / len(np.unique(true[~np.isnan(true)]))
            )
        else:
            found.append(
                np.sqrt(np.mean(off**2)) / (np.nanmax(true) - np.nanmin(true))
            )
    return float(np.mean(found))


def rival(name: str, frame: pd.DataFrame, kinds: list, seed: int) -> np.ndarray:
    """Mean and mode, or an imputer of scikit-learn on standardized columns;
    categories are rounded to the nearest code."""
    x = frame.to_numpy()
    whole = [kind in ("cat", "ordinal") for kind in kinds]
    if name == "mean":
        fills = np.where(whole, frame.mode().iloc[0], frame.mean())
        return np.where(np.isnan(x), fills, x)
    trees = ExtraTreesRegressor(100, n_jobs=2, random_state=seed)
    imputer = {
        "knn": lambda: KNNImputer(),
        "iterative": lambda: IterativeImputer(random_state=seed),
        "forest": lambda: IterativeImputer(
            trees, max_iter=5, random_state=seed
        ),
    }[name]()
    scaler = StandardScaler()
    filled = scaler.inverse_transform(
        imputer.fit_transform(scaler.fit_transform(x))
    )
    low, high = np.nanmin(x, axis=0), np.nanmax(x, axis=0)
    return np.where(whole, np.rint(filled).clip(low, high), filled)


def run_holes(arguments: argparse.Namespace, results: dict) -> None:
    """Fill the holes of every set, share and mask."""
    for name in arguments.sets.split(","):
        for share in map(int, arguments.shares.split(",")):
            for mask in map(int, arguments.masks.split(",")):
                data, hidden, kinds = holes(name, share, mask)
                frame, types = shown(data, hidden, kinds)
                key = f"{name} {share} % {mask}"
                row = results.setdefault("holes", {}).setdefault(key, {})
                for method in arguments.rivals.split(","):
                    filled = rival(method, frame, kinds, 0)
                    row[method] = error(data, hidden, kinds, filled)
                start = time.perf_counter()
                filled = model(frame, types, 0).impute(frame).to_numpy(float)
                row["VAE"] = error(data, hidden, kinds, filled)
                row["seconds"] = time.perf_counter() - start
                print(key, {n: round(v, 4) for n, v in row.items()}, flush=True)
                common.write("tables", results)


def adult(part: str) -> pd.DataFrame:
    """Half of Adult, raw."""
    path = FOLDER / "uci" / f"adult-{part}.csv.gz"
    return pd.read_csv(path, header=None, names=_NAMES, skipinitialspace=True)


def learned(train: pd.DataFrame, test: pd.DataFrame) -> float:
    """F1 of CatBoost, of test rows."""
    from catboost import CatBoostClassifier

    words = [n for n in train if train[n].dtype.kind not in "iuf"]
    words.remove("income")
    classifier = CatBoostClassifier(
        iterations=1000,
        random_seed=0,
        cat_features=words,
        verbose=0,
        allow_writing_files=False,
        thread_count=2,
    )
    classifier.fit(train.drop(columns="income"), train["income"])
    guess = classifier.predict(test.drop(columns="income"))
    return float(f1_score(test["income"], guess, average="macro"))


def run_adult(arguments: argparse.Namespace, results: dict) -> None:
    """Train on drawn rows, test on real ones."""
    train, test = adult("train"), adult("test")
    test["income"] = test["income"].str.rstrip(".")
    found = {"real rows here": learned(train, test)}
    for name, likelihood in {"VAE": None, "VAE, told": TOLD}.items():
        vae = model(train, {}, 0, arguments.steps, likelihood)
        drawn = vae.sample(len(train), seed=0)
        found[name] = learned(drawn, test)
    results["adult"] = found | {"published": PUBLISHED}
    common.write("tables", results)
    print({n: round(v, 4) for n, v in found.items()}, flush=True)
    if arguments.picture:
        figure = keras_ae.plots.table(train, drawn)
        keras_ae.plots.save(figure, arguments.picture)


def main() -> None:
    """Run, write the JSON, print the table of holes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", nargs="*", default=["holes", "adult"])
    parser.add_argument("--sets", default="Wine,Breast,Adult,letter")
    parser.add_argument("--shares", default="20,50")
    parser.add_argument("--masks", default="1,2,3")
    parser.add_argument("--rivals", default="mean,knn,iterative,forest")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--picture", help="of real and drawn rows of Adult")
    arguments = parser.parse_args()
    results = common.read("tables")
    for name in arguments.which:
        {"holes": run_holes, "adult": run_adult}[name](arguments, results)
    rows = [
        [key, *(f"{row.get(n, np.nan):.4f}" for n in ("VAE", "mean", "knn"))]
        for key, row in results.get("holes", {}).items()
    ]
    print(markdown.table(["table", "VAE", "mean and mode", "kNN"], rows))


if __name__ == "__main__":
    main()
