"""A few kills at random moments; `python -m tests.kills` makes many."""

import json
import os
import subprocess
import sys
from pathlib import Path

from keras_ae.zoo import datasets

ROOT = Path(__file__).parents[1]


def test_what_is_killed_loses_nothing():
    datasets.load("digits")  # where it is to be fetched, before
    done = subprocess.run(
        [sys.executable, "-m", "tests.kills", "--count", "1"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        kind, _, counts = line.partition(": ")
        found = json.loads(counts.partition(" in ")[0])
        assert found["kills"] == 1, kind
    assert len(done.stdout.splitlines()) == 4
