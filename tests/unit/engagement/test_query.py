"""What may be asked: endpoints, metrics, reach, groupings, windows."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.catalogue import (
    COUNTED_SINCE,
    DAY,
    HOUR,
    LONGEST_WINDOW,
    PRIVATE_TOTALS,
    Endpoint,
    Reach,
)
from worker.engagement.query import DAYS, HOURS, METRIC, POST, Query, Window
from worker.model import PUBLIC_METRICS, MetricName, PostId, Timestamp, first_post_id

NOW = Timestamp(1_790_000_000.0)
MOMENTS = st.floats(1_400_000_000, 1_800_000_000, allow_nan=False)


def _post(age: float) -> PostId:
    return first_post_id(Timestamp(NOW - age))


def test_the_metrics_of_each_endpoint_are_those_of_the_reference() -> None:
    assert len(Endpoint.TOTALS.metrics) == 7
    assert len(Endpoint.LAST_28H.metrics) == len(Endpoint.HISTORICAL.metrics) == 17
    assert "quote_tweets" not in Endpoint.LAST_28H.metrics
    assert Endpoint.TOTALS.metrics_for(owned=False) == PUBLIC_METRICS
    assert Endpoint.LAST_28H.metrics_for(owned=False) == ()
    assert set(PRIVATE_TOTALS) < set(Endpoint.TOTALS.metrics_for(owned=True))
    assert (Endpoint.TOTALS.seats, Endpoint.LAST_28H.seats, Endpoint.HISTORICAL.seats) == (250, 25, 25)
    assert Endpoint.LAST_28H.path == "/insights/engagement/28hr"


def test_counting_began_on_15_september_2015() -> None:
    assert COUNTED_SINCE == 16_693 * DAY


@pytest.mark.parametrize(
    ("metric", "days"), [("impressions", 90), ("engagements", 90), ("video_views", 1800)]
)
def test_a_metric_with_a_reach_is_not_had_of_older_posts(metric: str, days: int) -> None:
    assert Reach().has(MetricName(metric), _post(days * DAY - 60), NOW)
    assert not Reach().has(MetricName(metric), _post(days * DAY + 60), NOW)
    assert not Reach().has(MetricName(metric), PostId(20), NOW)
    assert Reach().has(MetricName("retweets"), PostId(20), NOW)


def test_a_metric_is_asked_for_when_one_of_the_posts_is_young_enough() -> None:
    metrics = (*PRIVATE_TOTALS, *PUBLIC_METRICS)
    young, middle, old = _post(DAY), _post(100 * DAY), _post(2000 * DAY)
    assert Reach().askable(metrics, [old, young], NOW) == metrics
    assert Reach().askable(metrics, [old, middle], NOW) == PUBLIC_METRICS
    assert MetricName("video_views") not in Reach().askable(metrics, [old], NOW)


@pytest.mark.parametrize(
    ("endpoint", "axes"),
    [
        (Endpoint.TOTALS, (POST, HOURS)),
        (Endpoint.HISTORICAL, ()),
        (Endpoint.HISTORICAL, (POST, POST)),
        (Endpoint.HISTORICAL, ("tweet",)),
        (Endpoint.LAST_28H, (POST, DAYS, METRIC, HOURS)),
    ],
)
def test_a_grouping_that_the_api_refuses_is_refused_here(endpoint: Endpoint, axes: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="group"):
        Query(endpoint, (MetricName("retweets"),), {"more": axes})


def test_only_one_grouping_has_all_four_axes() -> None:
    full = (POST, METRIC, DAYS, HOURS)
    Query(Endpoint.LAST_28H, (MetricName("retweets"),), {"a": full})
    with pytest.raises(ValueError, match="one grouping by all four"):
        Query(Endpoint.LAST_28H, (MetricName("retweets"),), {"a": full, "b": (METRIC, POST, DAYS, HOURS)})


def test_a_metric_that_the_endpoint_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="28hr has no quote_tweets"):
        Query(Endpoint.LAST_28H, (MetricName("quote_tweets"),))


@given(MOMENTS, st.floats(0, 200 * DAY))
def test_windows_move_outwards_to_whole_hours(start: float, length: float) -> None:
    window = Window.around(start, start + length)
    assert window.start <= start < window.start + HOUR
    assert window.end - HOUR < start + length <= window.end
    assert window.start % HOUR == window.end % HOUR == 0


@given(MOMENTS, st.floats(1, 400 * DAY))
def test_the_pieces_of_a_window_meet_and_share_no_hour(start: float, length: float) -> None:
    window = Window.around(start, start + length)
    pieces = list(window.split())
    assert pieces[0].start == window.start
    assert pieces[-1].end == window.end
    assert all(one.end == following.start for one, following in pairwise(pieces))
    assert all(0 < piece.end - piece.start <= LONGEST_WINDOW for piece in pieces)
