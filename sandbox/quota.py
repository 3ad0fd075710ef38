"""How many requests fall into a rolling minute: the quota of an app, and a record of the busiest minute."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

MINUTE: Final = 60.0
"""Seconds. A rolling minute is half open: what happened at ``t`` has left the window at ``t + 60``."""


class RollingMinute:
    """Counts events in the minute that ends now. Memory: one float for each event of that minute."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()
        self.most = 0
        """The most events that any rolling minute held so far."""

    def add(self, now: float) -> None:
        """An event at ``now`` (epoch seconds)."""
        self._times.append(now)
        self.most = max(self.most, self.count(now))

    def count(self, now: float) -> int:
        """How many events the minute up to ``now`` holds."""
        while self._times and self._times[0] <= now - MINUTE:
            self._times.popleft()
        return len(self._times)

    def oldest(self) -> float | None:
        """When the oldest event that still counts happened, as of the last call of ``count`` or ``add``."""
        return self._times[0] if self._times else None


class Quota:
    """At most ``limit`` requests in any rolling minute; 0 is without limit.

    A refused request takes nothing: a client that keeps knocking is let in as soon as its oldest request has
    left the minute.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._used = RollingMinute()

    @property
    def most(self) -> int:
        """The most requests let in during any rolling minute so far."""
        return self._used.most

    def take(self, now: float) -> bool:
        """Let one request in at ``now`` (epoch seconds), unless the minute is full."""
        if self.limit and self._used.count(now) >= self.limit:
            return False
        self._used.add(now)
        return True

    def headers(self, now: float) -> tuple[tuple[str, str], ...]:
        """The rate headers as of ``now``; none without a limit.

        ``x-per-minute-reset`` is the first whole epoch second at which at least one request more will be let
        in than ``x-per-minute-remaining`` says.
        """
        if not self.limit:
            return ()
        remaining = self.limit - self._used.count(now)
        oldest = self._used.oldest()
        frees = now if oldest is None else oldest + MINUTE
        return rate_headers(self.limit, remaining, frees)


def rate_headers(limit: int, remaining: int, reset: float) -> tuple[tuple[str, str], ...]:
    """The API's three headers about its quota; ``reset`` in epoch seconds, given as the next whole one."""
    return (
        ("x-per-minute-limit", str(limit)),
        ("x-per-minute-remaining", str(remaining)),
        ("x-per-minute-reset", str(math.ceil(reset))),
    )
