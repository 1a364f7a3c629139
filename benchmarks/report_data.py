"""What the benchmarks of data found, one row each: ours beside others.

Part of `benchmarks.report`. Where a rival wins, its figure stands there too.
"""

from collections.abc import Callable

import numpy as np

from benchmarks import anomaly_images
from benchmarks import dictionaries
from benchmarks import embedding
from benchmarks.binary_tables import PUBLISHED
from benchmarks.binary_tables import shown

HEAD = ["data", "figure", "this package", "run beside it", "published"]


def imputation(found: dict) -> list[list[str]]:
    """MIWAE's exact anchor."""
    runs = found["breast"]
    names = {"published": "MIWAE", "short": "own defaults"}
    ours = [
        f"{words} {_spread([r['error'] for r in runs[key].values()])}"
        for key, words in names.items()
        if key in runs
    ]
    beside = [
        f"{name} {_spread([r['error'] for r in seeds.values()])}"
        for name, seeds in runs.items()
        if name not in names
    ]
    return [
        [
            "breast cancer table, half of the values hidden",
            "mean squared error",
            "; ".join(ours),
            "; ".join(beside),
            "MIWAE 0.2867",
        ]
    ]


def tables(found: dict) -> list[list[str]]:
    """Holes of mixed tables, and drawn rows of Adult."""
    rows = []
    sets: dict[str, list[dict]] = {}
    for key, row in found.get("holes", {}).items():
        sets.setdefault(key.rpartition(" ")[0], []).append(row)
    for name, masks in sets.items():
        others = [k for k in masks[0] if k not in ("VAE", "seconds")]
        rows.append(
            [
                f"{name} of the values hidden",
                f"error, see `benchmarks.tables`, masks: {len(masks)}",
                _spread([mask["VAE"] for mask in masks]),
                "; ".join(
                    f"{o} {_spread([m[o] for m in masks if o in m])}"
                    for o in others
                ),
                "",
            ]
        )
    if "adult" in found:
        adult = found["adult"]
        rows.append(
            [
                "Adult, rows drawn",
                "F1 of CatBoost trained on them",
                "; ".join(
                    f"{name} {adult[name]:.4f}"
                    for name in ("VAE, told", "VAE")
                    if name in adult
                ),
                f"real rows {adult['real rows here']:.4f}",
                ", ".join(f"{k} {v}" for k, v in adult["published"].items()),
            ]
        )
    return rows


def single_cells(found: dict) -> list[list[str]]:
    """Types of cells found again in the code."""
    return [
        [
            f"{name}, counts of genes",
            "NMI / ARI of k-means, 5 seeds",
            _agreement(methods["VAE"]),
            "; ".join(
                f"{method} {_agreement(runs)}"
                for method, runs in methods.items()
                if method != "VAE"
            ),
            "",
        ]
        for name, methods in found["results"].items()
    ]


def topics(found: dict) -> list[list[str]]:
    """Words of held-out halves of documents."""
    results = found["results"]
    return [
        [
            "20 Newsgroups, 50 topics",
            "perplexity of one half from the other",
            f"{results['VAE'][0]['perplexity']:.0f}",
            "; ".join(
                f"{name} {runs[0]['perplexity']:.0f}"
                for name, runs in results.items()
                if name != "VAE"
            ),
            "",
        ]
    ]


def binary_tables(found: dict) -> list[list[str]]:
    """Exact likelihood of bits."""
    return [
        [
            f"{name}, bits",
            "nats of a test row, 5,000 samples; bits told those before",
            ours,
            f"without {without}; tree {tree}; independent {independent}",
            PUBLISHED.get(name, ""),
        ]
        for name, row in found.items()
        if name != "machine"
        for ours, without, tree, independent in [shown(row)]
    ]


def ecg(found: dict) -> list[list[str]]:
    """Anomalies of heart beats."""
    results = found["results"]
    return [
        [
            "ECG5000, abnormal beats",
            "AUROC, 3 seeds",
            "; ".join(
                f"{name} {result['AUROC']:.4f}"
                for name, result in results.items()
                if "(" not in name
            ),
            "; ".join(
                f"{name} {result['AUROC']:.4f}"
                for name, result in results.items()
                if "(" in name
            ),
            "VAE 0.962, isolation forest 0.952",
        ]
    ]


