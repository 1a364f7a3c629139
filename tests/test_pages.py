"""The README and docs/: their code runs, what they show is what comes out,
tables and links are current."""

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import keras_ae
from tools import readme

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in readme.pages()
}
#: Pages that export to every format, draw all pictures, or train at length.
LONG = ("docs/judging.md", "docs/scale.md", "docs/serving.md")
CODE = r"(?m)^(<!-- not run.*-->\n\n)?```(\w+)\n((?:.*\n)*?)```"
SHOWN = r"(?m)^(sorted\(.*\)|\S.*shape)(?:\n|  )# ([\[(].*?[\])])(?:[,:].*)?$"

# One process for all pages, since TensorFlow takes seconds to start; each page
# has its own names and an empty folder.
RUNNER = """
import json, os, sys, tempfile, time, traceback
from keras_ae.model.training import speed
# The graph computes the same and is ready sooner.
speed.jit_compile = lambda model: speed.Choice(False, "a page")
def check(shown, said):
    if type(said)(shown) != said:
        raise ValueError(f"The page says {said}, shown is {shown}")
for name, code in json.load(sys.stdin).items():
    os.chdir(tempfile.mkdtemp(dir=sys.argv[1]))
    start = time.monotonic()
    try:
        names = {"__name__": "__main__", "check": check}
        exec(compile(code, name, "exec"), names)
        error = ""
    except BaseException:
        error = traceback.format_exc()
    print(json.dumps([name, time.monotonic() - start, error]))
"""


def blocks(text, language):
    """Blocks of code in a language, but those said not to be run."""
    found = re.findall(CODE, text)
    return [code for skip, name, code in found if name == language and not skip]


def program(text):
    """All Python of a page, what it needs first; what it says that it shows
    is compared."""
    setup = re.findall(r"<!-- setup\n(.*?)-->", text, re.DOTALL)
    code = "\n".join([*setup, *blocks(text, "python")])
    return re.sub(SHOWN, r"check(\1, \2)", code)


def run(pages, folder):
    """Page -> what went wrong in its code."""
    process = subprocess.run(
        [sys.executable, "-c", RUNNER, folder],
        input=json.dumps({name: program(text) for name, text in pages.items()}),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    lines = [x for x in process.stdout.splitlines() if x.startswith('["')]
    print(process.stdout[-3000:])
    assert len(lines) == len(pages), process.stderr[-3000:]
    return {name: error for name, _, error in map(json.loads, lines)}


SHORT = [n for n in PAGES if n not in LONG and program(PAGES[n])]


#: A page that shows what does not come out.
WRONG = "```python\nsorted([2, 1])\n# [2, 1]\n```\n"


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    pages = {name: PAGES[name] for name in SHORT} | {"wrong": WRONG}
    return run(pages, tmp_path_factory.mktemp("pages"))


@pytest.mark.parametrize("name", SHORT)
def test_code_runs(name, errors):
    assert not errors[name], errors[name]


@pytest.mark.long
@pytest.mark.parametrize("name", LONG)
def test_long_code_runs(name, tmp_path):
    errors = run({name: PAGES[name]}, tmp_path)
    assert not errors[name], errors[name]


def test_what_is_shown_is_compared(errors):
    assert sum(program(text).count("check(") for text in PAGES.values()) >= 5
    assert "The page says [2, 1]" in errors["wrong"]


def test_the_readme_is_short():
    assert len(README.encode()) <= 7_000


@pytest.mark.parametrize("name", PAGES)
def test_the_tables_are_current(name):
    assert readme.renewed(PAGES[name]) == PAGES[name], (
        "run `python -m tools.readme`"
    )


def test_every_table_has_its_place():
    text = "".join(PAGES.values())
    for name in readme.TABLES:
        assert text.count(f"<!-- table: {name} -->") == 1


def test_the_tool_renews_and_checks(tmp_path):
    path = Path(shutil.copy(ROOT / "docs" / "variants.md", tmp_path))
    text = path.read_text()
    assert readme.main([str(path), "--check"]) == 0
    path.write_text(text.replace("| `vae` |", "| `vea` |"))
    changed = path.read_text()
    assert changed != text
    assert readme.main([str(path), "--check"]) == 1
    assert path.read_text() == changed
    assert readme.main([str(path)]) == 0
    assert path.read_text() == text


def test_ci_runs_the_same_tests():
    commands = [c for b in blocks(README, "sh") for c in b.splitlines()]
    (tests,) = [c for c in commands if c.endswith("/pytest")]
    assert "'.[test]'" in tests.replace('"', "'")
    ci = (ROOT / ".ci" / "run").read_text()
    assert '/pytest" |' in ci and '".[test]"' in ci


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    prose = re.sub(r"```.*?```", "", PAGES[name], flags=re.DOTALL)
    for target in re.findall(r"\]\((?!http)([^)#]+)", prose):
        assert ((ROOT / name).parent / target).exists(), target


def test_what_is_somewhere_is_there():
    text = PAGES["docs/where.md"]
    rows = re.findall(r"\| `(keras_ae/\S+)` \| `(\w+)` \|", text)
    assert len(rows) >= 24
    for path, name in rows:
        source = (ROOT / path).read_text(encoding="utf-8")
        assert re.search(rf"(?m)^ *(def|class) {name}\b|^{name}\b", source), (
            name
        )


def test_hooks_of_parts_take_what_the_page_says():
    text = PAGES["docs/extending.md"]
    rows = re.findall(r"(?m)^\| `(\w+)\.(Base\w+)` \| (.*) \|$", text)
    assert len(rows) == 9
    for room, base, hooks in rows:
        cls = getattr(getattr(keras_ae, room), base)
        for hook, taken in re.findall(r"`(\w+)(?:\(([\w, ]+)\))?`", hooks):
            assert hasattr(cls, hook), (base, hook)
            if taken:
                parameters = inspect.signature(getattr(cls, hook)).parameters
                assert [*parameters][1:] == taken.split(", "), (base, hook)
