"""The limits that a worker keeps, as it exports them: each stands beside the gauge of what it limits."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from worker.settings import Settings
    from worker.telemetry import Telemetry

LIMITS: Final = {
    "watchlist.max_posts": "toptweets_tracked_posts",
    "watchlist.max_campaigns": "toptweets_campaigns",
    "watchlist.queue_posts": "toptweets_sightings_queue_posts",
    "intake.recent_posts": "toptweets_recent_posts",
    "kafka.in_flight_forwards": "toptweets_forwards_in_flight",
    "kafka.buffer_bytes": "toptweets_forwards_in_flight_bytes",
    "planner.max_unasked": "toptweets_longest_unasked_seconds",
    "engagement.requests_per_minute": "toptweets_quota_used_requests",
    "engagement.in_flight": "toptweets_requests_in_flight",
    "engagement.handles_per_month": "toptweets_handles_used",
    "publish.prometheus_series": "toptweets_board_series_left_out",
    "publish.http.max_connections": "toptweets_http_connections",
    "publish.http.max_streams": "toptweets_streams",
    "run.memory_warning": "process_resident_memory_bytes",
}
"""Settings, and the gauges that they limit. docs/operations.md says what happens at each."""


def tell_limits(settings: Settings, telemetry: Telemetry) -> None:
    """Export the limits that are set."""
    telemetry.tracked_limit.set(settings.watchlist.max_posts)
    for name in LIMITS:
        limit = reduce(getattr, name.split("."), settings)
        if isinstance(limit, int | float):
            telemetry.limits.labels(name).set(limit)
