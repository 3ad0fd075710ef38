"""What a contract allows: its rate, as so many whole requests in any so many seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from worker.model import Seconds

MINUTE: Final = 60.0
_ROUNDING: Final = 1e-9
"""A share of a limit that is nearer than this to one request more is that."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many requests in any rolling span of so many seconds."""

    requests: int
    seconds: Seconds

    @classmethod
    def of(cls, rate: float) -> Limit:
        """What so many requests a minute allow: the whole part of the rate, but at least 1, at that rate.

        | rate | limit      |
        |------|------------|
        | 60   | 60 in 60 s |
        | 2.5  | 2 in 48 s  |
        | 0.25 | 1 in 240 s |

        Raises:
            ValueError: it is not above 0, or not finite.
        """
        if not 0 < rate < math.inf:
            raise ValueError(f"a limit of {rate:g} requests a minute; it must be above 0")
        requests = max(1, math.floor(rate))
        return cls(requests, Seconds(MINUTE * requests / rate))

    @property
    def rate(self) -> float:
        """Requests a minute."""
        return self.a_minute(self.requests)

    @property
    def pace(self) -> Seconds:
        """Seconds from one request to the next, where they come evenly."""
        return Seconds(self.seconds / self.requests)

    def a_minute(self, requests: float) -> float:
        """Requests a minute that so many in the span are."""
        return round(requests * MINUTE / self.seconds, 9)

    def part(self, share: float) -> Limit:
        """A share of it, in whole requests of the same span, so that parts together hold no more than it.

        Where that would be none, it is one request in a span as much longer.
        """
        part = self.requests * share
        if part < 1 - _ROUNDING:
            return Limit(1, Seconds(self.seconds / part))
        return Limit(math.floor(part + _ROUNDING), self.seconds)
