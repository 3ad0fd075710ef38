"""Finds the Posts that cannot reach a board any more, a few at a time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from worker.planner.assessor import Assessor
    from worker.planner.memory import Memory
    from worker.planner.planner import Columns

_MEASURED: Final = 2
_EVERY: Final = 60.0
"""Seconds: many are looked at once for less than a few each time."""
_TURNS: Final = 64
"""After which all were looked at, besides those that were answered: bars rise, and who is not asked is to be
found too."""


class Hopeless:
    """Looks at who was just measured, and at all others in turn; at those only that are surely right by now.

    ``chance``: of belonging on any board before the tracking window is over, below which a Post is let go;
    with 0 none ever is.
    """

    def __init__(self, assessor: Assessor, memory: Memory, chance: float) -> None:
        self._assessor = assessor
        self._memory = memory
        self._chance = chance
        self._next = 0
        self._at = -math.inf
        self._fresh: list[NDArray[np.intp]] = []

    def find(self, now: float, columns: Columns, fresh: NDArray[np.intp]) -> NDArray[np.intp]:
        """Rows of some that are hopeless, if it is time; ``fresh`` were just measured."""
        if self._chance <= 0:
            return fresh[:0]
        self._fresh.append(fresh)
        if now - self._at < _EVERY:
            return fresh[:0]
        rows = np.concatenate([*self._fresh, self._some(len(columns.states))])
        self._at, self._fresh = now, []
        rows = rows[(columns.states[rows] == _MEASURED) & ~columns.in_flight[rows]]
        rows = np.unique(rows[self._memory.doubted[rows] < self._chance])
        found: NDArray[np.intp] = rows[self._assessor.hopes(now, columns, rows) < self._chance]
        return found

    def _some(self, rows: int) -> NDArray[np.intp]:
        first = self._next if self._next < rows else 0
        self._next = first + math.ceil(rows / _TURNS)
        return np.arange(first, min(self._next, rows))