def anomaly(found: dict) -> list[list[str]]:
    """Tables with anomalies, beside published detectors."""
    rows = []
    for setting, about in found["tables"].items():
        published = sorted(
            about["published"].items(), key=lambda item: -item[1]
        )
        best = ", ".join(f"{name} {value:.1f}" for name, value in published[:4])
        seeds = {len(runs) for runs in about["AUROC"].values()}
        rows.append(
            [
                f"{len(about['AUROC'])} tables with anomalies, {setting}",
                f"mean AUROC in percent, seeds: {max(seeds)}",
                f"`AnomalyDetector` {about['mean']:.2f}, place {about['rank']} "
                f"among {len(published)}",
                "",
                f"{best}, VAE {about['published']['VAE']:.1f}",
            ]
        )
    return rows


def series(found: dict) -> list[list[str]]:
    """Anomalies in long series."""
    results, rows = found["results"], []
    for name, areas in results.get("mba", {}).items():
        if name == "cpu_seconds":
            continue
        ours = {k: v for k, v in areas.items() if k.startswith("keras_ae")}
        rows.append(
            [
                f"{name}, points of an electrocardiogram",
                "AUROC",
                "; ".join(
                    f"`AnomalyDetector`{name.removeprefix('keras_ae')} "
                    f"{value:.3f}"
                    for name, value in ours.items()
                ),
                "",
                ", ".join(
                    f"{k} {v}" for k, v in areas.items() if k not in ours
                ),
            ]
        )
    if "skab" in results:
        skab = results["skab"]
        rows.append(
            [
                f"SKAB, {skab['files']} recordings of pumps and valves",
                "F1 of points",
                "; ".join(
                    f"`AnomalyDetector`, {name} {found['F1']:.3f}"
                    for name, found in skab.items()
                    if name.startswith("factor")
                ),
                "",
                ", ".join(f"{k} {v}" for k, v in skab["published F1"].items()),
            ]
        )
    if "nab" in results:
        nab = results["nab"]
        rows.append(
            [
                f"NAB, points {nab['labelled']} abnormal",
                "alarms",
                ", ".join(map(str, nab["alarms"])),
                "",
                "",
            ]
        )
    return rows


def photographs(found: dict) -> list[list[str]]:
    """Reconstructions of held-out images."""
    rows = []
    for name, codes in found["results"].items():
        for code, methods in codes.items():
            errors = {
                method: np.mean([run["error"] for run in runs])
                for method, runs in methods.items()
            }
            ours = [m for m in errors if m not in ("PCA", "by hand")]
            rows.append(
                [
                    f"{name}, code of {code}",
                    "squared error a value at equal processor time",
                    "; ".join(f"{m} {errors[m]:.5f}" for m in ours),
                    "; ".join(
                        f"{m} {e:.5f}"
                        for m, e in errors.items()
                        if m not in ours
                    ),
                    "",
                ]
            )
    return rows


SECTIONS: dict[str, Callable[[dict], list[list[str]]]] = {
    "imputation": imputation,
    "tables": tables,
    "single_cells": single_cells,
    "topics": topics,
    "binary_tables": binary_tables,
    "ecg": ecg,
    "anomaly": anomaly,
    "anomaly_images": anomaly_images.section,
    "series": series,
    "photographs": photographs,
    "embedding": embedding.section,
    "dictionaries": dictionaries.section,
}


def _spread(values: list[float], digits: int = 4) -> str:
    """Mean, and deviation where there are several."""
    text = f"{np.mean(values):.{digits}f}"
    if len(values) > 1:
        text += f" ± {np.std(values, ddof=1):.{digits}f}"
    return text


def _agreement(runs: list[dict]) -> str:
    return " / ".join(
        f"{np.mean([r[k] for r in runs]):.3f}" for k in ("NMI", "ARI")
    )
