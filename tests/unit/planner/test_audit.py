"""An estimate of recall, from forecasts that answers have calibrated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.planner.audit import SORTS, Asked, Audit, draw, sort
from worker.recall import recall_of

PLACES = 200.0


def audited(audit: Audit, missing: float, posts: int, wrong: int, *, at: float, everyone: int = 2000) -> None:
    """Of ``everyone`` that are missing by this chance so many are asked, and ``wrong`` of these are."""
    expected = np.zeros((1, SORTS))
    expected[0, sort(np.array([missing]))] = everyone * missing
    bars = np.full((posts, 1, 1), 10.0)
    rows = np.arange(posts)
    asked = Asked(rows, np.zeros((posts, 1), dtype=np.intp), np.full((posts, 1), missing), bars)
    audit.begin(at, expected, asked)
    values = np.where(np.arange(posts) < wrong, 12.0, 3.0)[:, np.newaxis]
    audit.answered(rows, values)


def test_forecasts_that_are_right_are_taken_as_they_are() -> None:
    audit = Audit()
    for number in range(40):
        audited(audit, 0.001, 1000, 1, at=60.0 * (number + 1))
    recall = recall_of(PLACES, audit.missing(None))
    assert recall is not None
    assert recall.value == pytest.approx(1 - 2 / PLACES, abs=0.001)
    assert recall.low < recall.value < recall.high
    assert recall.high - recall.low < 0.05


def test_where_more_are_missing_than_was_said_as_many_more_are_taken_to_be() -> None:
    audit = Audit()
    for number in range(40):
        audited(audit, 0.001, 1000, 2, at=60.0 * (number + 1))
    recall = recall_of(PLACES, audit.missing(0))
    assert recall is not None
    assert recall.value == pytest.approx(1 - 4 / PLACES, abs=0.002)


def test_before_enough_audits_and_where_it_could_be_anything_nothing_is_said() -> None:
    audit = Audit()
    assert recall_of(PLACES, audit.missing(None)) is None
    for number in range(7):
        audited(audit, 0.001, 1000, 1, at=60.0 * (number + 1))
    assert recall_of(PLACES, audit.missing(None)) is None
    for number in range(30):
        audited(audit, 0.01, 10, 1, at=1000 + 60.0 * number)
    assert recall_of(PLACES, audit.missing(None)) is None, (
        "a tenth of the places is missing, and hardly anybody was asked"
    )


def test_a_campaign_that_is_not_known_and_boards_without_places_have_no_recall() -> None:
    audit = Audit()
    for number in range(20):
        audited(audit, 0.001, 100, 0, at=60.0 * (number + 1))
    assert recall_of(PLACES, audit.missing(5)) is None
    assert recall_of(0, audit.missing(0)) is None
    audit.reset(0)
    assert recall_of(PLACES, audit.missing(0)) is None
    assert recall_of(PLACES, audit.missing(None)) is not None


def test_what_was_long_ago_counts_less() -> None:
    audit = Audit()
    for number in range(20):
        audited(audit, 0.001, 1000, 1, at=60.0 * (number + 1), everyone=4000)
    before = recall_of(PLACES, audit.missing(None))
    for number in range(20):
        audited(audit, 0.001, 1000, 1, at=86_400.0 + 60.0 * number, everyone=100)
    after = recall_of(PLACES, audit.missing(None))
    assert before is not None
    assert after is not None
    assert after.value > before.value > 0.9


def test_answers_that_never_come_count_for_nothing() -> None:
    audit = Audit()
    asked = Asked(np.array([3, 4]), np.zeros((2, 1), dtype=np.intp), np.ones((2, 1)), np.ones((2, 1, 1)))
    audit.begin(1.0, np.ones((1, SORTS)), asked)
    audit.lost(np.array([4, 9]))
    audit.answered(np.array([9]), np.array([[5.0]]))
    audit.answered(np.array([], dtype=np.intp), np.zeros((0, 1)))
    audit.answered(np.array([8, 3]), np.array([[0.0], [5.0]]))
    audit.answered(np.array([3]), np.array([[5.0]]))


@given(st.lists(st.floats(0, 10), min_size=1, max_size=200), st.floats(0, 50), st.integers(0, 9))
def test_everyone_may_be_drawn_with_the_chance_that_is_told(
    missing: list[float], count: float, seed: int
) -> None:
    drawn, chances = draw(np.array(missing), count, np.random.default_rng(seed))
    assert len(drawn) == len(chances) == len(set(drawn.tolist()))
    least = min(0.5 * count / len(missing), 1.0)
    assert ((chances >= least - 1e-12) & (chances <= 1)).all()


def test_as_many_are_drawn_as_were_wanted_and_those_in_doubt_more_often() -> None:
    chance = np.random.default_rng(1)
    missing = np.concatenate([np.full(1000, 1e-6), np.full(10, 0.5)])
    draws = [draw(missing, 8.0, chance)[0] for _ in range(500)]
    assert np.mean([len(drawn) for drawn in draws]) == pytest.approx(8, rel=0.05)
    doubtful = np.mean([np.sum(drawn >= 1000) for drawn in draws])
    assert doubtful / 10 > 20 * (8 - doubtful) / 1000


def test_nobody_is_drawn_of_nobody() -> None:
    drawn, chances = draw(np.zeros(0), 5.0, np.random.default_rng(1))
    assert len(drawn) == len(chances) == 0


@given(st.floats(0, 100), st.floats(0, 100))
def test_sorts_are_in_the_order_of_doubt(one: float, other: float) -> None:
    low, high = sort(np.array([min(one, other), max(one, other)]))
    assert 0 <= low <= high < SORTS
