"""The README: its code runs, its tables and commands are those of the code."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import readme

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


PROSE = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def test_the_code_blocks_run_in_order(tmp_path):
    script = tmp_path / "readme.py"
    # What the blocks say that they show is compared, too.
    code = re.sub(
        r"^(sorted\(.*?\))\s+# (\[.*\])$",
        r"shown = \1\nif shown != \2: raise SystemExit(str(shown))",
        "\n".join(blocks("python")),
        flags=re.MULTILINE,
    )
    assert code.count("raise SystemExit") == 2
    script.write_text(code, encoding="utf-8")
    process = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr[-3000:]


def test_the_tables_are_current():
    assert readme.renewed(TEXT) == TEXT, "run `python -m tools.readme`"


def test_a_changed_table_is_noticed():
    changed = TEXT.replace("| `vae` | `VAE` |", "| `vae` | `Vae` |")
    assert changed != TEXT
    assert readme.renewed(changed) == TEXT
    with pytest.raises(ValueError, match="no place for the table of presets"):
        readme.renewed(TEXT.replace("<!-- table: presets -->", ""))


def test_the_tool_renews_and_checks(tmp_path, capsys):
    path = Path(shutil.copy(ROOT / "README.md", tmp_path))
    assert readme.main([str(path), "--check"]) == 0
    path.write_text(TEXT.replace("| `vae` |", "| `vea` |"))
    changed = path.read_text()
    assert readme.main([str(path), "--check"]) == 1
    assert path.read_text() == changed
    assert readme.main([str(path)]) == 0
    assert path.read_text() == TEXT


def test_ci_runs_the_same_tests():
    commands = [c for block in blocks("sh") for c in block.splitlines()]
    (tests,) = [c for c in commands if c.endswith("/pytest")]
    assert "'.[test]'" in tests.replace('"', "'")
    ci = (ROOT / ".ci" / "run").read_text()
    assert '/pytest" |' in ci and '".[test]"' in ci


@pytest.mark.parametrize("target", re.findall(r"\]\((?!http)([^)#]+)\)", PROSE))
def test_links_lead_somewhere(target):
    assert (ROOT / target).is_file()
