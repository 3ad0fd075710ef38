"""Boards of several workers as one: what is shown, what is told, and who is believed."""

from __future__ import annotations

import pytest

from tests.unit.merging.working import KEY, Member, Topic, settle
from tests.unit.tracker.test_tracker import outcome
from tests.unit.watchlist.making import LIKES, NOW, A, B, later, post
from worker.model import ALL, MetricName, Missing, Partial, PartialEntry, PartialKey

ONE, TWO, THREE, FOUR, FIVE = (post(number) for number in range(1, 6))


def foreign(partition: int, value: float, *, key: tuple[object, object] = KEY) -> Partial:
    entry = PartialEntry(FIVE, value, NOW)
    return Partial(PartialKey(*key, partition), "stranger", NOW, 7, (entry,))  # type: ignore[arg-type]


def two_workers() -> tuple[Member, Member, Topic]:
    """The first owns partition 0, the second 1; all is told."""
    topic = Topic()
    first, second = Member(topic, "first"), Member(topic, "second")
    first.own(0, {ONE: 5, TWO: 9}, A)
    second.own(1, {THREE: 7, FOUR: 1}, B)
    settle(first, second)
    return first, second, topic


def tell_round(member: Member) -> list[Partial | PartialKey]:
    member.merger.look_round()
    return member.write()


def tell_all(*members: Member) -> None:
    """As often as it takes for every partial to be looked at."""
    for _ in range(10):
        for member in members:
            tell_round(member)
    settle(*members)


class TestWhatIsShown:
    def test_every_worker_shows_the_top_of_all(self) -> None:
        first, second, _ = two_workers()
        for member in (first, second):
            assert member.shown() == [(TWO, 9.0), (THREE, 7.0)]
            assert member.shown((A, LIKES)) == [(TWO, 9.0), (ONE, 5.0)]
            assert member.shown((B, LIKES)) == [(THREE, 7.0), (FOUR, 1.0)]
            assert [member.merger.tracked((campaign, LIKES)) for campaign in (ALL, A, B)] == [4, 2, 2]

    def test_own_changes_are_shown_before_they_are_told(self) -> None:
        first, _, _ = two_workers()
        first.measure(0, {ONE: 100})
        assert first.shown() == [(ONE, 100.0), (TWO, 9.0)]

    def test_a_change_elsewhere_is_named_and_shown(self) -> None:
        first, second, _ = two_workers()
        first.named.clear()
        second.measure(1, {FOUR: 50})
        settle(first, second)
        assert first.named == {KEY, (B, LIKES)}
        assert first.shown() == [(FOUR, 50.0), (TWO, 9.0)]

    def test_a_leaderboard_exists_while_any_partition_has_it(self) -> None:
        first, second, _ = two_workers()
        for post_id in (THREE, FOUR):
            second.tracker.remove(post_id, "tombstone")
        settle(first, second)
        assert [first.merger.exists((one, LIKES)) for one in (ALL, A, B)] == [True, True, False]
        assert (B, LIKES) in first.named

    def test_of_metrics_and_partitions_that_there_are_not_nothing_is_shown(self) -> None:
        member = Member(Topic())
        member.merger.learn(foreign(99, 5.0))
        member.merger.learn(foreign(1, 5.0, key=(ALL, MetricName("nonsense"))))
        assert not member.merger.exists(KEY)
        assert not member.merger.exists((ALL, MetricName("nonsense")))


class TestWhatIsMissing:
    def test_of_all_workers_together_it_is_the_sum(self) -> None:
        first, second, _ = two_workers()
        first.lacking, second.lacking = Missing(0.4, 0.2), Missing(1.0, 0.5)
        for member in (first, second):
            member.merger.look_round()
        tell_all(first, second)
        for member in (first, second):
            assert member.merger.missing(ALL) == pytest.approx((1.4, 0.7, 1.0))
            assert member.merger.missing(A) == (Missing(0.4, 0.2))
            assert member.merger.missing(B) == (Missing(1.0, 0.5))

    def test_it_is_not_known_while_one_does_not_know(self) -> None:
        first, second, _ = two_workers()
        first.lacking = Missing(0.4, 0.2)
        tell_all(first, second)
        assert first.merger.missing(ALL) is None
        assert second.merger.missing(A) == Missing(0.4, 0.2)

    def test_a_partition_that_moves_takes_its_part_along(self) -> None:
        topic = Topic()
        first, second = Member(topic, "first"), Member(topic, "second")
        first.lacking, second.lacking = Missing(0.8, 0.4), Missing(0.0, 0.0)
        first.own(0, {ONE: 5, TWO: 9, THREE: 2})
        first.own(1, {FOUR: 1})
        tell_all(first, second)
        assert second.merger.missing(ALL) == pytest.approx((0.8, 0.4, 1.0))
        first.lose(0)
        assert first.merger.missing(ALL) == pytest.approx((0.8 + 0.6, 0.4 + 0.3, 1.0))
        second.own(0, {ONE: 5, TWO: 9, THREE: 2})
        tell_all(first, second)
        assert second.merger.missing(ALL) == pytest.approx((0.8, 0.4, 1.0))

    def test_little_that_is_new_is_not_told(self) -> None:
        member = Member(Topic())
        member.lacking = Missing(0.4, 0.2)
        member.own(2, {ONE: 5})
        told = []
        for posts in (0.4, 0.42, 0.5, 0.505):
            member.lacking = Missing(posts, 0.2)
            told.append(sum(len(tell_round(member)) for _ in range(10)))
        assert told == [1, 0, 1, 0]


