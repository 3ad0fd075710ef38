"""Every way in which an ID can be missing, doubled or undead is found, and nothing else."""

from __future__ import annotations

from benchmarks.chaos.accounts import Accounts, Produced, account

PRODUCED = Produced(
    kept=frozenset({1, 2, 3}),
    leaving=frozenset({4}),
    deleted=frozenset({5}),
    unreadable=frozenset({b"x"}),
    tried=frozenset({1, 2, 3, 4, 5, 6}),
)
TRACKED = {1: ["a"], 2: ["b"], 3: ["a"], 4: ["b"]}


def test_all_is_right_when_each_is_where_it_must_be() -> None:
    assert account(PRODUCED, TRACKED, {b"x"}).are_right


def test_a_planted_loss_is_found() -> None:
    found = account(PRODUCED, {**TRACKED, 2: []}, {b"x"})
    assert found == Accounts(lost=(2,))
    assert not found.are_right


def test_two_owners_of_one_post_are_found() -> None:
    assert account(PRODUCED, {**TRACKED, 3: ["a", "b"]}, {b"x"}) == Accounts(twice={3: ["a", "b"]})


def test_a_deleted_post_that_is_tracked_is_found() -> None:
    assert account(PRODUCED, {**TRACKED, 5: ["a"]}, {b"x"}) == Accounts(undead=(5,))


def test_a_post_that_nobody_sent_is_found_and_one_that_was_not_acknowledged_is_none() -> None:
    assert account(PRODUCED, {**TRACKED, 6: ["a"]}, {b"x"}).are_right
    assert account(PRODUCED, {**TRACKED, 7: ["a"]}, {b"x"}) == Accounts(strangers=(7,))


def test_an_unreadable_record_must_be_a_dead_letter() -> None:
    assert account(PRODUCED, TRACKED, {b"y"}) == Accounts(lost_unreadable=(b"x",))


def test_one_that_may_leave_must_be_retired_where_there_is_a_journal() -> None:
    gone = {one: workers for one, workers in TRACKED.items() if one != 4}
    assert account(PRODUCED, gone, {b"x"}).are_right
    assert account(PRODUCED, gone, {b"x"}, retired={4}).are_right
    assert account(PRODUCED, gone, {b"x"}, retired=set()) == Accounts(lost=(4,))
