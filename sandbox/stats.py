"""What the sandbox was asked and what it answered: so that a client's pace can be judged."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from sandbox.quota import RollingMinute

if TYPE_CHECKING:
    from sandbox.quota import Quota


class Stats:
    """Counters of the requests to ``/insights/engagement/…`` since the start. Other paths are not counted."""

    def __init__(self) -> None:
        self._received = RollingMinute()
        self._requests = 0
        self._answers: Counter[int] = Counter()
        self._faults: Counter[str] = Counter()
        self._ids_served = 0

    def received(self, now: float) -> None:
        """A request came in, whatever becomes of it."""
        self._requests += 1
        self._received.add(now)

    def answered(self, status: int) -> None:
        """It was answered so, before the wire's faults."""
        self._answers[status] += 1

    def met(self, fault: str) -> None:
        """It met this fault."""
        self._faults[fault] += 1

    def served(self, ids: int) -> None:
        """So many different IDs were told of, in an answer that arrives whole."""
        self._ids_served += ids

    def as_json(self, quota: Quota, now: float) -> dict[str, object]:
        """The figures, as ``GET /sandbox/stats`` gives them. ``cpu_seconds`` is of the whole process."""
        return {
            "requests": self._requests,
            "requests_in_the_last_minute": self._received.count(now),
            "most_requests_in_a_minute": self._received.most,
            "most_let_in_a_minute": quota.most,
            "requests_per_minute": quota.limit,
            "answers_by_status": {str(status): count for status, count in sorted(self._answers.items())},
            "faults": dict(sorted(self._faults.items())),
            "ids_served": self._ids_served,
            "cpu_seconds": time.process_time(),
        }
