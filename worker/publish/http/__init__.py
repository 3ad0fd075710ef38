"""Leaderboards over HTTP: an API, a stream of events and the live page; with metrics and health checks."""

from worker.publish.http.app import create_app
from worker.publish.http.live import LiveBoards
from worker.publish.http.publisher import HttpPublisher
from worker.publish.http.server import HttpServer, ListenError
from worker.publish.http.views import (
    BoardChance,
    Elsewhere,
    Estimated,
    Health,
    OutlookBudget,
    OutlookResult,
    OutlookView,
    OutlookWorld,
    Planning,
    PostView,
)

__all__ = [
    "BoardChance",
    "Elsewhere",
    "Estimated",
    "Health",
    "HttpPublisher",
    "HttpServer",
    "ListenError",
    "LiveBoards",
    "OutlookBudget",
    "OutlookResult",
    "OutlookView",
    "OutlookWorld",
    "Planning",
    "PostView",
    "create_app",
]
