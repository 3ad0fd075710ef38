"""Posts come back from the journal: held back until all is told, also where there is no room for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.tracker.test_tracker import TestAccounts as Owned
from tests.unit.tracker.test_tracker import outcome, tracker
from tests.unit.watchlist.making import (
    LIKES,
    LIKES_PER_HOUR,
    NOW,
    A,
    B,
    counts,
    later,
    limits,
    post,
    sighting,
)
from worker.catalogue import Endpoint
from worker.formats.journal import Retired
from worker.model import ALL, Growing, MetricName, PostId, SavedPost
from worker.watchlist import State

if TYPE_CHECKING:
    from worker.tracker import Tracker

CLICKS_28H = MetricName("url_clicks_28h")
ONE, TWO, THREE, FOUR, FIVE = (post(number) for number in range(1, 6))


def saved(post_id: PostId, likes: int | None = None, *campaigns: str) -> SavedPost:
    """A Post as the journal has it; measured, where it has likes."""
    if likes is None:
        return SavedPost(post_id, campaigns, NOW)  # type: ignore[arg-type]  # names are campaigns
    return SavedPost(post_id, campaigns, NOW, measured_at=NOW, values={LIKES: likes})  # type: ignore[arg-type]


def asked_next(made: Tracker) -> list[PostId]:
    return made.watchlist.app.first_unmeasured(99)


def board(made: Tracker) -> list[tuple[PostId, float]]:
    return list(made.boards.merged(ALL, LIKES))


def test_a_partition_competes_and_is_asked_for_when_all_of_it_is_told() -> None:
    made = tracker()
    assert made.restore(0, [saved(ONE, 5, A), saved(TWO, 7), saved(THREE)], NOW) == []
    assert (board(made), asked_next(made)) == ([], [])
    made.restored(0)
    assert (board(made), asked_next(made)) == ([(TWO, 7), (ONE, 5)], [THREE])
    assert made.boards.merged(A, LIKES) == [(ONE, 5)]
    made.check()


def test_another_partition_s_end_lets_go_of_nothing_else() -> None:
    made = tracker()
    made.restore(0, [saved(ONE, 5), saved(THREE)], NOW)
    made.restore(1, [saved(TWO, 7), saved(FOUR)], NOW)
    made.restored(1)
    assert (board(made), asked_next(made)) == ([(TWO, 7)], [FOUR])


def test_what_a_later_record_tells_holds() -> None:
    made = tracker()
    made.restore(0, [saved(ONE, 5, A), saved(TWO, 7, A), saved(THREE, 9)], NOW)
    made.restore(0, [saved(ONE, 3, B), Retired(TWO), Retired(FOUR), saved(THREE)], NOW)
    made.restored(0)
    assert board(made) == [(ONE, 3)]
    assert made.boards.merged(A, LIKES) == []
    assert asked_next(made) == [THREE]
    assert TWO not in made.watchlist
    assert made.close() == {(0, A)}
    made.check()


def test_words_that_a_later_record_does_not_have_are_erased() -> None:
    made = tracker()
    told = SavedPost(ONE, (), NOW, "ada", "a text", NOW, values={LIKES: 1})
    made.restore(0, [told], NOW)
    assert made.watchlist.words(ONE) == ("ada", "a text")
    made.restore(0, [SavedPost(ONE, (), NOW, measured_at=NOW, gone=True)], NOW)
    made.restored(0)
    assert made.watchlist.words(ONE) == (None, None)
    assert made.watchlist.states()[State.UNAVAILABLE] == 1
    assert board(made) == []


def test_what_is_held_back_is_not_retired() -> None:
    made = tracker(bounds=limits(tracking_window=10))
    made.restore(0, [saved(ONE, 0)], NOW)
    assert made.retire(later(100)) == 0
    made.restored(0)
    made.boards.drop_partition(0)
    assert made.retire(later(100)) == 1


def test_a_restoring_partition_that_is_taken_away_leaves_nothing() -> None:
    made = tracker()
    made.restore(0, [saved(ONE, 5, A), saved(TWO)], NOW)
    made.drop_partition(0)
    assert len(made.watchlist) == 0
    made.take(0, [sighting(TWO)], NOW)
    assert asked_next(made) == [TWO], "its row was held"
    made.watchlist.app.mark_asked([TWO], NOW)
    made.restored(0)
    assert asked_next(made) == [], "it is in a request, in a row that was held"
    assert made.close() == {(0, A)}


def test_what_there_is_no_room_for_is_given_back_whatever_else_is_told() -> None:
    made = tracker(bounds=limits(max_posts=1))
    items: list[SavedPost | Retired] = [saved(ONE), saved(TWO), Retired(FOUR), saved(THREE)]
    assert made.restore(0, items, NOW) == [saved(TWO), saved(THREE)]


@pytest.mark.parametrize("others", [0, 1])
def test_a_full_watchlist_lets_go_of_some_that_are_held_back(others: int) -> None:
    """What would end their being held may wait behind what there is no room for: that would be for ever."""
    made = tracker(bounds=limits(max_posts=2))
    assert made.restore(others, [saved(ONE, 5), saved(TWO, 7)], NOW) == []
    assert made.restore(0, [saved(THREE, 9)], NOW) == []
    assert len(made.watchlist) == 2
    assert THREE in made.watchlist
    made.restored(others)
    made.restored(0)
    assert len(board(made)) == 2
    made.check()


def test_a_watchlist_that_is_too_small_keeps_those_on_top() -> None:
    """No bar is known yet: nothing was published."""
    made = tracker(bounds=limits(max_posts=5))
    likes = [(7 * number) % 40 for number in range(40)]
    posts = [saved(post(number), one) for number, one in enumerate(likes)]
    for start in range(0, 40, 4):
        assert made.restore(start % 3, posts[start : start + 4], NOW) == []
    for partition in range(3):
        made.restored(partition)
    assert [value for _, value in board(made)] == [39, 38]
    made.check()


def test_a_sighting_makes_room_among_those_that_are_held_back() -> None:
    made = tracker(bounds=limits(max_posts=2))
    made.restore(1, [saved(ONE, 5), saved(TWO, 7)], NOW)
    assert made.take(0, [sighting(THREE)], NOW) == 1


def test_waiting_for_room_asks_for_each_post_once() -> None:
    made = tracker(bounds=limits(max_posts=2))
    rest = made.restore(0, [saved(ONE), saved(TWO), saved(THREE)], NOW)
    assert rest == [saved(THREE)]
    assert sorted(asked_next(made)) == [ONE, TWO], "an answer will make room"
    made.watchlist.app.mark_asked([ONE, TWO], NOW)
    for _ in range(5):
        assert made.restore(0, rest, NOW) == rest
    assert asked_next(made) == [], "they are in a request"
    assert len(made.watchlist.app.waiting) <= 2
    made.answered(outcome(counts({ONE: [1], TWO: [2]})))
    assert made.restore(0, rest, NOW) == []


def test_who_is_in_a_request_is_not_asked_for_again_when_all_is_told() -> None:
    made = tracker(bounds=limits(max_posts=2))
    made.restore(0, [saved(ONE), saved(TWO), saved(THREE)], NOW)
    made.watchlist.app.mark_asked([ONE], NOW)
    made.restore(0, [saved(ONE)], NOW)
    made.restored(0)
    assert asked_next(made) == [TWO]


def test_an_answer_to_a_request_from_before_is_taken_while_it_is_restored() -> None:
    made = tracker()
    made.restore(0, [saved(ONE, 5), saved(TWO, 7)], NOW)
    made.answered(outcome(counts({ONE: [8]}, later(10))))
    assert board(made) == [(ONE, 8)]
    made.restore(0, [saved(ONE, 6)], NOW)
    assert board(made) == []
    made.restored(0)
    assert board(made) == [(TWO, 7), (ONE, 6)]
    made.check()


def test_growth_goes_on_from_what_was_kept() -> None:
    made = tracker(LIKES, LIKES_PER_HOUR)
    base = Growing(NOW, {LIKES_PER_HOUR: 10})
    told = saved(ONE, 20)._replace(measured_at=later(3600), base=base, kept=Growing(later(3600), {}))
    made.restore(0, [told], later(3600))
    made.restored(0)
    made.answered(outcome(counts({ONE: [30]}, later(7000))))
    known = made.watchlist.tracked(ONE)
    assert known is not None
    assert known.values[LIKES_PER_HOUR] == pytest.approx(20 / (7000 / 3600))


def test_posts_are_on_the_lanes_of_whom_they_are_known_to_belong_to() -> None:
    made, of = Owned().owned(), Owned().lane
    made.drop_partition(0)
    told = [
        SavedPost(ONE, (), NOW, account="beta", author="acme"),
        SavedPost(TWO, (), NOW, author="acme", not_owned=True),
        SavedPost(THREE, (), NOW, author="acme"),
        SavedPost(FOUR, (), NOW, account="left", author="nobody"),
        SavedPost(FIVE, (), NOW, account="beta", measured_28h_at=NOW, values={CLICKS_28H: 4}),
    ]
    made.restore(0, told, NOW)
    made.restored(0)
    assert sorted(asked_next(made)) == [TWO, FOUR]
    assert of(made, Endpoint.TOTALS, 1).first_unmeasured(9) == [THREE]
    assert sorted(of(made, Endpoint.TOTALS, 2).first_unmeasured(9)) == [ONE, FIVE]
    assert of(made, Endpoint.LAST_28H, 2).first_unmeasured(9) == [ONE], "the other was measured"
    assert made.boards.merged(ALL, CLICKS_28H) == [(FIVE, 4)]
    made.take(0, [sighting(TWO, author="acme")], NOW)
    assert sorted(asked_next(made)) == [TWO, FOUR], "the API said that it is nobody's"


def test_restored_posts_count_among_those_of_their_campaigns_once() -> None:
    made = tracker()
    made.restore(0, [saved(ONE, 5, A), saved(TWO, 3, A)], NOW)
    made.restore(0, [saved(ONE, 6, B), Retired(TWO)], NOW)
    made.restored(0)
    shares = made.watchlist.shares
    assert [shares.tracked(0, campaign) for campaign in (ALL, A, B)] == [1, 0, 1]
    made.check()
    made.remove(ONE, "tombstone")
    assert shares.tracked(0, ALL) == 0, "a count below none would be refused by the other workers"
