"""``/api/posts/{id}``: what the worker knows of one Post."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.routing import Route

from worker.publish.http.answers import fresh_answer
from worker.publish.http.errors import ApiError
from worker.publish.http.parameters import read_post_id
from worker.publish.http.views import Elsewhere
from worker.publish.leaderboard_json import PER_HOUR_DIGITS, RATE_DIGITS, iso_time

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from worker.model import Timestamp
    from worker.publish.http.views import Planning, PostLookup, PostView


class PostsApi:
    """Answers from what ``post`` says, which is called in the event loop."""

    def __init__(self, post: PostLookup) -> None:
        self._post = post

    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("/api/posts/{id}", self.read_post)]

    async def read_post(self, request: Request) -> Response:
        """One Post."""
        post_id = read_post_id(request)
        view = self._post(post_id)
        if view is None:
            message = (
                f"Post {post_id} is not tracked: it was never seen, or its time is over, or it is a retweet, "
                "which counts for its original."
            )
            raise ApiError(HTTPStatus.NOT_FOUND, "not_tracked", message)
        if isinstance(view, Elsewhere):
            message = (
                f"Post {post_id} is in partition {view.partition} of the sightings, which another worker of "
                "the group owns: ask the others."
            )
            raise ApiError(HTTPStatus.NOT_FOUND, "another_worker", message, partition=view.partition)
        return fresh_answer(post_document(view))


def post_document(view: PostView) -> dict[str, object]:
    """The Post as JSON says it."""
    return {
        "post_id": str(view.post_id),
        "state": view.state,
        "campaigns": list(view.campaigns),
        "created_at": _time(view.created_at),
        "seen_at": iso_time(view.seen_at),
        "measured_at": _time(view.measured_at),
        "due_at": _time(view.due_at),
        "counts": dict(view.counts),
        "rates": {
            metric: None if value is None else round(value, RATE_DIGITS)
            for metric, value in view.rates.items()
        },
        "per_hour": {
            metric: None if value is None else round(value, PER_HOUR_DIGITS)
            for metric, value in view.per_hour.items()
        },
        "planning": None if view.planning is None else _planning(view.planning),
        "author": view.author,
        "text": view.text,
        "url": view.url,
    }


def _planning(planning: Planning) -> dict[str, object]:
    return {
        "reason": planning.reason,
        "asked_at": _time(planning.asked_at),
        "asked_worth": _short(planning.asked_worth),
        "worth": _short(planning.worth),
        "last_seat": _short(planning.last_seat),
        "half_growth_s": planning.half_growth,
        "boards": [
            {
                "campaign": board.campaign,
                "metric": board.metric,
                "value": _short(board.value),
                "expected": _short(board.expected),
                "low": _short(board.low),
                "high": _short(board.high),
                "bar": _short(board.bar),
                "shown_bar": _short(board.shown_bar),
                "chance": _short(board.chance),
            }
            for board in planning.boards
        ],
    }


def _short(value: float | None) -> float | None:
    """Six digits that mean something: a forecast has no more."""
    return None if value is None else float(f"{value:.6g}")


def _time(at: Timestamp | None) -> str | None:
    return None if at is None else iso_time(at)
