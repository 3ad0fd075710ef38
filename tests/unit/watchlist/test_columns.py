"""Rows: taken, given back, used again; arrays grow together and keep what they hold."""

import numpy as np

from worker.watchlist import State
from worker.watchlist.columns import Columns


def test_rows_taken_are_all_different() -> None:
    columns = Columns(metrics=2, grown_metrics=1)
    rows = [*columns.take(700), *columns.take(700), *columns.take(5000)]
    assert len(set(rows)) == 6400
    assert max(rows) < len(columns.post_ids)


def test_no_rows_taken_leaves_the_free_ones_free() -> None:
    columns = Columns(metrics=1)
    assert columns.take(0) == []
    assert len(columns.take(700)) == 700
    assert len(columns.post_ids) == 1024


def test_rows_given_back_are_free_and_used_again() -> None:
    columns = Columns(metrics=1, grown_metrics=0)
    rows = columns.take(3)
    columns.states[rows] = State.MEASURED
    columns.in_flight[rows] = True
    columns.give_back(rows[:2])
    assert columns.states[rows].tolist() == [State.FREE, State.FREE, State.MEASURED]
    assert columns.in_flight[rows].tolist() == [False, False, True]
    assert set(columns.take(2)) == set(rows[:2])


def test_columns_keep_what_they_hold_when_they_grow() -> None:
    columns = Columns(metrics=2, grown_metrics=2, accounts=True, last_28h=True)
    rows = columns.take(1000)
    columns.post_ids[rows] = np.arange(1000)
    columns.values[rows] = [3.0, 4.0]
    columns.kept_at[rows] = 7.0
    columns.take(10_000)
    assert columns.post_ids[rows].tolist() == list(range(1000))
    assert (columns.values[rows] == [3.0, 4.0]).all()
    assert (columns.kept_at[rows] == 7.0).all()
    lengths = {len(array) for array in vars(columns).values() if isinstance(array, np.ndarray)}
    assert len(lengths) == 1


def test_without_boards_of_growth_nothing_is_kept_for_them() -> None:
    with_growth, without = Columns(metrics=1, grown_metrics=1), Columns(metrics=1, grown_metrics=0)
    for columns in (with_growth, without):
        columns.take(5000)
    assert len(without.kept_at) == len(without.base_at) == 0
    assert with_growth.nbytes - without.nbytes == 4 * 8 * len(with_growth.post_ids)


def test_a_post_is_born_when_its_id_says_unless_that_is_unknown_or_still_to_come() -> None:
    columns = Columns(metrics=1, grown_metrics=0)
    columns.created[:3] = [100.0, np.nan, 900.0]
    columns.seen[:3] = [500.0, 500.0, 500.0]
    assert columns.born()[:3].tolist() == [100.0, 500.0, 500.0]


def test_no_row_is_no_row() -> None:
    columns = Columns(1)
    assert columns.take(0) == []
    assert len(set(columns.take(1000))) == 1000
