"""What is tracked, asked, answered, erased."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.watchlist.making import (
    HOUR,
    LIKES,
    NOW,
    OLD_ID,
    RETWEETS,
    A,
    B,
    counts,
    later,
    limits,
    post,
    sighting,
    watchlist,
)
from worker.model import ALL, PostId
from worker.watchlist import State, Tracked, Watchlist

ONE, TWO, THREE = post(1), post(2), post(3)


def known(posts: Watchlist, post_id: PostId) -> Tracked:
    tracked = posts.tracked(post_id)
    assert tracked is not None
    return tracked


class TestWhatComesIn:
    def test_a_post_is_tracked_with_all_that_came_along(self) -> None:
        posts = Watchlist([LIKES], limits())
        added = posts.add(3, [sighting(ONE, A, author="ada", text="hello", seen_at=NOW - 5)], NOW)
        assert (added.taken, added.new, added.joined) == (1, 1, ())
        assert posts.tracked(ONE) == Tracked(
            ONE, State.NEW, 3, (ALL, A), later(-HOUR), later(-5), None, {}, "ada", "hello"
        )
        assert ONE in posts
        assert len(posts) == 1
        assert list(posts.post_ids()) == [ONE]

    def test_duplicates_are_one_post_with_all_its_campaigns(self) -> None:
        posts = Watchlist([LIKES], limits())
        added = posts.add(0, [sighting(ONE, A), sighting(ONE), sighting(ONE, B)], NOW)
        assert (added.taken, added.new, added.joined) == (3, 1, (ONE,))
        assert posts.place(ONE) == (0, (ALL, A, B))
        assert posts.groups.posts_in(ALL) == 1

    def test_campaigns_are_united_and_none_is_lost_by_a_sighting_with_fewer(self) -> None:
        posts = Watchlist([LIKES], limits())
        posts.add(0, [sighting(ONE, A)], NOW)
        assert posts.add(0, [sighting(ONE, B)], NOW).joined == (ONE,)
        assert posts.add(0, [sighting(ONE), sighting(ONE, A), sighting(ONE, A, B)], NOW).joined == ()
        assert posts.place(ONE) == (0, (ALL, A, B))
        assert [posts.groups.posts_in(campaign) for campaign in (ALL, A, B)] == [1, 1, 1]

    def test_a_campaign_that_is_folded_is_not_joined(self) -> None:
        posts = Watchlist([LIKES], limits(max_campaigns=1))
        posts.add(0, [sighting(ONE, A)], NOW)
        assert posts.add(0, [sighting(ONE, B)], NOW).joined == ()
        assert posts.place(ONE) == (0, (ALL, A))
        assert posts.groups.folded == 1

    def test_when_full_new_posts_are_not_taken_and_known_ones_before_them_are(self) -> None:
        posts = Watchlist([LIKES], limits(max_posts=2))
        items = [sighting(ONE), sighting(ONE, A), sighting(TWO), sighting(TWO, B), sighting(THREE)]
        added = posts.add(0, [*items, sighting(ONE, B)], NOW)
        assert (added.taken, added.new) == (4, 2)
        assert posts.place(ONE) == (0, (ALL, A))
        assert THREE not in posts

    def test_an_id_without_a_time_has_no_creation(self) -> None:
        assert known(watchlist(OLD_ID), OLD_ID).created_at is None

    def test_what_a_clock_ahead_of_ours_saw_counts_as_seen_now(self) -> None:
        posts = Watchlist([LIKES], limits())
        posts.add(0, [sighting(ONE, seen_at=NOW + 999)], NOW)
        assert posts.app.waiting_since(ONE) == NOW

    def test_words_that_come_later_are_kept_and_those_known_stay(self) -> None:
        posts = Watchlist([LIKES], limits())
        posts.add(0, [sighting(ONE), sighting(TWO, author="ada")], NOW)
        posts.add(0, [sighting(ONE, author="bo", text="hi"), sighting(TWO, author="x", text="yes")], NOW)
        assert posts.words(ONE) == ("bo", "hi")
        assert posts.words(TWO) == ("ada", "yes")
        posts.add(0, [sighting(ONE, author="y", text="no"), sighting(ONE)], NOW)
        assert posts.words(ONE) == ("bo", "hi")


class TestWhoIsAskedFirst:
    def test_new_posts_wait_in_the_order_they_came(self) -> None:
        posts = watchlist(THREE, ONE, TWO)
        assert posts.app.first_unmeasured(2) == [THREE, ONE]
        assert posts.app.first_unmeasured(9) == [THREE, ONE, TWO]
        assert posts.app.first_unmeasured(0) == []

    def test_who_is_in_flight_measured_unavailable_or_removed_does_not_wait(self) -> None:
        everyone = [post(number) for number in range(6)]
        posts = watchlist(*everyone)
        posts.app.mark_asked(everyone[:3], NOW)
        posts.record(counts({everyone[1]: (5,)}))
        posts.mark_unavailable([everyone[2]], NOW)
        posts.remove(everyone[4])
        assert posts.app.first_unmeasured(9) == [everyone[3], everyone[5]]

    def test_who_was_asked_in_vain_waits_again_at_the_end(self) -> None:
        posts = watchlist(ONE, TWO)
        posts.app.mark_asked([ONE], later(5))
        posts.app.ask_again([ONE])
        assert posts.app.first_unmeasured(9) == [TWO, ONE]
        assert posts.app.waiting_since(ONE) == later(5)
        assert posts.app.longest_wait_since([ONE, TWO]) == NOW
        assert posts.app.longest_wait_since([ONE]) == later(5)

    def test_a_post_that_waits_twice_is_named_once(self) -> None:
        posts = watchlist(ONE, TWO)
        posts.remove(ONE)
        posts.add(0, [sighting(ONE)], NOW)
        assert sorted(posts.app.first_unmeasured(9)) == [ONE, TWO]
        posts.app.mark_asked([ONE], NOW)
        posts.app.ask_again([ONE])
        posts.app.ask_again([ONE])
        assert sorted(posts.app.first_unmeasured(9)) == [ONE, TWO]

    def test_a_wait_behind_many_that_left_is_found(self) -> None:
        everyone = [post(number) for number in range(1000)]
        posts = watchlist(*everyone, bounds=limits(max_posts=2000))
        for post_id in everyone[1:-1]:
            posts.remove(post_id)
        assert posts.app.first_unmeasured(3) == [everyone[0], everyone[-1]]

    def test_a_measured_post_asked_in_vain_is_no_new_one(self) -> None:
        posts = watchlist(ONE)
        posts.record(counts({ONE: (5,)}))
        posts.app.mark_asked([ONE], NOW)
        posts.app.ask_again([ONE, post(99)])
        assert posts.app.first_unmeasured(9) == []
        assert not posts.columns.in_flight.any()


class TestAnswers:
    def test_an_answer_is_recorded_and_what_changed_is_told(self) -> None:
        posts = watchlist(ONE, TWO, metrics=(RETWEETS, LIKES))
        posts.app.mark_asked([ONE, TWO], NOW)
        change = posts.record(counts({TWO: (2, 5)}, later(1)))
        assert change.post_ids.tolist() == [TWO]
        assert change.places == [(0, (ALL,))]
        assert np.isnan(change.old).all()
        assert change.new.tolist() == [[2.0, 5.0]]
        assert known(posts, TWO).values == {LIKES: 5.0, RETWEETS: 2.0}
        assert known(posts, TWO).state is State.MEASURED
        assert posts.measured_at(TWO) == later(1)
        assert posts.columns.in_flight[posts.row(ONE)]
        assert not posts.columns.in_flight[posts.row(TWO)]
        assert posts.record(counts({TWO: (2, 4)}, later(2))).old.tolist() == [[2.0, 5.0]]

    def test_what_is_not_available_has_no_value(self) -> None:
        posts = watchlist(ONE, metrics=(LIKES, RETWEETS))
        posts.record(counts({ONE: (None, 0)}))
        assert known(posts, ONE).values == {RETWEETS: 0.0}

    def test_posts_not_tracked_any_more_are_left_out(self) -> None:
        posts = watchlist(ONE, TWO)
        posts.remove(ONE)
        assert posts.record(counts({ONE: (1,), TWO: (2,)})).post_ids.tolist() == [TWO]
        assert posts.record(counts({ONE: (1,)})).post_ids.tolist() == []

    def test_an_older_answer_changes_nothing_and_ends_its_flight(self) -> None:
        posts = watchlist(ONE)
        posts.record(counts({ONE: (7,)}, later(9)))
        posts.app.mark_asked([ONE], later(9))
        assert posts.record(counts({ONE: (3,)}, later(8))).post_ids.tolist() == []
        assert known(posts, ONE).values == {LIKES: 7.0}
        assert posts.measured_at(ONE) == later(9)
        assert not posts.columns.in_flight.any()

    def test_an_answer_of_the_same_second_overwrites(self) -> None:
        posts = watchlist(ONE)
        posts.record(counts({ONE: (7,)}))
        posts.record(counts({ONE: (8,)}))
        assert known(posts, ONE).values == {LIKES: 8.0}

    def test_whatever_comes_back_is_counted_as_an_answer(self) -> None:
        posts = watchlist(ONE)
        seen = [posts.app.answers]
        for answer in (
            lambda: posts.record(counts({ONE: (1,)})),
            lambda: posts.app.ask_again([ONE]),
            lambda: posts.mark_unavailable([ONE], NOW),
        ):
            answer()
            seen.append(posts.app.answers)
        assert len(set(seen)) == 4


class TestErased:
    def test_an_unavailable_post_loses_values_and_words(self) -> None:
        posts = Watchlist([LIKES], limits())
        posts.add(2, [sighting(ONE, A, author="ada", text="hello")], NOW)
        posts.record(counts({ONE: (5,)}))
        assert posts.mark_unavailable([ONE, TWO], later(9)) == [(ONE, (2, (ALL, A)))]
        gone = known(posts, ONE)
        assert (gone.state, gone.values, gone.author, gone.text) == (State.UNAVAILABLE, {}, None, None)
        assert gone.measured_at == later(9)

    def test_words_of_an_unavailable_post_are_not_taken_up_again_until_it_is_back(self) -> None:
        posts = watchlist(ONE)
        posts.mark_unavailable([ONE], NOW)
        posts.add(0, [sighting(ONE, author="ada")], NOW)
        assert posts.words(ONE) == (None, None)
        posts.record(counts({ONE: (5,)}, later(1)))
        posts.add(0, [sighting(ONE, author="ada")], NOW)
        assert posts.words(ONE) == ("ada", None)

    def test_a_removed_post_leaves_nothing(self) -> None:
        posts = Watchlist([LIKES], limits())
        posts.add(2, [sighting(ONE, A, author="ada")], NOW)
        assert posts.remove(ONE) == (2, (ALL, A))
        assert posts.remove(ONE) is None
        assert ONE not in posts
        assert posts.tracked(ONE) is None
        assert posts.words(ONE) == (None, None)
        assert posts.groups.campaigns() == []

    def test_a_row_used_again_knows_nothing_of_the_post_before(self) -> None:
        posts = watchlist(ONE)
        posts.record(counts({ONE: (5,)}))
        posts.app.mark_asked([ONE], later(3))
        row = posts.row(ONE)
        posts.remove(ONE)
        posts.add(1, [sighting(TWO, A)], NOW)
        assert posts.row(TWO) == row
        assert posts.tracked(TWO) == Tracked(
            TWO, State.NEW, 1, (ALL, A), later(-HOUR), NOW, None, {}, None, None
        )
        assert posts.app.waiting_since(TWO) == NOW
        assert posts.app.first_unmeasured(9) == [TWO]

    def test_a_partition_dropped_takes_its_posts_words_and_campaigns(self) -> None:
        posts = Watchlist([LIKES], limits())
        posts.add(0, [sighting(ONE, A, author="ada"), sighting(TWO, A)], NOW)
        posts.add(1, [sighting(THREE, B)], NOW)
        posts.app.mark_asked([TWO], NOW)
        assert posts.drop_partition(0) == 2
        assert list(posts.post_ids()) == [THREE]
        assert posts.words(ONE) == (None, None)
        assert set(posts.groups.campaigns()) == {ALL, B}
        assert posts.groups.posts_in(ALL) == 1
        assert posts.app.first_unmeasured(9) == [THREE]
        assert posts.drop_partition(0) == 0
        assert posts.add(0, [sighting(TWO)], NOW).new == 1
        assert posts.app.first_unmeasured(9) == [THREE, TWO]

    def test_partitions_that_come_and_go_leave_nobody_waiting(self) -> None:
        posts = Watchlist([LIKES], limits())
        for _ in range(5):
            posts.add(0, [sighting(ONE), sighting(TWO)], NOW)
            posts.drop_partition(0)
        assert len(posts.app.waiting) == 0


class TestTheWindow:
    def test_posts_are_over_when_the_window_from_their_creation_is(self) -> None:
        old, young = post(at=NOW - 10 * HOUR), post(at=NOW - 9 * HOUR)
        posts = watchlist(old, young, bounds=limits(tracking_window=9.5 * HOUR))
        assert posts.expired(NOW) == []
        posts.record(counts({old: (1,), young: (1,)}))
        assert posts.expired(NOW) == [old]

    def test_unavailable_ones_are_over_too_and_those_in_flight_are_not(self) -> None:
        posts = watchlist(ONE, TWO, bounds=limits(tracking_window=60))
        posts.mark_unavailable([ONE], NOW)
        posts.record(counts({TWO: (1,)}))
        posts.app.mark_asked([TWO], NOW)
        assert posts.expired(NOW) == [ONE]

    @pytest.mark.parametrize("strange", [OLD_ID, post(at=NOW + 1000 * HOUR)])
    def test_without_a_time_or_with_one_to_come_the_window_is_from_the_sighting(
        self, strange: PostId
    ) -> None:
        posts = watchlist(strange, bounds=limits(tracking_window=HOUR))
        posts.mark_unavailable([strange], NOW)
        assert posts.expired(later(HOUR)) == []
        assert posts.expired(later(HOUR + 1)) == [strange]


class TestWhatIsKnown:
    def test_candidates_are_the_measured_posts_of_a_partition_and_campaign(self) -> None:
        posts = watchlist(post(9), metrics=(LIKES, RETWEETS))
        posts.add(0, [sighting(ONE, A), sighting(TWO, A, B), sighting(THREE, B)], NOW)
        posts.add(1, [sighting(post(4), A)], NOW)
        answer = {ONE: (1, 5), TWO: (2, None), THREE: (3, 5), post(4): (4, 5)}
        posts.record(counts(answer))
        assert dict(posts.competitors.all(0, A, LIKES)) == {ONE: 1.0, TWO: 2.0}
        assert dict(posts.competitors.all(0, A, RETWEETS)) == {ONE: 5.0}
        assert dict(posts.competitors.all(0, ALL, LIKES)) == {ONE: 1.0, TWO: 2.0, THREE: 3.0}
        posts.mark_unavailable([ONE], NOW)
        assert dict(posts.competitors.all(0, A, LIKES)) == {TWO: 2.0}

    def test_the_best_are_the_first_of_the_sort_also_among_many_equal_ones(self) -> None:
        values = {post(number): (number % 4,) for number in range(90)}
        posts = watchlist(*reversed(values))
        posts.record(counts(values))
        right = sorted(posts.competitors.all(0, ALL, LIKES), key=lambda pair: (-pair[1], pair[0]))
        for count in (1, 5, 22, 23, 50, 89, 90, 91):
            assert posts.competitors.best(0, ALL, LIKES, count) == right[:count]
        assert posts.competitors.best(1, ALL, LIKES, 5) == []

    def test_the_change_of_posts_that_joined_has_the_measured_ones_as_if_new(self) -> None:
        posts = watchlist(ONE, TWO, THREE)
        posts.record(counts({ONE: (4,)}))
        posts.mark_unavailable([THREE], NOW)
        change = posts.change_of([ONE, TWO, THREE])
        assert change.post_ids.tolist() == [ONE]
        assert np.isnan(change.old).all()
        assert change.new.tolist() == [[4.0]]

    def test_posts_are_counted_by_state(self) -> None:
        posts = watchlist(ONE, TWO, THREE, post(4))
        posts.record(counts({ONE: (4,)}))
        posts.mark_unavailable([THREE], NOW)
        assert posts.states() == {State.NEW: 2, State.MEASURED: 1, State.UNAVAILABLE: 1}

    def test_a_thousand_posts_and_more_have_rows_of_their_own(self) -> None:
        everyone = [post(number) for number in range(5000)]
        posts = watchlist(*everyone, bounds=limits(max_posts=5000))
        posts.record(counts({post_id: (number,) for number, post_id in enumerate(everyone)}))
        assert dict(posts.competitors.all(0, ALL, LIKES)) == {
            post_id: float(number) for number, post_id in enumerate(everyone)
        }
