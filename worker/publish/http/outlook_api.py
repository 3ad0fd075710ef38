"""``/api/outlook``: what twice and half of the contract would give, simulated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.routing import Route

from worker.publish.http.answers import fresh_answer
from worker.publish.leaderboard_json import iso_time

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from worker.publish.http.views import Estimated, OutlookBudget, OutlookLookup, OutlookResult, OutlookWorld

_DIGITS: Final = 5


class OutlookApi:
    """Answers what ``lookup`` says; it is called in the event loop."""

    def __init__(self, lookup: OutlookLookup) -> None:
        self._lookup = lookup

    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("/api/outlook", self.read)]

    async def read(self, _: Request) -> Response:
        """The newest, or why there is none."""
        view = self._lookup()
        result = None if view.result is None else _result(view.result)
        return fresh_answer({"result": result, "reason": view.reason})


def _result(result: OutlookResult) -> dict[str, object]:
    return {
        "made_at": iso_time(result.made_at),
        "took_s": round(result.took, 1),
        "world": _world(result.world),
        "budgets": [_budget(one) for one in result.budgets],
        "left_out": list(result.left_out),
    }


def _world(world: OutlookWorld) -> dict[str, object]:
    return {
        "posts": world.posts,
        "posts_per_hour": round(world.posts_per_hour, 1),
        "campaigns": world.campaigns,
        "metrics": list(world.metrics),
        "top": world.top,
        "half_growth_s": world.half_growth,
        "size_tail": round(world.size_tail, 2),
        "scale": round(world.scale, _DIGITS),
    }


def _budget(one: OutlookBudget) -> dict[str, object]:
    return {
        "budget": one.budget,
        "requests_per_minute": one.requests_per_minute,
        "worlds": one.worlds,
        "recall": _estimated(one.recall),
        "exact_boards": _estimated(one.exact_boards),
        "shown_error": _estimated(one.shown_error),
    }


def _estimated(one: Estimated) -> dict[str, object]:
    within = None if one.within is None else round(one.within, _DIGITS)
    return {"mean": round(one.mean, _DIGITS), "within": within}
