"""Commits go forward only, and only of partitions that are ours."""

from __future__ import annotations

from tests.unit.intake.fakes import FIRST, SECOND
from worker.intake.commits import Commits


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
