"""A repeat is excused by a kill before which the journal did not hold the answer, and by nothing else."""

from __future__ import annotations

from benchmarks.chaos.asked import Asked
from benchmarks.repeats import Journalled, Repeats, judge_repeats

TWICE = [Asked(10.0, [1], answered=True), Asked(20.0, [1], answered=True)]


def test_what_is_asked_once_is_no_repeat() -> None:
    requests = [Asked(10.0, [1, 2], answered=True), Asked(20.0, [3], answered=True)]
    assert judge_repeats(requests, [15.0], []) == Repeats(0, [])


def test_a_repeat_without_a_kill_between_is_needless() -> None:
    assert judge_repeats(TWICE, [9.0, 21.0], []) == Repeats(0, [(1, 20.0, 10.0)])


def test_a_repeat_after_a_kill_is_excused_when_the_journal_did_not_hold_the_answer() -> None:
    assert judge_repeats(TWICE, [15.0], []) == Repeats(1, [])
    assert judge_repeats(TWICE, [15.0], [Journalled(1, 10.0, written_at=15.5)]) == Repeats(1, [])
    assert judge_repeats(TWICE, [15.0], [Journalled(1, 5.0, written_at=6.0)]) == Repeats(1, [])
    assert judge_repeats(TWICE, [15.0], [Journalled(2, 10.0, written_at=11.0)]) == Repeats(1, [])


def test_a_repeat_of_what_the_journal_held_is_needless() -> None:
    assert judge_repeats(TWICE, [15.0], [Journalled(1, 9.5, written_at=14.0)]) == Repeats(
        0, [(1, 20.0, 10.0)]
    )


def test_only_the_first_kill_after_an_answer_excuses_its_repeat() -> None:
    held_later = [Journalled(1, 10.0, written_at=16.0)]
    assert judge_repeats(TWICE, [15.0, 18.0], held_later) == Repeats(1, [])
    assert judge_repeats(TWICE, [18.0], held_later) == Repeats(0, [(1, 20.0, 10.0)])


def test_what_the_api_did_not_answer_had_to_be_asked_again() -> None:
    requests = [Asked(10.0, [1], answered=False), *TWICE[1:]]
    assert judge_repeats(requests, [], []) == Repeats(0, [])
