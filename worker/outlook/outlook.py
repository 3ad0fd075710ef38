"""Keeps the outlook: what twice and half of the contract would give, made anew now and then."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeAlias

import structlog

from worker.outlook.census import NoWorldError
from worker.outlook.child import ChildError, run_all
from worker.outlook.result import result_of
from worker.publish.http.views import OutlookView
from worker.settings.types import write_duration

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from worker.model import Clock, Seconds
    from worker.outlook.census import Census
    from worker.outlook.runs import Done
    from worker.publish.http.views import OutlookResult
    from worker.telemetry import Telemetry

RunAll: TypeAlias = "Callable[[Census, Seconds, list[Done]], Awaitable[bool]]"

_log = structlog.get_logger(__name__)

_FIRST_AFTER: Final = 3600.0
"""Seconds: before, a worker knows little of its world."""
_AGAIN_AFTER: Final = 300.0
"""Seconds after which to look again, where there was nothing to simulate."""

OFF: Final = "it is switched off: planner.outlook_interval is 0"
ELSEWHERE: Final = (
    "it is made by the worker that publishes, the one with toptweets_publisher 1: that is not this one"
)
SOON: Final = "it is made within five minutes, as this worker publishes now"
UNDER_WAY: Final = "it is being simulated"


class Outlook:
    """Makes it, and holds the newest.

    Args:
        take_census: what the world is like now; raises ``NoWorldError``.
        publishes: whether this worker is the one of its group that makes it, for all of them.
        contract: requests a minute, of all workers together.
        every: time between two; 0 switches it off.
        within: the longest that one may take.
        clock: the time.
        telemetry: where its gauges are.
        run_all: see ``child.run_all``.
    """

    def __init__(
        self,
        take_census: Callable[[], Census],
        publishes: Callable[[], bool],
        *,
        contract: float,
        every: Seconds,
        within: Seconds,
        clock: Clock,
        telemetry: Telemetry,
        run_all: RunAll = run_all,
    ) -> None:
        self._run_all = run_all
        self._take_census = take_census
        self._publishes = publishes
        self._contract = contract
        self._every = every
        self._within = within
        self._clock = clock
        self._telemetry = telemetry
        self._result: OutlookResult | None = None
        first = min(_FIRST_AFTER, every)
        self._wait = first
        self._reason = f"the first is made after the worker has run for {write_duration(first)}"

    async def run(self) -> None:
        """Until cancelled. A fault of what is simulated is logged, and no more."""
        while self._every:
            await asyncio.sleep(self._wait)
            try:
                self._wait = await self._make()
            except Exception as error:  # noqa: BLE001 -- a fault in what is only told must not end the worker
                _log.warning("outlook_failed", error=repr(error), exc_info=error)
                self._wait = self._every
        await asyncio.Event().wait()

    def view(self) -> OutlookView:
        """The newest, or why there is none."""
        if not self._every:
            return OutlookView(None, OFF)
        if not self._publishes():
            return OutlookView(None, ELSEWHERE)
        return OutlookView(self._result, None if self._result else self._reason)

    def look(self) -> None:
        """Look who publishes now: what another worker tells Prometheus is not told by this one as well."""
        telemetry = self._telemetry
        telemetry.outlook_recall.clear()
        telemetry.outlook_shown_error.clear()
        telemetry.outlook_made_at.set(0)
        if self._result is None or not self._publishes():
            return
        for row in self._result.budgets:
            telemetry.outlook_recall.labels(f"{row.budget:g}").set(row.recall.mean)
            telemetry.outlook_shown_error.labels(f"{row.budget:g}").set(row.shown_error.mean)
        telemetry.outlook_made_at.set(self._result.made_at)

    async def _make(self) -> float:
        """Make one; returns the time until the next."""
        if not self._publishes():
            self._reason = SOON
            return min(_AGAIN_AFTER, self._every)
        try:
            census = self._take_census()
        except NoWorldError as error:
            self._reason = str(error)
            return min(_AGAIN_AFTER, self._every)
        self._reason = UNDER_WAY
        began = self._clock.monotonic()
        found: list[Done] = []
        try:
            await self._run_all(census, self._within, found)
        except (ChildError, OSError) as error:
            _log.warning("outlook_failed", error=str(error), runs_done=len(found))
        self._keep(census, found, self._clock.monotonic() - began)
        return self._every

    def _keep(self, census: Census, found: list[Done], took: float) -> None:
        if not found:
            self._reason = (
                f"no run was done within {write_duration(round(took, 1))}: "
                "raise planner.outlook_timeout, or see the log for outlook_failed"
            )
            return
        self._result = result_of(census, found, contract=self._contract, at=self._clock.now(), took=took)
        self.look()
