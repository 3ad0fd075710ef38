"""Commits go forward only, and only of partitions that are ours."""

from __future__ import annotations

import pytest
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaTimeoutError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from structlog.testing import capture_logs

from tests.unit.intake.fakes import FIRST, SECOND, FakeClock
from worker.intake.commits import Commits, CommitTrouble
from worker.model import Seconds


def _owning() -> Commits:
    commits = Commits()
    commits.own([FIRST, SECOND])
    return commits


def test_the_newest_offset_of_each_partition_is_taken_once() -> None:
    commits = _owning()
    commits.note({FIRST: 3, SECOND: 1})
    commits.note({FIRST: 5})
    assert commits.take().offsets == {FIRST: 5, SECOND: 1}
    assert commits.take().offsets == {}


def test_some_partitions_may_be_taken_alone() -> None:
    commits = _owning()
    commits.note({FIRST: 3, SECOND: 1})
    assert commits.take([SECOND]).offsets == {SECOND: 1}
    assert commits.take().offsets == {FIRST: 3}


def test_a_failed_commit_is_taken_again() -> None:
    commits = _owning()
    commits.note({FIRST: 3})
    commits.failed(commits.take())
    assert commits.take().offsets == {FIRST: 3}


def test_a_failed_commit_never_goes_back_behind_a_later_one() -> None:
    commits = _owning()
    commits.note({FIRST: 3})
    early = commits.take()
    commits.note({FIRST: 8})
    late = commits.take()
    commits.failed(early)
    assert commits.take().offsets == {}
    commits.failed(late)
    assert commits.take().offsets == {FIRST: 8}


def test_a_failed_commit_does_not_hide_what_was_acknowledged_since() -> None:
    commits = _owning()
    commits.note({FIRST: 3})
    early = commits.take()
    commits.note({FIRST: 8})
    commits.failed(early)
    assert commits.take().offsets == {FIRST: 8}


def test_nothing_of_a_partition_taken_away_is_committed() -> None:
    commits = _owning()
    commits.note({FIRST: 3, SECOND: 1})
    commits.disown([FIRST])
    commits.note({FIRST: 4})
    assert commits.take().offsets == {SECOND: 1}


def test_a_commit_of_before_a_partition_was_lost_is_forgotten_also_when_it_comes_back() -> None:
    commits = _owning()
    commits.note({FIRST: 3})
    before = commits.take()
    commits.disown([FIRST])
    commits.own([FIRST])
    commits.failed(before)
    assert commits.take().offsets == {}
    commits.note({FIRST: 2})
    assert commits.take().offsets == {FIRST: 2}


def _events_of(trouble: CommitTrouble, clock: FakeClock, *steps: tuple[float, Exception | None]) -> list[str]:
    """What is told of commits, each so many seconds after the one before: it fails with this, or works."""
    with capture_logs() as logs:
        for seconds, error in steps:
            clock.time += seconds
            if error is None:
                trouble.worked()
            else:
                trouble.failed(error)
    return [log["event"] for log in logs]


PASSING = [
    RebalanceInProgressError(),
    IllegalGenerationError(),
    UnknownMemberIdError(),
    CommitFailedError(RebalanceInProgressError()),
]


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_what_every_rebalance_has_fail_is_told_only_when_it_lasts(error: Exception) -> None:
    clock = FakeClock()
    trouble = CommitTrouble("commit", Seconds(10.0), clock)
    assert _events_of(trouble, clock, (0, error), (5, error), (5, error), (1, None)) == []
    assert _events_of(trouble, clock, (1, error), (9, error), (2, error), (1, error)) == ["commit_failing"]
    assert _events_of(trouble, clock, (1, None), (1, None)) == ["commit_works_again"]


def test_any_other_failure_is_told_at_once_and_once() -> None:
    clock = FakeClock()
    trouble, failure = CommitTrouble("commit", Seconds(10.0), clock), KafkaTimeoutError("no answer")
    told = _events_of(trouble, clock, (0, failure), (1, failure), (1, RebalanceInProgressError()), (1, None))
    assert told == ["commit_failing", "commit_works_again"]


def test_failures_of_two_rebalances_are_not_taken_for_one_that_lasts() -> None:
    clock = FakeClock()
    trouble, error = CommitTrouble("commit", Seconds(10.0), clock), RebalanceInProgressError()
    assert _events_of(trouble, clock, (0, error), (3600, error), (1, error)) == []
