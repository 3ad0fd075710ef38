"""What the sandbox was asked and what it answered: so that a client's pace can be judged."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sandbox.quota import MINUTE, Rolling

if TYPE_CHECKING:
    from sandbox.quota import Quota

NOBODY: Final = "nobody"
"""Who sent a request whose credentials do not hold."""


@dataclass(slots=True)
class _Tally:
    """What one endpoint, or one caller, got."""

    answers: Counter[int] = field(default_factory=Counter)
    ids_served: int = 0

    def as_json(self) -> dict[str, object]:
        return {
            "requests": self.answers.total(),
            "answers_by_status": _by_status(self.answers),
            "ids_served": self.ids_served,
        }


class Stats:
    """Counters of the requests to ``/insights/engagement/…`` since the start. Other paths are not counted.

    ``span``: the seconds that the quota is counted in.
    """

    def __init__(self, span: float) -> None:
        self._span = span
        self._received = {length: Rolling(length) for length in (MINUTE, span)}
        self._requests = 0
        self._all = _Tally()
        self._by_endpoint: dict[str, _Tally] = {}
        self._by_account: dict[str, _Tally] = {}
        self._faults: Counter[str] = Counter()

    def received(self, now: float) -> None:
        """A request came in, whatever becomes of it."""
        self._requests += 1
        for received in self._received.values():
            received.add(now)

    def answered(self, endpoint: str, who: str, status: int, ids: int) -> None:
        """It was answered so, before the wire's faults; with ``ids`` in an answer that arrives whole.

        ``who`` is an account's ID, ``bearer`` or ``NOBODY``.
        """
        for tally in (
            self._all,
            self._by_endpoint.setdefault(endpoint, _Tally()),
            self._by_account.setdefault(who, _Tally()),
        ):
            tally.answers[status] += 1
            tally.ids_served += ids

    def met(self, fault: str) -> None:
        """It met this fault."""
        self._faults[fault] += 1

    def as_json(self, quota: Quota, now: float) -> dict[str, object]:
        """The figures, as ``GET /sandbox/stats`` gives them. ``cpu_seconds`` is of the whole process."""
        return {
            "requests": self._requests,
            "requests_in_the_last_minute": self._received[MINUTE].count(now),
            "most_requests_in_a_minute": self._received[MINUTE].most,
            "most_let_in_a_minute": quota.most,
            "requests_per_minute": quota.rate,
            "span": {
                "seconds": self._span,
                "limit": quota.requests,
                "most_requests": self._received[self._span].most,
                "most_let_in": quota.most_in_a_span,
            },
            "answers_by_status": _by_status(self._all.answers),
            "faults": dict(sorted(self._faults.items())),
            "ids_served": self._all.ids_served,
            "by_endpoint": {name: tally.as_json() for name, tally in sorted(self._by_endpoint.items())},
            "by_account": {name: tally.as_json() for name, tally in sorted(self._by_account.items())},
            "cpu_seconds": time.process_time(),
        }


def _by_status(answers: Counter[int]) -> dict[str, int]:
    return {str(status): count for status, count in sorted(answers.items())}
