"""The contract's requests: paced, and never more than the limit in any rolling span of it, or second."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias

from worker.engagement import headers as said
from worker.engagement.limit import MINUTE, Limit
from worker.model import Seconds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from worker.engagement.slots import Slot, Slots
    from worker.model import Clock

_SECOND: Final = 1.0
_LONGEST_HOLD: Final = 15 * MINUTE
_MARGIN: Final = 0.001
"""Seconds added to a span, so that rounding cannot make it a shorter one."""
_A_SECOND_MORE: Final = 1.0
"""A wait that the API tells is in whole seconds, rounded up."""
_LONGEST_SLEEP: Final = 1.0
"""Seconds between two looks at slots: partitions come and go meanwhile."""

Sleep: TypeAlias = "Callable[[float], Awaitable[object]]"


class Permit:
    """The right to send one request. It must be ended when the answer came, or when none will."""

    __slots__ = ("_quota", "_slot")

    def __init__(self, quota: Quota, slot: Slot | None = None) -> None:
        self._quota: Quota | None = quota
        self._slot = slot

    def fresh(self) -> bool:
        """Whether the request may leave now. To be asked right before it does: the process may have slept."""
        return self._quota is not None and self._quota.fresh(self._slot)

    def give_back(self) -> None:
        """Nothing was sent with it, and nothing will be. Its slot, if it has one, stays used."""
        if self._quota is not None:
            self._quota.given_back()
            self._quota = None

    def end(self) -> None:
        """The API has counted this request by now, if it ever does. A second call does nothing."""
        if self._quota is not None:
            self._quota.ended()
            self._quota = None


class _Span:
    """The requests that the API may count in the newest so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._kept_for = seconds + _MARGIN
        self._ended: deque[float] = deque()

    def used(self, now: float, in_flight: int) -> int:
        """Requests held against the span that ends now."""
        while self._ended and self._ended[0] <= now - self._kept_for:
            self._ended.popleft()
        return in_flight + len(self._ended)

    def ready_at(self, now: float, in_flight: int, limit: int) -> float:
        """When there is room for one more under this limit."""
        too_many = self.used(now, in_flight) - limit
        if too_many < 0:
            return now
        if too_many < len(self._ended):
            return self._ended[too_many] + self._kept_for
        # All that could make room are in flight: look again soon.
        return now + min(1.0, self._kept_for / limit)

    def end(self, now: float) -> None:
        """A request was answered: it is held for a span from now."""
        self._ended.append(now)
        self.used(now, 0)


