"""The contract's requests a minute: paced, and never more than the limit in any rolling minute."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias

from worker.engagement import headers as said

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from worker.model import Clock, Seconds

MINUTE: Final = 60.0
_LONGEST_HOLD: Final = 15 * MINUTE
_MARGIN: Final = 0.001
"""Seconds added to a minute, so that rounding cannot make it a shorter one."""

Sleep: TypeAlias = "Callable[[float], Awaitable[object]]"


class Permit:
    """The right to send one request. It must be ended when the answer came, or when none will."""

    __slots__ = ("_quota",)

    def __init__(self, quota: Quota) -> None:
        self._quota: Quota | None = quota

    def end(self) -> None:
        """The API has counted this request by now, if it ever does. A second call does nothing."""
        if self._quota is not None:
            self._quota.ended()
            self._quota = None


class Quota:
    """Permits, at most ``limit`` in any rolling minute as the API counts them.

    When the API counts a request is not known, but it is between sending and the answer. So a request is held
    against the minute from the moment it leaves until a minute after its answer: whatever the network does,
    no rolling minute of the API holds more than the limit. Permits are spaced by 60 s / limit, so nothing
    bursts, neither after a start nor after an idle time.

    ``hold`` and ``learn`` correct it by what the API says; they never raise the limit above the contract's.
    """

    def __init__(self, limit: int, clock: Clock, sleep: Sleep = asyncio.sleep) -> None:
        self.contract = limit
        self.limit = limit
        self._clock = clock
        self._sleep = sleep
        self._in_flight = 0
        self._ended: deque[float] = deque()
        self._next_at = -math.inf
        self._held_until = -math.inf

    def now(self) -> Seconds:
        """The clock that permits are counted by."""
        return self._clock.monotonic()

    @property
    def used(self) -> int:
        """Requests held against the current minute."""
        over = self.now() - MINUTE - _MARGIN
        while self._ended and self._ended[0] <= over:
            self._ended.popleft()
        return self._in_flight + len(self._ended)

    def wait(self) -> Seconds:
        """How long until a permit may be had, in seconds; 0 when one is there now."""
        now = self.now()
        ready_at = max(self._next_at, self._held_until)
        too_many = self.used - self.limit
        if 0 <= too_many < len(self._ended):
            ready_at = max(ready_at, self._ended[too_many] + MINUTE + _MARGIN)
        elif too_many >= 0:
            # All that could make room are in flight: look again soon.
            ready_at = max(ready_at, now + min(1.0, MINUTE / self.limit))
        return max(0.0, ready_at - now)  # type: ignore[return-value]

    def try_take(self) -> Permit | None:
        """A permit, if one is there now."""
        if self.wait() > 0:
            return None
        self._in_flight += 1
        self._next_at = self.now() + MINUTE / self.limit
        return Permit(self)

    def ended(self) -> None:
        """A request is over: its minute begins."""
        self._in_flight -= 1
        self._ended.append(self.now())

    async def ready(self) -> None:
        """Wait until a permit is there; another waiter may take it first."""
        while (wait := self.wait()) > 0:
            await self._sleep(wait)

    async def take(self) -> Permit:
        """Wait for a permit and take it."""
        while True:
            await self.ready()
            permit = self.try_take()
            if permit is not None:
                return permit

    def hold(self, seconds: Seconds) -> None:
        """No permits for so long: the API said that it has enough."""
        self._held_until = max(self._held_until, self.now() + min(seconds, _LONGEST_HOLD))

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take the API's own account from the headers of an answer. A header that is missing says nothing."""
        limit = said.whole(headers.get("x-per-minute-limit"))
        if limit is not None and limit > 0:
            self.limit = min(self.contract, limit)
        remaining = said.whole(headers.get("x-per-minute-remaining"))
        if remaining is not None and remaining <= 0:
            reset = said.until_reset(headers, self._clock.now())
            self.hold(reset or MINUTE / self.limit)  # type: ignore[arg-type]
