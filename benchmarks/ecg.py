"""Anomalies in heart beats and in long electrocardiograms.

`python -m benchmarks.ecg`. ECG5000 of the UCR archive, trained on 2,335
normal beats, tested on 2,665 others: the area under the ROC curve of
`score_samples`, over seeds, beside principal components and nearest
neighbours. Then two series of TSB-UAD, each fitted whole and without labels:
the area over all points, of `point_scores`, and of the scores of windows.
12 minutes of one core.

Reference: Paparrizos, Kang, Boniol, Tsay, Palpanas, Franklin, 2022. TSB-UAD:
    An End-to-End Benchmark Suite for Univariate Time-Series Anomaly
    Detection. VLDB.
"""

import argparse
import functools
import os
import sys
import time
from pathlib import Path

import keras
import numpy as np
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

import keras_ae
from benchmarks import common
from keras_ae.analysis.series import point_scores
from keras_ae.core import markdown
from keras_ae.zoo import datasets

LATENT = 8
EPOCHS = 20
STUDENT = {"student_t": {"scale": "shared", "start": "data"}}
LEARNED = {"gaussian": {"scale": "learned", "start": "data"}}
#: Name -> variant and settings; the first has the defaults of the space.
MODELS = {
    "VAE": ("vae", {}),
    "VAE, convolutions": ("vae", {"network": "strided"}),
    "VAE, Student-t": ("vae", {"likelihood": STUDENT}),
    "VAE, a deviation for each value": ("vae", {"likelihood": LEARNED}),
    "autoencoder": ("autoencoder", {}),
}
WINDOW = 140  # points, about a heart beat in all three
#: Series -> published area of an autoencoder, and of principal components
PUBLISHED = {"MBA_ECG805": (0.857, 0.936), "MBA_ECG820": (0.792, 0.382)}


def fitted(name: str, x: np.ndarray, seed: int, stride: int, **options):
    """A trained model of windows or of a long series."""
    variant, settings = MODELS[name]
    space = keras_ae.spaces.Series.from_series(x, WINDOW, stride)
    model = keras_ae.create(variant, space, LATENT, seed=seed, **settings)
    model.compile(keras.optimizers.Adam(1e-3))
    model.fit(x, verbose=0, **options)
    return model


def beats(name: str, seed: int) -> float:
    """Area of one model of ECG5000."""
    (x, _), (x_test, y_test) = datasets.load("ecg5000")
    model = fitted(name, x, seed, 1, epochs=EPOCHS)
    return roc_auc_score(y_test, -model.score_samples(x_test))


def detected(seed: int) -> float:
    """Area of the detector with its defaults, of ECG5000."""
    (x, _), (x_test, y_test) = datasets.load("ecg5000")
    detector = keras_ae.AnomalyDetector(seed=seed).fit(x)
    return float(roc_auc_score(y_test, detector.anomaly_score(x_test)))


def classical() -> dict[str, float]:
    """Areas of ECG5000 without a network."""
    (x, _), (x_test, y_test) = datasets.load("ecg5000")
    components = PCA(2).fit(x)
    back = components.inverse_transform(components.transform(x_test))
    distances, _ = NearestNeighbors(n_neighbors=5).fit(x).kneighbors(x_test)
    return {
        "PCA(2)": roc_auc_score(y_test, np.sum((x_test - back) ** 2, axis=1)),
        "kNN(5)": roc_auc_score(y_test, distances.mean(axis=1)),
    }


def series(name: str) -> dict[str, float]:
    """Areas of the points of one long series."""
    folder = Path(os.environ["KERAS_AE_DATA"], "tsb_uad")
    rows = np.loadtxt(folder / f"{name}_data.out.gz", delimiter=",")
    x, y = rows[:, 0].astype(np.float32), rows[:, 1]
    model = fitted("VAE", x, 0, 10, epochs=10, batch_size=128)
    windows = model.space.points(model.score_samples(x), len(x))
    autoencoder, components = PUBLISHED[name]
    return {
        "point_scores": roc_auc_score(y, -point_scores(model, x)),
        "scores of windows": roc_auc_score(y, -windows),
        "autoencoder, published": autoencoder,
        "PCA, published": components,
    }


def say(line: str) -> None:
    """Progress."""
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Train, score, print tables, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    start = time.process_time()
    results = {
        name: {"AUROC": value, "seeds": [value]}
        for name, value in classical().items()
    }
    methods = {n: functools.partial(beats, n) for n in MODELS}
    for name, method in {**methods, "AnomalyDetector": detected}.items():
        values = [method(seed) for seed in range(arguments.seeds)]
        results[name] = {"AUROC": float(np.mean(values)), "seeds": values}
        say(f"{name}: {values}")
    rows = [
        [name, f"{r['AUROC']:.4f}", f"{min(r['seeds']):.4f}"]
        for name, r in results.items()
    ]
    print(markdown.table(["ECG5000", "AUROC", "least of seeds"], rows))
    points = {}
    for name in PUBLISHED:
        points[name] = series(name)
        say(f"{name}: {points[name]}")
    names = list(next(iter(points.values())))
    rows = [[n, *(f"{p[n]:.3f}" for p in points.values())] for n in names]
    print(markdown.table(["points", *points], rows))
    common.write(
        "ecg",
        {
            "what": f"AUROC; windows of {WINDOW}, codes of {LATENT}, default "
            f"networks; ECG5000: {EPOCHS} epochs, score_samples",
            "cpu_seconds": round(time.process_time() - start),
            "results": results,
            "points": points,
        },
    )


if __name__ == "__main__":
    main()
