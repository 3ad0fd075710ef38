"""The Prometheus destination: a bounded number of series, no Post ID, nothing stale."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry

from worker.model import Campaign, Entry, Leaderboard, MetricName, Missing, PostId, Timestamp
from worker.publish.prometheus import PrometheusPublisher
from worker.recall import Audited
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.samples import Sample


BOARD = "toptweets_board_recall"


def _board(campaign: str, places: int, tracked: int, metric: str = "retweets") -> Leaderboard:
    entries = tuple(
        Entry(rank, PostId(10**18 + rank), 1000.0 - rank, Timestamp(50 + rank), None, "anna", "text")
        for rank in range(1, places + 1)
    )
    return Leaderboard(Campaign(campaign), MetricName(metric), Timestamp(100), tracked, entries)


def _samples(boards: Iterable[Leaderboard], ranks: int = 10, series: int = 1000) -> list[Sample]:
    publisher = PrometheusPublisher(Telemetry(CollectorRegistry()), ranks, series)
    asyncio.run(publisher.publish(list(boards)))
    return [sample for family in publisher.collect() for sample in family.samples]


def _of(samples: list[Sample], name: str) -> list[Sample]:
    return [sample for sample in samples if sample.name == name]


def test_each_rank_is_a_series_and_no_label_names_a_post() -> None:
    scores = _of(_samples([_board("spring", 3, 7)]), "toptweets_board_score")
    assert [(one.labels["rank"], one.value) for one in scores] == [("1", 999), ("2", 998), ("3", 997)]
    assert all(set(one.labels) == {"campaign", "metric", "rank"} for one in scores)


def test_the_oldest_measurement_shown_and_the_posts_tracked_are_exported() -> None:
    samples = _samples([_board("spring", 3, 7), _board("empty", 0, 2)])
    assert [one.value for one in _of(samples, "toptweets_board_oldest_measurement_timestamp_seconds")] == [51]
    tracked = {one.labels["campaign"]: one.value for one in _of(samples, "toptweets_board_tracked_posts")}
    assert tracked == {"spring": 7, "empty": 2}


def test_ranks_beyond_the_limit_are_not_exported() -> None:
    assert len(_of(_samples([_board("spring", 50, 99)], ranks=10), "toptweets_board_score")) == 10


def test_beyond_the_limit_of_series_the_smallest_campaigns_are_left_out_whole_and_counted() -> None:
    boards = [
        _board(name, 5, tracked, metric)
        for name, tracked in (("small", 1), ("large", 90), ("middle", 40))
        for metric in ("retweets", "favorites")
    ]
    samples = _samples(boards, series=25)
    scores = _of(samples, "toptweets_board_score")
    assert {one.labels["campaign"] for one in scores} == {"large", "middle"}
    assert len(scores) == 20
    assert [one.value for one in _of(samples, "toptweets_board_series_left_out")] == [10]


def test_how_right_boards_are_is_exported_by_campaign_and_of_all_together() -> None:
    audits = {"spring": Audited(100, Missing(1.0, 0.1)), "fall": Audited(50, Missing(0.0, 0.0))}
    boards = [replace(_board(name, 3, 7), audit=audit) for name, audit in audits.items()]
    boards.append(replace(boards[0], metric=MetricName("favorites"), as_of=Timestamp(1), audit=None))
    samples = _samples(boards)
    told = {(one.labels["campaign"], one.labels["bound"]): one.value for one in _of(samples, BOARD)}
    assert {name: told[name, "recall"] for name in audits} == {"spring": 0.99, "fall": 1.0}
    assert told["spring", "low"] == pytest.approx(0.96)
    assert {one.labels["bound"]: one.value for one in _of(samples, "toptweets_recall")} == {
        "recall": 0.993,
        "low": 0.973,
        "high": 1.0,
    }


def test_of_boards_of_which_nothing_is_known_no_recall_is_exported() -> None:
    unknown = [replace(_board("spring", 3, 7), audit=Audited(100, None)), _board("fall", 3, 7)]
    names = {one.name for one in _samples(unknown)}
    assert not names & {BOARD, "toptweets_recall"}


def test_after_it_is_closed_nothing_is_exported() -> None:
    publisher = PrometheusPublisher(Telemetry(CollectorRegistry()), 10, 1000)
    asyncio.run(publisher.publish([_board("spring", 3, 7)]))
    asyncio.run(publisher.close())
    assert (
        _of([one for family in publisher.collect() for one in family.samples], "toptweets_board_score") == []
    )


def test_a_worker_that_steps_down_exports_no_board_any_more() -> None:
    publisher = PrometheusPublisher(Telemetry(CollectorRegistry()), 10, 1000)
    asyncio.run(publisher.publish([_board("spring", 3, 7)]))
    publisher.step_down()
    samples = [sample for family in publisher.collect() for sample in family.samples]
    assert [sample.name for sample in samples] == ["toptweets_board_series_left_out"]
    asyncio.run(publisher.publish([_board("autumn", 1, 7)]))
    assert (
        len(_of([one for family in publisher.collect() for one in family.samples], "toptweets_board_score"))
        == 1
    )