class TestWhatIsTold:
    def test_the_top_and_one_more_with_all_that_is_known(self) -> None:
        topic = Topic()
        member = Member(topic)
        member.own(2, {ONE: 5, TWO: 9, THREE: 7, FOUR: 1})
        (partial,) = member.write()
        assert isinstance(partial, Partial)
        assert (partial.key, partial.writer, partial.as_of) == (PartialKey(*KEY, 2), "one", NOW)
        assert partial.tracked_posts == 4
        assert [(one.post_id, one.value) for one in partial.entries] == [(TWO, 9.0), (THREE, 7.0), (ONE, 5.0)]
        assert {(one.measured_at, one.author, one.text) for one in partial.entries} == {(NOW, "ada", None)}

    def test_nothing_twice_and_nothing_that_only_the_reserve_knows(self) -> None:
        member = Member(Topic(), top=1, reserve=3)
        member.own(0, {ONE: 9, TWO: 8, THREE: 7})
        assert len(member.write()) == 1
        assert member.write() == []
        member.measure(0, {THREE: 5})
        assert member.write() == []
        member.measure(0, {TWO: 4})
        assert len(member.write()) == 1

    def test_at_most_so_many_at_once_and_the_longest_waiting_first(self) -> None:
        member = Member(Topic())
        member.own(0, {ONE: 9}, A, B)
        first = member.write(most=2)
        member.measure(0, {ONE: 10})
        told = [*first, *member.write(most=1)]
        assert {one.key.campaign for one in told if isinstance(one, Partial)} == {ALL, A, B}
        assert member.merger.due == 2

    def test_what_was_measured_again_is_told_within_thirty_rounds(self) -> None:
        member = Member(Topic())
        member.own(0, {ONE: 9}, A, B)
        member.write()
        member.tracker.answered(outcome(at=NOW + 60))
        member.tracker.watchlist.columns.measured[:] = NOW + 60
        told = []
        for _ in range(30):
            member.merger.look_round()
            told += member.write()
        assert {one.key.campaign for one in told if isinstance(one, Partial)} == {ALL, A, B}
        assert {one.entries[0].measured_at for one in told if isinstance(one, Partial)} == {later(60)}

    def test_what_did_not_get_there_is_told_again(self) -> None:
        member = Member(Topic())
        member.own(0, {ONE: 9})
        told = member.write()
        member.merger.put_back(told)
        assert member.write() == told
        member.lose(0)
        member.merger.put_back(told)
        assert member.write() == []

    def test_a_board_that_closes_before_it_was_ever_told_is_not_told(self) -> None:
        member = Member(Topic())
        member.own(0, {TWO: 1})
        member.write()
        member.measure(0, {ONE: 9}, A)
        member.merger.take_changed()
        member.tracker.remove(ONE, "tombstone")
        assert [one for one in member.write() if isinstance(one, PartialKey)] == []

    def test_a_campaign_that_closed_is_erased_once(self) -> None:
        first, second, topic = two_workers()
        for post_id in (ONE, TWO):
            first.tracker.remove(post_id, "tombstone")
        assert set(first.write()) == {PartialKey(A, LIKES, 0), PartialKey(ALL, LIKES, 0)}
        settle(first, second)
        assert topic.keys() == {b"all/favorites/1", b"b/favorites/1"}
        assert first.write() == []


