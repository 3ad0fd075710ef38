"""The sandbox without its network: a request in, an answer out. Nothing a client sends makes it raise."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.asked import RefusedError, read_totals
from sandbox.faults import FaultDraw, Faults, read_faults, spoil
from sandbox.messages import Answer, Request, errors
from sandbox.quota import Quota
from sandbox.stats import Stats
from sandbox.tokens import UNAUTHENTICATED, Tokens
from sandbox.totals import totals
from sandbox.truth import truth
from sandbox.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.settings import SandboxSettings


class SandboxApp:
    """Owns what the sandbox remembers: the token, the quota's last minute, the faults, the counters."""

    def __init__(self, settings: SandboxSettings) -> None:
        self.world = World(settings.seed, growth_minutes=settings.growth_minutes)
        self._clock = settings.clock
        self._tokens = Tokens(settings)
        self._quota = Quota(settings.requests_per_minute)
        self._faults = FaultDraw()
        self._stats = Stats()
        self._routes: Mapping[str, Mapping[str, Callable[[Request, float], Answer]]] = {
            "/insights/engagement/totals": {"POST": self._totals},
            "/oauth2/token": {"POST": lambda request, _: self._tokens.issue(request)},
            "/sandbox/truth": {"GET": lambda request, now: truth(self.world, request, int(now))},
            "/sandbox/stats": {"GET": self._stats_now},
            "/sandbox/faults": {"GET": self._faults_now, "POST": self._set_faults},
            "/sandbox/tokens/revoke": {"POST": self._revoke},
        }

    def handle(self, request: Request) -> Answer:
        """Answer one request, as of the second at which it is called; every answer carries that as ``at``."""
        now = self._clock()
        methods = self._routes.get(request.path)
        if methods is None:
            answer = errors(404, f"There is nothing at {request.path[:200]}")
        elif request.method not in methods:
            allowed = ", ".join(methods)
            answer = errors(405, f"{request.path} takes {allowed} only").with_headers(("Allow", allowed))
        else:
            answer = methods[request.method](request, now)
        return replace(answer, at=int(now))

    def _totals(self, request: Request, now: float) -> Answer:
        """Count, authenticate, charge the quota, answer, then let the faults have it: in this order.

        So a request without a token that holds costs no quota, and one that meets a fault does.
        """
        self._stats.received(now)
        if not self._tokens.holds(request):
            answer = UNAUTHENTICATED
        elif not self._quota.take(now):
            rates = self._quota.headers(now)
            wait = int(dict(rates)["x-per-minute-reset"]) - int(now)
            answer = errors(429, "Too Many Requests").with_headers(("Retry-After", str(wait)), *rates)
        else:
            answer = self._faulty(self._answered(request, now), now)
        self._stats.answered(answer.status)
        return replace(answer, delay=answer.delay + self._faults.faults.latency_seconds)

    def _answered(self, request: Request, now: float) -> tuple[Answer, int]:
        """The right answer, and how many IDs it tells of."""
        try:
            asked = read_totals(request.body)
        except RefusedError as refused:
            return refused.answer.with_headers(*self._quota.headers(now)), 0
        answer = totals(self.world, asked, int(now))
        return answer.with_headers(*self._quota.headers(now)), len(asked.post_ids)

    def _faulty(self, right: tuple[Answer, int], now: float) -> Answer:
        answer, ids = right
        fault = self._faults.next()
        if fault is not None:
            self._stats.met(fault)
            spoilt = spoil(answer, fault, faults=self._faults.faults, limit=self._quota.limit, now=now)
            whole = fault in {"slow", "plain"}
            answer, ids = spoilt, ids if whole else 0
        self._stats.served(ids)
        return answer

    def _stats_now(self, _: Request, now: float) -> Answer:
        of_world = {"seed": self.world.seed, "growth_minutes": self.world.growth_minutes}
        return Answer(200, {**self._stats.as_json(self._quota, now), "world": of_world})

    def _faults_now(self, _: Request, __: float) -> Answer:
        return Answer(200, self._faults.faults.as_json())

    def _set_faults(self, request: Request, _: float) -> Answer:
        match read_faults(request.body):
            case Faults() as faults:
                self._faults.set(faults)
                return Answer(200, faults.as_json())
            case refused:
                return refused

    def _revoke(self, _: Request, __: float) -> Answer:
        self._tokens.revoke()
        return Answer(200, {"revoked": self._tokens.revoked})
