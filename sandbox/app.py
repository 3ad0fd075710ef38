"""The sandbox without its network: a request in, an answer out. Nothing a client sends makes it raise."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from sandbox.accounts import Accounts
from sandbox.catalogue import ENDPOINTS
from sandbox.engagement import Engagement
from sandbox.faults import Faults, read_faults
from sandbox.messages import Answer, Request, errors
from sandbox.openapi import described
from sandbox.owners import listed, owners, revoke
from sandbox.request_log import read_page
from sandbox.truth import Truth
from sandbox.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.settings import SandboxSettings


class SandboxApp:
    """Which path is answered by what. What is remembered between requests is the ``Engagement``'s."""

    def __init__(self, settings: SandboxSettings) -> None:
        self.world = World(settings.seed, growth_minutes=settings.growth_minutes)
        self.accounts = Accounts(settings.seed, settings.accounts, settings.owned)
        self._settings = settings
        self._clock = settings.time
        self._api = Engagement(settings, self.world, self.accounts)
        truth = Truth(self.world, self.accounts)
        self._routes: Mapping[str, Mapping[str, Callable[[Request, float], Answer]]] = {
            **{endpoint.path: {"POST": partial(self._api.answer, endpoint)} for endpoint in ENDPOINTS},
            "/oauth2/token": {"POST": lambda request, _: self._api.tokens.issue(request)},
            "/sandbox/accounts": {"GET": lambda _, __: Answer(200, listed(settings, self.accounts))},
            "/sandbox/openapi.json": {"GET": lambda _, __: Answer(200, described())},
            "/sandbox/owner": {"GET": lambda request, _: owners(self.accounts, request)},
            "/sandbox/truth": {"GET": truth.answer},
            "/sandbox/stats": {"GET": self._stats_now},
            "/sandbox/requests": {"GET": self._requests},
            "/sandbox/faults": {"GET": self._faults_now, "POST": self._set_faults},
            "/sandbox/tokens/revoke": {"POST": lambda request, _: revoke(self._api, request)},
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

    def _stats_now(self, _: Request, now: float) -> Answer:
        of_world = {"seed": self.world.seed, "growth_minutes": self.world.growth_minutes}
        of_clock = {"now": now, "speed": self._settings.clock_speed, "since": self._settings.since}
        figures = self._api.stats.as_json(self._api.quota, now)
        return Answer(200, {**figures, "world": of_world, "clock": of_clock})

    def _requests(self, request: Request, _: float) -> Answer:
        page = read_page(request)
        return page if isinstance(page, Answer) else Answer(200, self._api.log.page(*page))

    def _faults_now(self, _: Request, __: float) -> Answer:
        return Answer(200, self._api.faults.faults.as_json())

    def _set_faults(self, request: Request, _: float) -> Answer:
        match read_faults(request.body):
            case Faults() as faults:
                self._api.faults.set(faults)
                return Answer(200, faults.as_json())
            case refused:
                return refused
