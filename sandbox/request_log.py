"""The newest requests to the three endpoints, one by one: when each came, and what it asked for."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.messages import errors
from sandbox.queries import number, read_query

if TYPE_CHECKING:
    from sandbox.messages import Answer, Request
    from sandbox.world import IntArray

MOST_AT_ONCE: Final = 1000
"""Requests that one answer tells of."""


@dataclass(frozen=True, slots=True)
class Logged:
    """One request. ``at`` is its arrival in epoch seconds; ``whole``: all counts were sent."""

    at: float
    endpoint: str
    who: str
    status: int
    fault: str | None
    whole: bool
    post_ids: IntArray

    def as_json(self, place: int) -> dict[str, object]:
        """As ``GET /sandbox/requests`` tells it; ``place`` counts from 0 since the start."""
        return {
            "number": place,
            "at": self.at,
            "endpoint": self.endpoint,
            "who": self.who,
            "status": self.status,
            "fault": self.fault,
            "whole": self.whole,
            "ids": list(map(str, self.post_ids.tolist())),
        }


class RequestLog:
    """Keeps the last ``most`` requests; 0 keeps none."""

    def __init__(self, most: int) -> None:
        self._kept: deque[Logged] = deque(maxlen=most)
        self._received = 0

    def add(self, logged: Logged) -> None:
        """This was received, and answered so."""
        self._received += 1
        self._kept.append(logged)

    def page(self, after: int, most: int) -> dict[str, object]:
        """Up to ``most`` requests from the number ``after`` on, the oldest first.

        ``dropped`` is how many of those are not kept any more; ``next`` is what to ask with next.
        """
        oldest = self._received - len(self._kept)
        start = min(max(after, oldest), self._received)
        end = min(start + most, self._received)
        told = [self._kept[place - oldest].as_json(place) for place in range(start, end)]
        return {"dropped": max(0, oldest - after), "next": end, "received": self._received, "requests": told}


def read_page(request: Request) -> tuple[int, int] | Answer:
    """``after`` and ``most`` of a query, or a 400 that says what is wrong."""
    query, faults = read_query(request, ("after", "most"))
    after, most = number(query.get("after", "0")), number(query.get("most", str(MOST_AT_ONCE)))
    if after < 0:
        faults.append("after: the number of a request, from 0")
    if not 1 <= most <= MOST_AT_ONCE:
        faults.append(f"most: from 1 to {MOST_AT_ONCE}")
    return errors(400, *faults) if faults else (after, most)
