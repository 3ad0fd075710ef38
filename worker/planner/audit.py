"""How right boards are, estimated from forecasts that are calibrated on what answers show.

The forecast says of each Post from how many boards it is probably missing. Its sum over all Posts would be
the answer if forecasts were right. How right they are, answers say: Posts are sorted by what the forecast
said of them when they were asked, and of each sort as many are taken to be missing as were, of those asked,
against as many as were said to be. So that there is no sort of which nothing is known, some are asked that
were drawn at random.
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
"""Seconds after which an audit counts half."""
_LEARNED_HALF_LIFE: Final = 24 * 3600.0
"""The same of what answers say of forecasts: these do not change with the hour."""
SORTS: Final = 12
_LEAST: Final = 1e-9
_PRIOR: Final = 1.0
"""Missing places that are taken to have been said, and found, of each sort before any answer."""
_FEWEST: Final = 8.0
"""Audits, by their weight, below which nothing is said."""


class Asked(NamedTuple):
    """Posts asked at an audit: their ``rows``, shape (n,).

    The rest by campaign of a Post, shape (n, most of one Post): the ``campaigns``' numbers, -1 for none; from
    how many boards of each the Post is probably ``missing``. ``bars``, shape (n, most, metrics): what it must
    have, infinite where it is shown already.
    """

    rows: NDArray[np.intp]
    campaigns: NDArray[np.intp]
    missing: FloatArray
    bars: FloatArray


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
    drawn = np.flatnonzero(chance.random(len(missing)) < chances)
    return drawn, chances[drawn]


def sort(missing: FloatArray) -> NDArray[np.intp]:
    """Which sort each is of, by from how many boards it is probably missing: a factor of 4 to the next."""
    steps = np.floor(np.log2(np.maximum(missing, _LEAST)) / 2.0)
    found: NDArray[np.intp] = np.clip(steps + SORTS - 1, 0, SORTS - 1).astype(np.intp)
    return found


class Audit:
    """Missing places by campaign number, and of all boards together, as a mean over the last hours."""

    def __init__(self) -> None:
        self._at = 0.0
        # By campaign, the last place being all boards together; and by sort of Post.
        self._weight = np.zeros(1)
        self._expected = np.zeros((1, SORTS))
        # Of those asked, by sort: how many places were said to be missing, and were.
        self._said = np.zeros(SORTS)
        self._were = np.zeros(SORTS)
        self._waiting: list[Asked] = []

    def begin(self, now: float, expected: FloatArray, asked: Asked) -> None:
        """An audit. ``expected``: places missing by the forecast, by campaign and sort of Post."""
        self._fade(now)
        self._reach(len(expected))
        count = len(expected)
        self._weight[:count] += 1.0
        self._expected[:count] += expected
        self._weight[-1] += 1.0
        self._expected[-1] += expected.sum(axis=0)
        self._waiting.append(asked)

    def reset(self, campaign: int) -> None:
        """The number stands for another campaign now."""
        if campaign < len(self._weight) - 1:
            self._weight[campaign] = 0.0
            self._expected[campaign] = 0.0

    def answered(self, rows: NDArray[np.intp], values: FloatArray) -> None:
        """The values of some rows by now, shape (n, metrics); ``nan`` where a Post has none, or is gone."""
        for asked, places in self._take(rows):
            there = asked.campaigns >= 0
            sorts = sort(asked.missing[there])
            were = (values[places][:, np.newaxis, :] >= asked.bars).sum(axis=2)
            np.add.at(self._said, sorts, asked.missing[there])
            np.add.at(self._were, sorts, were[there])

    def lost(self, rows: NDArray[np.intp]) -> None:
        """Of these nothing was learned."""
        for _ in self._take(rows):
            pass

    def missing(self, campaign: int | None) -> Missing | None:
        """What the boards of a campaign lack, or all boards. ``None``: not enough data."""
        number = -1 if campaign is None else campaign
        if number >= len(self._weight) - 1 or self._weight[number] < _FEWEST:
            return None
        expected = self._expected[number] / self._weight[number]
        # Of each sort a gamma distribution of how far forecasts are off, begun as if they were right.
        off = (self._were + _PRIOR) / (self._said + _PRIOR)
        unsure = np.sqrt(self._were + _PRIOR) / (self._said + _PRIOR)
        return Missing(float((off * expected).sum()), math.sqrt(float(((unsure * expected) ** 2).sum())))

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
        kept = 0.5 ** (max(now - self._at, 0.0) / _HALF_LIFE) if self._at else 1.0
        learned = 0.5 ** (max(now - self._at, 0.0) / _LEARNED_HALF_LIFE) if self._at else 1.0
        self._at = now
        self._weight *= kept
        self._expected *= kept
        self._said *= learned
        self._were *= learned

    def _reach(self, campaigns: int) -> None:
        more = max(campaigns + 1 - len(self._weight), 0)
        self._weight = np.insert(self._weight, len(self._weight) - 1, np.zeros(more))
        self._expected = np.insert(self._expected, len(self._expected) - 1, np.zeros((more, SORTS)), axis=0)
