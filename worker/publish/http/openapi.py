"""``/api/openapi.json``: the API as OpenAPI 3.1, declared by hand and held against the routes by a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from worker.model import MAX_POST_ID
from worker.publish.http.answers import JSON, kept_answer
from worker.publish.http.events import MEDIA_TYPE
from worker.publish.http.parameters import MAX_LIMIT
from worker.publish.http.schemas import SCHEMAS, Schema, ref
from worker.publish.leaderboard_json import to_json

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_PROMETHEUS_TEXT: Final = "text/plain"
_OPENMETRICS_TEXT: Final = "application/openmetrics-text"

_DESCRIPTION: Final = (
    "Which Posts are on top, per campaign and metric. Read only, and open to whoever can reach the port: "
    "put a proxy in front of it to authenticate. Each answer that has an ETag can be asked for again with "
    "If-None-Match."
)


class OpenApi:
    """Serves the document."""

    def __init__(self, version: str) -> None:
        self._body = to_json(openapi_document(version))

    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("/api/openapi.json", self.read)]

    async def read(self, request: Request) -> Response:
        """The document."""
        return kept_answer(request, self._body)


def openapi_document(version: str) -> dict[str, Any]:
    """The whole API."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Top Tweets",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [],
        "tags": [
            {"name": "leaderboards", "description": "Which Posts are on top"},
            {"name": "posts", "description": "What the worker knows of a Post"},
            {"name": "operations", "description": "For what watches the worker"},
        ],
        "paths": {**_LEADERBOARD_PATHS, **_POST_PATHS, **_OPERATION_PATHS},
        "components": {"schemas": SCHEMAS},
    }


def _get(tag: str, operation: str, summary: str, responses: Schema, parameters: list[Schema]) -> Schema:
    """A route's one operation; HEAD answers the same without the body."""
    return {
        "get": {
            "tags": [tag],
            "operationId": operation,
            "summary": summary,
            "parameters": parameters,
            "responses": {**responses, "500": _answer("Error", "The worker failed; its log says why")},
        }
    }


def _answer(schema: str, description: str) -> Schema:
    return {"description": description, "content": {JSON: {"schema": ref(schema)}}}


def _parameter(name: str, where: str, schema: Schema, description: str) -> Schema:
    return {
        "name": name,
        "in": where,
        "required": where == "path",
        "description": description,
        "schema": schema,
    }


_NOT_MODIFIED: Final[Schema] = {"description": "The client has it already (If-None-Match)"}
_BAD_PARAMETER: Final = _answer("Error", "A parameter has a value that it cannot have: code `bad_parameter`")
_TEXT: Final[Schema] = {"schema": {"type": "string"}}

_LEADERBOARD_PATHS: Final[Schema] = {
    "/api/leaderboards": _get(
        "leaderboards",
        "listLeaderboards",
        "What there is: campaigns, metrics and leaderboards without their entries",
        {"200": _answer("Leaderboards", "All leaderboards"), "304": _NOT_MODIFIED},
        [],
    ),
    "/api/leaderboards/{campaign}/{metric}": _get(
        "leaderboards",
        "readLeaderboard",
        "One leaderboard, whole or its first places",
        {
            "200": _answer("Leaderboard", "The leaderboard"),
            "304": _NOT_MODIFIED,
            "400": _BAD_PARAMETER,
            "404": _answer(
                "Error", "There is no such leaderboard; `near` names others: code `no_such_leaderboard`"
            ),
        },
        [
            _parameter(
                "campaign",
                "path",
                {"type": "string"},
                "percent-encoded, a slash as well (%2F)",
            ),
            _parameter("metric", "path", {"type": "string"}, "such as retweets or retweets_per_hour"),
            _parameter(
                "limit",
                "query",
                {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
                "the first so many entries; without it, all",
            ),
        ],
    ),
    "/api/stream": _get(
        "leaderboards",
        "followLeaderboards",
        "Leaderboards as they change, as server-sent events, beginning with what they are now",
        {
            "200": {
                "description": (
                    "Events `leaderboard` (data: a Leaderboard) and `withdrawn` (data: a Withdrawn), and "
                    "comments that keep the connection. A slow reader gets the newest of each only."
                ),
                "content": {MEDIA_TYPE: _TEXT},
            },
            "400": _BAD_PARAMETER,
            "404": _answer("Error", "This worker has no such metric: code `no_such_metric`"),
            "503": _answer("Error", "Code `too_many_streams`, or `stopping`: try again after Retry-After"),
        },
        [
            _parameter("campaign", "query", {"type": "string", "minLength": 1}, "only this one"),
            _parameter("metric", "query", {"type": "string", "minLength": 1}, "only this one"),
        ],
    ),
}

_POST_PATHS: Final[Schema] = {
    "/api/posts/{id}": _get(
        "posts",
        "readPost",
        "What this worker knows of a Post",
        {
            "200": _answer("Post", "The Post"),
            "400": _BAD_PARAMETER,
            "404": _answer(
                "Error",
                "`not_tracked`: nobody tracks the Post; `another_worker`: who owns its partition may",
            ),
        },
        [
            _parameter(
                "id", "path", {"type": "string", "pattern": "^[1-9][0-9]{0,18}$"}, f"1 to {MAX_POST_ID}"
            )
        ],
    ),
}

_OPERATION_PATHS: Final[Schema] = {
    "/api/handles": _get(
        "operations",
        "readHandles",
        "Accounts asked for this month, against the contract",
        {"200": _answer("Handles", "This month's account")},
        [],
    ),
    "/api/outlook": _get(
        "operations",
        "readOutlook",
        "What twice and half of the contract would give, simulated",
        {"200": _answer("Outlook", "The newest outlook, or why there is none yet")},
        [],
    ),
    "/api/openapi.json": _get(
        "operations",
        "readOpenApi",
        "This document",
        {
            "200": {"description": "OpenAPI 3.1", "content": {JSON: {"schema": {"type": "object"}}}},
            "304": _NOT_MODIFIED,
        },
        [],
    ),
    "/metrics": _get(
        "operations",
        "readMetrics",
        "The worker's metrics for Prometheus; OpenMetrics when Accept asks for it",
        {"200": {"description": "Metrics", "content": {_PROMETHEUS_TEXT: _TEXT, _OPENMETRICS_TEXT: _TEXT}}},
        [],
    ),
    "/healthz": _get(
        "operations",
        "readHealth",
        "Whether the worker's loops progress",
        {
            "200": _answer("Health", "They do"),
            "503": _answer("Health", "One does not: restart the worker"),
        },
        [],
    ),
    "/readyz": _get(
        "operations",
        "readReadiness",
        "Whether the worker has what it serves",
        {"200": _answer("Health", "It has"), "503": _answer("Health", "Not yet: send requests elsewhere")},
        [],
    ),
}
