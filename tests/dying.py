"""Ends a function at one of its steps on files, as `kill -9` would."""

import contextlib
import os
from collections.abc import Callable
from collections.abc import Iterator
from unittest import mock

#: What changes names or flushes; what is written in between is in no place
#: yet, or `tests.kills` finds it.
STEPS = ("fsync", "mkdir", "rename", "replace", "rmdir", "truncate", "unlink")


class Killed(BaseException):
    """From then on nothing more happens to files, in clean-ups either."""


def killed_at(step: int, function: Callable[[], object]) -> bool:
    """Run a function up to its step of a number, from 0; whether it died."""
    left = step

    def patched(name: str) -> Callable:
        real = getattr(os, name)

        def call(*arguments: object, **named: object) -> object:
            nonlocal left
            if left <= 0:
                raise Killed
            left -= 1
            return real(*arguments, **named)

        return call

    with contextlib.ExitStack() as stack:
        for name in STEPS:
            stack.enter_context(mock.patch.object(os, name, patched(name)))
        try:
            function()
        except Killed:
            return True
    return False


def deaths(prepare: Callable, function: Callable) -> Iterator[int]:
    """After each death of a function, the number of its step; `prepare` is
    called before. Ends when the function runs through."""
    step = 0
    prepare()
    while killed_at(step, function):
        yield step
        step += 1
        prepare()
