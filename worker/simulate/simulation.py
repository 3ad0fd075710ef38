"""One run: arrivals, requests at the pace of a contract, answers from the population, looks by a judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from prometheus_client import CollectorRegistry

from worker.boards import BoardsLimits
from worker.engagement import Outcome
from worker.intake.forwarder import partition_of
from worker.model import (
    ALL,
    NOT_AVAILABLE,
    Counts,
    PostId,
    Seconds,
    Sighting,
    Standings,
    Timestamp,
)
from worker.simulate.judge import Judge
from worker.simulate.population import BEGIN
from worker.telemetry import Telemetry
from worker.tracker import Tracker
from worker.watchlist import WatchlistLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.planner import Planner
    from worker.simulate.judge import Verdict
    from worker.simulate.population import Population

_STANDINGS_EVERY: Final = 5.0
_HOUSE_EVERY: Final = 60.0
_LOOK_EVERY: Final = 600.0
_LATENCY: Final = 0.2
"""Seconds from a request to its answer."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What may be asked. ``refused``: spans in seconds, from and to, in which the API answers 429 to all."""

    requests_per_minute: float
    seats: int = 250
    refused: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when Posts are seen, and from when on boards are judged; seconds from the beginning."""

    begins: float
    judged_from: float
    ends: float


@dataclass(slots=True)
class Run:
    """What became of it."""

    verdict: Verdict
    requests: int = 0
    asked: int = 0
    empty: int = 0
    hopeless: int = 0


class Simulation:
    """A worker that owns every partition, without network, disk or threads."""

    def __init__(
        self,
        population: Population,
        planner: Planner,
        contract: Contract,
        span: Span,
        *,
        top: int,
        window: float,
        max_posts: int = 10_000_000,
        partitions: int = 1,
        half_growth: float = 4800.0,
        looked: Callable[[float], None] | None = None,
    ) -> None:
        """``looked`` is called after each look of the judge, with the seconds since the beginning."""
        self.population = population
        self.planner = planner
        self._contract = contract
        self._span = span
        self._top = top
        self._partitions = partitions
        self._looked = looked
        self.tracker = Tracker(
            population.metrics,
            WatchlistLimits(
                tracking_window=Seconds(window),
                max_posts=max_posts,
                max_campaigns=len(population.campaigns) + 1,
                growth_window=Seconds(3600.0),
            ),
            BoardsLimits(top, top),
            half_growth=Seconds(half_growth),
            telemetry=Telemetry(CollectorRegistry()),
        )
        self._judge = Judge(population, population.metrics, top, window)
        self.run = Run(self._judge.verdict)
        self._seen = population.born_by(span.begins)
        self._next_house = self._next_standings = span.begins
        self._next_look = span.judged_from

    def go(self) -> Run:
        """From the first Post to the last look."""
        every = 60.0 / self._contract.requests_per_minute
        now, lane = self._span.begins, self.tracker.watchlist.app
        while (now := now + every) <= self._span.ends:
            self._pass(now)
            if any(begins <= now < ends for begins, ends in self._contract.refused):
                continue
            at = Timestamp(BEGIN + now)
            plan = self.planner.plan(at, lane, self.tracker.standings, self._contract.seats)
            self.run.hopeless += self.tracker.retire_hopeless(plan.hopeless)
            if not plan.post_ids:
                self.run.empty += 1
                continue
            lane.mark_asked(plan.post_ids, at)
            self._answer(plan.post_ids, now + _LATENCY)
        self._pass(self._span.ends)
        return self.run

    def _pass(self, until: float) -> None:
        """Let time pass: all that is due on the way, in its order."""
        while (due := min(self._next_look, self._next_house)) <= until:
            self._see(due)
            if due == self._next_look:
                self._judge.look(self.tracker.boards, self.tracker.watchlist, due, BEGIN)
                if self._looked:
                    self._looked(due)
                self._next_look += _LOOK_EVERY
            if due == self._next_house:
                self.tracker.retire(Timestamp(BEGIN + due))
                self.tracker.close()
                self._next_house += _HOUSE_EVERY
        self._see(until)
        if until >= self._next_standings:
            self._set_standings()
            self._next_standings = until + _STANDINGS_EVERY

    def _see(self, now: float) -> None:
        """Posts that were created by now are seen, each a moment after it was."""
        first, self._seen = self._seen, max(self._seen, self.population.born_by(now))
        by_partition: dict[int, list[Sighting]] = {}
        for post in range(first, self._seen):
            post_id = self.population.post_id(post)
            sighting = Sighting(
                post_id,
                self.population.campaigns_of(post),
                Timestamp(BEGIN + float(self.population.born[post])),
            )
            by_partition.setdefault(partition_of(post_id, self._partitions), []).append(sighting)
        for partition, sightings in by_partition.items():
            self.tracker.take(partition, sightings, Timestamp(BEGIN + now))

    def _answer(self, post_ids: Sequence[PostId], now: float) -> None:
        ids = np.array(post_ids, dtype=np.int64)
        values = self.population.counts(self.population.numbers(ids), now)
        gone = (values == NOT_AVAILABLE).all(axis=1)
        at = Timestamp(float(round(BEGIN + now)))
        unavailable = tuple(PostId(post_id) for post_id in ids[gone].tolist())
        self.tracker.answered(Outcome(at, (Counts(at, ids[~gone], values[~gone]),), unavailable))
        self.run.requests += 1
        self.run.asked += len(ids)

    def _set_standings(self) -> None:
        bars = {}
        for campaign in (ALL, *self.population.campaigns):
            for metric in self.population.metrics:
                places = self.tracker.boards.merged(campaign, metric)
                if len(places) == self._top:
                    bars[campaign, metric] = places[-1][1]
        self.tracker.standings = Standings(bars)
