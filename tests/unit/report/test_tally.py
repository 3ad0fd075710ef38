"""Totals, tops and rates, with what is not available left out."""

from __future__ import annotations

import numpy as np

from worker.model import NOT_AVAILABLE, MetricName
from worker.report.tally import Tally, Total, tally

NAMES = [MetricName(name) for name in ("impressions", "engagements")]


def tallied(*rows: tuple[int | None, int | None], top: int = 2) -> Tally:
    values = [[NOT_AVAILABLE if value is None else value for value in row] for row in rows]
    return tally(np.arange(1, len(rows) + 1), np.array(values, dtype=np.int64).reshape(-1, 2), NAMES, top)


def test_sums_are_over_the_posts_that_a_metric_is_available_of() -> None:
    figures = tallied((10, None), (None, None), (5, -2))
    assert figures.totals == {"impressions": Total(15, 2), "engagements": Total(-2, 1)}
    assert tallied((None, None)).totals[NAMES[0]] == Total(None, 0)


def test_equal_posts_stand_by_age() -> None:
    figures = tallied((3, 1), (7, 1), (7, 1), (7, 1), (None, 1))
    assert [(place.rank, place.post_id, place.value) for place in figures.top[NAMES[0]]] == [
        (1, 2, 7),
        (2, 3, 7),
    ]
    assert [place.post_id for place in figures.top[NAMES[1]]] == [1, 2]


def test_a_top_is_never_longer_than_the_posts_that_have_the_metric() -> None:
    assert len(tallied((3, None), (1, None), top=10).top[NAMES[0]]) == 2
    assert tallied((3, None), top=10).top[NAMES[1]] == []
    assert tallied((3, 4), top=0).top[NAMES[0]] == []
    assert tallied().top[NAMES[0]] == []


def test_the_rate_is_of_posts_that_have_both() -> None:
    assert tallied((100, 5), (100, None), (None, 50)).engagement_rate == 0.05
    assert tallied((0, 5)).engagement_rate is None
    assert tallied((None, 5)).engagement_rate is None
