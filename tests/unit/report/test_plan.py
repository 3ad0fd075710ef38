"""As few requests as there can be, and none for what is not to be had."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.report.making import ANNA, NOW, TOTALS, ids, posts
from worker.catalogue import COUNTED_SINCE, Endpoint, Reach
from worker.engagement.accounts import Account
from worker.engagement.query import Window
from worker.model import PUBLIC_METRICS, MetricName, Timestamp
from worker.report.job import Job
from worker.report.plan import Plan, make_plan

IMPRESSIONS = MetricName("impressions")
FAVORITES = MetricName("favorites")


def plan(of: list[int], job: Job = TOTALS, owned: list[int] | None = None) -> Plan:
    given = posts(of)
    owners = {ANNA: given.rows_of(np.array(sorted(owned), dtype=np.int64))} if owned else {}
    return make_plan(given, job, owners, Reach(), NOW)


def test_totals_go_by_250() -> None:
    assert [len(batch.rows) for batch in plan(list(ids(601))).batches] == [250, 250, 101]


def test_old_posts_share_requests_and_are_not_asked_for_what_they_do_not_have() -> None:
    young, old, oldest = ids(3), ids(3, days_old=1801), [1, 2, 3]
    batches = plan([*young, *old, *oldest]).batches
    assert [(len(batch.rows), "video_views" in batch.queries[0].metrics) for batch in batches] == [
        (3, True),
        (6, False),
    ]


def test_impressions_are_asked_for_with_the_owner_s_token_of_young_posts_only() -> None:
    young, old, foreign = ids(2), ids(2, days_old=91), ids(2, days_old=2)
    job = Job(Endpoint.TOTALS, (IMPRESSIONS, FAVORITES))
    batches = plan([*young, *old, *foreign], job, owned=[*young, *old]).batches
    told = [(batch.account, batch.queries[0].metrics, len(batch.rows)) for batch in batches]
    assert told == [
        (None, (FAVORITES,), 2),
        (ANNA, (IMPRESSIONS, FAVORITES), 2),
        (ANNA, (FAVORITES,), 2),
    ]


def test_posts_of_which_nothing_can_be_had_are_not_asked_for() -> None:
    young, old = ids(2), ids(2, days_old=91)
    job = Job(Endpoint.TOTALS, (IMPRESSIONS,))
    made = plan([*young, *old, 5], job, owned=[*young, *old])
    assert made.requests == 1
    assert {reason: len(rows) for reason, rows in made.unsupported.items()} == {
        "impressions: only with the token of the account that the Post belongs to": 1,
        "too old for impressions": 2,
    }


def test_series_go_by_25_with_the_owner_s_token_only() -> None:
    own, foreign = ids(30), ids(5, days_old=3)
    made = plan([*own, *foreign], Job(Endpoint.LAST_28H, (FAVORITES,)), owned=list(own))
    assert [len(batch.rows) for batch in made.batches] == [25, 5]
    assert [len(rows) for rows in made.unsupported.values()] == [5]


def test_windows_before_the_first_post_of_a_batch_are_not_asked_for() -> None:
    window = Window(Timestamp(NOW - 100 * 86_400), NOW)
    job = Job(Endpoint.HISTORICAL, (FAVORITES,), window=window)
    assert plan([7], job, owned=[7]).requests == 4
    (young,) = ids(1, days_old=20)
    assert plan([young], job, owned=[young]).requests == 2
    assert plan([7, young], job, owned=[7, young]).requests == 4
    (unborn,) = ids(1, days_old=-1)
    assert plan([unborn], job, owned=[unborn]).requests == 1


def test_what_reads_zero_before_15_september_2015_is_not_asked_for() -> None:
    job = Job(
        Endpoint.HISTORICAL,
        (IMPRESSIONS, FAVORITES),
        window=Window(Timestamp(COUNTED_SINCE - 40 * 86_400), Timestamp(COUNTED_SINCE + 3600)),
    )
    (batch,) = plan([7], job, owned=[7]).batches
    assert [query.metrics for query in batch.queries] == [(IMPRESSIONS,), (IMPRESSIONS, FAVORITES)]


@pytest.mark.parametrize("count", [0, 1, 250, 251])
def test_every_post_is_in_the_plan_once(count: int) -> None:
    made = plan([*ids(count), *ids(count, days_old=2000)])
    rows = sorted(row for batch in made.batches for row in batch.rows.tolist())
    assert rows == list(range(2 * count))
    assert all(set(batch.queries[0].metrics) <= set(PUBLIC_METRICS) for batch in made.batches)


def test_a_period_in_which_nothing_is_counted_is_not_asked_for() -> None:
    early = Window(Timestamp(COUNTED_SINCE - 40 * 86_400), Timestamp(COUNTED_SINCE - 12 * 86_400))
    made = plan([6, 7], Job(Endpoint.HISTORICAL, (FAVORITES,), window=early), owned=[6, 7])
    assert (made.requests, made.pieces) == (0, 0)
    ((reason, rows),) = made.unsupported.items()
    assert reason.startswith("favorites: the API does not count before 2015-09-15T00:00:00Z")
    assert rows.tolist() == [0, 1]


def test_of_a_period_that_is_counted_in_part_only_that_part_is_asked_for() -> None:
    window = Window(Timestamp(COUNTED_SINCE - 56 * 86_400), Timestamp(COUNTED_SINCE + 3600))
    job = Job(Endpoint.HISTORICAL, (FAVORITES,), window=window)
    made = plan([7], job, owned=[7])
    assert [query.window for batch in made.batches for query in batch.queries] == [
        Window(COUNTED_SINCE, Timestamp(COUNTED_SINCE + 3600))
    ]
    assert (made.requests, made.pieces, dict(made.unsupported)) == (1, 1, {})


def test_what_is_not_to_be_had_of_several_accounts_posts_is_told_of_all_of_them() -> None:
    given = posts(ids(4, days_old=91))
    owners = {ANNA: np.array([0, 1]), Account("ben", "78", "token", "secret"): np.array([2, 3])}
    made = make_plan(given, Job(Endpoint.TOTALS, (IMPRESSIONS,)), owners, Reach(), NOW)
    assert {reason: rows.tolist() for reason, rows in made.unsupported.items()} == {
        "too old for impressions": [0, 1, 2, 3]
    }
