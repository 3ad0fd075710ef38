"""The three endpoints of the API, from the request as it came to the answer as it leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from sandbox.asked import read_asked
from sandbox.auth import Caller, authenticate
from sandbox.catalogue import LAST_28_HOURS
from sandbox.faults import FaultDraw, Met
from sandbox.messages import Answer, RefusedError, Request, errors
from sandbox.oauth import OAuth
from sandbox.quota import Quota
from sandbox.request_log import Logged, RequestLog
from sandbox.series import series
from sandbox.shapes import errors_shaped
from sandbox.sifting import Sifter
from sandbox.spoiling import WHOLE, spoil
from sandbox.stats import NOBODY, Stats
from sandbox.tokens import Tokens
from sandbox.totals import totals
from sandbox.window import Reach, last_28_hours, read_window

if TYPE_CHECKING:
    from sandbox.accounts import Accounts
    from sandbox.asked import Asked
    from sandbox.catalogue import Endpoint
    from sandbox.settings import SandboxSettings
    from sandbox.world import World


class _Reply(NamedTuple):
    """An answer, of how many of the IDs it tells whole, the IDs asked for, and the fault it met."""

    answer: Answer
    told: int
    asked: tuple[int, ...]
    fault: str | None = None


_NOTHING_READ: Final = _Reply(Answer(0, None), 0, ())
"""Of a request whose body was not looked at."""


class Engagement:
    """Owns what the API remembers: the tokens that hold, the nonces used, the quota's window, the faults."""

    def __init__(self, settings: SandboxSettings, world: World, accounts: Accounts) -> None:
        self.tokens = Tokens(settings)
        self.oauth = OAuth(settings.consumer_key, settings.consumer_secret, accounts.all)
        self.quota = Quota(settings.requests_per_minute, settings.requests_per_second)
        self.faults = FaultDraw()
        self.stats = Stats(self.quota.seconds)
        self.log = RequestLog(settings.kept_requests)
        self.reach = reach_of(settings)
        self._world = world
        self._sifter = Sifter(world, accounts)

    def answer(self, endpoint: Endpoint, request: Request, now: float) -> Answer:
        """Count, authenticate, charge the quota, answer, then let the faults have it: in this order.

        So a request whose credentials do not hold costs no quota, and one that meets a fault does.
        """
        self.stats.received(now)
        who, reply = NOBODY, _NOTHING_READ
        try:
            caller = authenticate(request, self.tokens, self.oauth, now)
        except RefusedError as refusal:
            answer = refusal.answer
        else:
            who = caller.name
            if self.quota.take(now):
                reply = self._let_in(endpoint, request, caller, now)
                answer = reply.answer
            else:
                headers = (("Retry-After", str(self.quota.wait(now))), *self.quota.headers(now))
                answer = errors(429, "Too Many Requests").with_headers(*headers)
        self.stats.answered(endpoint.name, who, answer.status, reply.told)
        ids = np.array(reply.asked, dtype=np.int64)
        self.log.add(Logged(now, endpoint.name, who, answer.status, reply.fault, reply.told > 0, ids))
        faults = self.faults.faults
        content = errors_shaped(answer.content, faults.shapes)
        return replace(answer, content=content, delay=answer.delay + faults.latency_seconds)

    def _let_in(self, endpoint: Endpoint, request: Request, caller: Caller, now: float) -> _Reply:
        asked: Asked | None = None
        try:
            asked = read_asked(request.body, endpoint)
            answer, ids = self._right(endpoint, asked, caller, now), len(asked.post_ids)
        except RefusedError as refusal:
            answer, ids = refusal.answer, 0
        answer = answer.with_headers(*self.quota.headers(now))
        post_ids = tuple(asked.post_ids) if asked else ()
        fault = self.faults.next(Met(endpoint.name, caller.name, post_ids))
        if fault is None:
            return _Reply(answer, ids, post_ids)
        self.stats.met(fault)
        spoilt = spoil(
            answer,
            fault,
            asked,
            slow_seconds=self.faults.faults.slow_seconds,
            limit=self.quota.told,
            now=now,
        )
        return _Reply(spoilt, ids if fault in WHOLE else 0, post_ids, fault)

    def _right(self, endpoint: Endpoint, asked: Asked, caller: Caller, now: float) -> Answer:
        at, shapes = int(now), self.faults.faults.shapes
        window = None
        if endpoint is LAST_28_HOURS:
            window = last_28_hours(now)
        elif endpoint.series:
            window = read_window(asked.start, asked.end, self.reach, now)
        sifted = self._sifter.sift(asked, endpoint, caller, shapes, at)
        if isinstance(sifted, Answer):
            return sifted
        post_ids, beside = sifted
        content: dict[str, Any] = (
            totals(self._world, asked, post_ids, shapes, at)
            if window is None
            else series(self._world, asked, post_ids, window, at)
        )
        texts = [*beside.pop("errors", []), *content.pop("errors", [])]
        return Answer(200, {**({"errors": texts} if texts else {}), **beside, **content})


def reach_of(settings: SandboxSettings) -> Reach:
    """How far back historical reaches."""
    earliest = datetime.fromisoformat(settings.historical_from).replace(tzinfo=UTC)
    return Reach(int(earliest.timestamp()), settings.historical_days)
