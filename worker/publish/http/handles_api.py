"""``/api/handles``: the accounts asked for this month, against the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from worker.publish.http.answers import fresh_answer

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from worker.publish.http.views import HandlesLookup


class HandlesApi:
    """Answers what ``lookup`` says; it is called in the event loop."""

    def __init__(self, lookup: HandlesLookup) -> None:
        self._lookup = lookup

    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("/api/handles", self.read)]

    async def read(self, _: Request) -> Response:
        """This month's account."""
        view = self._lookup()
        return fresh_answer(
            {
                "month": view.month,
                "used": len(view.handles),
                "limit": view.limit,
                "warning": view.warning,
                "handles": list(view.handles),
            }
        )
