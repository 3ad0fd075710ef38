"""What machines that watch the worker ask for: ``/metrics``, ``/healthz`` and ``/readyz``."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from prometheus_client.exposition import choose_encoder
from starlette.responses import Response
from starlette.routing import Route

from worker.publish.http.answers import fresh_answer

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from starlette.requests import Request

    from worker.publish.http.views import HealthCheck


class Operations:
    """Answers from the registry and the two checks. The checks are called in the event loop."""

    def __init__(self, *, registry: CollectorRegistry, health: HealthCheck, ready: HealthCheck) -> None:
        self._registry = registry
        self._health = health
        self._ready = ready

    def routes(self) -> list[Route]:
        """The three routes."""
        return [
            Route("/metrics", self.metrics),
            Route("/healthz", self.healthz),
            Route("/readyz", self.readyz),
        ]

    def metrics(self, request: Request) -> Response:
        """All metrics, in the format asked for. Runs in a thread, so that a large scrape delays nobody."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        headers = {"Content-Type": content_type, "Cache-Control": "no-store"}
        return Response(encode(self._registry), headers=headers)

    async def healthz(self, _: Request) -> Response:
        """Whether the loops progress: if not, restart the worker."""
        return _answer(self._health)

    async def readyz(self, _: Request) -> Response:
        """Whether the worker has what it serves: if not, send requests elsewhere."""
        return _answer(self._ready)


def _answer(check: HealthCheck) -> Response:
    health = check()
    status = HTTPStatus.OK if health.ok else HTTPStatus.SERVICE_UNAVAILABLE
    return fresh_answer({"ok": health.ok, "checks": dict(health.checks)}, status)
