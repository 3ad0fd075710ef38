"""From boards to leaderboards: what is published, when, and how places moved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.unit.tracker.test_tracker import answered, outcome, tracker
from tests.unit.watchlist.making import HOUR, LIKES, NOW, RETWEETS, A, B, counts, later, post, sighting
from worker.editions import Editions, PlaceHistory
from worker.merging import Merger
from worker.model import ALL, Missing, Partial, PartialEntry, PartialKey, Seconds, Timestamp
from worker.ownership import Ownership
from worker.recall import Audited

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.editions import Key
    from worker.model import Leaderboard, PostId
    from worker.tracker import Tracker

ONE, TWO, THREE = (post(number) for number in (1, 2, 3))
KEY: Key = (A, LIKES)


@dataclass
class FakeClock:
    at: Timestamp = NOW

    def now(self) -> Timestamp:
        return self.at

    def monotonic(self) -> Seconds:
        return Seconds(self.at)


@dataclass
class Shown:
    """An outlet that keeps what it was offered last."""

    boards: dict[Key, Leaderboard] = field(default_factory=dict)
    offered: list[Key] = field(default_factory=list)
    withdrawn: list[Key] = field(default_factory=list)

    def offer(self, leaderboards: Iterable[Leaderboard], withdrawn: Iterable[Key]) -> None:
        given = {board.key: board for board in leaderboards}
        self.boards |= given
        self.offered, self.withdrawn = list(given), list(withdrawn)
        for key in self.withdrawn:
            self.boards.pop(key, None)


class Newsroom:
    """A tracker, its editions, a clock to turn."""

    def __init__(self, posts: Tracker) -> None:
        self.posts, self.clock, self.shown = posts, FakeClock(), Shown()
        self.ownership = Ownership(2)
        self.ownership.assigned([0])
        self.ownership.was_restored(0)
        self.lacking: Missing | None = None
        self.merger = Merger(posts, self.ownership, "this worker", lambda _: self.lacking)
        self.editions = Editions(
            posts,
            self.merger,
            [self.shown],  # type: ignore[list-item]  # a fake
            change_window=HOUR,
            clock=self.clock,
        )

    def publish(self, seconds: float = 0.0) -> list[Key]:
        """Publish so many seconds from now; the leaderboards offered."""
        self.clock.at = later(seconds)
        count = self.editions.publish()
        assert count == len(self.shown.offered)
        return self.shown.offered

    def measure(self, likes: dict[PostId, int], seconds: float = 0.0) -> None:
        answered(self.posts, dict(likes), NOW + seconds)

    def changes(self) -> dict[PostId, int | None]:
        return {entry.post_id: entry.change for entry in self.shown.boards[KEY].entries}


def newsroom(*posts: PostId, top: int = 3) -> Newsroom:
    made = tracker(top=top)
    made.take(0, [sighting(post_id, A, author="ada", text="hello") for post_id in posts], NOW)
    return Newsroom(made)


class TestWhatIsPublished:
    def test_a_leaderboard_says_all_that_is_known(self) -> None:
        news = newsroom(ONE, TWO, THREE)
        news.measure({ONE: 5, TWO: 9}, 3)
        assert sorted(news.publish(4)) == [KEY, (ALL, LIKES)]
        board = news.shown.boards[KEY]
        assert (board.campaign, board.metric, board.as_of, board.tracked_posts) == (A, LIKES, later(4), 3)
        first, second = board.entries
        assert (first.rank, first.post_id, first.value, first.measured_at) == (1, TWO, 9.0, later(3))
        assert (first.author, first.text, first.change) == ("ada", "hello", None)
        assert (second.rank, second.post_id) == (2, ONE)

    def test_nothing_is_offered_again_when_nothing_changed(self) -> None:
        news = newsroom(ONE)
        news.measure({ONE: 5})
        for second in range(30):
            news.publish(second)
        assert all(not news.publish(30 + second) for second in range(30))

    def test_what_was_measured_again_without_change_is_offered_within_ten_rounds(self) -> None:
        news = newsroom(ONE, TWO)
        news.measure({ONE: 5, TWO: 4})
        for second in range(20):
            news.publish(second)
        news.measure({ONE: 5, TWO: 4}, 20)
        offered = [key for second in range(10) for key in news.publish(20 + second)]
        assert sorted(offered) == [KEY, (ALL, LIKES)]
        assert {entry.measured_at for entry in news.shown.boards[KEY].entries} == {later(20)}

    def test_a_change_of_value_is_offered_at_once(self) -> None:
        news = newsroom(ONE)
        news.measure({ONE: 5})
        for second in range(20):
            news.publish(second)
        news.measure({ONE: 6}, 20)
        assert sorted(news.publish(20)) == [KEY, (ALL, LIKES)]

    def test_posts_tracked_more_are_told_within_ten_rounds(self) -> None:
        news = newsroom(ONE)
        news.measure({ONE: 5})
        for second in range(20):
            news.publish(second)
        news.posts.take(0, [sighting(TWO, A)], NOW)
        for second in range(10):
            news.publish(20 + second)
        assert news.shown.boards[KEY].tracked_posts == 2

    def test_a_board_that_nobody_is_on_any_more_is_published_empty(self) -> None:
        news = newsroom(ONE)
        news.measure({ONE: 5})
        news.publish()
        news.posts.answered(outcome(unavailable=[ONE]))
        news.publish(1)
        assert news.shown.boards[KEY].entries == ()

    def test_an_erased_post_is_in_nothing_that_is_kept_to_be_shown(self) -> None:
        news = newsroom(ONE, TWO)
        news.measure({ONE: 5, TWO: 4})
        news.publish()
        news.posts.remove(ONE, "tombstone")
        news.publish(1)
        kept = [*news.shown.boards.values(), *news.editions._shown.values()]  # noqa: SLF001 -- what is kept
        assert kept
        assert all(ONE not in {entry.post_id for entry in board.entries} for board in kept)

    def test_a_metric_nobody_has_a_value_of_has_no_leaderboard(self) -> None:
        posts = tracker(LIKES, RETWEETS)
        posts.take(0, [sighting(ONE)], NOW)
        posts.answered(outcome(counts({ONE: (5, None)})))
        news = Newsroom(posts)
        assert news.publish() == [(ALL, LIKES)]


class TestWithdrawn:
    def test_a_campaign_without_posts_is_withdrawn_once(self) -> None:
        news = newsroom(ONE)
        news.posts.take(0, [sighting(TWO, B)], NOW)
        news.measure({ONE: 5, TWO: 6})
        news.publish()
        news.posts.remove(ONE, "tombstone")
        news.publish(1)
        assert news.shown.withdrawn == [KEY]
        assert KEY not in news.shown.boards
        assert set(news.shown.boards) == {(B, LIKES), (ALL, LIKES)}
        news.publish(2)
        assert news.shown.withdrawn == []

    def test_a_campaign_that_opens_again_is_published_again_and_all_on_it_are_new(self) -> None:
        news = newsroom(ONE, TWO)
        news.measure({ONE: 5, TWO: 6})
        news.publish()
        for post_id in (ONE, TWO):
            news.posts.remove(post_id, "tombstone")
        news.publish(1)
        news.posts.take(0, [sighting(ONE, A)], NOW)
        news.measure({ONE: 5}, 2)
        assert sorted(news.publish(2)) == [KEY, (ALL, LIKES)]
        assert news.changes() == {ONE: None}

    def test_a_campaign_that_closed_and_opened_between_two_editions_is_not_withdrawn(self) -> None:
        news = newsroom(ONE)
        news.measure({ONE: 5})
        news.publish()
        news.posts.remove(ONE, "tombstone")
        news.posts.take(0, [sighting(TWO, A)], NOW)
        news.measure({TWO: 1})
        news.publish(1)
        assert news.shown.withdrawn == []
        assert [entry.post_id for entry in news.shown.boards[KEY].entries] == [TWO]


class TestAudits:
    """Boards of two places; one metric."""

    def test_a_leaderboard_says_how_right_the_full_boards_of_its_campaign_are(self) -> None:
        news = newsroom(ONE, TWO, top=2)
        news.lacking = Missing(0.004, 0.001)
        news.measure({ONE: 5, TWO: 3})
        news.publish()
        assert news.shown.boards[KEY].audit == Audited(2, Missing(0.004, 0.001))

    def test_a_board_with_free_places_lacks_nobody(self) -> None:
        news = newsroom(ONE, top=2)
        news.lacking = Missing(0.0, 0.0)
        news.measure({ONE: 5})
        news.publish()
        audit = news.shown.boards[KEY].audit
        assert audit == Audited(0, Missing(0.0, 0.0))
        assert audit.recall is None

    def test_it_is_offered_anew_when_readers_are_told_something_else(self) -> None:
        news = newsroom(ONE, TWO, top=2)
        news.lacking = Missing(0.004, 0.001)
        news.measure({ONE: 5, TWO: 3})
        offered = {}
        for second, posts in enumerate((0.004, 0.00401, 0.04), start=1):
            news.lacking = Missing(posts, 0.001)
            # As often as it takes for every leaderboard to be looked at.
            offered[posts] = sum(KEY in news.publish(second / 100) for _ in range(10))
        assert offered == {0.004: 1, 0.00401: 0, 0.04: 1}


class TestOtherWorkers:
    """Partition 1 is another worker's."""

    def told(self, news: Newsroom, likes: dict[PostId, int], tracked: int = 5) -> None:
        entries = tuple(
            PartialEntry(post_id, float(count), later(1), "bea", "hi") for post_id, count in likes.items()
        )
        news.merger.learn(Partial(PartialKey(*KEY, 1), "another", NOW, tracked, entries))

    def test_their_posts_stand_among_ours_with_all_that_is_known(self) -> None:
        news = newsroom(ONE, top=2)
        news.measure({ONE: 5}, 3)
        self.told(news, {TWO: 9, THREE: 4})
        news.publish(4)
        board = news.shown.boards[KEY]
        assert board.tracked_posts == 6
        assert [(one.rank, one.post_id, one.value, one.measured_at, one.author) for one in board.entries] == [
            (1, TWO, 9.0, later(1), "bea"),
            (2, ONE, 5.0, later(3), "ada"),
        ]
        assert news.posts.standings.bars[KEY] == 5.0

    def test_what_changed_there_is_offered_at_once(self) -> None:
        news = newsroom(ONE)
        news.measure({ONE: 5})
        news.publish()
        self.told(news, {TWO: 9})
        assert news.publish(1) == [KEY]

    def test_a_leaderboard_that_is_theirs_alone_is_published_and_withdrawn(self) -> None:
        news = newsroom()
        self.told(news, {TWO: 9})
        assert news.publish() == [KEY]
        news.merger.learn(PartialKey(*KEY, 1))
        news.publish(1)
        assert news.shown.withdrawn == [KEY]

    def test_a_campaign_without_posts_here_stays_while_they_have_some(self) -> None:
        news = newsroom(ONE)
        news.measure({ONE: 5})
        self.told(news, {TWO: 9})
        news.publish()
        news.posts.remove(ONE, "tombstone")
        news.publish(1)
        assert news.shown.withdrawn == [(ALL, LIKES)]
        assert [one.post_id for one in news.shown.boards[KEY].entries] == [TWO]
        assert news.shown.boards[KEY].tracked_posts == 5


