"""Which values of an answer a board hears of."""

import numpy as np
import pytest

from worker.boards.gates import Gates
from worker.model import Campaign

NAN = np.nan


def concerned(gates: Gates, row: int, ids: list[int], old: list[float], new: list[float]) -> list[int]:
    """Who of these Posts concerns the board of a row, at the one metric."""
    posts, rows = np.arange(len(ids)), np.full(len(ids), row)
    before, now = np.array(old).reshape(-1, 1), np.array(new).reshape(-1, 1)
    pairs = gates.concerned(np.array(ids, dtype=np.int64), posts, rows, before, now)
    return [ids[pair] for pair, _ in pairs]


def gate(floor: tuple[float, int] | None) -> tuple[Gates, int]:
    gates = Gates(metrics=1)
    row = gates.open((0, Campaign("a")))
    gates.set(row, 0, None if floor is None else (-floor[0], floor[1]))  # type: ignore[arg-type]
    return gates, row


def test_without_a_floor_every_change_concerns() -> None:
    gates, row = gate(None)
    assert concerned(gates, row, [1, 2, 3], [NAN, 4.0, NAN], [0.0, 3.0, -7.0]) == [1, 2, 3]


def test_a_value_as_it_was_concerns_nobody() -> None:
    gates, row = gate(None)
    assert concerned(gates, row, [1], [4.0], [4.0]) == []


def test_what_is_not_available_and_was_not_concerns_nobody() -> None:
    gates, row = gate(None)
    assert concerned(gates, row, [1], [NAN], [NAN]) == []


def test_a_value_below_the_floor_before_and_now_concerns_nobody() -> None:
    gates, row = gate((10.0, 5))
    assert concerned(gates, row, [1, 2], [3.0, NAN], [9.0, 4.0]) == []


def test_who_rises_above_the_floor_or_was_above_it_concerns() -> None:
    gates, row = gate((10.0, 5))
    assert concerned(gates, row, [1, 2, 3], [9.0, 11.0, 12.0], [11.0, 3.0, NAN]) == [1, 2, 3]


def test_at_the_floor_the_older_post_concerns_and_the_newer_does_not() -> None:
    gates, row = gate((10.0, 5))
    assert concerned(gates, row, [4, 5, 6], [NAN] * 3, [10.0] * 3) == [4, 5]


def test_of_no_posts_none_concerns() -> None:
    gates, row = gate(None)
    assert concerned(gates, row, [], [], []) == []


def test_a_row_used_again_is_open_to_every_value() -> None:
    gates, row = gate((10.0, 5))
    gates.close(row)
    again = gates.open((1, Campaign("b")))
    assert again == row
    assert concerned(gates, again, [9], [NAN], [0.0]) == [9]
    gates.check(again, 0, None)


def test_more_rows_than_at_first_keep_their_floors() -> None:
    gates = Gates(metrics=2)
    rows = [gates.open((number, Campaign("a"))) for number in range(100)]
    assert len(set(rows)) == 100
    for number, row in enumerate(rows):
        gates.set(row, 1, (-float(number), number))  # type: ignore[arg-type]
    more = [gates.open((number, Campaign("b"))) for number in range(100)]
    for number, row in enumerate(rows):
        gates.check(row, 1, (-float(number), number))  # type: ignore[arg-type]
        gates.check(row, 0, None)
    for row in more:
        gates.check(row, 1, None)


def test_the_check_finds_a_gate_that_is_elsewhere() -> None:
    gates, row = gate((10.0, 5))
    for floor in (None, (-10.0, 6), (-9.0, 5)):
        with pytest.raises(AssertionError, match="floor"):
            gates.check(row, 0, floor)  # type: ignore[arg-type]
