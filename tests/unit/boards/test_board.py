"""One board: who is kept, in which order, and when it must be filled again."""

import pytest

from worker.boards import Board
from worker.model import PostId


def board_of(values: dict[int, float], top: int = 2, reserve: int = 1) -> Board:
    board = Board(top, reserve)
    for post_id, value in values.items():
        board.offer(PostId(post_id), value)
        board.check()
    return board


def test_the_highest_value_stands_first() -> None:
    assert list(board_of({1: 5.0, 2: 9.0, 3: 7.0}).places()) == [(2, 9.0), (3, 7.0), (1, 5.0)]


def test_of_equal_values_the_older_post_stands_first_in_whatever_order_they_come() -> None:
    right = [(1, 5.0), (2, 5.0), (3, 5.0)]
    assert list(board_of({3: 5.0, 1: 5.0, 4: 5.0, 2: 5.0}).places()) == right
    assert list(board_of({1: 5.0, 2: 5.0, 3: 5.0, 4: 5.0}).places()) == right


def test_no_more_are_kept_than_top_and_reserve() -> None:
    board = board_of({number: float(number) for number in range(10)})
    assert [post_id for post_id, _ in board.places()] == [9, 8, 7]
    assert len(board) == 3
    assert board.floor == (-6.0, 6)


def test_who_is_left_out_is_not_kept() -> None:
    board = board_of({1: 3.0, 2: 2.0, 3: 1.0, 4: 0.0})
    assert PostId(3) in board
    assert PostId(4) not in board


def test_a_post_moves_when_it_rises_and_when_it_falls() -> None:
    board = board_of({1: 5.0, 2: 4.0, 3: 3.0})
    board.offer(PostId(3), 6.0)
    board.offer(PostId(1), 1.0)
    assert list(board.places()) == [(3, 6.0), (2, 4.0), (1, 1.0)]


def test_a_negative_value_has_its_place() -> None:
    assert list(board_of({1: -2.0, 2: 0.0, 3: -1.0}).places()) == [(2, 0.0), (3, -1.0), (1, -2.0)]


def test_a_post_that_falls_below_one_left_out_leaves() -> None:
    board = board_of({1: 5.0, 2: 4.0, 3: 3.0, 4: 2.0})
    board.offer(PostId(1), 1.0)
    assert list(board.places()) == [(2, 4.0), (3, 3.0)]
    assert not board.wants_refill


def test_a_post_that_falls_to_the_floor_by_a_tie_stays_only_if_it_is_older() -> None:
    board = board_of({1: 5.0, 3: 4.0, 9: 3.0, 2: 2.0})
    board.offer(PostId(9), 2.0)
    assert PostId(9) not in board
    board.offer(PostId(1), 2.0)
    assert list(board.places()) == [(3, 4.0), (1, 2.0)]


def test_the_post_at_the_floor_comes_back_with_its_old_value_when_a_place_is_free() -> None:
    board = board_of({1: 5.0, 2: 4.0, 3: 3.0, 4: 2.0})
    board.remove(PostId(1))
    board.offer(PostId(4), 2.0)
    board.check()
    assert list(board.places()) == [(2, 4.0), (3, 3.0), (4, 2.0)]


def test_the_reserve_takes_falls_and_only_then_a_refill_is_wanted() -> None:
    board = board_of({1: 5.0, 2: 4.0, 3: 3.0, 4: 2.0})
    board.remove(PostId(1))
    assert not board.wants_refill
    board.remove(PostId(2))
    assert board.wants_refill


def test_no_refill_is_wanted_where_nobody_was_left_out() -> None:
    board = board_of({1: 5.0, 2: 4.0, 3: 3.0})
    for post_id in (1, 2, 3):
        board.remove(PostId(post_id))
    assert not board.wants_refill
    assert list(board.places()) == []


def test_a_refill_starts_again_from_what_it_is_given() -> None:
    board = board_of({1: 5.0, 2: 4.0, 3: 3.0, 4: 2.0})
    board.refill([(PostId(7), 1.0), (PostId(5), 1.0), (PostId(6), 8.0), (PostId(8), 0.5)])
    board.check()
    assert list(board.places()) == [(6, 8.0), (5, 1.0), (7, 1.0)]
    assert board.floor == (-0.5, 8)


def test_a_refill_that_leaves_nobody_out_leaves_no_floor() -> None:
    board = board_of({1: 5.0, 2: 4.0, 3: 3.0, 4: 2.0})
    board.refill([(PostId(6), 8.0)])
    assert board.floor is None
    assert list(board.places()) == [(6, 8.0)]


def test_to_remove_a_post_that_is_not_kept_changes_nothing() -> None:
    board = board_of({1: 5.0})
    board.remove(PostId(2))
    assert list(board.places()) == [(1, 5.0)]


def test_keys_sort_as_places_do() -> None:
    board = board_of({1: 5.0, 2: 9.0})
    assert list(board.keys()) == [(-9.0, 2), (-5.0, 1)]


@pytest.mark.parametrize("fault", ["twice", "differs", "too many", "below the floor"])
def test_the_check_finds_what_is_broken(fault: str) -> None:
    board = board_of({1: 5.0, 2: 4.0, 3: 3.0, 4: 2.0})
    if fault == "twice":
        board._order.add((-5.0, PostId(1)))  # noqa: SLF001 -- broken on purpose
    elif fault == "differs":
        del board._keys[PostId(1)]  # noqa: SLF001 -- damage for check() to find
    elif fault == "too many":
        board.capacity = len(board) - 1
    else:
        board._floor = (-9.0, PostId(9))  # noqa: SLF001 -- damage for check() to find
    with pytest.raises(AssertionError, match="top=2"):
        board.check()