class TestMovement:
    def test_places_gained_and_lost_since_an_hour_ago(self) -> None:
        news = newsroom(ONE, TWO, THREE)
        news.measure({ONE: 9, TWO: 8, THREE: 7})
        news.publish()
        news.measure({THREE: 99}, HOUR)
        news.publish(HOUR)
        assert news.changes() == {THREE: 2, ONE: -1, TWO: -1}

    def test_while_a_board_is_younger_than_an_hour_no_change_is_known(self) -> None:
        news = newsroom(ONE, TWO)
        news.measure({ONE: 9, TWO: 8})
        news.publish()
        news.measure({TWO: 10}, HOUR - 1)
        news.publish(HOUR - 1)
        assert news.changes() == {TWO: None, ONE: None}
        news.measure({TWO: 11}, HOUR)
        news.publish(HOUR)
        assert news.changes() == {TWO: 1, ONE: -1}

    def test_who_was_not_on_the_board_an_hour_ago_is_new(self) -> None:
        news = newsroom(ONE, TWO)
        news.measure({ONE: 9})
        news.publish()
        news.measure({TWO: 10}, HOUR)
        news.publish(HOUR)
        assert news.changes() == {TWO: None, ONE: -1}

    def test_an_hour_after_a_move_it_is_history(self) -> None:
        news = newsroom(ONE, TWO)
        news.measure({ONE: 9, TWO: 8})
        for minute in range(70):
            news.publish(minute * 60)
        news.measure({TWO: 10}, 70 * 60)
        news.publish(70 * 60)
        assert news.changes() == {TWO: 1, ONE: -1}
        for minute in range(71, 125):
            news.publish(minute * 60)
        assert news.changes() == {TWO: 1, ONE: -1}
        for minute in range(125, 145):
            news.publish(minute * 60)
        assert news.changes() == {TWO: 0, ONE: 0}


