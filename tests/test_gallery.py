"""The gallery: every example runs and draws; nothing in it is out of date.

Two examples run always; all of them, which takes minutes, with `--long`. The
names that the others use are looked up always, so that what is renamed is
noticed. (A list of hashes that passed would say nothing when the package
changes, which is when examples break.)
"""

import ast
import runpy
import warnings
from pathlib import Path

import pytest
from matplotlib.figure import Figure

import keras_ae

EXAMPLES = sorted(Path(__file__).parents[1].glob("docs/gallery/plot_*.py"))
SHORT = ("plot_own_variant", "plot_score_field")


def names(tree):
    """`keras_ae.a.b` -> ["a", "b"], of all that a file says."""
    for node in ast.walk(tree):
        chain = []
        while isinstance(node, ast.Attribute):
            chain.insert(0, node.attr)
            node = node.value
        if chain and isinstance(node, ast.Name) and node.id == "keras_ae":
            yield chain


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_names_are_there(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree).splitlines()[1].startswith("====")
    found = list(names(tree))
    assert found
    for chain in found:
        value = keras_ae
        for name in chain:
            value = getattr(value, name)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(p, marks=[pytest.mark.long] * (p.stem not in SHORT))
        for p in EXAMPLES
    ],
    ids=lambda path: path.stem,
)
def test_example_runs_and_draws(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        found = runpy.run_path(str(path), run_name="__main__")
    figures = [v for v in found.values() if isinstance(v, Figure)]
    assert figures and all(figure.axes for figure in figures)


def test_there_are_enough():
    assert len(EXAMPLES) >= 16
