"""When a request leaves, and when a Post is due: as the planner asks of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from tests.unit.watchlist.making import (
    HOUR,
    LIKES,
    NOW,
    OLD_ID,
    counts,
    later,
    post,
    sighting,
    watchlist,
)
from worker.model import PostId, Seconds, Standings, Timestamp
from worker.planner import BoardGain, BoardGainSettings, Plan, TimingSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.watchlist import Watchlist

LINGER, MIN_INTERVAL, RECHECK = 2.0, 15.0, 6 * HOUR
SEATS = 4


def policy(interval_growth: float = 0.0) -> BoardGain:
    timing = TimingSettings(
        linger=Seconds(LINGER),
        min_interval=Seconds(MIN_INTERVAL),
        interval_growth=interval_growth,
        recheck_unavailable=Seconds(RECHECK),
    )
    habits = BoardGainSettings(
        top=2,
        growth_window=HOUR,
        half_growth=Seconds(4800.0),
        tracking_window=Seconds(48 * HOUR),
        unasked_share=0.0,
        max_unasked=Seconds(24 * HOUR),
        retire_chance=0.0,
    )
    return BoardGain([LIKES], habits, timing)


def plan(planner: BoardGain, posts: Watchlist, seconds: float = 0.0) -> Plan:
    """The plan so many seconds from now."""
    return planner.plan(later(seconds), posts.app, Standings({}), SEATS)


def measured(*posts: PostId, at: float = NOW) -> Watchlist:
    """A Watchlist whose Posts were all measured at a moment."""
    made = watchlist(*posts)
    measure(made, posts, at)
    return made


def measure(posts: Watchlist, post_ids: Sequence[PostId], at: float) -> None:
    posts.app.mark_asked(post_ids, Timestamp(at))
    posts.record(counts(dict.fromkeys(post_ids, (1,)), at))


def see(posts: Watchlist, post_ids: Sequence[PostId], seconds: float) -> None:
    """New Posts come in, so many seconds from now."""
    at = later(seconds)
    posts.add(0, [sighting(post_id, seen_at=at) for post_id in post_ids], at)


class TestWhenARequestLeaves:
    def test_with_nothing_tracked_there_is_nothing_to_wait_for(self) -> None:
        assert plan(policy(), watchlist()) == Plan((), Timestamp(math.inf), 0)

    def test_a_seatful_of_new_posts_leaves_at_once(self) -> None:
        everyone = [post(number) for number in (5, 3, 9, 1, 7)]
        asked = set(plan(policy(), watchlist(*everyone)).post_ids)
        assert len(asked) == SEATS
        assert asked <= set(everyone)

    def test_fewer_wait_until_the_first_one_has_waited_the_linger(self) -> None:
        posts = watchlist(post(1))
        see(posts, [post(2)], 1)
        planner = policy()
        assert plan(planner, posts, 1) == Plan((), later(LINGER), 2)
        assert plan(planner, posts, LINGER - 0.01).post_ids == ()
        assert plan(planner, posts, LINGER).post_ids == [post(1), post(2)]

    def test_the_linger_is_that_of_the_one_that_waits_longest_wherever_it_stands(self) -> None:
        """Sightings of several partitions come in any order."""
        posts = watchlist()
        posts.add(0, [sighting(post(1), seen_at=NOW), sighting(post(2), seen_at=NOW - 1)], NOW)
        assert plan(policy(), posts).wake_at == NOW - 1 + LINGER

    def test_new_posts_that_complete_the_seats_end_the_wait(self) -> None:
        posts, planner = watchlist(post(1)), policy()
        assert plan(planner, posts, 0.5).post_ids == ()
        see(posts, [post(2), post(3), post(4)], 0.6)
        assert len(plan(planner, posts, 0.6).post_ids) == SEATS

    def test_new_posts_and_due_ones_complete_the_seats_together(self) -> None:
        posts, planner = measured(post(1), post(2)), policy()
        assert plan(planner, posts, MIN_INTERVAL).post_ids == ()
        see(posts, [post(3), post(4)], MIN_INTERVAL + 0.5)
        left = plan(planner, posts, MIN_INTERVAL + 0.5)
        assert set(left.post_ids) == {post(1), post(2), post(3), post(4)}

    def test_a_seatful_of_due_posts_leaves_when_the_last_of_them_is_due(self) -> None:
        posts, planner = watchlist(*(post(number) for number in range(SEATS))), policy()
        for number in range(SEATS):
            measure(posts, [post(number)], NOW + number / 4)
        wait = plan(planner, posts, 1)
        assert wait == Plan((), later(MIN_INTERVAL + 0.75), 0)
        assert plan(planner, posts, MIN_INTERVAL + 0.5) == Plan((), wait.wake_at, 3)
        assert len(plan(planner, posts, MIN_INTERVAL + 0.75).post_ids) == SEATS

    def test_a_due_post_waits_the_linger_and_no_longer(self) -> None:
        posts, planner = measured(post(1)), policy()
        assert plan(planner, posts).wake_at == later(MIN_INTERVAL + LINGER)
        assert plan(planner, posts, MIN_INTERVAL + LINGER - 0.01).post_ids == ()
        assert plan(planner, posts, MIN_INTERVAL + LINGER).post_ids == [post(1)]

    def test_a_post_that_left_is_waited_for_by_nobody(self) -> None:
        posts, planner = measured(post(1)), policy()
        measure(posts, [post(1)], NOW)
        see(posts, [post(2)], 0)
        measure(posts, [post(2)], NOW + 10)
        assert plan(planner, posts, 11).wake_at == later(MIN_INTERVAL + LINGER)
        posts.remove(post(1))
        assert plan(planner, posts, MIN_INTERVAL + LINGER) == Plan((), later(10 + MIN_INTERVAL + LINGER), 0)

    def test_who_left_is_not_counted_as_due_any_more(self) -> None:
        posts, planner = measured(post(1)), policy()
        assert plan(planner, posts, MIN_INTERVAL).due == 1
        see(posts, [post(2), post(3), post(4)], MIN_INTERVAL)
        left = plan(planner, posts, MIN_INTERVAL)
        assert len(left.post_ids) == SEATS
        posts.app.mark_asked(left.post_ids, later(MIN_INTERVAL))
        see(posts, [post(5)], MIN_INTERVAL)
        assert plan(planner, posts, MIN_INTERVAL) == Plan((), later(MIN_INTERVAL + LINGER), 1)

    def test_to_wait_further_does_not_look_at_all_posts_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        posts, planner = measured(*(post(number) for number in range(3))), policy()
        wake_at = plan(planner, posts, 1).wake_at
        monkeypatch.setattr(posts.app, "first_unmeasured", lambda _: [])
        monkeypatch.setattr(posts.app, "_all", None)  # so that the planner fails where it looks
        for second in range(2, 17):
            assert plan(planner, posts, second).wake_at == wake_at
        with pytest.raises(AttributeError):
            plan(planner, posts, wake_at - NOW)

    def test_who_is_in_flight_is_in_no_plan(self) -> None:
        posts, planner = measured(post(1), post(2)), policy()
        posts.app.mark_asked([post(1)], later(100))
        assert plan(planner, posts, 100).post_ids == [post(2)]
        posts.app.mark_asked([post(2)], later(100))
        assert plan(planner, posts, 200) == Plan((), Timestamp(math.inf), 0)

    def test_a_post_is_due_as_soon_as_a_slow_answer_of_long_ago_comes_back(self) -> None:
        posts, planner = measured(post(1), at=NOW - 1000), policy()
        posts.app.mark_asked([post(1)], NOW)
        assert plan(planner, posts, 29).wake_at == math.inf
        posts.record(counts({post(1): (2,)}, NOW + 1))
        assert plan(planner, posts, 30).post_ids == [post(1)]

    def test_after_a_quick_answer_the_next_look_is_before_the_post_can_be_due(self) -> None:
        posts, planner = measured(post(1), at=NOW - 1000), policy()
        posts.app.mark_asked([post(1)], NOW)
        plan(planner, posts, 0)
        posts.record(counts({post(1): (2,)}, NOW + 1))
        wait = plan(planner, posts, 2)
        assert wait.post_ids == ()
        assert wait.wake_at <= later(1 + MIN_INTERVAL + LINGER)
        again = plan(planner, posts, wait.wake_at - NOW)
        assert again.wake_at == later(1 + MIN_INTERVAL + LINGER)

    def test_a_sighting_by_a_clock_ahead_of_ours_waits_no_longer_than_others(self) -> None:
        posts = watchlist()
        posts.add(0, [sighting(post(1), seen_at=NOW + 500)], NOW)
        assert plan(policy(), posts, LINGER).post_ids == [post(1)]


class TestWhenAPostIsDue:
    def due_at(self, planner: BoardGain, posts: Watchlist, post_id: PostId) -> float:
        return planner.due_at(posts.columns, posts.row(post_id)) - NOW

    def test_an_older_post_is_due_later(self) -> None:
        young, old = post(at=NOW - 100), post(at=NOW - 10 * HOUR)
        posts, planner = measured(young, old), policy(interval_growth=0.02)
        assert self.due_at(planner, posts, young) == MIN_INTERVAL
        assert self.due_at(planner, posts, old) == pytest.approx(720)

    def test_what_is_shown_as_due_is_when_it_is_asked_for(self) -> None:
        posts, planner = measured(post(at=NOW - 10 * HOUR)), policy(interval_growth=0.02)
        due_at = self.due_at(planner, posts, post(at=NOW - 10 * HOUR))
        assert plan(planner, posts, due_at + LINGER - 0.01).post_ids == ()
        assert len(plan(planner, posts, due_at + LINGER).post_ids) == 1

    def test_an_unavailable_post_is_looked_at_again_rarely(self) -> None:
        posts, planner = measured(post(1)), policy()
        posts.app.mark_asked([post(1)], NOW)
        posts.mark_unavailable([post(1)], NOW)
        assert self.due_at(planner, posts, post(1)) == RECHECK
        assert plan(planner, posts, RECHECK - 1).post_ids == ()
        assert plan(planner, posts, RECHECK + LINGER).post_ids == [post(1)]

    def test_a_post_asked_in_vain_is_not_asked_again_at_once(self) -> None:
        posts, planner = measured(post(1)), policy()
        posts.app.mark_asked([post(1)], later(100))
        posts.app.ask_again([post(1)])
        assert self.due_at(planner, posts, post(1)) == 100 + MIN_INTERVAL
        assert plan(planner, posts, 101).wake_at == later(100 + MIN_INTERVAL + LINGER)

    @pytest.mark.parametrize("strange", [OLD_ID, post(at=NOW + 1000 * HOUR)])
    def test_an_id_without_a_time_or_with_one_to_come_is_as_old_as_its_sighting(
        self, strange: PostId
    ) -> None:
        posts, planner = measured(strange, at=NOW + HOUR), policy(interval_growth=0.5)
        assert self.due_at(planner, posts, strange) == HOUR + HOUR / 2
