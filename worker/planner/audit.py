"""How right boards are, estimated from forecasts that are calibrated on what answers show.

The forecast says of each Post from how many boards it is probably missing. Its sum over all Posts would be
the answer if forecasts were right. How right they are, answers say: Posts are sorted by what the forecast
said of them when they were asked, and by whether they were asked before; and of each sort as many are taken
to be missing as were, of those asked, against as many as were said to be. So that there is no sort of which
nothing is known, some are asked that were drawn at random.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from worker.model import Missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from worker.model import FloatArray

_HALF_LIFE: Final = 3 * 3600.0
"""Seconds after which an audit counts half, at most."""
_HALF_OF_ALL: Final = 0.5
"""After this share of the time since the first one it counts half too: a worker that just began has boards
that get better by the minute."""
_LEARNED_HALF_LIFE: Final = 24 * 3600.0
"""The same of what answers say of forecasts: these do not change with the hour."""
_STEPS: Final = 12
SORTS: Final = 2 * _STEPS
"""Of Posts: by how probably they are missing, first those that were measured, then the new ones."""
_PRIOR: Final = 1.0
"""Missing places that are taken to have been said of each sort before any answer, and found in the proportion
that holds for all sorts of measured Posts, or of new ones; that begins so too, as if forecasts were right."""
_FEWEST: Final = 5.0
"""Audits, by their weight, below which nothing is said."""


class Asked(NamedTuple):
    """Posts asked at an audit: their ``rows``, shape (n,).

    The rest by campaign of a Post, shape (n, most of one Post): the ``campaigns``' numbers, -1 for none; from
    how many boards of each the Post is probably ``missing``. ``hidden``, shape (n, most, metrics): from which
    it may be, as it is not shown there. ``shown``, of the same shape: the last value shown there. ``new``:
    who was never asked before, shape (n,).
    """

    rows: NDArray[np.intp]
    campaigns: NDArray[np.intp]
    missing: FloatArray
    hidden: NDArray[np.bool_]
    shown: FloatArray
    new: NDArray[np.bool_]

    @property
    def sorts(self) -> NDArray[np.intp]:
        """Which sort each is of, by campaign: shape (n, most)."""
        return sort(self.missing, self.new[:, np.newaxis])


def draw(
    missing: FloatArray, count: float, chance: np.random.Generator
) -> tuple[NDArray[np.intp], FloatArray]:
    """Which of these Posts are asked, about ``count`` of them, and with what chance each was.

    Half of it is shared evenly, half by the square root of how probably a Post is missing: the surest
    estimate has chances in proportion to how far off a forecast may be, and no Post may be without one.
    """
    if not len(missing):
        return np.zeros(0, dtype=np.intp), np.zeros(0)
    roots = np.sqrt(np.maximum(missing, 0.0))
    total = float(roots.sum())
    shares = np.full(len(missing), 1.0 / len(missing))
    if total > 0:
        shares = 0.5 * shares + 0.5 * roots / total
    chances = np.minimum(count * shares, 1.0)
    drawn = np.flatnonzero(chance.random(len(missing), dtype=np.float32) < chances)
    return drawn, chances[drawn]


def sort(missing: FloatArray | NDArray[np.float32], new: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Which sort each is of, by from how many boards it is probably missing: a factor of 4 to the next."""
    # The exponent alone says it: 0.25 is 0.5 times 2 to the power of -1. Where nothing is missing it is 0.
    exponents = np.frexp(missing)[1]
    steps = np.where(missing > 0, (exponents - 1) // 2 + _STEPS - 1, 0)
    found: NDArray[np.intp] = np.clip(steps, 0, _STEPS - 1).astype(np.intp)
    return found + _STEPS * new


class Audit:
    """Missing places by campaign number, as a mean over the last hours."""

    def __init__(self) -> None:
        self._at = self._first = 0.0
        self._weight = np.zeros(0)
        self._expected = np.zeros((0, SORTS))
        # Of those asked, by sort: how many places were said to be missing, and were.
        self._said = np.zeros(SORTS)
        self._were = np.zeros(SORTS)
        # Sums over Posts that were missing: of the places that each lacked, and of the squares of these.
        self._places = 1.0
        self._squares = 1.0
        self._waiting: list[Asked] = []

    def begin(self, now: float, expected: FloatArray, asked: Asked) -> None:
        """An audit. ``expected``: places missing by the forecast, by campaign and sort of Post."""
        self._fade(now)
        self._reach(len(expected))
        self._weight[: len(expected)] += 1.0
        self._expected[: len(expected)] += expected
        self._waiting.append(asked)

    def reset(self, campaign: int) -> None:
        """The number stands for another campaign now."""
        if campaign < len(self._weight):
            self._weight[campaign] = 0.0
            self._expected[campaign] = 0.0

    @property
    def waits(self) -> bool:
        """Whether some were asked and have not come back."""
        return bool(self._waiting)

    def answered(
        self, rows: NDArray[np.intp], values: FloatArray, bars: FloatArray, last: FloatArray
    ) -> None:
        """Some rows came back.

        Args:
            rows: whose.
            values: by now, shape (n, metrics); ``nan`` where a Post has none, or is gone.
            bars: what boards ask for by now, shape (campaigns, metrics). By those of before the answers there
                might be more Posts than places.
            last: the value in the last place by now, of the same shape. Who only takes the place of one that
                has as much was not missing: either is right.
        """
        for asked, places in self._take(rows):
            there = asked.campaigns >= 0
            boards = np.maximum(asked.campaigns, 0)
            passed = values[places][:, np.newaxis, :] >= bars[boards]
            were = (asked.hidden & passed & (asked.shown < last[boards])).sum(axis=2)
            sorts = asked.sorts[there]
            np.add.at(self._said, sorts, asked.missing[there])
            np.add.at(self._were, sorts, were[there])
            together = were.sum(axis=1, where=there)
            self._places += float(together.sum())
            self._squares += float((together**2).sum())

    def lost(self, rows: NDArray[np.intp]) -> None:
        """Of these nothing was learned."""
        for _ in self._take(rows):
            pass

    def missing(self, campaign: int) -> Missing | None:
        """What the boards of a campaign lack. ``None``: not enough data."""
        if campaign >= len(self._weight) or self._weight[campaign] < _FEWEST:
            return None
        expected = self._expected[campaign] / self._weight[campaign]
        # Of each sort a gamma distribution of how far forecasts are off.
        said, were = (of.reshape(-1, _STEPS) for of in (self._said, self._were))
        usual = (were.sum(axis=1, keepdims=True) + _PRIOR) / (said.sum(axis=1, keepdims=True) + _PRIOR)
        shape, rate = were + _PRIOR * usual, said + _PRIOR
        off, unsure = (shape / rate).ravel(), (np.sqrt(shape) / rate).ravel()
        return Missing(
            float((off * expected).sum()),
            math.sqrt(float(((unsure * expected) ** 2).sum())),
            self._squares / self._places,
        )

    def _take(self, rows: NDArray[np.intp]) -> Iterator[tuple[Asked, NDArray[np.intp]]]:
        """Those of an audit who are among these rows, and where; they wait no longer."""
        waiting, self._waiting = self._waiting, []
        order = np.argsort(rows, kind="stable")
        for asked in waiting:
            at = np.minimum(np.searchsorted(rows, asked.rows, sorter=order), max(len(rows) - 1, 0))
            here = rows[order[at]] == asked.rows if len(rows) else np.zeros(len(asked.rows), dtype=np.bool_)
            if here.any():
                yield Asked(*(one[here] for one in asked)), order[at[here]]
            if not here.all():
                self._waiting.append(Asked(*(one[~here] for one in asked)))

    def _fade(self, now: float) -> None:
        since = max(now - self._at, 0.0) if self._at else 0.0
        self._first = self._first or now
        half_life = min(_HALF_LIFE, _HALF_OF_ALL * (now - self._first))
        kept = 0.5 ** (since / half_life) if half_life > 0 else 1.0
        learned = 0.5 ** (since / _LEARNED_HALF_LIFE)
        self._at = now
        self._weight *= kept
        self._expected *= kept
        self._said *= learned
        self._were *= learned
        self._places = 1.0 + (self._places - 1.0) * learned
        self._squares = 1.0 + (self._squares - 1.0) * learned

    def _reach(self, campaigns: int) -> None:
        more = max(campaigns - len(self._weight), 0)
        self._weight = np.pad(self._weight, (0, more))
        self._expected = np.pad(self._expected, ((0, more), (0, 0)))
