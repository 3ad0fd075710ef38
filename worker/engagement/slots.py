"""The contract's time, cut into slots by the wall clock: workers share it without asking each other.

Why it holds, and on what conditions: docs/decisions/0012-slots.md.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from worker.engagement.limit import Limit
    from worker.model import Clock, Seconds

_SECOND: Final = 1_000_000_000
_LOOKS: Final = 3
"""Tries to read both clocks of one moment, should the process be held up between them."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot that was taken. Its request leaves until both of its ends, or not at all.

    ``number``: on the grid of that moment. ``start``, ``ends``: Unix time in nanoseconds. ``until``: the end
    by the monotonic clock, in seconds.
    """

    number: int
    start: int
    ends: int
    until: float


@dataclass(frozen=True, slots=True)
class Offer:
    """The next slot that may be used.

    ``wait``: seconds until it may; infinite while there is none. ``room``: how many of the grid's newest
    slots of one span, with this one, were the worker's: more requests than that are not to be held with it.
    ``pace``: mean seconds between two slots of the worker.
    """

    wait: float
    room: int
    pace: float


_NONE: Final = Offer(math.inf, 1, 1.0)


class Slots:
    """The slots of the partitions that this worker owns. Safe to call from any thread.

    A span is the limit's seconds and the headroom, and has a slot for each of the limit's requests: slot n
    starts at n * span / requests of Unix time. It belongs to the owner of partition n mod ``partitions``. It
    may be used once, at most half of the headroom after its start, if the partition was owned all that time
    and the lease lasts. Slots are used in their order: those that a clock which goes back comes to again
    count as used.

    All is counted in whole nanoseconds: slots neither drift nor repeat, whatever the limit (up to one a
    nanosecond).
    """

    def __init__(self, limit: Limit, partitions: int, headroom: Seconds, clock: Clock) -> None:
        if partitions < 1 or headroom <= 0:
            raise ValueError("a grid has partitions and a headroom above 0")
        self.partitions = partitions
        self._headroom = round(headroom * _SECOND)
        self._grace = self._headroom // 2
        self._lay(limit)
        self._clock = clock
        self._lock = threading.Lock()
        self._owned: dict[int, int] = {}
        """Of each partition, since when its slots are ours; Unix time in nanoseconds, as all below."""
        self._former: list[tuple[int, int, int]] = []
        """Partitions that were ours within the last span: partition, since, until."""
        self._not_before = 0
        self._used_up_to = 0
        self._offset: int | None = None
        """What the wall clock was ahead of the monotonic one. Only a step changes it."""
        self._lease = -math.inf

    @property
    def limit(self) -> Limit:
        """What the grid is of."""
        return self._limit

    @property
    def share(self) -> float:
        """Requests a minute that are this worker's of ``limit``, at the moment."""
        with self._lock:
            alive = self._clock.monotonic() < self._lease
            return self._limit.rate * len(self._owned) / self.partitions if alive else 0.0

    def part_of(self, whole: int) -> int:
        """This worker's part of something that all share, rounded down, but at least 1."""
        return max(1, whole * len(self._owned) // self.partitions)

    def own(self, partitions: Iterable[int]) -> None:
        """These are ours from now on. What was owned already stays as it is.

        The slots of the first half headroom are left out: the owner before may have a clock that is ahead,
        and have used them.
        """
        with self._lock:
            since = self._look()[0] + self._grace
            for partition in partitions:
                if not 0 <= partition < self.partitions:
                    raise ValueError(f"partition {partition} is none of {self.partitions}")
                self._owned.setdefault(partition, since)

    def disown(self, partitions: Iterable[int]) -> None:
        """These are ours no longer: when this returns, no slot of theirs will be taken."""
        with self._lock:
            wall, _ = self._look()
            self._former = [one for one in self._former if one[2] >= wall - self._span]
            for partition in partitions:
                since = self._owned.pop(partition, None)
                if since is not None and since < wall:
                    self._former.append((partition, since, wall))

    def renew(self, until: Seconds) -> None:
        """That we are in the group is proven until then, by the monotonic clock.

        A lease that was over is not mended: what began meanwhile may have been another's.
        """
        with self._lock:
            wall, now = self._look()
            if now >= self._lease:
                self._not_before = max(self._not_before, wall + self._grace)
            self._lease = max(self._lease, until)

    def skip(self, seconds: Seconds) -> None:
        """Let the slots of so long pass, and catch up none of them."""
        with self._lock:
            wall, _ = self._look()
            self._not_before = max(self._not_before, wall + round(seconds * _SECOND))

    def regrid(self, limit: Limit) -> None:
        """Another limit holds from now on."""
        with self._lock:
            if limit != self._limit:
                self._lay(limit)
                self._not_before = max(self._not_before, self._look()[0])

    def offer(self) -> Offer:
        """The next slot, which may have to be waited for."""
        with self._lock:
            wall, now = self._look()
            number = self._next(wall, now)
            if number is None:
                return _NONE
            wait = max(0, self._start(number) - wall) / _SECOND
            pace = self._span * self.partitions / (self._requests * len(self._owned)) / _SECOND
            return Offer(wait, self._room(number), pace)

    def wait(self) -> Seconds:
        """Seconds until a slot may be used; infinite while none is ours, or the lease is over."""
        return self.offer().wait  # type: ignore[return-value]

    def ready_at(self) -> Seconds:
        """When a slot may be used, by the monotonic clock; see ``wait``."""
        return self._clock.monotonic() + self.wait()  # type: ignore[return-value]

    def try_take(self) -> Slot | None:
        """The oldest slot that may be used now, if there is one. It is used by this."""
        with self._lock:
            wall, now = self._look()
            number = self._next(wall, now)
            if number is None or (start := self._start(number)) > wall:
                return None
            self._used_up_to = start
            ends = start + self._grace
            return Slot(number, start, ends, now + (ends - wall) / _SECOND)

    def fresh(self, slot: Slot) -> bool:
        """Whether a request may still leave in this slot, by both clocks."""
        # The monotonic clock last: what holds the process up before it is seen by it.
        return self._wall() <= slot.ends and self._clock.monotonic() <= slot.until

    def _next(self, wall: int, now: float) -> int | None:
        """The number of the first slot that is ours and not over. Costs one step an owned partition."""
        if now >= self._lease:
            return None
        earliest = max(self._not_before, wall - self._grace)
        unused = self._at(self._used_up_to) + 1
        low = max(self._first_from(earliest), unused)
        first: int | None = None
        for partition, since in self._owned.items():
            lowest = low if since <= earliest else max(self._first_from(since), unused)
            number = lowest + (partition - lowest) % self.partitions
            if first is None or number < first:
                first = number
        return first

    def _room(self, number: int) -> int:
        """How many slots of the span that this one ends were ours when they started."""
        oldest = number - self._requests + 1
        began = self._start(oldest)
        room = 0
        for partition, since, last in self._tenures(number):
            before = (oldest if since <= began else self._first_from(since)) - 1
            if last > before:
                room += (last - partition) // self.partitions - (before - partition) // self.partitions
        return max(1, room)

    def _tenures(self, number: int) -> Iterator[tuple[int, int, int]]:
        """What is and was owned: partition, since when, and the last slot that counts."""
        for partition, since in self._owned.items():
            yield partition, since, number
        for partition, since, until in self._former:
            yield partition, since, min(number, self._at(until))

    def _start(self, number: int) -> int:
        """The first nanosecond of a slot."""
        return -(-number * self._span // self._requests)

    def _at(self, wall: int) -> int:
        """The slot that had started last."""
        return wall * self._requests // self._span

    def _first_from(self, wall: int) -> int:
        """The first slot that starts at that time or later."""
        return -(-wall * self._requests // self._span)

    def _lay(self, limit: Limit) -> None:
        """The grid of this limit. A span is never rounded down: it must not be shorter than the API's."""
        self._limit = limit
        self._requests = limit.requests
        self._span = math.ceil(limit.seconds * _SECOND) + self._headroom

    def _look(self) -> tuple[int, float]:
        """Both clocks: Unix time in nanoseconds, monotonic seconds. Sees when the wall clock was set."""
        wall, now = 0, math.inf
        for _ in range(_LOOKS):
            before = self._clock.monotonic()
            wall, now = self._wall(), self._clock.monotonic()
            if (now - before) * _SECOND * 4 < self._grace:
                break
        offset = wall - round(now * _SECOND)
        if self._offset is not None and abs(step := offset - self._offset) * 2 > self._grace:
            self._was_set(wall, step)
        self._offset = offset
        return wall, now

    def _wall(self) -> int:
        return round(self._clock.now() * _SECOND)

    def _was_set(self, wall: int, step: int) -> None:
        """The wall clock made a step: begin anew, as a worker that just got its partitions.

        Back by less than a span: the used slots are waited out. By more: a span is, and slots that were used
        under the wrong time may come again, long after. Forward: the machine may have slept, with a monotonic
        clock that stood, and the lease is shorter by so much.
        """
        self._lease -= max(0, step) / _SECOND
        self._not_before = wall + self._grace
        if self._used_up_to > wall + self._span:
            self._used_up_to = wall
            self._not_before = wall + self._span
        self._owned = dict.fromkeys(self._owned, self._not_before)
        self._former.clear()
