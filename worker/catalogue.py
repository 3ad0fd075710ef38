"""What the Engagement API offers: its endpoints, its metrics, and which of them a Post can have where.

Source of every fact here: the API's reference and its overview.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from worker.model import PUBLIC_METRICS, MetricName, Seconds, Timestamp, created_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.model import PostId

DAY: Final = Seconds(86_400.0)
HOUR: Final = Seconds(3600.0)

LONGEST_WINDOW: Final = Seconds(28 * DAY)
"""The longest window of one historical request."""

IMPRESSIONS_REACH: Final = Seconds(90 * DAY)
"""Totals have impressions and engagements only of Posts that are at most so old."""

VIDEO_VIEWS_REACH: Final = Seconds(1800 * DAY)
"""Totals have video views only of Posts that are at most so old."""

COUNTED_SINCE: Final = Timestamp(1_442_275_200.0)
"""15 September 2015: before it, historical favorites, replies and retweets read 0."""

ACTION_METRICS: Final = tuple(
    MetricName(name)
    for name in (
        "media_views",
        "media_engagements",
        "url_clicks",
        "hashtag_clicks",
        "detail_expands",
        "permalink_clicks",
        "app_install_attempts",
        "app_opens",
        "email_tweet",
        "user_follows",
        "user_profile_clicks",
    )
)
"""What only the owner of a Post may know, and only 28hr and historical tell."""

IMPRESSIONS: Final = MetricName("impressions")
ENGAGEMENTS: Final = MetricName("engagements")
VIDEO_VIEWS: Final = MetricName("video_views")
QUOTE_TWEETS: Final = MetricName("quote_tweets")

PRIVATE_TOTALS: Final = (IMPRESSIONS, ENGAGEMENTS)
"""Totals that only the owner of a Post may know."""

TOTALS_METRICS: Final = (*PRIVATE_TOTALS, *PUBLIC_METRICS)
SERIES_METRICS: Final = (
    *PRIVATE_TOTALS,
    *(metric for metric in PUBLIC_METRICS if metric != QUOTE_TWEETS),
    *ACTION_METRICS,
)
"""What 28hr and historical have: 17 metrics, and no quote_tweets."""

ZERO_BEFORE_2015: Final = frozenset(MetricName(name) for name in ("favorites", "replies", "retweets"))


class Endpoint(StrEnum):
    """An endpoint; its value is the last part of its path."""

    TOTALS = "totals"
    LAST_28H = "28hr"
    HISTORICAL = "historical"

    @property
    def path(self) -> str:
        """Where requests go, below the base URL."""
        return f"/insights/engagement/{self.value}"

    @property
    def seats(self) -> int:
        """Post IDs in a request, at most."""
        return 250 if self is Endpoint.TOTALS else 25

    @property
    def metrics(self) -> tuple[MetricName, ...]:
        """The metrics that it knows."""
        return TOTALS_METRICS if self is Endpoint.TOTALS else SERIES_METRICS

    @property
    def needs_owner(self) -> bool:
        """Whether it answers only with the token of the account that the Posts belong to."""
        return self is not Endpoint.TOTALS

    def metrics_for(self, *, owned: bool) -> tuple[MetricName, ...]:
        """The metrics that may be asked for with the owner's token, or else with the app's."""
        if owned:
            return self.metrics
        return () if self.needs_owner else PUBLIC_METRICS


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back totals go, in seconds of a Post's age. Settings, as the contract may differ."""

    impressions: Seconds = IMPRESSIONS_REACH
    video_views: Seconds = VIDEO_VIEWS_REACH

    def of(self, metric: MetricName) -> Seconds | None:
        """The greatest age of a Post at which totals have this metric; ``None``: any."""
        if metric in PRIVATE_TOTALS:
            return self.impressions
        return self.video_views if metric == VIDEO_VIEWS else None

    def has(self, metric: MetricName, post_id: PostId, now: Timestamp) -> bool:
        """Whether totals have this metric of this Post now. IDs from before snowflakes are old."""
        reach = self.of(metric)
        if reach is None:
            return True
        created = created_at(post_id)
        return created is not None and now - created <= reach

    def askable(
        self, metrics: Iterable[MetricName], post_ids: Iterable[PostId], now: Timestamp
    ) -> tuple[MetricName, ...]:
        """Those of the metrics that totals have of at least one of these Posts."""
        youngest = max(post_ids, default=None)
        if youngest is None:
            return tuple(metrics)
        return tuple(metric for metric in metrics if self.has(metric, youngest, now))