class TestMoves:
    def test_a_revoked_partition_is_shown_as_it_was_told_and_told_no_more(self) -> None:
        first, second, _ = two_workers()
        first.measure(0, {ONE: 100})
        first.merger.take_changed()
        first.lose(0)
        assert first.write() == []
        assert first.shown() == second.shown() == [(TWO, 9.0), (THREE, 7.0)]
        assert first.merger.tracked(KEY) == 4

    def test_while_it_is_restored_what_the_last_owner_told_is_shown(self) -> None:
        first, second, _ = two_workers()
        first.lose(0)
        second.own(0, {ONE: 5}, A, restored=False)
        assert second.write() == []
        assert second.shown() == [(TWO, 9.0), (THREE, 7.0)]
        assert second.shown((A, LIKES)) == [(TWO, 9.0), (ONE, 5.0)]
        second.measure(0, {TWO: 10}, A)
        second.ownership.was_restored(0)
        assert second.shown() == [(TWO, 10.0), (THREE, 7.0)]
        settle(first, second)
        assert first.shown() == second.shown()

    def test_once_restored_all_is_told_and_ghosts_are_erased(self) -> None:
        first, second, topic = two_workers()
        first.lose(0)
        second.own(0, {ONE: 5}, B)
        told = second.write()
        assert PartialKey(A, LIKES, 0) in told
        assert {one.key for one in told if isinstance(one, Partial)} == {
            PartialKey(ALL, LIKES, 0),
            PartialKey(B, LIKES, 0),
        }
        settle(first, second)
        assert topic.keys() == {b"all/favorites/0", b"b/favorites/0", b"all/favorites/1", b"b/favorites/1"}
        for member in (first, second):
            assert not member.merger.exists((A, LIKES))
            assert member.shown() == [(THREE, 7.0), (ONE, 5.0)]

    def test_boards_that_are_the_same_are_told_by_the_new_owner_all_the_same(self) -> None:
        first, second, _ = two_workers()
        first.lose(0)
        second.own(0, {ONE: 5, TWO: 9}, A)
        told = second.write()
        assert {one.writer for one in told if isinstance(one, Partial)} == {"second"}
        assert len(told) == 2

    def test_ghosts_of_a_metric_that_is_kept_no_more_are_erased(self) -> None:
        member = Member(Topic())
        ghost = foreign(0, 5.0, key=(ALL, MetricName("nonsense")))
        member.merger.learn(ghost)
        member.own(0, {})
        assert member.write() == [ghost.key]

    def test_a_ghost_read_after_the_restoration_is_erased(self) -> None:
        member = Member(Topic())
        member.own(0, {ONE: 5})
        member.write()
        member.merger.learn(foreign(0, 9.0, key=(A, LIKES)))
        assert not member.merger.exists((A, LIKES))
        assert member.write() == [PartialKey(A, LIKES, 0)]

    def test_a_ghost_that_is_erased_already_is_not_erased_again(self) -> None:
        member = Member(Topic())
        member.own(0, {ONE: 5})
        member.write()
        member.merger.learn(foreign(0, 9.0, key=(A, LIKES)))
        member.merger.learn(PartialKey(A, LIKES, 0))
        assert member.write() == []

    def test_a_partition_that_comes_back_within_a_moment_is_told_anew(self) -> None:
        first, second, _ = two_workers()
        first.lose(0)
        first.own(0, {ONE: 6}, A)
        told = first.write()
        assert [one.entries[0].value for one in told if isinstance(one, Partial)] == [6.0, 6.0]
        settle(first, second)
        assert second.shown() == [(THREE, 7.0), (ONE, 6.0)]


class TestZombies:
    def test_what_another_says_of_our_partition_is_not_believed_and_overwritten(self) -> None:
        first, second, topic = two_workers()
        topic.write([foreign(0, 1000.0)])
        first.catch_up()
        second.catch_up()
        assert first.shown() == [(TWO, 9.0), (THREE, 7.0)]
        assert second.shown() == [(FIVE, 1000.0), (THREE, 7.0)]
        settle(first, second)
        assert second.shown() == [(TWO, 9.0), (THREE, 7.0)]

    def test_a_board_that_another_erased_is_told_again(self) -> None:
        first, second, topic = two_workers()
        topic.write([PartialKey(*KEY, 0)])
        settle(first, second)
        assert {b"all/favorites/0"} <= topic.keys()
        assert second.shown() == [(TWO, 9.0), (THREE, 7.0)]

    def test_our_own_words_read_again_are_no_reason_to_repeat_them(self) -> None:
        first, _, topic = two_workers()
        written = len(topic.records)
        first.read = 0
        first.catch_up()
        assert len([told for told in first.write() if isinstance(told, Partial)]) == 0
        assert len(topic.records) == written
