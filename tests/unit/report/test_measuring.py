"""Every Post ends in exactly one outcome, whatever the API tells; no request is made twice."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.unit.report.making import (
    ANNA,
    ASKED,
    NOW,
    FakeApi,
    count_of,
    document_of,
    ids,
    measure,
    posts,
)
from worker.catalogue import Endpoint
from worker.engagement.query import Window
from worker.model import PUBLIC_METRICS, MetricName, Timestamp
from worker.report import measuring
from worker.report.document import OUTCOMES
from worker.report.job import Asked, Job, Step, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from worker.engagement.accounts import Account
    from worker.engagement.query import Query
    from worker.model import PostId
    from worker.report.answered import Answered
    from worker.report.results import Results

FAVORITES, IMPRESSIONS = MetricName("favorites"), MetricName("impressions")


def outcomes(results: Results | None) -> dict[str, int]:
    assert results is not None
    counted = {outcome.name.lower(): results.count(outcome) for outcome in OUTCOMES}
    assert sum(counted.values()) == len(results.posts)
    return {name: count for name, count in counted.items() if count}


def test_all_that_is_told_is_taken(tmp_path: Path) -> None:
    of = ids(1000)
    api = FakeApi(gone=frozenset(of[:3]), secret=frozenset(of[3:5]), broken=frozenset(of[5:6]))
    results = measure(api, posts([*of, *of]), tmp_path)
    assert results is not None
    assert outcomes(results) == {"measured": 994, "unavailable": 3, "refused": 2, "failed": 1}
    assert len(api.sent) == 4
    assert max(api.times_asked.values()) == 1
    assert results.values[10].tolist() == [count_of(of[10], metric) for metric in PUBLIC_METRICS]
    assert results.reasons == {5: "every request with it failed"}


def test_posts_of_which_no_answer_says_a_word_have_failed(tmp_path: Path) -> None:
    of = ids(300)
    assert outcomes(measure(FakeApi(silent=dict.fromkeys(of[:7], 2)), posts(of), tmp_path)) == {
        "measured": 293,
        "failed": 7,
    }


def test_posts_that_an_answer_leaves_out_are_asked_for_once_more(tmp_path: Path) -> None:
    of = ids(300)
    api = FakeApi(silent=dict.fromkeys(of[:7], 1))
    assert outcomes(measure(api, posts(of), tmp_path)) == {"measured": 300}
    assert [len(sent[1]) for sent in api.sent if of[0] in sent[1]] == [250, 7]


def test_when_the_token_is_refused_nothing_more_is_asked(tmp_path: Path) -> None:
    api = FakeApi(refusing="the API refused the token")
    results = measure(api, posts(ids(300)), tmp_path)
    assert outcomes(results) == {"failed": 300}
    assert not api.sent
    assert results is not None
    assert set(results.reasons.values()) == {"the API refused the token"}


def test_posts_that_are_not_the_owner_s_are_asked_for_as_unowned(tmp_path: Path) -> None:
    of = ids(300)
    job = Job(Endpoint.TOTALS, (IMPRESSIONS, FAVORITES))
    owners = {ANNA: np.arange(300)}
    api = FakeApi(foreign=frozenset(of[:40]), gone=frozenset(of[:1]))
    results = measure(api, posts(of), tmp_path, job=job, owners=owners)
    assert outcomes(results) == {"measured": 299, "unavailable": 1}
    assert results is not None
    document = document_of(results, job=job)
    assert document["totals"]["impressions"]["posts"] == 260
    assert document["totals"]["favorites"]["posts"] == 299
    assert api.sent[-1][2] is None


def test_series_of_posts_that_are_not_the_owner_s_are_refused(tmp_path: Path) -> None:
    of = ids(30)
    job = Job(Endpoint.LAST_28H, (FAVORITES,), Step.DAY)
    api = FakeApi(foreign=frozenset(of[:4]))
    results = measure(api, posts(of), tmp_path, job=job, owners={ANNA: np.arange(30)})
    assert outcomes(results) == {"measured": 26, "refused": 4}
    assert len(api.sent) == 2


def test_long_windows_are_added_up_and_count_only_when_all_pieces_are_there(tmp_path: Path) -> None:
    of: list[PostId] = ids(60, days_old=200)
    window = Window(Timestamp(NOW - 70 * 86_400), NOW)
    job = Job(Endpoint.HISTORICAL, (FAVORITES,), Step.DAY, window)
    api = FakeApi(silent={of[0]: 2}, gone=frozenset({of[1]}))
    given = posts(of, campaigns={"spring": of[:3]})
    results = measure(api, given, tmp_path, job=job, owners={ANNA: np.arange(60)}, by=["campaign"])
    assert outcomes(results) == {"measured": 58, "unavailable": 1, "failed": 1}
    assert results is not None
    assert len(api.sent) == 3 * 3 + 1
    assert results.values[5].tolist() == [3 * count_of(of[5], "favorites")]
    document = document_of(results, job=job, by=["campaign"])
    assert [point["value"] for point in document["series"]["favorites"]] == [3 * 58] * 3
    spring = document["by"]["campaign"]["spring"]
    assert [point["value"] for point in spring["series"]["favorites"]] == [3] * 3


@pytest.mark.parametrize("after", [1, 2, 3, 5])
def test_an_interrupted_report_goes_on_and_asks_for_nothing_twice(tmp_path: Path, after: int) -> None:
    of = ids(1500)
    whole = measure(FakeApi(gone=frozenset(of[:9])), posts(of), tmp_path / "whole")
    api = FakeApi(gone=frozenset(of[:9]))
    assert measure(api, posts(of), tmp_path, interrupt_at=after) is None
    assert 0 < len(api.sent) < 6
    results = measure(api, posts(of), tmp_path, resume=True)
    assert max(api.times_asked.values()) == 1
    assert results is not None
    assert whole is not None
    assert document_of(results) == document_of(whole)


def test_a_finished_report_asks_only_for_those_that_were_not_answered(tmp_path: Path) -> None:
    of = ids(600)
    api = FakeApi(silent=dict.fromkeys(of[:5], 2), broken=frozenset(of[5:6]))
    assert outcomes(measure(api, posts(of), tmp_path)) == {"measured": 594, "failed": 6}
    assert outcomes(measure(api, posts(of), tmp_path, resume=True)) == {"measured": 599, "failed": 1}
    assert api.sent[-1][1] == tuple(of[:6])
    assert len(api.sent) == 5
    assert outcomes(measure(FakeApi(), posts(of), tmp_path, resume=True)) == {"measured": 600}
    measure(api, posts(of), tmp_path, resume=True)
    assert len(api.sent) == 5


def test_what_was_told_of_unowned_posts_is_not_asked_again(tmp_path: Path) -> None:
    of = ids(600)
    job = Job(Endpoint.TOTALS, (IMPRESSIONS, FAVORITES))
    owners = {ANNA: np.arange(600)}
    api = FakeApi(foreign=frozenset(of[:550]), silent=dict.fromkeys(of[5:9], 2))
    first = measure(api, posts(of), tmp_path, job=job, owners=owners)
    assert outcomes(first) == {"measured": 596, "failed": 4}
    asked = len(api.sent)
    again = measure(api, posts(of), tmp_path, job=job, owners=owners, resume=True)
    assert outcomes(again) == {"measured": 600}
    assert [len(sent[1]) for sent in api.sent[asked:]] == [4, 4]


def test_without_resume_it_begins_anew_and_keeps_the_old_journal_once(tmp_path: Path) -> None:
    of = ids(300)
    api = FakeApi()
    measure(api, posts(of), tmp_path)
    measure(api, posts(of), tmp_path)
    assert set(api.times_asked.values()) == {2}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["requests.before.jsonl", "requests.jsonl"]


@pytest.mark.parametrize(
    ("asked", "count", "why"),
    [
        (ASKED, 301, "posts 300 there and 301 here"),
        (Asked(Endpoint.TOTALS, (FAVORITES,), None, None, None), 300, "metrics favorites, retweets"),
    ],
)
def test_another_job_is_refused_with_what_differs(tmp_path: Path, asked: Asked, count: int, why: str) -> None:
    measure(FakeApi(), posts(ids(300)), tmp_path)
    with pytest.raises(UsageError, match=why):
        measure(FakeApi(), posts(ids(count)), tmp_path, asked=asked, resume=True)


def test_other_posts_of_the_same_number_are_another_job(tmp_path: Path) -> None:
    measure(FakeApi(), posts(ids(3)), tmp_path)
    with pytest.raises(UsageError, match="other Posts"):
        measure(FakeApi(), posts(ids(3, days_old=2)), tmp_path, resume=True)


def test_a_line_that_was_cut_off_is_asked_for_again(tmp_path: Path) -> None:
    of = ids(600)
    api = FakeApi()
    measure(api, posts(of), tmp_path)
    path = tmp_path / "requests.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    assert outcomes(measure(api, posts(of), tmp_path, resume=True)) == {"measured": 600}
    assert len(api.sent) == 4
    measure(api, posts(of), tmp_path, resume=True)
    assert len(api.sent) == 4


@pytest.mark.parametrize("content", ["nonsense\n", "{}\n", '{"version": 2}\n', "[]\n"])
def test_a_file_that_is_no_journal_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "requests.jsonl").write_text(content)
    with pytest.raises(UsageError, match=r"requests\.jsonl is"):
        measure(FakeApi(), posts(ids(3)), tmp_path, resume=True)


def test_requests_that_are_given_up_on_leave_no_word_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Slow(FakeApi):
        async def ask(self, query: Query, post_ids: Sequence[PostId], account: Account | None) -> Answered:
            await super().ask(query, post_ids, account)
            await asyncio.Event().wait()
            raise AssertionError

    monkeypatch.setattr(measuring, "GRACE", 0.01)
    api = Slow()
    assert measure(api, posts(ids(1500)), tmp_path, interrupt_at=2) is None
    gc.collect()
    assert not caplog.records


def test_a_journal_that_is_damaged_says_in_which_line(tmp_path: Path) -> None:
    measure(FakeApi(), posts(ids(600)), tmp_path)
    path = tmp_path / "requests.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"nonsense\n", *lines[2:]]))
    with pytest.raises(UsageError, match=r"requests\.jsonl is damaged in line 3: use another --out"):
        measure(FakeApi(), posts(ids(600)), tmp_path, resume=True)
