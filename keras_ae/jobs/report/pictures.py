"""The pictures of a report."""

import numpy as np
from matplotlib.figure import Figure

from keras_ae.analysis import plots
from keras_ae.jobs.report.case import Case

POINTS = 2000  # in the map of the codes
ROWS = 5000  # of a table
SHOWN = 8  # numbers of the code, those in use first


def draw(case: Case) -> tuple[dict[str, Figure], dict[str, str]]:
    """All pictures, and why others are missing."""
    pictures: dict[str, Figure] = {}
    missing: dict[str, str] = {}
    for name, function in _PICTURES.items():
        try:
            pictures[name] = function(case)
        except (ValueError, TypeError) as reason:
            missing[f"picture of {name}"] = str(reason)
    return pictures, missing


def _examples(case: Case) -> Figure:
    return plots.examples(case.model, case.take(case.some(ROWS)), case.seed)


def _map(case: Case) -> Figure:
    chosen = case.some(POINTS)
    labels = None if case.y is None else case.y[chosen]
    return plots.latent_map(case.model, case.take(chosen), labels)


def _manifold(case: Case) -> Figure:
    return plots.manifold(case.model)


def _traversals(case: Case) -> Figure:
    order = np.argsort(-case.codes.var(axis=0))[:SHOWN]
    spread = case.codes[:, order].std()
    values = np.round(spread * np.linspace(-3, 3, 7), 2)
    row = case.take(case.some(1))
    return plots.traversals(case.model, row, order.tolist(), values)


def _units(case: Case) -> Figure:
    return plots.units(case.model, case.take(case.some(POINTS)))


def _aggregate(case: Case) -> Figure:
    return plots.aggregate(case.model, case.take(case.some(POINTS)), case.seed)


_PICTURES = {
    "examples": _examples,
    "code": _map,
    "manifold": _manifold,
    "traversals": _traversals,
    "units": _units,
    "codes and prior": _aggregate,
}
