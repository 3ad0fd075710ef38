"""A word of warning before the memory is used up: the process would be ended without one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from worker.settings.types import write_size

if TYPE_CHECKING:
    from collections.abc import Callable

_log = structlog.get_logger(__name__)

_STATM: Final = Path("/proc/self/statm")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_CALM_BELOW: Final = 0.9
"""Share of the limit below which it counts as crossed anew: it may hover at the limit."""


class MemoryWatch:
    """Warns once when the process holds more memory than a limit, and again after it held clearly less."""

    def __init__(self, limit: int | None, resident: Callable[[], int | None]) -> None:
        self._limit = limit
        self._resident = resident
        self._warned = False

    def look(self) -> None:
        """Look how much it is now."""
        held = None if self._limit is None else self._resident()
        if self._limit is None or held is None:
            return
        if held > self._limit and not self._warned:
            self._warned = True
            _log.warning(
                "memory_above_warning",
                resident=write_size(held),
                memory_warning=write_size(self._limit),
                mend="lower watchlist.max_posts or intake.recent_posts, or give the process more",
            )
        elif held < self._limit * _CALM_BELOW:
            self._warned = False


def resident_bytes() -> int | None:
    """The memory of this process in bytes; ``None`` where the system does not tell (it is not Linux)."""
    try:
        return int(_STATM.read_text(encoding="ascii").split()[1]) * _PAGE
    except OSError:
        return None
