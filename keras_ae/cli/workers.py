"""Several workers that train one model: `keras-ae train RECIPE --workers N`.

On one machine the processes are started here. On several, somebody starts
them, each with its `TF_CONFIG`; see docs/scale.md.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from collections.abc import Sequence
from typing import IO

import tensorflow as tf

VARIABLE = "TF_CONFIG"


def strategy() -> tf.distribute.Strategy:
    """The strategy of the workers that `TF_CONFIG` names, or the default one;
    to be called before anything is computed. Waits for the other workers.

    Raises:
        ValueError: If the variable is not as TensorFlow wants it.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return tf.distribute.get_strategy()
    try:
        config = json.loads(text)
        tasks = config["cluster"][config["task"]["type"]]
        tasks[int(config["task"]["index"])]
    except (ValueError, LookupError, TypeError) as error:
        example = config_of(["host0:12345", "host1:12345"], 0)
        raise ValueError(
            f"Invalid value for the environment variable {VARIABLE}. Expected "
            f"the addresses of all workers and the number of this one, as in "
            f"{example}. Received: {text} ({type(error).__name__}: {error})"
        ) from error
    return tf.distribute.MultiWorkerMirroredStrategy()


def config_of(addresses: Sequence[str], index: int) -> str:
    """`TF_CONFIG` of one worker.

    Example:
        >>> config_of(["a:1", "b:1"], 0)
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", \
"index": 0}}'
    """
    return json.dumps(
        {
            "cluster": {"worker": list(addresses)},
            "task": {"type": "worker", "index": index},
        }
    )


def start(argv: Sequence[str], count: int) -> None:
    """Run one command as so many workers of this machine.

    What they print is printed, each line with the worker's number. When one
    of them fails, all are stopped, and when this process is.

    Args:
        argv: Arguments of `keras-ae`.
        count: How many workers.

    Raises:
        ChildProcessError: If one of them fails.
    """
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(count)]
    threads = max(1, (os.cpu_count() or 1) // count)
    workers: list[subprocess.Popen] = []
    readers = []
    with _ended_in_order(), _stopped(workers):
        for index in range(count):
            environment = {
                "TF_NUM_INTRAOP_THREADS": str(threads),
                **os.environ,
                VARIABLE: config_of(addresses, index),
                "PYTHONUNBUFFERED": "1",
            }
            worker = subprocess.Popen(
                [sys.executable, "-m", "keras_ae", *argv],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
            workers.append(worker)
            print(f"[worker {index}] process {worker.pid}", flush=True)
            reader = threading.Thread(target=_show, args=(index, worker.stdout))
            reader.start()
            readers.append(reader)
        codes: list[int | None] = [None]
        while None in codes and not any(codes):
            time.sleep(0.1)
            codes = [worker.poll() for worker in workers]
    for reader in readers:
        reader.join()
    for index, code in enumerate(codes):
        if code:
            raise ChildProcessError(
                f"Worker {index} of {count} {_reason(code)}, and all were "
                "stopped. Give the same command again to go on from the last "
                "checkpoint."
            )


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens to. Somebody may take one before it is used;
    a worker then says so and ends."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _show(index: int, lines: IO[str]) -> None:
    with lines:
        for line in lines:
            print(f"[worker {index}] {line}", end="", flush=True)


def _reason(code: int) -> str:
    if code < 0:
        return f"was ended by signal {-code} ({signal.Signals(-code).name})"
    return f"ended with exit code {code}"


@contextlib.contextmanager
def _stopped(workers: list[subprocess.Popen]) -> Iterator[None]:
    """After the block, no worker runs."""
    try:
        yield
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            try:
                worker.wait(10)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


@contextlib.contextmanager
def _ended_in_order() -> Iterator[None]:
    """Inside, a request to end, which schedulers send, ends the block first."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
