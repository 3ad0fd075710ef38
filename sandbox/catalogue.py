"""The three endpoints of the API as facts: what each may be asked for, by whom, and how finely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sandbox.private import ENGAGED
from sandbox.world import HISTORY

BY_POST: Final = "tweet.id"
BY_METRIC: Final = "engagement.type"
BY_DAY: Final = "engagement.day"
BY_HOUR: Final = "engagement.hour"

FOUR_LEVELS: Final = ((BY_POST, BY_METRIC, BY_DAY, BY_HOUR), (BY_METRIC, BY_POST, BY_DAY, BY_HOUR))
"""The only orders in which a grouping may have all four values."""

MAX_GROUPINGS: Final = 3

OWNER_ONLY: Final = frozenset({"impressions", "engagements"})
"""Metrics of totals that need user context, and Posts of that user."""

BESIDE: Final = frozenset(
    {
        "errors",
        "start",
        "end",
        "unavailable_tweet_ids",
        "unsupported_for_video_views_tweet_ids",
        "unsupported_for_impressions_engagements_tweet_ids",
    }
)
"""What stands beside the groupings in answers, so that no grouping can have such a name."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint. ``series``: it tells of a window, by day and hour if asked, of own Posts only."""

    name: str
    max_ids: int
    metrics: tuple[str, ...]
    group_bys: tuple[str, ...]
    series: bool

    @property
    def path(self) -> str:
        """Where it is."""
        return f"/insights/engagement/{self.name}"


_TOTALS: Final = (
    *("impressions", "engagements", "favorites", "retweets", "replies", "quote_tweets", "video_views"),
)
_SERIES: Final = (
    *("impressions", "engagements", "favorites", "retweets", "replies", "video_views", "media_views"),
    *ENGAGED,
)
_BY_ALL: Final = (BY_POST, BY_METRIC, BY_DAY, BY_HOUR)

TOTALS: Final = Endpoint("totals", 250, _TOTALS, (BY_POST, BY_METRIC), series=False)
LAST_28_HOURS: Final = Endpoint("28hr", 25, _SERIES, _BY_ALL, series=True)
HISTORICAL: Final = Endpoint("historical", 25, _SERIES, _BY_ALL, series=True)

ENDPOINTS: Final = (TOTALS, LAST_28_HOURS, HISTORICAL)


def column(metric: str) -> int:
    """Where a metric stands in the arrays of history; public ones stand there in those of totals too."""
    return HISTORY.index(metric)
