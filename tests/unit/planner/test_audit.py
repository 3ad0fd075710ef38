"""An estimate of recall, from forecasts that answers have calibrated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.planner.audit import SORTS, Asked, Audit, draw, sort
from worker.recall import Recall, recall_of

PLACES = 200.0
BARS = np.array([[10.0]])
LAST = np.array([[11.0]])
FORECAST = np.repeat([[1.0, 0.0]], SORTS // 2, axis=1)
"""One missing place of each sort of measured Posts, none of new ones."""


def recall_by(audit: Audit, campaign: int = 0) -> Recall | None:
    return recall_of(PLACES, audit.missing(campaign), 0.1)


def audited(
    audit: Audit,
    missing: float,
    posts: int,
    wrong: int,
    *,
    at: float,
    everyone: int = 2000,
    new: bool = False,
) -> None:
    """Of ``everyone`` that are missing by this chance so many are asked, and ``wrong`` of these are."""
    expected = np.zeros((1, SORTS))
    expected[0, sort(np.array([missing]), np.array([new]))] = everyone * missing
    rows = np.arange(posts)
    asked = Asked(
        rows,
        np.zeros((posts, 1), dtype=np.intp),
        np.full((posts, 1), missing),
        np.ones((posts, 1, 1), dtype=np.bool_),
        np.full((posts, 1, 1), 8.0),
        np.full(posts, new),
    )
    audit.begin(at, expected, asked)
    values = np.where(np.arange(posts) < wrong, 12.0, 3.0)[:, np.newaxis]
    audit.answered(rows, values, BARS, LAST)


def test_forecasts_that_are_right_are_taken_as_they_are() -> None:
    audit = Audit()
    for number in range(40):
        audited(audit, 0.001, 1000, 1, at=60.0 * (number + 1))
    recall = recall_by(audit)
    assert recall is not None
    assert recall.value == pytest.approx(1 - 2 / PLACES, abs=0.001)
    assert recall.low < recall.value < recall.high
    assert recall.high - recall.low <= 0.05


def test_what_was_when_the_worker_began_is_soon_forgotten() -> None:
    audit = Audit()
    for number in range(240):
        began = number < 60
        audited(audit, 0.001, 1000, 1, at=60.0 * (number + 1), everyone=40_000 if began else 2000)
    missing = audit.missing(0)
    assert missing is not None
    assert missing.posts < 2 * 2, "of 40 in the first hour and 2 in the three hours since"


def test_where_more_are_missing_than_was_said_as_many_more_are_taken_to_be() -> None:
    audit = Audit()
    for number in range(40):
        audited(audit, 0.001, 1000, 2, at=60.0 * (number + 1))
    recall = recall_by(audit)
    assert recall is not None
    assert recall.value == pytest.approx(1 - 4 / PLACES, abs=0.002)


def test_before_enough_audits_and_where_it_could_be_anything_nothing_is_said() -> None:
    audit = Audit()
    assert recall_by(audit) is None
    for number in range(7):
        audited(audit, 0.001, 1000, 1, at=60.0 * (number + 1))
    assert recall_by(audit) is None
    for number in range(30):
        audited(audit, 0.01, 10, 1, at=1000 + 60.0 * number)
    assert recall_by(audit) is None, "a tenth of the places is missing, and hardly anybody was asked"


def test_a_campaign_that_is_not_known_and_boards_without_places_have_no_recall() -> None:
    audit = Audit()
    for number in range(20):
        audited(audit, 0.001, 100, 0, at=60.0 * (number + 1))
    assert recall_by(audit, 5) is None
    assert recall_of(0, audit.missing(0), 0.05) is None
    assert recall_by(audit) is not None
    audit.reset(0)
    assert recall_by(audit) is None


def test_what_was_long_ago_counts_less() -> None:
    audit = Audit()
    for number in range(20):
        audited(audit, 0.001, 1000, 1, at=60.0 * (number + 1), everyone=4000)
    before = recall_by(audit)
    for number in range(20):
        audited(audit, 0.001, 1000, 1, at=86_400.0 + 60.0 * number, everyone=100)
    after = recall_by(audit)
    assert before is not None
    assert after is not None
    assert after.value > before.value > 0.9


def test_answers_that_never_come_count_for_nothing() -> None:
    audit = Audit()
    asked = Asked(
        np.array([3, 4]),
        np.zeros((2, 1), dtype=np.intp),
        np.ones((2, 1)),
        np.ones((2, 1, 1), dtype=np.bool_),
        np.full((2, 1, 1), 8.0),
        np.zeros(2, dtype=np.bool_),
    )
    audit.begin(1.0, np.ones((1, SORTS)), asked)
    audit.lost(np.array([4, 9]))
    audit.answered(np.array([9]), np.array([[50.0]]), BARS, LAST)
    audit.answered(np.array([], dtype=np.intp), np.zeros((0, 1)), BARS, LAST)
    waits = [audit.waits]
    audit.answered(np.array([8, 3]), np.array([[0.0], [50.0]]), BARS, LAST)
    assert [*waits, audit.waits] == [True, False]
    audit.answered(np.array([3]), np.array([[50.0]]), BARS, LAST)


def test_forecasts_of_new_posts_are_judged_by_new_posts() -> None:
    audit = Audit()
    for number in range(40):
        audited(audit, 0.001, 1000, 0, at=60.0 * (number + 1))
        audited(audit, 0.001, 1000, 2, at=60.0 * (number + 1), new=True)
    recall = recall_by(audit)
    assert recall is not None
    # Each forecasts 2 places: none of the measured ones' are missing, and twice as many of the new ones'.
    assert recall.value == pytest.approx(1 - (0 + 4) / 2 / PLACES, abs=0.001)


def test_what_is_not_known_of_one_sort_the_others_of_its_kind_tell() -> None:
    audit = Audit()
    for number in range(40):
        audited(audit, 0.1, 100, 3, at=60.0 * (number + 1), everyone=0)
        audited(audit, 0.001, 1, 0, at=60.0 * (number + 1))
    recall = recall_by(audit)
    assert recall is not None
    assert recall.value == pytest.approx(1 - 0.3 * 2 / 2 / PLACES, abs=0.002)


def test_who_takes_the_place_of_one_that_has_as_much_was_not_missing() -> None:
    audit, posts = Audit(), 100
    asked = Asked(
        np.arange(posts),
        np.zeros((posts, 1), dtype=np.intp),
        np.full((posts, 1), 0.5),
        np.ones((posts, 1, 1), dtype=np.bool_),
        np.full((posts, 1, 1), 8.0),
        np.zeros(posts, dtype=np.bool_),
    )
    found = []
    for last in (8.0, 9.0):
        for number in range(20):
            audit.begin(60.0 * number + 1, FORECAST, asked)
            audit.answered(np.arange(posts), np.full((posts, 1), 12.0), BARS, np.array([[last]]))
        missing = audit.missing(0)
        assert missing is not None
        found.append(missing.posts)
    # The last place shows 8, as before: 12 pushes out another 8, which is no worse than the last one left.
    assert found[0] < 1
    assert found[1] > 5


def test_it_tells_how_many_places_go_with_one_post() -> None:
    audit, posts = Audit(), 200
    hidden = np.ones((posts, 2, 3), dtype=np.bool_)
    hidden[:, 1, 2] = False
    asked = Asked(
        np.arange(posts),
        np.tile([0, 1], (posts, 1)),
        np.full((posts, 2), 0.1),
        hidden,
        np.full(hidden.shape, 8.0),
        np.zeros(posts, dtype=np.bool_),
    )
    values = np.full((posts, 3), 50.0)
    for number in range(20):
        audit.begin(60.0 * number + 1, np.ones((2, SORTS)), asked)
        audit.answered(np.arange(posts), values, np.full((2, 3), 10.0), np.full((2, 3), 11.0))
    missing = audit.missing(0)
    assert missing is not None
    assert missing.together == pytest.approx(5, abs=0.01)


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
def test_sorts_are_in_the_order_of_doubt_and_those_of_new_posts_apart(one: float, other: float) -> None:
    doubts = np.array([min(one, other), max(one, other)])
    low, high = sort(doubts, np.zeros(2, dtype=np.bool_))
    low_of_new, high_of_new = sort(doubts, np.ones(2, dtype=np.bool_))
    assert 0 <= low <= high < SORTS / 2 <= low_of_new <= high_of_new < SORTS
