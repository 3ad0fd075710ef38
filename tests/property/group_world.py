"""Workers of a group in simulated time: their clocks, their lives, their coordinator, and the API.

Only the slots and the quota are real. The API counts each request at some moment between its sending and its
answer. The weather turns: for a while all requests leave and are counted as late as can be, then all at once.
"""

from __future__ import annotations

import heapq
import itertools
import random
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.unit.engagement.fakes import NOON
from worker.engagement import Limit, Quota, Slot, Slots
from worker.model import Seconds, Timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.engagement.quota import Permit

ROUNDING = 1e-5
"""Seconds: a float of Unix time knows a quarter of a microsecond."""


@dataclass(frozen=True)
class Terms:
    """What all agree on, and how bad the world is.

    ``rate``: requests a minute of the contract.
    ``skew``: clocks are off by at most so much, either way. ``latency``: the longest of an answer.
    ``counted``: the API counts a request at most so long after it left. ``lag``: how late a loop comes back.
    """

    rate: float
    partitions: int
    headroom: float
    skew: float
    latency: float
    counted: float
    lag: float
    session: float = 6.0

    @property
    def limit(self) -> Limit:
        return Limit.of(self.rate)

    @property
    def span(self) -> float:
        """Seconds of the grid that have as many slots as the limit has requests."""
        return self.limit.seconds + self.headroom


@dataclass
class WorkerClock:
    """The clocks of one machine; both go on while the process is frozen."""

    world: World
    skew: float
    booted: float

    def now(self) -> Timestamp:
        return Timestamp(NOON + self.world.at + self.skew)

    def monotonic(self) -> Seconds:
        return Seconds(self.world.at + self.booted)


class SimWorker:
    """A loop that asks whenever it may, until it is killed; frozen, it does nothing and notices nothing."""

    def __init__(self, world: World, skew: float) -> None:
        terms = world.terms
        self.world = world
        self.clock = WorkerClock(world, skew, world.random.uniform(0, 1e6))
        self.slots = Slots(terms.limit, terms.partitions, Seconds(terms.headroom), self.clock)
        self.quota = Quota(terms.limit, self.clock, slots=self.slots)
        self.alive = True
        self.frozen_until = 0.0
        self.idle_until = 0.0
        world.do(world.random.uniform(0, 0.5), self.heartbeat)
        world.do(0.0, self.poll)

    def awake(self, work: Callable[[], None]) -> bool:
        """Whether this work can be done; if it only has to wait for the end of a freeze, it will be."""
        if self.alive and self.frozen_until > self.world.at:
            self.world.do(self.frozen_until - self.world.at, work)
            return False
        return self.alive

    def heartbeat(self) -> None:
        if not self.awake(self.heartbeat):
            return
        if self in self.world.last_heard:
            self.world.heard(self)
            self.slots.renew(Seconds(self.clock.monotonic() + self.world.terms.session))
        else:
            # It was thrown out; until it learns that, it takes itself for the owner.
            self.world.do(self.world.random.uniform(0, 5), self.rejoin)
            return
        self.world.do(1.0, self.heartbeat)

    def rejoin(self) -> None:
        if self.awake(self.rejoin):
            self.slots.disown(range(self.world.terms.partitions))
            self.world.joins(self)
            self.heartbeat()

    def poll(self) -> None:
        if not self.awake(self.poll):
            return
        world = self.world
        if self.idle_until > world.at:
            world.do(min(0.3, self.idle_until - world.at), self.poll)
            return
        while (permit := self.quota.try_take()) is not None:
            world.took(permit)
            self.send(permit, world.held_up(self, permit))
        world.do(min(self.quota.wait(), 1.0) + world.late(0.2), self.poll)

    def send(self, permit: Permit, within: float) -> None:
        def leave() -> None:
            if self.awake(leave):
                if permit.fresh():
                    self.world.do(self.world.counts(), lambda: self.answered(permit))
                else:
                    self.world.stale += 1
                    permit.give_back()

        if within > 0:
            self.world.do(within, leave)
        else:
            leave()

    def answered(self, permit: Permit) -> None:
        if self.awake(lambda: self.answered(permit)):
            permit.end()


