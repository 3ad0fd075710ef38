"""The garbage collector, told what kind of process this is."""

from __future__ import annotations

import gc
from typing import Final

_ALLOCATIONS: Final = 100_000
_YOUNG_RUNS: Final = 20
_OLD_RUNS: Final = 100


def calm_the_collector() -> None:
    """Look for cycles a hundred times more rarely, and never among what start-up made.

    Every record makes a few short-lived objects and hardly a cycle, while a million Posts' objects live on:
    with Python's defaults a quarter of the worker's CPU goes into walking them
    (``docs/decisions/0006-garbage-collector.md``). What is in no cycle is freed at once, as always.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, _YOUNG_RUNS, _OLD_RUNS)
