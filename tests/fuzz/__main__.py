"""Alter presets in thousands of ways and count what comes of it.

    python -m tests.fuzz --count 2000

A mutation follows from the seed and its index, so that `--start INDEX --count
1` repeats it. The exit code is 1 if anything came of one that must not.
"""

import argparse
import collections
import multiprocessing
import os
import sys
import tempfile
import time
from multiprocessing import connection
from pathlib import Path

from tests.fuzz import worker

START = 300  # seconds that a worker may take until it is ready
RENEWED = 250  # mutations after which a worker is replaced: libraries grow


class Hand:
    """One worker process, and what it is at."""

    def __init__(self, seed: int, scratch: Path):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=worker.run, args=(theirs, seed, str(scratch)), daemon=True
        )
        self.process.start()
        theirs.close()
        self.index: int | None = None
        self.what = "being altered"
        self.done = 0
        self.since = time.monotonic()

    def give(self, index: int) -> None:
        """Start a mutation."""
        self.index, self.since = index, time.monotonic()
        self.what = "being altered"
        self.pipe.send(index)

    def begin(self, what: str) -> None:
        """It is altered: the clock starts."""
        self.what, self.since = what, time.monotonic()

    def seconds(self) -> float:
        """How long it has been at it."""
        return time.monotonic() - self.since

    def limit(self, seconds: float) -> float:
        """Seconds that it may take for what it is at."""
        return START if self.what == "being altered" else seconds

    def megabytes(self) -> float:
        """In use now."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0.0
        lines = [v for v in status.splitlines() if v.startswith("VmRSS")]
        return int(lines[0].split()[1]) / 1e3 if lines else 0.0

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


def fuzz(
    count: int,
    seed: int = 0,
    start: int = 0,
    limit_seconds: float = 20,
    limit_mb: float = 2048,
    workers: int = 1,
    verbose: bool = False,
) -> list[tuple[int, str, str, float, float]]:
    """Index, outcome, description, seconds and megabytes of each mutation."""
    found = []
    waiting = iter(range(start, start + count))
    with tempfile.TemporaryDirectory() as scratch:
        folders = [Path(scratch, str(i)) for i in range(workers)]
        hands = {folder: Hand(seed, folder) for folder in folders}

        def note(hand, outcome, what, megabytes):
            found.append((hand.index, outcome, what, hand.seconds(), megabytes))
            if megabytes > limit_mb and outcome != worker.CRASH:
                found[-1] = (hand.index, worker.MEMORY, *found[-1][2:])
            if verbose or worker.OUTCOMES[found[-1][1]]:
                index, outcome, what, seconds, megabytes = found[-1]
                print(
                    f"{index} {seconds:.1f} s {megabytes:.0f} MB {outcome}: "
                    f"{what}",
                    flush=True,
                )
            hand.index = None
            hand.done += 1

        try:
            while hands:
                pipes = {hand.pipe: hand for hand in hands.values()}
                for pipe in connection.wait(list(pipes), timeout=0.05):
                    hand = pipes[pipe]
                    try:
                        answer = pipe.recv()
                    except (EOFError, OSError) as error:
                        hand.process.join()
                        if hand.index is None or hand.what == "being altered":
                            raise RuntimeError("A worker failed.") from error
                        code = f"{hand.what}: exit {hand.process.exitcode}"
                        note(hand, worker.CRASH, code, 0.0)
                        hand.done = RENEWED
                        continue
                    if hand.index is not None and isinstance(answer, str):
                        hand.begin(answer)
                        continue
                    if hand.index is not None:
                        note(hand, *answer)
                    following = None
                    if hand.done < RENEWED:
                        following = next(waiting, None)
                        if following is None:
                            hand.done = -1
                        else:
                            hand.give(following)
                for folder, hand in list(hands.items()):
                    if hand.index is not None:
                        used = hand.megabytes()
                        if used > 1.5 * limit_mb:
                            note(hand, worker.MEMORY, hand.what, used)
                            hand.done = RENEWED
                        elif hand.seconds() > hand.limit(limit_seconds):
                            note(hand, worker.TIME, hand.what, used)
                            hand.done = RENEWED
                    elif hand.seconds() > START:
                        raise RuntimeError("A worker does not start.")
                    if hand.done == -1:
                        hands.pop(folder).stop()
                    elif hand.done >= RENEWED:
                        hand.stop()
                        hands[folder] = Hand(seed, folder)
        finally:
            for hand in hands.values():
                hand.stop()
    return sorted(found)


def table(found: list[tuple[int, str, str, float, float]]) -> str:
    """Counts by outcome, and the worst of time and memory."""
    counts = collections.Counter(outcome for _, outcome, *_ in found)
    lines = ["| outcome | mutations |", "| --- | --- |"]
    lines += [f"| {name} | {counts[name]:,} |" for name in worker.OUTCOMES]
    lines += [
        f"| all | {len(found):,} |",
        f"| most seconds | {max(row[3] for row in found):.1f} |",
        f"| most megabytes | {max(row[4] for row in found):,.0f} |",
    ]
    return "\n".join(lines)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m tests.fuzz", description=__doc__
    )
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0, help="first index")
    parser.add_argument("--limit-seconds", type=float, default=20)
    parser.add_argument("--limit-mb", type=float, default=2048)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--verbose", action="store_true", help="a line each")
    found = fuzz(**vars(parser.parse_args()))
    print(table(found))
    return int(any(worker.OUTCOMES[row[1]] for row in found))


if __name__ == "__main__":
    sys.exit(main())
