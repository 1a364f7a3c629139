"""Anomalies in long series, found by `AnomalyDetector`.

`python -m benchmarks.series [mba] [skab] [nab]`, 20 minutes of one core:

- Two electrocardiograms of TSB-UAD, each fitted whole and without labels: the
  area under the ROC curve over all points.
- 34 recordings of pumps and valves, SKAB: per file the first 400 rows are
  learned, in windows of 60; a point is abnormal if all windows are that cover
  it, a window if its score exceeds the 99.9 % quantile of those rows times
  4/3; F1 over the points of all files. The score is a squared error, those of
  the published models absolute errors, so that the square of 4/3 stands
  beside it.
- The two files of Keras' example on time series, of NAB: a detector of days
  learns from the one without anomaly, and its alarms in the other are listed.

References: Paparrizos, Kang, Boniol, Tsay, Palpanas, Franklin, 2022. TSB-UAD:
    An End-to-End Benchmark Suite for Univariate Time-Series Anomaly
    Detection. VLDB. Katser, Kozitsin, 2020. Skoltech Anomaly Benchmark.
    https://github.com/waico/SKAB. Lavin, Ahmad, 2015. Evaluating Real-time
    Anomaly Detection Algorithms. ICMLA. https://github.com/numenta/NAB
"""

import argparse
import io
import json
import os
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage
from sklearn.metrics import f1_score
from sklearn.metrics import roc_auc_score

import keras_ae
from benchmarks import common
from keras_ae.core import markdown

#: Series -> published areas.
MBA = {
    "MBA_ECG805": {"autoencoder": 0.857, "PCA": 0.936, "NormA": 0.974},
    "MBA_ECG820": {"autoencoder": 0.792, "PCA": 0.382, "NormA": 0.972},
}
BEAT = 140  # points, about one heart beat
#: F1 over all files, published.
SKAB = {
    "autoencoder, convolutions": 0.78,
    "autoencoder, LSTM": 0.74,
    "VAE, LSTM": 0.56,
    "autoencoder, dense": 0.39,
}
LEARNED = 400  # rows of each file
WINDOW = 60
FACTORS = {"4/3": 4 / 3, "(4/3)^2": 16 / 9}
DAY = 288  # points
NORMAL = "artificialNoAnomaly/art_daily_small_noise.csv"
ABNORMAL = "artificialWithAnomaly/art_daily_jumpsup.csv"


def folder(name: str) -> Path:
    """Of the data."""
    return Path(os.environ.get("KERAS_AE_DATA", ".")) / name


def members(path: Path) -> dict[str, bytes]:
    """The files of an archive by name."""
    with tarfile.open(path) as archive:
        return {
            member.name.removeprefix("./"): archive.extractfile(member).read()
            for member in archive
            if member.isfile()
        }


def mba() -> dict:
    """Areas of the points of two electrocardiograms."""
    results = {}
    for name, published in MBA.items():
        path = folder("tsb_uad") / f"{name}_data.out.gz"
        x, y = np.loadtxt(path, delimiter=",").T
        space = keras_ae.spaces.Series.from_series(x, BEAT, stride=10)
        for outliers in (False, True):
            detector = keras_ae.AnomalyDetector(space, outliers=outliers)
            area = roc_auc_score(y, detector.fit(x).anomaly_score(x))
            own = results.setdefault(name, dict(published))
            own[f"keras_ae, outliers={outliers}"] = float(area)
            say(f"{name}, outliers={outliers}: {area:.4f}")
    return results


def abnormal(x: np.ndarray) -> dict[str, np.ndarray]:
    """Which points of one recording are, by the rule of SKAB with each
    factor."""
    learned = x[:LEARNED]
    space = keras_ae.spaces.Series.from_series(learned, WINDOW)
    detector = keras_ae.AnomalyDetector(
        space, false_alarm_rate=0.5, calibration=0.4, steps=1000
    )
    scores = detector.fit(learned).anomaly_score(space.windows(x))
    limit = np.quantile(scores[: LEARNED - WINDOW + 1], 0.999)
    found = {}
    for name, factor in FACTORS.items():
        # All windows that cover a point: those that begin in the 60 points up
        # to it, of those that there are.
        windows = np.pad(
            scores > factor * limit, (0, WINDOW - 1), constant_values=True
        )
        found[name] = ndimage.minimum_filter1d(
            windows.astype(int),
            WINDOW,
            mode="constant",
            cval=1,
            origin=WINDOW // 2 - 1,
        )
    return found


def skab() -> dict:
    """F1 over the points of all recordings."""
    found, truth = {name: [] for name in FACTORS}, []
    files = members(folder("skab") / "skab_v0.9.tar.gz")
    for name, content in sorted(files.items()):
        if not name.endswith(".csv") or "anomaly-free" in name:
            continue
        frame = pd.read_csv(io.BytesIO(content), sep=";", index_col="datetime")
        truth.append(frame.pop("anomaly").to_numpy(int))
        points = abnormal(frame.drop(columns="changepoint").to_numpy())
        for factor, own in points.items():
            found[factor].append(own)
        say(f"{name}: {len(frame)} points")
    y, results = np.concatenate(truth), {"files": len(truth)}
    for factor, parts in found.items():
        p = np.concatenate(parts)
        results[f"factor {factor}"] = {
            "F1": float(f1_score(y, p)),
            "false alarms": float(p[y == 0].mean()),
            "missed": float(1 - p[y == 1].mean()),
        }
    return results | {"published F1": SKAB}


def nab() -> dict:
    """Alarms in the file with an anomaly."""
    files = members(next(folder("nab").glob("*.tar.gz")))
    normal, test = (
        pd.read_csv(io.BytesIO(files[f"data/{name}"]), parse_dates=[0])
        for name in (NORMAL, ABNORMAL)
    )
    labels = json.loads(files["labels/combined_windows.json"])[ABNORMAL]
    (start, end) = (
        int(np.searchsorted(test["timestamp"], pd.Timestamp(t)))
        for t in labels[0]
    )
    x = normal["value"].to_numpy()
    space = keras_ae.spaces.Series.from_series(x, DAY)
    detector = keras_ae.AnomalyDetector(
        space, false_alarm_rate=0.2, calibration=0.4
    ).fit(x)
    alarms = detector.predict(test["value"].to_numpy()) < 0
    named, count = ndimage.label(alarms)
    places = [
        (int(s[0].start), int(s[0].stop)) for s in ndimage.find_objects(named)
    ]
    return {
        "labelled": [start, end + 1],
        "alarms": places,
        "beside it": [p for p in places if p[1] <= start or p[0] > end],
        "highest score of the normal file": float(
            detector.anomaly_score(x).max()
        ),
        "highest score of the other": float(
            detector.anomaly_score(test["value"].to_numpy()).max()
        ),
        "count": count,
    }


def say(line: str) -> None:
    """Progress."""
    print(line, file=sys.stderr, flush=True)


BENCHMARKS = {"mba": mba, "skab": skab, "nab": nab}


def main() -> None:
    """Train, score, print, keep the results of each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", nargs="*", choices=[[], *BENCHMARKS])
    arguments = parser.parse_args()
    results = common.read("series").get("results", {})
    for name in arguments.what or BENCHMARKS:
        start = time.process_time()
        found = BENCHMARKS[name]()
        spent = round(time.process_time() - start)
        results[name] = found | {"cpu_seconds": spent}
        common.write(
            "series", {"what": __doc__.split("\n")[0], "results": results}
        )
        rows = [[key, str(value)] for key, value in results[name].items()]
        print(markdown.table([name, "found"], rows))


if __name__ == "__main__":
    main()