class Quota:
    """Permits, never more than the ``limit`` has requests in any rolling span of it, as the API counts them.

    When the API counts a request is not known, but it is between sending and the answer. So a request is held
    against the span from the moment it leaves until a span after its answer: whatever the network does, no
    rolling span of the API holds more than the limit. Permits are spaced by the limit's pace, so nothing
    bursts, neither after a start nor after an idle time.

    ``hold`` and ``learn`` correct it by what the API says; they never raise the limit above the contract's.
    Where the API tells a limit per second, that is kept in the same way.

    With ``slots``, the limit is shared with other workers: a permit needs a slot besides, which paces it, and
    what is held is bounded by how many slots this worker had. The slots keep the limit over all workers while
    requests arrive in time; a worker that owns them all keeps it whatever the network does.
    """

    def __init__(
        self, limit: Limit, clock: Clock, sleep: Sleep = asyncio.sleep, *, slots: Slots | None = None
    ) -> None:
        self.contract = limit
        self.limit = limit
        """In force: the contract's, or a lower one where the API says so."""
        self._clock = clock
        self._sleep = sleep
        self.slots = slots
        self._in_flight = 0
        # Of the minute too, whatever the contract's span is: the API may tell a lower limit at any time.
        self._spans = {seconds: _Span(seconds) for seconds in (limit.seconds, MINUTE)}
        self._second_limit: int | None = None
        self._next_at = -math.inf
        self._held_until = -math.inf

    def now(self) -> Seconds:
        """The clock that permits are counted by."""
        return self._clock.monotonic()

    @property
    def share(self) -> float:
        """Requests a minute that are this worker's at the moment; without slots, all of ``limit``."""
        return self.limit.rate if self.slots is None else self.slots.share

    @property
    def used(self) -> int:
        """Requests held against the limit's current span."""
        return self._spans[self.limit.seconds].used(self.now(), self._in_flight)

    def wait(self) -> Seconds:
        """How long until a permit may be had, in seconds; 0 when one is there now.

        With slots it is infinite while there are none: look again when partitions may have come.
        """
        now = self.now()
        if self.slots is None:
            ready_at = max(self._next_at, self._room_at(now, self.limit.requests))
        else:
            offer = self.slots.offer()
            ready_at = now + offer.wait
            room_at = self._room_at(now, offer.room)
            if room_at > now:
                # Not for longer than to the next slot: it may have more room.
                ready_at = max(ready_at, min(room_at, now + offer.pace))
        return max(0.0, self._held_until - now, ready_at - now)  # type: ignore[return-value]

    def try_take(self) -> Permit | None:
        """A permit, if one is there now."""
        if self.wait() > 0:
            return None
        slot: Slot | None = None
        if self.slots is None:
            self._next_at = self.now() + self.limit.pace
        elif (slot := self.slots.try_take()) is None:
            return None
        self._in_flight += 1
        return Permit(self, slot)

    def fresh(self, slot: Slot | None) -> bool:
        """Whether a request may still leave with the permit of this slot."""
        return slot is None or self.slots is None or self.slots.fresh(slot)

    def ended(self) -> None:
        """A request is over: its span begins."""
        self._in_flight -= 1
        for span in self._spans.values():
            span.end(self.now())

    def given_back(self) -> None:
        """A permit was not used."""
        self._in_flight -= 1

    async def ready(self) -> None:
        """Wait until a permit is there; another waiter may take it first."""
        while (wait := self.wait()) > 0:
            await self._sleep(wait if self.slots is None else min(wait, _LONGEST_SLEEP))

    async def take(self) -> Permit:
        """Wait for a permit and take it."""
        while True:
            await self.ready()
            permit = self.try_take()
            if permit is not None:
                return permit

    def hold(self, seconds: Seconds) -> None:
        """No permits for so long: the API said that it has enough."""
        held = min(seconds, Seconds(max(_LONGEST_HOLD, self.limit.seconds + _A_SECOND_MORE)))
        self._held_until = max(self._held_until, self.now() + held)
        if self.slots is not None:
            self.slots.skip(held)

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take the API's own account from the headers of an answer. A header that is missing says nothing."""
        told = said.whole(headers.get("x-per-minute-limit"))
        if told is not None and told > 0:
            self.limit = Limit.of(told) if told < self.contract.rate else self.contract
            if self.slots is not None:
                self.slots.regrid(self.limit)
        told = said.whole(headers.get("x-per-second-limit"))
        if told is not None and told > 0:
            self._spans.setdefault(_SECOND, _Span(_SECOND))
            self._second_limit = told
        # That nothing is left because of our own requests is known: of a limit of one, each answer says so.
        if self.used < self.limit.requests:
            span = max(MINUTE, self.limit.seconds)
            self._learn_what_remains(headers, "x-per-minute", span, self.limit.pace)
        pace = min(_SECOND, self.limit.pace / MINUTE)
        self._learn_what_remains(headers, "x-per-second", _SECOND, pace)

    def _learn_what_remains(
        self, headers: Mapping[str, str], family: str, longest: float, pace: float
    ) -> None:
        remaining = said.whole(headers.get(f"{family}-remaining"))
        if remaining is not None and remaining <= 0:
            reset = said.until_reset(headers, self._clock.now(), family, longest)
            self.hold(reset or Seconds(pace))

    def _room_at(self, now: float, room: int) -> float:
        """When the limit's span holds fewer requests than that, and the second fewer than it may."""
        ready_at = self._spans[self.limit.seconds].ready_at(now, self._in_flight, room)
        if self._second_limit is None:
            return ready_at
        room = self._second_limit if self.slots is None else self.slots.part_of(self._second_limit)
        return max(ready_at, self._spans[_SECOND].ready_at(now, self._in_flight, room))
