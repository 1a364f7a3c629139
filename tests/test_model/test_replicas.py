"""Strategies against one device, each run in processes of its own."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).with_name("replicas.py")
#: The step is one. These are the variants with something of their own in it:
#: draws, several players and batch statistics, codebooks that move; then by
#: `--long` others that have the same.
STEPS = ("factor-vae", "vqvae")
MORE = ("autoencoder", "beta-tcvae", "conditional-vae", "denoising", "vae-gan")
# Three epochs of three steps in single precision, which rounds at 6e-8, on
# numbers of order 1 to 10; sums over rows are added up in another order.
ROUNDING = {"rtol": 1e-5, "atol": 1e-5}


def start(role, folder, *arguments, task=None, ports=()):
    environment = {k: v for k, v in os.environ.items() if k != "TF_CONFIG"}
    if task is not None:
        workers = [f"127.0.0.1:{port}" for port in ports]
        environment["TF_CONFIG"] = json.dumps(
            {
                "cluster": {"worker": workers},
                "task": {"type": "worker", "index": task},
            }
        )
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), role, str(folder), *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def outputs(processes, seconds=240):
    """What processes printed; none outlives the test."""
    end = time.monotonic() + seconds
    try:
        return [
            process.communicate(timeout=max(1, end - time.monotonic()))[0]
            for process in processes
        ]
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.communicate()


def free_ports(count=2):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def pair(folder, more=((), ())):
    """Two workers, and where each writes."""
    ports = free_ports()
    folders = [folder / "first", folder / "second"]
    processes = [
        start("worker", where, *own, task=i, ports=ports)
        for i, (where, own) in enumerate(zip(folders, more, strict=True))
    ]
    return processes, folders


def assert_close(found, expected, **tolerance):
    assert set(found) == set(expected)
    for name in expected:
        np.testing.assert_allclose(
            found[name], expected[name], **tolerance, err_msg=name
        )


@pytest.fixture(scope="module")
def runs(tmp_path_factory, pytestconfig):
    """The folder of the results of one device and of two."""
    names = STEPS + (MORE if pytestconfig.getoption("--long") else ())
    folder = tmp_path_factory.mktemp("devices")
    process = start("devices", folder, *names)
    (output,) = outputs([process], 600)
    assert process.returncode == 0, output
    return folder


@pytest.mark.parametrize(
    "name", [*STEPS, *(pytest.param(n, marks=pytest.mark.long) for n in MORE)]
)
def test_two_devices_are_one(runs, name):
    """Terms and weights, over ragged and weighted batches, of which the last
    leaves one device without a row."""
    folders = [runs / "one", runs / "two"]
    for folder in folders:
        assert name not in json.loads((folder / "errors.json").read_text())
    one, two = (dict(np.load(folder / f"{name}.npz")) for folder in folders)
    assert any(key.startswith("history/") for key in one)
    assert_close(two, one, **ROUNDING)


def test_two_devices_go_on_exactly(runs):
    """A training that is cut, and one that is not, to the last bit."""
    found = dict(np.load(runs / "cut.npz"))
    whole = [name for name in found if name.startswith("whole/")]
    assert whole
    for name in whole:
        again = found[name.replace("whole", "cut")]
        np.testing.assert_array_equal(found[name], again, err_msg=name)


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    """What the survivor of two workers printed; then the folders of two
    that start again, and of one that ran alone."""
    folder = tmp_path_factory.mktemp("workers")
    processes, folders = pair(folder, more=((), ("--die", "3")))
    survivor, _ = outputs(processes, 120)  # it must not hang
    assert [p.returncode for p in processes] == [1, 9], survivor
    kept = sorted(p.name for p in (folder / "checkpoints").glob("epoch-*"))
    assert kept == [f"epoch-00000{i}.weights.h5" for i in (2, 3)]
    processes, _ = pair(folder)
    processes.append(start("worker", folder / "alone"))
    for process, output in zip(processes, outputs(processes), strict=True):
        assert process.returncode == 0, output
    return survivor, [*folders, folder / "alone"]


@pytest.mark.long
def test_a_lost_worker_is_named(workers):
    output, _ = workers
    assert "RuntimeError: Training has stopped because another" in output
    assert "keras_ae.callbacks.Checkpoint" in output


@pytest.mark.long
@pytest.mark.parametrize("name", ["resumed", "stream"])
def test_two_workers_are_one(workers, name):
    first, second, alone = (
        dict(np.load(folder / f"{name}.npz")) for folder in workers[1]
    )
    assert_close(first, second, rtol=0, atol=0)
    assert_close(first, alone, **ROUNDING)


@pytest.mark.long
def test_workers_that_share_no_folder_are_told(workers):
    for folder in workers[1][:2]:
        text = (folder / "disagreement.txt").read_text()
        assert "The workers found different checkpoints" in text


@pytest.mark.long
def test_two_workers_stop_alike(workers):
    """At the same step, on the same weights, as one that is alone."""
    stopped = [folder / "stopped" for folder in workers[1]]
    places = {
        each.with_suffix(".txt").read_text().partition(", which")[0]
        for each in stopped
    }
    assert len(places) == 1 and "stopped at step" in places.pop()
    first, second, alone = (
        dict(np.load(each.with_suffix(".npz"))) for each in stopped
    )
    assert all(np.isfinite(value).all() for value in first.values())
    assert_close(first, second, rtol=0, atol=0)
    scale = max(np.abs(value).max() for value in alone.values())
    assert_close(first, alone, rtol=1e-5, atol=1e-5 * scale)