@dataclass
class World:
    """Time, the coordinator of the group, and the API."""

    terms: Terms
    seed: int
    at: float = 0.0
    workers: list[SimWorker] = field(default_factory=list)
    last_heard: dict[SimWorker, float] = field(default_factory=dict)
    """The members."""
    owners: dict[int, SimWorker] = field(default_factory=dict)
    counted: list[float] = field(default_factory=list)
    taken: list[Slot] = field(default_factory=list)
    taken_at: list[float] = field(default_factory=list)
    stale: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 -- a simulation, no secret
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._foul = True
        self._turn()

    # Time

    def do(self, within: float, work: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.at + max(0.0, within), next(self._order), work))

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            self.at, _, work = heapq.heappop(self._events)
            work()
        self.at = until

    def late(self, chance: float) -> float:
        """How late a loop comes: mostly not at all."""
        return self.random.uniform(0, self.terms.lag) if self.random.random() < chance else 0.0

    def held_up(self, worker: SimWorker, permit: Permit) -> float:
        """How long a request waits with its permit: at most to the last moment, but that a loop hangs."""
        if self.random.random() < 0.02:
            return self.late(1)
        return max(0.0, slot_of(permit).until - worker.clock.monotonic() - ROUNDING) if self._foul else 0.0

    def _turn(self) -> None:
        self._foul = not self._foul
        self.do(self.random.uniform(1, 50), self._turn)

    # The lives of workers

    def start(self, skew: float | None = None) -> SimWorker:
        """A new worker, which joins."""
        if skew is None:
            skew = self.random.choice([-1, 1, self.random.uniform(-1, 1)]) * self.terms.skew
        worker = SimWorker(self, skew)
        self.workers.append(worker)
        self.joins(worker)
        return worker

    def restart(self, worker: SimWorker) -> None:
        """Killed; another one begins on the same machine, and knows nothing of it."""
        worker.alive = False
        self.start(worker.clock.skew)

    # The coordinator

    def joins(self, worker: SimWorker) -> None:
        self.heard(worker)
        for partition in range(self.terms.partitions):
            owner = self.owners.get(partition)
            if owner is None or (owner is not worker and self.random.random() * len(self.last_heard) < 1):
                self.move(partition, worker)

    def heard(self, worker: SimWorker) -> None:
        self.last_heard[worker] = at = self.at

        def session_over() -> None:
            if self.last_heard.get(worker) == at:
                del self.last_heard[worker]
                self.share_out([number for number, owner in self.owners.items() if owner is worker])

        self.do(self.terms.session, session_over)

    def share_out(self, partitions: list[int]) -> None:
        members = [*self.last_heard]
        for partition in partitions:
            del self.owners[partition]
            if members:
                self.give(partition, self.random.choice(members), within=0.0)

    def move(self, partition: int, to: SimWorker) -> None:
        """Hand over, if who owns it can let go of it; if not, its session must end first."""
        owner = self.owners.get(partition)
        if owner is not None:
            if not owner.alive or owner.frozen_until > self.at:
                return
            owner.slots.disown([partition])
        self.give(partition, to, within=self.random.choice([0.0, 0.0, self.random.uniform(0, 3)]))

    def give(self, partition: int, to: SimWorker, within: float) -> None:
        self.owners[partition] = to

        def begin() -> None:
            if to.awake(begin) and to in self.last_heard and self.owners.get(partition) is to:
                to.slots.own([partition])

        if within > 0:
            self.do(within, begin)
        else:
            begin()

    # The API

    def took(self, permit: Permit) -> None:
        self.taken.append(slot_of(permit))
        self.taken_at.append(self.at)

    def counts(self) -> float:
        """Count a request that leaves now; returns its latency."""
        latency = self.random.choice([0.5, 1.0, self.random.random()]) * self.terms.latency
        latest = min(latency, self.terms.counted)
        usual = 1.0 if self._foul else 0.0
        self.counted.append(self.at + self.random.choice([usual, usual, self.random.random()]) * latest)
        return latency


def slot_of(permit: Permit) -> Slot:
    slot = permit._slot  # noqa: SLF001 -- which slot it was is the question
    assert slot is not None
    return slot


def most_in(seconds: float, times: list[float]) -> int:
    """The most in any rolling span, half open: what happened at t has left a minute at t + 60."""
    times = sorted(times)
    return max(
        (number + 1 - bisect_right(times, at - seconds + ROUNDING) for number, at in enumerate(times)),
        default=0,
    )
