"""From the notes to code: every example of the page shows what it says."""

import doctest
import re
from pathlib import Path

import pytest

from keras_ae.model.training import speed

PAGE = Path(__file__).parents[1] / "docs" / "notes.md"
HEAD, *SECTIONS = re.split(r"(?m)^## ", PAGE.read_text(encoding="utf-8"))
EXAMPLES = {s.splitlines()[0]: s for s in SECTIONS}
FLAGS = doctest.NORMALIZE_WHITESPACE


def _run(text, name, names):
    code = "".join(re.findall(r"```pycon\n(.*?)```", text, re.DOTALL))
    test = doctest.DocTestParser().get_doctest(code, names, name, None, 0)
    assert test.examples, f"no example under {name}"
    said = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=FLAGS)
    runner.run(test, out=said.append, clear_globs=False)
    assert not said, "".join(said)
    return test.globs


@pytest.fixture(scope="module")
def names():
    return _run(HEAD, "the imports", {})


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name, names, monkeypatch, tmp_path):
    # The graph computes the same and is ready sooner.
    graph = speed.Choice(False, "short training")
    monkeypatch.setattr(speed, "jit_compile", lambda model: graph)
    monkeypatch.chdir(tmp_path)
    _run(EXAMPLES[name], name, dict(names))


def test_the_table_links_to_every_section_in_order():
    linked = re.findall(r"^\| \[.*?\]\(#(.*?)\)", HEAD, re.MULTILINE)
    # As GitHub makes anchors: lower case, no punctuation, dashes for spaces.
    anchors = [
        re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-")
        for name in EXAMPLES
    ]
    assert linked == anchors


def test_a_wrong_example_is_noticed(names):
    with pytest.raises(AssertionError, match=r"Expected:\s+3\s+Got:\s+2"):
        _run("```pycon\n>>> 1 + 1\n3\n```", "sum", dict(names))
