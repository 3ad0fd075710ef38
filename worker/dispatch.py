"""The asking loop: a permit, a plan, a request; and what was answered goes to the tracker."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Final

import structlog

from worker.model import REAL_TIME, Seconds
from worker.routes import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.engagement import Asker, Quota
    from worker.engagement.quota import Permit
    from worker.model import Clock, Pace, PostId
    from worker.planner import Plan
    from worker.routes import Route
    from worker.telemetry import Telemetry
    from worker.tracker import Tracker

_log = structlog.get_logger(__name__)

_LONGEST_WAIT: Final = 1.0
"""The machine's seconds between two looks around: the loop is seen to be alive however long it waits."""


class Dispatcher:
    """Asks for what the planner plans, as the quota and the number of requests in flight allow.

    The plan is made when a permit is there, not before, so that it rests on the newest answers. ``pace`` is
    the clock's.
    """

    def __init__(
        self,
        tracker: Tracker,
        routes: Sequence[Route],
        asker: Asker,
        *,
        quota: Quota,
        in_flight: int,
        progressed: Callable[[], None],
        clock: Clock,
        telemetry: Telemetry,
        pace: Pace = REAL_TIME,
    ) -> None:
        self._tracker = tracker
        self._turns = Turns(routes)
        self._asker = asker
        self._quota = quota
        self._in_flight = in_flight
        self._progressed = progressed
        self._clock = clock
        self._pace = pace
        self._telemetry = telemetry
        self._requests: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._waited: Seconds | None = None

    def nudge(self) -> None:
        """Something changed: it may be time for a request."""
        self._news.set()

    async def run(self) -> None:
        """Ask for ever; cancel it to stop, and ``drain``."""
        while True:
            self._progressed()
            self._raise_failures()
            self._telemetry.requests_in_flight.set(len(self._requests))
            self._telemetry.quota_used.set(self._quota.limit.a_minute(self._quota.used))
            self._telemetry.quota_limit.set(self._quota.share)
            if len(self._requests) >= self._in_flight:
                await self._wait(math.inf)
            elif (paced := self._quota.wait()) > 0:
                self._waited = self._waited or self._clock.monotonic()
                await self._wait(paced, wake_early=False)
            else:
                await self._plan()

    async def drain(self, within: Seconds) -> int:
        """Wait for requests in flight, then cut them off; returns how many were cut off."""
        if not self._requests:
            return 0
        _, late = await asyncio.wait(self._requests, timeout=within)
        for request in late:
            request.cancel()
        if late:
            await asyncio.wait(late, timeout=_LONGEST_WAIT)
        for request in self._requests:
            if request.done() and not request.cancelled() and (error := request.exception()):
                _log.error("request_failed", error=repr(error), exc_info=error)
        self._requests.clear()
        return len(late)

    async def _plan(self) -> None:
        self._news.clear()
        started = self._clock.monotonic()
        wait = math.inf
        for route in self._turns.in_order():
            if (refused := self._asker.wait(route.account, route.query.endpoint)) > 0:
                wait = min(wait, refused)
                continue
            plan = self._plan_of(route)
            if plan.post_ids:
                await self._send(route, plan, started)
                return
            wait = min(wait, plan.wake_at - self._clock.now())
        self._waited = None
        await self._wait(wait)

    def _plan_of(self, route: Route) -> Plan:
        started = self._clock.monotonic()
        seats, standings = route.query.endpoint.seats, self._tracker.standings
        plan = route.planner.plan(self._clock.now(), route.lane, standings, seats)
        self._telemetry.plan_seconds.observe(self._pace.lasts(Seconds(self._clock.monotonic() - started)))
        route.due = plan.due
        self._tracker.retire_hopeless(plan.hopeless)
        self._telemetry.due.set(sum(other.due for other in self._turns.routes))
        return plan

    async def _send(self, route: Route, plan: Plan, planned_at: Seconds) -> None:
        permit = self._quota.try_take()
        if permit is None:
            return
        self._telemetry.quota_wait_seconds.observe(planned_at - self._waited if self._waited else 0.0)
        self._waited = None
        self._turns.taken(route, len(plan.post_ids), plan.worth)
        route.lane.mark_asked(plan.post_ids, self._clock.now())
        request = asyncio.create_task(self._ask(route, plan.post_ids, permit))
        self._requests.add(request)
        # Let the request be sent before planning the next.
        await asyncio.sleep(0)

    async def _ask(self, route: Route, post_ids: Sequence[PostId], permit: Permit) -> None:
        try:
            outcome = await self._asker.ask(route.query, post_ids, route.account, permit)
        except BaseException:
            route.lane.ask_again(post_ids)
            raise
        finally:
            self.nudge()
        self._tracker.answered(outcome, route.lane)

    async def _wait(self, seconds: float, *, wake_early: bool = True) -> None:
        """Until something is new, or for so long by the clock."""
        seconds = min(max(self._pace.lasts(Seconds(seconds)), 0.0), _LONGEST_WAIT)
        if not wake_early:
            await asyncio.sleep(seconds)
            return
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return
        finally:
            self._news.clear()

    def _raise_failures(self) -> None:
        """A request task that failed is a fault of ours: it must be seen, and ends the worker."""
        done = {request for request in self._requests if request.done()}
        self._requests -= done
        for request in done:
            request.result()
