"""Puts the routes together into one ASGI app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from worker.publish.http.boards_api import HEARTBEAT_EVERY, BoardsApi
from worker.publish.http.errors import ApiError, on_api_error, on_failure, on_http_exception
from worker.publish.http.handles_api import HandlesApi
from worker.publish.http.openapi import OpenApi
from worker.publish.http.operations import Operations
from worker.publish.http.outlook_api import OutlookApi
from worker.publish.http.page_files import PageFiles
from worker.publish.http.posts_api import PostsApi
from worker.publish.http.security import SecurityHeaders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prometheus_client import CollectorRegistry
    from starlette.types import ASGIApp

    from worker.model import MetricName, Seconds
    from worker.publish.http.live import LiveBoards
    from worker.publish.http.views import HandlesLookup, HealthCheck, OutlookLookup, PostLookup


def create_app(
    boards: LiveBoards,
    *,
    post: PostLookup,
    health: HealthCheck,
    ready: HealthCheck,
    handles: HandlesLookup,
    outlook: OutlookLookup,
    registry: CollectorRegistry,
    version: str,
    metrics: Sequence[MetricName],
    change_window: Seconds,
    heartbeat: Seconds = HEARTBEAT_EVERY,
) -> ASGIApp:
    """The API, the live page, the metrics and the health checks.

    ``metrics`` are those that leaderboards can be of; changes of place are since ``change_window`` ago.
    ``post``, ``health``, ``ready``, ``handles`` and ``outlook`` are called in the event loop and must not
    wait; the collectors of ``registry`` are called in a thread.
    """
    app = Starlette(
        routes=[
            *BoardsApi(boards, metrics, heartbeat=heartbeat).routes(),
            *PostsApi(post).routes(),
            *HandlesApi(handles).routes(),
            *OutlookApi(outlook).routes(),
            *Operations(registry=registry, health=health, ready=ready).routes(),
            *OpenApi(version).routes(),
            *PageFiles(version, change_window).routes(),
        ],
        middleware=[Middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)],
        exception_handlers={
            ApiError: on_api_error,
            HTTPException: on_http_exception,
            Exception: on_failure,
        },
    )
    app.router.redirect_slashes = False  # a redirect would be built from the Host header
    return SecurityHeaders(app)