class TestStandings:
    def test_the_bar_is_the_value_at_the_last_place_of_a_full_leaderboard(self) -> None:
        news = newsroom(ONE, TWO, THREE, top=2)
        news.posts.take(0, [sighting(ONE, B)], NOW)
        news.measure({ONE: 9, TWO: 8, THREE: 7})
        news.publish()
        standings = news.posts.standings
        assert standings.bars == {KEY: 8.0, (ALL, LIKES): 8.0}
        assert (standings.bar(A, LIKES), standings.bar(B, LIKES)) == (8.0, 0.0)

    def test_a_leaderboard_withdrawn_has_no_bar(self) -> None:
        news = newsroom(ONE, top=1)
        news.measure({ONE: 9})
        news.publish()
        news.posts.remove(ONE, "tombstone")
        news.publish(1)
        assert news.posts.standings.bars == {}


class TestPlaceHistory:
    def test_the_places_told_are_the_newest_that_are_a_window_old(self) -> None:
        history = PlaceHistory(Seconds(300))
        for minute, places in enumerate([(ONE, TWO), (TWO, ONE), (ONE, TWO), (TWO, ONE)]):
            history.note(KEY, places, later(60 * minute))
        assert history.ranks_before(KEY, later(299)) == {}
        assert history.ranks_before(KEY, later(300)) == {ONE: 1, TWO: 2}
        assert history.ranks_before(KEY, later(359)) == {ONE: 1, TWO: 2}
        assert history.ranks_before(KEY, later(360)) == {TWO: 1, ONE: 2}
        assert history.ranks_before(KEY, later(9999)) == {TWO: 1, ONE: 2}

    def test_a_bounded_number_of_samples_is_kept_however_often_it_is_noted(self) -> None:
        history = PlaceHistory(Seconds(300))
        for second in range(3000):
            history.ranks_before(KEY, later(second))
            history.note(KEY, [ONE], later(second))
        assert len(history._samples[KEY]) <= 32  # noqa: SLF001 -- memory that no answer shows

    def test_what_is_forgotten_is_new_again(self) -> None:
        history = PlaceHistory(Seconds(300))
        history.note(KEY, [ONE], NOW)
        history.forget(KEY)
        history.forget(KEY)
        assert history.ranks_before(KEY, NOW) == {}
