"""The policy: ask for those Posts whose answers put boards right, and the numbers beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from worker.model import PostId, Timestamp
from worker.planner.bars import Bars, Campaigns, find_bars, heed, open_bars
from worker.planner.curve import Curve
from worker.planner.growth import Forecast, Measured, forecast
from worker.planner.memory import Memory
from worker.planner.newcomers import Newcomers
from worker.planner.planner import Plan
from worker.planner.tails import growth_above, lognormal_above

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from worker.model import FloatArray, MetricName, Standings
    from worker.planner.planner import Columns, Posts

_NEW: Final = 1
_MEASURED: Final = 2


@dataclass(frozen=True, slots=True)
class BoardGainSettings:
    top: int
    half_growth: float = 4800.0
    min_interval: float = 15.0
    explore: float = 0.03
    dispersion: float = 1.0
    error_weight: float = 0.3
    longest: float = 43_200.0
    step: float = 0.1
    new_weight: float = 1.0
    wave: float = 0.0
    tails: str = "gamma"
    wave_size: float = 6.0
    least: float = 60.0
    new_lasting: str = "next"
    tail: float = 1.0


class BoardGain:
    def __init__(self, metrics: Sequence[MetricName], settings: BoardGainSettings) -> None:
        self._metrics = {metric: column for column, metric in enumerate(metrics)}
        self._settings = settings
        self._curve = Curve(settings.half_growth, settings.tail)
        self._dispersion = settings.dispersion
        self._memory = Memory(len(metrics))
        self._campaigns = Campaigns()
        self._newcomers = Newcomers(len(metrics))
        self._bars = open_bars(0, len(metrics))
        self._pending: NDArray[np.intp] = np.zeros(0, dtype=np.intp)
        self._cut = 0.0
        self.scored = 0

    def plan(self, now: Timestamp, posts: Posts, standings: Standings, seats: int) -> Plan:
        columns, memory = posts.columns, self._memory
        for number in self._campaigns.update(posts.sets()):
            self._newcomers.reset(number)
        changed = memory.reach(columns)
        self._learn(columns)
        self._set_bars(now, columns, standings)
        stale = np.flatnonzero(memory.look_at <= now)
        self._look(now, columns, stale)
        askable = (columns.states >= _NEW) & ~columns.in_flight & (columns.asked + self._settings.min_interval <= now)
        rows = np.flatnonzero(askable & (memory.worth > 0))
        explore = round(self._settings.explore * seats)
        chosen = self._best(now, columns, rows, seats - explore)
        rest = np.flatnonzero(askable)
        rest = rest[~np.isin(rest, chosen)]
        last = np.maximum(columns.asked[rest], columns.seen[rest])
        if len(rest) > explore:
            rest = rest[np.argpartition(last, explore)[:explore]]
        chosen = np.concatenate([chosen, rest])
        self._pending = np.concatenate([self._pending, chosen])
        memory.look_at[chosen] = np.inf
        memory.worth[chosen] = 0.0
        return Plan([PostId(one) for one in columns.post_ids[chosen].tolist()], Timestamp(now + 15), len(rows))

    def _learn(self, columns: Columns) -> None:
        memory = self._memory
        back = self._pending[~columns.in_flight[self._pending]]
        self._pending = self._pending[columns.in_flight[self._pending]]
        memory.look_at[back] = 0.0
        fresh = back[(columns.states[back] == _MEASURED)]
        fresh = fresh[columns.measured[fresh] > memory.kept_at[fresh]]
        first = fresh[memory.kept_at[fresh] == 0]
        if len(first):
            self._meet(columns, first)
        memory.heed(columns, fresh)

    def _meet(self, columns: Columns, rows: NDArray[np.intp]) -> None:
        grown = self._curve.grown(columns.measured[rows] - _born(columns, rows))
        sizes = (columns.values[rows] + 0.3) / (grown + 0.02)[:, np.newaxis]
        boards = self._campaigns.of_group[columns.groups[rows]]
        for slot in range(boards.shape[1]):
            there = boards[:, slot] >= 0
            self._newcomers.learn(boards[there, slot], sizes[there], grown[there])

    def _forecast(self, columns: Columns, rows: NDArray[np.intp], now: float) -> tuple[FloatArray, Forecast]:
        memory = self._memory
        born = _born(columns, rows)
        values = columns.values[rows]
        earlier_at = memory.earlier_at[rows]
        known = Measured(columns.measured[rows] - born, values, np.where(earlier_at > 0, earlier_at - born, 0.0), memory.earlier[rows])
        return values, forecast(known, now - born, self._curve, self._dispersion)

    def _set_bars(self, now: float, columns: Columns, standings: Standings) -> None:
        rows = np.flatnonzero(self._memory.near & (columns.states == _MEASURED))
        values, growth = self._forecast(columns, rows, now)
        self._bars = find_bars(self._campaigns, columns.groups[rows], values + growth.mean, growth.variance, self._settings.top)
        heed(self._bars, self._campaigns, standings, self._metrics)

    def _look(self, now: float, columns: Columns, rows: NDArray[np.intp]) -> None:
        memory = self._memory
        self.scored += len(rows)
        states = columns.states[rows]
        new, measured = rows[states == _NEW], rows[states == _MEASURED]
        memory.look_at[rows] = now + 900.0
        if len(new):
            memory.worth[new] = self._worth_new(now, columns, new)
            self._wake(now, new, columns.seen[new])
        if len(measured):
            memory.worth[measured] = self._worth(now, columns, measured)
            self._wake(now, measured, columns.measured[measured])

    def _wake(self, now: float, rows: NDArray[np.intp], since: FloatArray) -> None:
        memory = self._memory
        ratio = memory.worth[rows] / max(self._cut, 1e-12)
        step = self._settings.step * np.where(ratio > 0.1, 0.5, np.where(ratio > 1e-3, 1.0, 2.0))
        memory.look_at[rows] = now + np.maximum(step * (now - since), 10.0)

    def _worth(self, now: float, columns: Columns, rows: NDArray[np.intp]) -> FloatArray:
        settings = self._settings
        values, growth = self._forecast(columns, rows, now)
        expected = values + growth.mean
        boards = self._campaigns.of_group[columns.groups[rows]]
        worth = np.zeros(len(rows))
        near = np.zeros(len(rows), dtype=np.bool_)
        for slot in range(boards.shape[1]):
            there = boards[:, slot] >= 0
            board = np.where(there, boards[:, slot], 0)
            true, spread, shown_bar = (one[board] for one in self._bars)
            up = (lognormal_above if settings.tails=='log' else growth_above)(true - values, growth.mean, growth.variance + spread)
            if settings.wave:
                m = settings.wave_size
                up = (1 - settings.wave) * up + settings.wave * growth_above(true - values, growth.mean * m, growth.variance * m * m + spread)
            shown = values >= shown_bar
            wrong = np.where(shown, 1.0 - up, up)
            error = np.where(shown, growth.mean / np.maximum(expected, 1.0), 0.0)
            gain = np.nan_to_num(wrong + settings.error_weight * error).sum(axis=1)
            worth += np.where(there, gain, 0.0)
            near |= there & (expected >= 0.5 * true).any(axis=1)
        self._memory.near[rows] = near
        return worth * self._lasting(columns.measured[rows] - _born(columns, rows), now - _born(columns, rows))

    def _worth_new(self, now: float, columns: Columns, rows: NDArray[np.intp]) -> FloatArray:
        ages = np.maximum(now - _born(columns, rows), 1.0)
        grown = self._curve.grown(ages)
        boards = self._campaigns.of_group[columns.groups[rows]]
        worth = np.zeros(len(rows))
        for slot in range(boards.shape[1]):
            there = np.flatnonzero(boards[:, slot] >= 0)
            board = boards[there, slot]
            worth[there] += self._newcomers.above(board, self._bars.true[board], grown[there]).sum(axis=1)
        return self._settings.new_weight * worth * self._new_lasting(ages)

    def _new_lasting(self, ages):
        n=self._settings.new_lasting
        if n=='age': return np.minimum(ages,self._settings.longest)
        if n=='const': return np.full(len(ages),3600.0)
        if n=='plus': return 1800.0+self._lasting(np.zeros(len(ages)), ages)
        if n=='sqrt': return np.sqrt(3600.0*ages)
        return self._lasting(np.zeros(len(ages)), ages)

    def _lasting(self, before: FloatArray, now: FloatArray) -> FloatArray:
        """Seconds until as much has grown again as since the measurement."""
        curve = self._curve
        grown = curve.grown(now)
        again = curve.age_at(np.minimum(2.0 * grown - curve.grown(before), 1.0))
        return np.clip(again - now, self._settings.least, self._settings.longest)

    def _best(self, now: float, columns: Columns, rows: NDArray[np.intp], count: int) -> NDArray[np.intp]:
        memory = self._memory
        worth = memory.worth[rows]
        # Those looked at a while ago: look again at all that may be among the best.
        if len(rows) > 3 * count:
            rows = rows[np.argpartition(-worth, 3 * count)[: 3 * count]]
        self._look(now, columns, rows)
        worth = memory.worth[rows]
        if len(rows) > count:
            best = np.argpartition(-worth, count)
            self._cut = float(worth[best[count]])
            rows = rows[best[:count]]
        else:
            self._cut = 0.0
        return rows


def _born(columns: Columns, rows: NDArray[np.intp]) -> FloatArray:
    return np.fmin(columns.created[rows], columns.seen[rows])
