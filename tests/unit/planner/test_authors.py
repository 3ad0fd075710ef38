"""Whose Posts grow larger."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.planner.authors import Authors

ADA, BEA, NOBODY = 1001, 2003, 0


def met(**posts: tuple[int, float, int]) -> Authors:
    """Authors, each with so many Posts that were larger by so many doublings."""
    authors = Authors()
    for author, larger, count in posts.values():
        learn(authors, author, larger, count)
    return authors


def learn(authors: Authors, author: int, larger: float, count: int = 1) -> None:
    for _ in range(count):
        authors.learn(np.array([author], dtype=np.int32), np.array([larger]), np.ones(1))


def larger(authors: Authors, *who: int) -> list[float]:
    found: list[float] = authors.larger(np.array(who, dtype=np.int32)).tolist()
    return found


def test_who_had_large_posts_will_have_some_the_more_surely_the_more_there_were() -> None:
    said = [larger(met(ada=(ADA, 4.0, count)), ADA)[0] for count in (0, 1, 3, 100)]
    assert said == sorted(said)
    assert said[0] == 0
    assert said[2] == pytest.approx(2.0)
    assert 3.5 < said[-1] < 4.0


def test_each_author_is_known_by_own_posts_and_nobody_by_none() -> None:
    authors = met(ada=(ADA, 3.0, 10), bea=(BEA, -2.0, 10), nobody=(NOBODY, 5.0, 10))
    ada, bea, nobody, stranger = larger(authors, ADA, BEA, NOBODY, 77)
    assert ada > 2 > -1 > bea
    assert nobody == stranger == 0


def test_what_is_not_a_number_is_no_answer() -> None:
    assert larger(met(ada=(ADA, float("nan"), 5)), ADA) == [0.0]


def test_habits_change() -> None:
    authors = met(before=(ADA, 5.0, 200), after=(ADA, -1.0, 200))
    assert larger(authors, ADA)[0] < 0


@given(
    st.lists(st.tuples(st.integers(0, 2**31 - 1), st.floats(-1e3, 1e3), st.floats(0, 1)), max_size=50),
    st.integers(0, 2**31 - 1),
)
def test_nobody_is_worth_more_than_a_bounded_factor(
    answers: list[tuple[int, float, float]], asked: int
) -> None:
    authors = Authors()
    numbers = np.array([author for author, _, _ in answers], dtype=np.int32)
    authors.learn(numbers, np.array([one for _, one, _ in answers]), np.array([one for _, _, one in answers]))
    (said,) = larger(authors, asked)
    assert -6 <= said <= 6
