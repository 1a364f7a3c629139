"""Figures that are recomputed and compared, and how figures are printed."""

import json
import sys
from collections.abc import Iterable
from typing import Any

from keras_ae.analysis import measures
from keras_ae.cli import tables
from keras_ae.zoo import publishing
from keras_ae.zoo import reproduction


def verify(names: Iterable[str], verbose: int, as_json: bool) -> int:
    """Recompute the recorded figures of presets; 1 if some differ.

    A preset that does not load is told of, and does not keep the others from
    being looked at.
    """
    found: dict[str, Any] = {}
    for name in names:
        found[name] = _verified(name, verbose)
        if not as_json:
            _print_verified(name, found[name])
    broken = sum("error" in figures for figures in found.values())
    wrong = sum(
        not figure["agrees"]
        for figures in found.values()
        if "error" not in figures
        for figure in figures.values()
    )
    if as_json:
        print_json(found)
    else:
        print(f"{wrong} figures differ.")
        if broken:
            print(f"{broken} presets cannot be verified.")
    return int(wrong + broken > 0)


def reproduce(
    rows: Iterable[reproduction.Row],
    runs: str | None,
    verbose: int,
    as_json: bool,
) -> int:
    """Recompute rows of the table of published numbers; 1 if some differ.

    Args:
        rows: Of the table.
        runs: Folder for the states of trainings; None: not trained again.
        verbose: 1 shows progress.
        as_json: Whether JSON is printed, at the end.
    """
    wrong, found = 0, {}
    for row in rows:
        if not as_json:
            print(f"{row.key}: {row.title}, {row.preset}")
        if runs is not None:
            result = reproduction.retrain(row, runs)
        else:
            result = reproduction.recompute(row, verbose=verbose)
            wrong += not result.reproduced
        found[row.key] = {
            "preset": row.preset,
            "figure": row.figure,
            "found": result.found[row.figure],
            "recorded": result.recorded[row.figure],
            "published": [value for value, _ in row.published],
            "verdict": reproduction.verdict(row, result.found),
            "seconds": result.seconds,
        }
        if not as_json:
            print(tables.plain(tables.reproduced(result)))
    if as_json:
        print_json(found)
    return int(wrong > 0)


def kept(rows: Iterable[reproduction.Row]) -> list[reproduction.Row]:
    """The rows that weights recompute; the others are named on stderr."""
    here = {row: reproduction.is_kept(row) for row in rows}
    absent = [row.key for row, there in here.items() if not there]
    if absent:
        print(
            "Left out, since their weights are not kept (--train trains "
            f"them): {', '.join(absent)}",
            file=sys.stderr,
        )
    return [row for row, there in here.items() if there]


def print_figures(metrics: dict[str, Any], as_json: bool) -> None:
    """Print measured figures, as a table or as they are."""
    if as_json:
        print_json(metrics)
        return
    rows = [
        [name, tables.number(f), str(f["rows"])] for name, f in metrics.items()
    ]
    print(tables.plain((["figure", "value", "rows"], rows)))


def print_json(value: Any) -> None:
    """Print what a program reads."""
    print(json.dumps(value, indent=2, default=float))


def _verified(name: str, verbose: int) -> dict[str, Any]:
    """Figure -> what is recorded, what is found now; or an error."""
    try:
        figures = publishing.recompute(name, verbose=verbose)
    except (ValueError, OSError) as error:
        return {"error": str(error)}
    return {
        figure: {
            "recorded": recorded["value"],
            "found": now["value"],
            "agrees": measures.agree(recorded, now),
        }
        for figure, (recorded, now) in figures.items()
    }


def _print_verified(name: str, figures: dict[str, Any]) -> None:
    if "error" in figures:
        print(f"{name}: CANNOT BE VERIFIED: {figures['error']}", flush=True)
        return
    for figure, now in figures.items():
        verdict = "reproduced" if now["agrees"] else f"DIFFERS: {now['found']}"
        print(f"{name}: {figure} {now['recorded']} {verdict}", flush=True)
