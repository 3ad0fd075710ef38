"""The accounts whose Posts were asked for in a calendar month: the contract bills those beyond its number."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from worker.model import HandlesUsed

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.model import Clock, Timestamp
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)


class Handles:
    """Counts distinct handles by month. The API neither reports nor blocks them; the overage is billed.

    ``limit``: the contract's number; ``warn_at``: the share of it from which on to warn. ``first_used`` is
    called with the month, the handle and the moment when a handle is used first in a month. Not safe for
    threads.

    Source: the API's overview, "limit on unique @handles whose owned Posts are queried in a month".
    """

    def __init__(
        self,
        limit: int | None,
        warn_at: float,
        *,
        first_used: Callable[[str, str, Timestamp], None],
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._limit = limit
        self._warn_at = warn_at
        self._first_used = first_used
        self._clock = clock
        self._telemetry = telemetry
        self._seen: defaultdict[str, set[str]] = defaultdict(set)
        self._warned: set[tuple[str, bool]] = set()
        if limit is not None:
            telemetry.handles_limit.set(limit)

    def note(self, handle: str) -> None:
        """This account's Posts are asked for now."""
        now = self._clock.now()
        month, name = month_of(now), handle.casefold()
        if name not in self._seen[month]:
            self._seen[month].add(name)
            self._first_used(month, name, now)
        self.tell()

    def learn(self, month: str, handle: str) -> None:
        """This account was asked for in this month, by whomever."""
        if month >= month_of(self._clock.now()):
            self._seen[month].add(handle.casefold())
            self.tell()

    def used(self) -> HandlesUsed:
        """What this month has used so far."""
        month = month_of(self._clock.now())
        handles = tuple(sorted(self._seen.get(month, ())))
        limit = self._limit
        return HandlesUsed(month, handles, limit, limit is not None and len(handles) >= self._warn_at * limit)

    def tell(self) -> None:
        """Bring the gauge up to date, and warn once a month at the threshold and once beyond the limit."""
        used = self.used()
        for month in [month for month in self._seen if month < used.month]:
            del self._seen[month]
        count = len(used.handles)
        self._telemetry.handles_used.set(count)
        beyond = used.limit is not None and count > used.limit
        if used.warning and (used.month, beyond) not in self._warned:
            self._warned.add((used.month, beyond))
            event = "handles_beyond_contract" if beyond else "handles_near_contract"
            _log.warning(event, month=used.month, used=count, contract=used.limit)


def month_of(at: Timestamp) -> str:
    """The calendar month of a moment, in UTC: ``2026-11``."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m")
