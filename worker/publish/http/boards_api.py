"""``/api/leaderboards``, one leaderboard, and the stream of them."""

from __future__ import annotations

from difflib import get_close_matches
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from worker.model import Campaign, MetricName, Seconds
from worker.publish.audits import audits_of
from worker.publish.http.answers import kept_answer
from worker.publish.http.errors import ApiError
from worker.publish.http.events import HEADERS, MEDIA_TYPE, EventStream
from worker.publish.http.live import ClosedError, Key, LiveBoards, NoRoomError
from worker.publish.http.parameters import read_filter, read_limit
from worker.publish.leaderboard_json import audit_of, iso_time, leaderboard_json, to_json
from worker.recall import overall

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from worker.model import Leaderboard

HEARTBEAT_EVERY: Final = Seconds(15.0)

_NEARBY: Final = 5
_RETRY_AFTER: Final = {"Retry-After": "5"}


def board_url(key: Key) -> str:
    """Where a leaderboard is. A name may hold any character, so it is percent-encoded, slashes too."""
    campaign, metric = key
    return f"/api/leaderboards/{_quote(campaign)}/{_quote(metric)}"


class BoardsApi:
    """Answers from ``boards``, which are of these ``metrics``, and from nothing else."""

    def __init__(
        self, boards: LiveBoards, metrics: Sequence[MetricName], *, heartbeat: Seconds = HEARTBEAT_EVERY
    ) -> None:
        self._boards = boards
        self._metrics = tuple(metrics)
        self._heartbeat = heartbeat

    def routes(self) -> list[Route]:
        """``campaign`` takes whatever stands before the last slash, so that an encoded slash may be in it."""
        return [
            Route("/api/leaderboards", self.list_boards),
            Route("/api/leaderboards/{campaign:path}/{metric}", self.read_board),
            Route("/api/stream", self.follow),
        ]

    async def list_boards(self, request: Request) -> Response:
        """What there is."""
        boards = self._boards.leaderboards()
        document = {
            "campaigns": list(dict.fromkeys(board.campaign for board in boards)),
            "metrics": list(dict.fromkeys(board.metric for board in boards)),
            "audit": audit_of(overall(audits_of(boards).values())),
            "leaderboards": [_summary(board) for board in boards],
        }
        return kept_answer(request, to_json(document))

    async def read_board(self, request: Request) -> Response:
        """One leaderboard, whole or its first places."""
        limit = read_limit(request)
        key = Campaign(request.path_params["campaign"]), MetricName(request.path_params["metric"])
        version = self._boards.get(key)
        if version is None:
            raise self._not_found(key)
        body = version.json if limit is None else leaderboard_json(version.leaderboard, limit)
        return kept_answer(request, body)

    async def follow(self, request: Request) -> Response:
        """A stream of what changes, beginning with what is."""
        wanted = read_filter(request)
        if wanted.metric is not None and wanted.metric not in self._metrics:
            message = f"This worker has no metric {wanted.metric!r}, but {', '.join(self._metrics)}."
            raise ApiError(HTTPStatus.NOT_FOUND, "no_such_metric", message)
        if request.method == "HEAD":
            return Response(media_type=MEDIA_TYPE, headers=HEADERS)
        try:
            subscription = self._boards.subscribe(wanted)
        except NoRoomError:
            message = (
                f"{self._boards.max_streams} streams are connected, as many as this worker allows "
                "(publish.http.max_streams). Try again later, or poll the leaderboard."
            )
            raise ApiError(
                HTTPStatus.SERVICE_UNAVAILABLE, "too_many_streams", message, headers=_RETRY_AFTER
            ) from None
        except ClosedError:
            message = "This worker is stopping. Connect again in a moment."
            raise ApiError(
                HTTPStatus.SERVICE_UNAVAILABLE, "stopping", message, headers=_RETRY_AFTER
            ) from None
        return EventStream(
            subscription,
            heartbeat=self._heartbeat,
            on_end=lambda: self._boards.unsubscribe(subscription),
        )

    def _not_found(self, key: Key) -> ApiError:
        campaign, metric = key
        message = f"There is no leaderboard of campaign {campaign!r} and metric {metric!r}."
        near = self._near(key)
        if not near:
            message += " None has been published yet."
        links = [{"campaign": key[0], "metric": key[1], "url": board_url(key)} for key in near]
        return ApiError(HTTPStatus.NOT_FOUND, "no_such_leaderboard", message, near=links)

    def _near(self, wanted: Key) -> list[Key]:
        """What the client may have meant: of its campaign or the likest, the likest metric first."""
        keys = [board.key for board in self._boards.leaderboards()]
        campaign = _likest(wanted[0], [key[0] for key in keys])
        of_campaign = [key for key in keys if key[0] == campaign] or keys
        metric = _likest(wanted[1], [key[1] for key in of_campaign])
        return sorted(of_campaign, key=lambda key: key[1] != metric)[:_NEARBY]


def _likest(name: str, names: list[str]) -> str | None:
    by_folded = {each.casefold(): each for each in names}
    found = get_close_matches(name.casefold(), by_folded, n=1)
    return by_folded[found[0]] if found else None


def _summary(board: Leaderboard) -> dict[str, object]:
    return {
        "campaign": board.campaign,
        "metric": board.metric,
        "as_of": iso_time(board.as_of),
        "tracked_posts": board.tracked_posts,
        "audit": audit_of(board.audit.recall if board.audit else None),
        "entries": len(board.entries),
        "url": board_url(board.key),
    }


def _quote(name: str) -> str:
    return quote(name, safe="", errors="replace")
