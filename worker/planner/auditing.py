"""When an audit is due, whom it draws, and what it is told."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from worker.planner.audit import Audit, draw
from worker.planner.rows import without

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from worker.model import FloatArray
    from worker.planner.assessor import Assessor
    from worker.planner.memory import Memory
    from worker.planner.planner import Columns

_NEW: Final = 1
_MEASURED: Final = 2
_UNAVAILABLE: Final = 3
_EVERY: Final = 120.0
"""Seconds between two audits, at least: each looks at all Posts, and what it finds hardly changes in less."""
_MOST: Final = 0.25
"""Of the seats of a request, however long nobody was drawn."""


class Auditing:
    """Draws ``share`` of the seats at random. ``look`` finds out anew what Posts are worth and may be."""

    def __init__(
        self,
        assessor: Assessor,
        memory: Memory,
        share: float,
        chance: np.random.Generator,
        look: Callable[[float, Columns, NDArray[np.intp]], None],
    ) -> None:
        self.audit = Audit()
        self._assessor = assessor
        self._memory = memory
        self._share = share
        self._chance = chance
        self._look = look
        self._at = -math.inf
        self._saved = 0.0

    def draw(
        self, now: float, columns: Columns, *, first: NDArray[np.intp], best: NDArray[np.intp], seats: int
    ) -> NDArray[np.intp]:
        """Rows drawn for a request of ``first`` and of ``best``, if it is time."""
        self._saved = min(self._saved + self._share * seats, _MOST * seats)
        if now - self._at < _EVERY or self._saved < 1:
            return best[:0]
        # So many may be drawn at most: their seats are not sure for anybody else.
        kept = min(math.ceil(self._saved + 4 * math.sqrt(self._saved)), len(best))
        sure = np.concatenate([first, best[: len(best) - kept]])
        free = ((columns.states == _NEW) | (columns.states == _MEASURED)) & ~columns.in_flight
        free[sure] = False
        others = np.flatnonzero(free)
        drawn, _ = draw(self._memory.doubted[others].astype(np.float64), self._saved, self._chance)
        drawn = others[drawn[:kept]]
        self._saved, self._at = 0.0, now
        self._look(now, columns, np.concatenate([first, drawn]))
        rest = without(best, drawn)[: seats - len(first) - len(drawn)]
        leaving = np.concatenate([first, drawn, rest])
        self._begin(now, columns, np.concatenate([sure, drawn]), leaving)
        return drawn

    def note_all_due(self, now: float, columns: Columns, rows: NDArray[np.intp]) -> None:
        """There was room for all that were due: nobody had to be drawn."""
        if now - self._at >= _EVERY:
            self._at = now
            self._look(now, columns, rows)
            self._begin(now, columns, rows, rows)

    def heed(
        self, columns: Columns, back: NDArray[np.intp], fresh: NDArray[np.intp], values: FloatArray
    ) -> None:
        """Some came ``back``: some are gone, the ``fresh`` ones have values, others were not answered."""
        gone = back[columns.states[back] == _UNAVAILABLE]
        bars, last = self._assessor.bars.true, self._assessor.last_places()
        self.audit.answered(gone, np.full((len(gone), values.shape[1]), np.nan), bars, last)
        self.audit.answered(fresh, values, bars, last)
        self.audit.lost(back)

    def _begin(self, now: float, columns: Columns, rows: NDArray[np.intp], leaving: NDArray[np.intp]) -> None:
        expected = self._assessor.missing_by_campaign(columns, leaving)
        self.audit.begin(now, expected, self._assessor.asked(columns, rows))
