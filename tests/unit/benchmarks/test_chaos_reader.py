"""The reader of leaderboards notices an older board after a newer one, and how long none came."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.chaos.reader import Backward, Boards


def told(*boards: tuple[str, dict[str, Any] | None]) -> Boards:
    judge = Boards()
    for offset, (key, board) in enumerate(boards):
        judge.take(key.encode(), None if board is None else json.dumps(board).encode(), offset, float(offset))
    return judge


def numbered(epoch: int, sequence: int) -> dict[str, Any]:
    return {"epoch": epoch, "sequence": sequence, "as_of": "2026-11-20T12:00:00Z"}


def test_newer_boards_in_order_are_fine_and_so_is_the_same_again() -> None:
    boards = [("a/b", numbered(*age)) for age in ((1, 1), (1, 2), (1, 2), (2, 0), (2, 1))]
    assert told(*boards, ("a/c", numbered(1, 1)), ("a/b", None)).backward == []


def test_an_older_sequence_and_an_older_epoch_are_found() -> None:
    first = told(("a/b", numbered(1, 2)), ("a/b", numbered(1, 1)), ("a/b", numbered(1, 2)))
    assert first.backward == [Backward("a/b", 1, (1, 2), (1, 1))]
    assert len(told(("a/b", numbered(2, 0)), ("a/b", numbered(1, 9))).backward) == 1


def test_without_numbers_times_are_compared_as_times() -> None:
    early, late = {"as_of": "2026-11-20T12:00:00Z"}, {"as_of": "2026-11-20T12:00:00.100Z"}
    assert told(("a/b", early), ("a/b", late)).backward == []
    assert len(told(("a/b", late), ("a/b", early)).backward) == 1


def test_the_longest_outage_is_found_within_the_time_that_counts() -> None:
    judge = Boards()
    for at in (1.0, 2.0, 6.0, 20.0, 21.0):
        judge.take(b"a/b", None, 0, at)
    assert judge.longest_outage([(0.0, 8.0), (19.0, 22.0)]) == (2.0, 6.0)
    assert judge.longest_outage([(0.0, 22.0)]) == (6.0, 20.0)
    assert judge.longest_outage([(30.0, 50.0)]) == (30.0, 50.0)
