"""Anomalies in tables, beside 26 published detectors.

`python -m benchmarks.anomaly tables`. ADBench's tables of 1,000 to 50,000
rows, one detector with its defaults for all of them. Setting "semi": the first
half of the normal rows trains, the others and all anomalies are judged;
"unsup": a bootstrap of all rows trains `AnomalyDetector(outliers=True)`, all
rows are judged (that it learns from half of the rows, after 100 steps, was
decided with seven of these tables in sight).
Published are means of five seeds (Livernoche, Jain, Hezaveh, Ravanbakhsh,
2024. On Diffusion Modeling for Anomaly Detection. ICLR). Results are kept
after each table, and a run goes on where the last one ended.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

import keras_ae
from benchmarks import common
from keras_ae.core import markdown

FOLDER = Path(os.environ.get("KERAS_AE_DATA", ".")) / "adbench"
ROWS = (1_000, 50_000)
BESIDE = ("DTE-NP", "kNN", "LOF", "IForest", "PCA", "VAE")
OURS = "keras_ae"
WHAT = "AUROC in percent of AnomalyDetector(), by table and seed"


def tables() -> dict[str, Path]:
    """Names of the tables of the right size, the smallest first."""
    sizes = {}
    for path in FOLDER.glob("*.npz"):
        with np.load(path) as file:
            size = file["X"].shape
        if ROWS[0] <= size[0] <= ROWS[1]:
            sizes[path] = size[0] * size[1]
    return {
        path.stem.partition("_")[2].lower(): path
        for path in sorted(sizes, key=sizes.__getitem__)
    }


def split(path: Path, setting: str, seed: int) -> tuple:
    """Rows to train on, rows to judge, and which of those are anomalies."""
    with np.load(path) as file:
        x, y = file["X"].astype(np.float64), file["y"]
    if setting == "unsup":
        drawn = np.random.default_rng(seed).integers(len(x), size=len(x))
        return x[drawn], x, y
    normal = np.flatnonzero(y == 0)
    half = round(len(normal) / 2)
    judged = np.concatenate([normal[half:], np.flatnonzero(y == 1)])
    return x[normal[:half]], x[judged], y[judged]


def area(path: Path, setting: str, seed: int) -> float:
    """AUROC in percent of the detector, which is told the setting alone."""
    train, test, anomalies = split(path, setting, seed)
    detector = keras_ae.AnomalyDetector(outliers=setting == "unsup", seed=seed)
    detector.fit(train)
    return float(100 * roc_auc_score(anomalies, detector.anomaly_score(test)))


def published(setting: str) -> pd.DataFrame:
    """AUROC in percent, a row for each table, a column for each detector."""
    path = FOLDER / f"published_{setting}_aucroc.csv"
    frame = pd.read_csv(path, index_col=0)
    return frame.set_axis(frame.index.str.lower())


def summary(found: dict[str, dict], setting: str) -> tuple[dict, str]:
    """Means, the rank among the published detectors, and a table."""
    ours = {
        name: float(np.mean([*runs.values()])) for name, runs in found.items()
    }
    frame = published(setting).loc[[*ours]]
    means = {**frame.mean(), OURS: float(np.mean([*ours.values()]))}
    rank = 1 + int((frame.mean() > means[OURS]).sum())
    rows = []
    for name, value in ours.items():
        others = frame.loc[name]
        best = others.idxmax()
        rows.append(
            [
                name,
                f"{value:.1f}",
                *(f"{others[n]:.1f}" for n in BESIDE),
                f"{best} {others[best]:.1f}",
            ]
        )
    rows.append(["mean", *(f"{means[n]:.1f}" for n in (OURS, *BESIDE)), ""])
    text = markdown.table(["table", OURS, *BESIDE, "best published"], rows)
    about = {
        "mean": means[OURS],
        "rank": rank,
        "published": {name: float(frame.mean()[name]) for name in frame},
    }
    return about, text


def main() -> None:
    """Train, judge, print tables, keep the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["tables"])
    parser.add_argument("--settings", nargs="*", default=["semi", "unsup"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sets", nargs="*", default=None)
    arguments = parser.parse_args()
    kept = common.read("anomaly")
    results = kept.get("tables", {})
    for seed in range(arguments.seeds):
        for setting in arguments.settings:
            found = results.setdefault(setting, {}).setdefault("AUROC", {})
            for name, path in tables().items():
                runs = found.setdefault(name, {})
                if arguments.sets and name not in arguments.sets:
                    continue
                if str(seed) in runs:
                    continue
                start = time.process_time()
                runs[str(seed)] = area(path, setting, seed)
                spent = round(time.process_time() - start)
                line = (
                    f"{setting} {name} {seed}: {runs[str(seed)]:.2f}, {spent} s"
                )
                print(line, file=sys.stderr, flush=True)
                common.write("anomaly", {"what": WHAT, "tables": results})
    pages = []
    for setting in arguments.settings:
        found = {n: r for n, r in results[setting]["AUROC"].items() if r}
        about, text = summary(found, setting)
        results[setting] |= about
        seeds = max(len(runs) for runs in found.values())
        pages.append(
            f"{setting}: place {about['rank']} of 27, seeds: {seeds}\n\n"
            f"{text}\n"
        )
        print(pages[-1])
    common.write("anomaly", {"what": WHAT, "tables": results})
    page = "\n".join([f"# {WHAT}\n", *pages])
    (common.RESULTS / "anomaly.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
