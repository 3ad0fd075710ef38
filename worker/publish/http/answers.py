"""Answers that a client may keep and ask about again: ``ETag`` and ``304 Not Modified``."""

from __future__ import annotations

from hashlib import blake2b
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from worker.publish.leaderboard_json import to_json

if TYPE_CHECKING:
    from starlette.requests import Request

JSON: Final = "application/json"


def etag(body: bytes) -> str:
    """Names this content. Weak, because the same content may travel compressed or not."""
    return f'W/"{blake2b(body, digest_size=12).hexdigest()}"'


def kept_answer(request: Request, body: bytes, media_type: str = JSON, tag: str | None = None) -> Response:
    """The body, or 304 when the client has it: a client may keep it, and asks each time if it still holds."""
    tag = tag or etag(body)
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if _client_has(request, tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body, headers=headers, media_type=media_type)


def fresh_answer(document: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """JSON that is only true now: nobody keeps it."""
    return Response(to_json(document), status, {"Cache-Control": "no-store"}, JSON)


def _client_has(request: Request, tag: str) -> bool:
    asked = request.headers.get("if-none-match", "")
    return asked.strip() == "*" or tag in (each.strip() for each in asked.split(","))
