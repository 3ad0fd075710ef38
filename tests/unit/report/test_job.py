"""What may be asked for, and what is refused with the reason."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.report.making import NOW
from worker.catalogue import SERIES_METRICS, TOTALS_METRICS, Endpoint
from worker.model import PUBLIC_METRICS
from worker.report.job import Asked, Step, UsageError, needs_owner


def parsed(endpoint: str = "totals", **options: Any) -> Asked:
    return Asked.parse(endpoint, options.pop("metrics", ()), options.pop("group_by", ()), **options)


def test_each_endpoint_has_its_metrics() -> None:
    assert parsed().metrics == PUBLIC_METRICS
    assert parsed(metrics=["all"]).metrics == TOTALS_METRICS
    assert parsed("28hr").metrics == SERIES_METRICS
    assert parsed(metrics=["retweets, favorites", "favorites"]).metrics == ("favorites", "retweets")


@pytest.mark.parametrize(
    ("endpoint", "options", "why"),
    [
        ("total", {}, "--endpoint total: it is one of totals, 28hr, historical"),
        ("totals", {"metrics": ["likes"]}, "--metrics likes: there is no such metric"),
        ("totals", {"metrics": ["url_clicks"]}, "--metrics url_clicks: totals does not have it"),
        ("28hr", {"metrics": ["quote_tweets"]}, "--metrics quote_tweets: 28hr does not have it"),
        ("totals", {"group_by": ["day"]}, "--group-by needs --endpoint 28hr or historical"),
        ("28hr", {"group_by": ["week"]}, "--group-by week: it is day or hour"),
        ("totals", {"start": "7d"}, "--start and --end need --endpoint historical"),
        ("28hr", {"end": "7d"}, "--start and --end need --endpoint historical"),
    ],
)
def test_what_cannot_be_had_is_refused(endpoint: str, options: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        parsed(endpoint, **options)


def test_steps_are_written_short_or_as_the_api_does() -> None:
    assert parsed("28hr", group_by=["hour"]).step is Step.HOUR
    assert parsed("28hr", group_by=["tweet.id,engagement.type,engagement.day"]).step is Step.DAY
    assert parsed("28hr", group_by=["day", "hour"]).step is Step.HOUR
    assert parsed("28hr").step is None


def test_only_historical_has_a_window() -> None:
    assert parsed("28hr").at(NOW).window is None
    window = parsed("historical", start="7d").at(NOW).window
    assert window is not None
    assert window.end - window.start == 7 * 86_400
    with pytest.raises(UsageError, match="is no date"):
        parsed("historical", start="soon").at(NOW)


def test_owners_are_needed_for_private_metrics_and_for_series() -> None:
    assert not needs_owner(parsed().at(NOW))
    assert needs_owner(parsed(metrics=["impressions"]).at(NOW))
    assert needs_owner(parsed("28hr").at(NOW))
    assert parsed("28hr").at(NOW).endpoint is Endpoint.LAST_28H
