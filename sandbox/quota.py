"""How many requests fall into a rolling span: the quota of an app, and a record of the busiest."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

SECOND: Final = 1.0
MINUTE: Final = 60.0
"""Seconds. A rolling span is half open: what happened at ``t`` has left a minute at ``t + 60``."""


class Rolling:
    """Counts events in the ``length`` seconds that end now. Memory: one float for each of those events."""

    def __init__(self, length: float = MINUTE) -> None:
        self.length = length
        self._times: deque[float] = deque()
        self.most = 0
        """The most events that any window held so far."""

    def add(self, now: float) -> None:
        """An event at ``now`` (epoch seconds)."""
        self._times.append(now)
        self.most = max(self.most, self.count(now))

    def count(self, now: float) -> int:
        """How many events the window up to ``now`` holds."""
        while self._times and self._times[0] <= now - self.length:
            self._times.popleft()
        return len(self._times)

    def oldest(self) -> float | None:
        """When the oldest event that still counts happened, as of the last call of ``count`` or ``add``."""
        return self._times[0] if self._times else None


def whole(rate: float) -> tuple[int, float]:
    """What ``rate`` requests a minute are in whole requests: so many in any so many seconds.

    60 is 60 in 60 s, 2.5 is 2 in 48 s, 0.25 is 1 in 240 s; 0, no limit, is 0 in 60 s.
    """
    if not rate:
        return 0, MINUTE
    requests = max(1, math.floor(rate))
    return requests, MINUTE * requests / rate


class Quota:
    """At most ``rate`` requests in any rolling minute, and ``a_second`` in any second; 0 is without limit.

    Of a fraction, the whole requests that ``whole`` gives in any rolling span of so many seconds. A refused
    request takes nothing: a client that keeps knocking is let in as soon as its oldest request has left the
    span.
    """

    def __init__(self, rate: float, a_second: int = 0) -> None:
        self.rate = rate
        self.requests, self.seconds = whole(rate)
        self.told = math.ceil(rate)
        """The rate as ``x-per-minute-limit`` gives it."""
        self._let_in = {length: Rolling(length) for length in (MINUTE, self.seconds, SECOND)}
        self._limits = (
            ("minute", self.told, self.requests, self._let_in[self.seconds]),
            ("second", a_second, a_second, self._let_in[SECOND]),
        )

    @property
    def most(self) -> int:
        """The most requests let in during any rolling minute so far."""
        return self._let_in[MINUTE].most

    @property
    def most_in_a_span(self) -> int:
        """The most requests let in during any rolling span so far."""
        return self._let_in[self.seconds].most

    def take(self, now: float) -> bool:
        """Let one request in at ``now`` (epoch seconds), unless a span is full."""
        if any(limit and used.count(now) >= limit for _, _, limit, used in self._limits):
            return False
        for used in self._let_in.values():
            used.add(now)
        return True

    def headers(self, now: float) -> tuple[tuple[str, str], ...]:
        """The rate headers as of ``now``; none of a limit that is not there.

        ``x-per-minute-limit`` is the rate rounded up. ``x-per-minute-reset`` is the first whole epoch second
        at which at least one request more will be let in than ``x-per-minute-remaining`` says;
        ``x-per-second-reset`` likewise.
        """
        headers: tuple[tuple[str, str], ...] = ()
        for unit, told, limit, used in self._limits:
            if limit:
                remaining = limit - used.count(now)
                oldest = used.oldest()
                frees = now if oldest is None else oldest + used.length
                headers += rate_headers(told, remaining, frees, unit)
        return headers

    def wait(self, now: float) -> int:
        """Whole seconds from ``now`` to when a request that was just refused will be let in."""
        frees = [
            oldest + used.length
            for _, _, limit, used in self._limits
            if limit and used.count(now) >= limit and (oldest := used.oldest()) is not None
        ]
        return math.ceil(max(frees, default=now)) - int(now)


def rate_headers(
    limit: int, remaining: int, reset: float, unit: str = "minute"
) -> tuple[tuple[str, str], ...]:
    """The API's three headers about a quota; ``reset`` in epoch seconds, given as the next whole one."""
    return (
        (f"x-per-{unit}-limit", str(limit)),
        (f"x-per-{unit}-remaining", str(remaining)),
        (f"x-per-{unit}-reset", str(math.ceil(reset))),
    )
