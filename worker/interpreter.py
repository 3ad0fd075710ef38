"""The interpreter, told what kind of process this is: its garbage collector, and its turns of threads."""

from __future__ import annotations

import gc
import sys
from typing import Final

_ALLOCATIONS: Final = 100_000
_YOUNG_RUNS: Final = 20
_OLD_RUNS: Final = 100

SWITCH_INTERVAL: Final = 0.01
"""Seconds that a thread may run while others wait for their turn; Python's default is half of it."""


def calm_the_collector(*, collect: bool = True) -> None:
    """Look for cycles a hundred times more rarely, and never among what start-up made.

    Every record makes a few short-lived objects and hardly a cycle, while a million Posts' objects live on:
    with Python's defaults a quarter of the worker's CPU goes into walking them
    (``docs/decisions/0006-garbage-collector.md``). What is in no cycle is freed at once, as always.

    ``collect``: first look for what start-up left; a process that ends soon has no use for it.
    """
    if collect:
        gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, _YOUNG_RUNS, _OLD_RUNS)


def lengthen_turns(seconds: float = SWITCH_INTERVAL) -> None:
    """Let threads run longer before they make way for each other.

    The two polling threads and the loop are all busy while a backlog is read, and each change of turns cools
    the processor's caches (``docs/decisions/0009-switch-interval.md``).
    """
    sys.setswitchinterval(seconds)
