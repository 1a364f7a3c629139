"""Anomalies among images, beside classical detectors of the same rows.

`python -m benchmarks.anomaly_images`. Of MNIST and of Fashion-MNIST one class
after the other is left out: detectors learn from 6,000 training images of the
other nine, and judge 5,000 test images of all ten. One detector with its
defaults for all; it is also given features, the last hidden layer of the
encoder of a bundled VAE of the *other* data set (weights of a large network
cannot be had offline). Results are kept after each class, and a run goes on
where the last one ended. A class takes two minutes of one core.
"""

import argparse
import sys
import time

import keras
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.neighbors import NearestNeighbors
from sklearn.svm import OneClassSVM

import keras_ae
from benchmarks import common
from keras_ae.core import markdown

#: Data set -> bundled model of the other one, whose encoder is in front.
SETS = {"mnist": "vae_fashion_mnist", "fashion_mnist": "vae_mnist"}
ROWS = 6_000
JUDGED = 5_000
COMPONENTS = 64  # of PCA, as many as the code of the detector has numbers
NEIGHBOURS = 5
CLASSES = 10
OURS = "AnomalyDetector"
FEATURES = "AnomalyDetector, features"
RIVALS = (
    f"PCA({COMPONENTS})",
    "isolation forest",
    "one-class SVM",
    f"kNN({NEIGHBOURS})",
    f"kNN({NEIGHBOURS}), features",
)
ALARMS = ("false alarms", "detections")
WHAT = (
    f"AUROC in percent, {ROWS} images of nine classes train, {JUDGED} of all "
    "ten are judged, one seed; false alarms and detections at the default rate"
)


def split(name: str, left_out: int, seed: int) -> tuple:
    """Images to train on, of all classes but one; images to judge; and which
    of these are of that class."""
    (x, y), (x_test, y_test) = keras_ae.datasets.load(name)
    rng = np.random.default_rng(seed)
    normal = rng.permutation(np.flatnonzero(y != left_out))[:ROWS]
    judged = rng.permutation(len(x_test))[:JUDGED]
    return x[normal], x_test[judged], y_test[judged] == left_out


def front(preset: str) -> keras.Model:
    """The encoder of a model up to its last hidden layer."""
    body = keras_ae.load(preset).encoder.body
    return keras.Sequential([keras.Input((28, 28, 1)), body])


def classical(train: np.ndarray, test: np.ndarray) -> dict[str, np.ndarray]:
    """Scores of scikit-learn's detectors with their defaults, by name; rows of
    numbers."""
    pca = PCA(COMPONENTS, random_state=0).fit(train)
    back = pca.inverse_transform(pca.transform(test))
    forest = IsolationForest(random_state=0).fit(train)
    # The default kernel and width, as products of matrices: faster.
    gamma = 1 / (train.shape[1] * train.var())
    svm = OneClassSVM(kernel="precomputed").fit(rbf_kernel(train, gamma=gamma))
    found = (
        np.sum((test - back) ** 2, axis=1),
        -forest.score_samples(test),
        -svm.decision_function(rbf_kernel(test, train, gamma=gamma)),
        neighbours(train, test),
    )
    return dict(zip(RIVALS, found, strict=False))


def neighbours(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Mean distance to the nearest training rows."""
    near = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(train)
    return near.kneighbors(test)[0].mean(axis=1)


def one(name: str, left_out: int, seed: int = 0) -> dict:
    """AUROC of all methods with one class left out, and the alarms."""
    train, test, abnormal = split(name, left_out, seed)
    start = time.process_time()
    detector = keras_ae.AnomalyDetector(seed=seed).fit(train)
    scores = {OURS: detector.anomaly_score(test)}
    spent = time.process_time() - start
    alarms = scores[OURS] > -detector.offset_
    rows = detector.intake_.rows(test)
    for view in detector.views_:
        kind = type(view.score).__name__.lower()
        scores[f"{kind} alone"] = view.values(rows)
    network = front(SETS[name])
    other = keras_ae.AnomalyDetector(features=network, seed=seed).fit(train)
    scores[FEATURES] = other.anomaly_score(test)
    scores |= classical(*(x.reshape(len(x), -1) for x in (train, test)))
    both = (network.predict(x, verbose=0) for x in (train, test))
    scores[RIVALS[-1]] = neighbours(*both)
    return {
        "AUROC": {
            method: float(100 * roc_auc_score(abnormal, found))
            for method, found in scores.items()
        },
        ALARMS[0]: float(alarms[~abnormal].mean()),
        ALARMS[1]: float(alarms[abnormal].mean()),
        "cpu_seconds": round(spent),
    }


def areas(runs: dict[str, dict]) -> pd.DataFrame:
    """AUROC, a row for each class that was left out."""
    return pd.DataFrame({c: run["AUROC"] for c, run in runs.items()}).T


def table(runs: dict[str, dict]) -> str:
    """A row for each class, then the means; the best in bold."""
    frame = areas(runs)
    frame.loc["mean"] = frame.mean()
    rows = []
    for left_out, row in frame.iterrows():
        best = row.round(1).max()
        cells = [f"{v:.1f}" for v in row]
        bold = [f"**{c}**" if float(c) == best else c for c in cells]
        rows.append([left_out, *bold])
    return markdown.table(["left out", *frame], rows)


def section(found: dict) -> list[list[str]]:
    """Rows of `benchmarks/README.md`."""
    rows = []
    for name, runs in found["results"].items():
        means = areas(runs).mean()
        alarms = [np.mean([r[k] for r in runs.values()]) for k in ALARMS]
        rows.append(
            [
                f"{name}, each of {len(runs)} classes left out in turn",
                "mean AUROC in percent",
                f"`{OURS}` {means[OURS]:.1f} ({alarms[0]:.1%} false alarms, "
                f"{alarms[1]:.0%} found), on features of another data set "
                f"{means[FEATURES]:.1f}",
                "; ".join(f"{rival} {means[rival]:.1f}" for rival in RIVALS),
                "",
            ]
        )
    return rows


def main() -> None:
    """Train, judge, print tables, keep the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--classes", type=int, default=CLASSES)
    arguments = parser.parse_args()
    results = common.read("anomaly_images").get("results", {})
    for left_out in range(arguments.classes):
        for name in arguments.sets:
            runs = results.setdefault(name, {})
            if str(left_out) in runs:
                continue
            runs[str(left_out)] = one(name, left_out)
            print(name, left_out, runs[str(left_out)], file=sys.stderr)
            common.write("anomaly_images", {"what": WHAT, "results": results})
    pages = [f"# {WHAT}\n"]
    for name, runs in results.items():
        pages.append(f"{name}\n\n{table(runs)}\n")
        print(pages[-1])
    path = common.RESULTS / "anomaly_images.md"
    path.write_text("\n".join(pages), encoding="utf-8")


if __name__ == "__main__":
    main()
