"""Watchlist and boards, through the tracker, equal a model of dicts and sorts, whatever happens."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from prometheus_client import CollectorRegistry

from tests.unit.watchlist.making import (
    HOUR,
    LIKES,
    LIKES_PER_HOUR,
    NOW,
    OLD_ID,
    RETWEETS,
    counts,
    limits,
    post,
    sighting,
)
from worker.boards import BoardsLimits
from worker.engagement import Outcome
from worker.model import ALL, Campaign, MetricName, PostId, Seconds, Timestamp, Tombstone, created_at
from worker.telemetry import Telemetry
from worker.tracker import Tracker
from worker.watchlist import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from worker.model import Sighting

METRICS = (LIKES, LIKES_PER_HOUR, RETWEETS)
POOL = (OLD_ID, *(post(number, NOW - HOUR * (number % 3)) for number in range(1, 14)))
PARTITIONS = 3
CAMPAIGNS = tuple(Campaign(name) for name in "vwxyz")
MAX_CAMPAIGNS = 3
TRACKING_WINDOW, GROWTH_WINDOW = 4 * HOUR, 600.0

Key = tuple[Campaign, MetricName]
Place = tuple[PostId, float]

post_ids = st.sampled_from(POOL)
some_posts = st.lists(post_ids, min_size=1, max_size=5, unique=True)
campaigns = st.lists(st.sampled_from(CAMPAIGNS), max_size=3).map(lambda names: tuple(sorted(set(names))))
words = st.none() | st.sampled_from(["ada", "bo"])
seen = st.tuples(post_ids, campaigns, words, words)
small = st.integers(0, 4)
likes_and_retweets = st.tuples(st.none() | small, st.none() | small)


def partition_of(post_id: PostId) -> int:
    """Most of them in one, so that its boards leave some out."""
    return max(post_id % 6 - 3, 0)


def by_rank(place: Place) -> tuple[float, PostId]:
    return -place[1], place[0]


@dataclass
class Known:
    """What the model knows of a Post."""

    seen_at: float
    campaigns: set[Campaign] = field(default_factory=set)
    state: State = State.NEW
    measured_at: float = 0.0
    values: dict[MetricName, float] = field(default_factory=dict)
    kept: list[tuple[float, int | None]] = field(default_factory=list)
    in_flight: bool = False
    silences: int = 0
    author: str | None = None
    text: str | None = None


class Tracking(RuleBasedStateMachine):
    """Each rule does the same to the tracker and to the model; then both must say the same."""

    @initialize(
        max_posts=st.sampled_from([4, 8, 14]),
        top=st.integers(1, 2),
        reserve=st.integers(1, 2),
        first=st.dictionaries(post_ids, st.tuples(campaigns, likes_and_retweets), min_size=4),
    )
    def start(
        self,
        max_posts: int,
        top: int,
        reserve: int,
        first: dict[PostId, tuple[tuple[Campaign, ...], tuple[int | None, int | None]]],
    ) -> None:
        self.max_posts, self.top, self.capacity = max_posts, top, top + reserve
        self.tracker = Tracker(
            METRICS,
            limits(max_posts, MAX_CAMPAIGNS, TRACKING_WINDOW, GROWTH_WINDOW),
            BoardsLimits(top, reserve),
            half_growth=Seconds(4800.0),
            telemetry=Telemetry(CollectorRegistry()),
        )
        self.posts: dict[PostId, Known] = {}
        self.requests: list[tuple[float, list[PostId]]] = []
        self.now = float(NOW)
        self.shown: dict[Key, list[Place]] = {}
        for post_id, (named, _) in list(first.items())[:max_posts]:
            self.see((post_id, named, None, None))
        self.ask_and_answer({post_id: values for post_id, (_, values) in first.items()})

    # What comes in

    @rule(what=seen)
    def see(self, what: tuple[PostId, tuple[Campaign, ...], str | None, str | None]) -> None:
        """A Sighting, for which room is made if there is none."""
        item = self.sighting(*what)
        full = item.post_id not in self.posts and len(self.posts) == self.max_posts
        before = dict(self.posts)
        evictable = {
            post_id
            for post_id, known in self.posts.items()
            if known.state is not State.NEW and not known.in_flight
        }
        taken = self.tracker.take(partition_of(item.post_id), [item], Timestamp(self.now))
        self.posts = {
            post_id: known for post_id, known in before.items() if post_id in self.tracker.watchlist
        }
        evicted = before.keys() - self.posts.keys()
        if full:
            # A hundredth of so few is one; and it leaves only where another one takes its place.
            assert taken == len(evicted) == (1 if evictable else 0)
            assert evicted <= evictable
            reach_nothing = {post_id for post_id in evictable if not before[post_id].values}
            assert evicted <= (reach_nothing or evictable)
        else:
            assert (taken, evicted) == (1, set())
        if taken:
            self.note([item])

    @rule(sightings=st.lists(seen, max_size=6), partition=st.integers(0, PARTITIONS - 1))
    def see_many(
        self,
        sightings: list[tuple[PostId, tuple[Campaign, ...], str | None, str | None]],
        partition: int,
    ) -> None:
        """A batch for which there is room."""
        items = [self.sighting(*what) for what in sightings if partition_of(what[0]) == partition]
        if len(self.posts.keys() | {item.post_id for item in items}) > self.max_posts:
            return
        assert self.tracker.take(partition, items, Timestamp(self.now)) == len(items)
        # New Posts are taken in before known ones join campaigns: it matters where campaigns fold.
        first: dict[PostId, Sighting] = {}
        known: list[Sighting] = []
        for item in items:
            if item.post_id in self.posts or item.post_id in first:
                known.append(item)
            else:
                first[item.post_id] = item
        self.note([*first.values(), *known])

    @rule(gone=st.lists(post_ids, min_size=1, max_size=2, unique=True))
    def delete(self, gone: list[PostId]) -> None:
        items = [Tombstone(post_id) for post_id in gone]
        assert self.tracker.take(partition_of(gone[0]), items, Timestamp(self.now)) == len(items)
        for post_id in gone:
            self.posts.pop(post_id, None)

    @rule(post_id=post_ids, what=campaigns)
    def delete_and_see_again(self, post_id: PostId, what: tuple[Campaign, ...]) -> None:
        """In one batch; whatever was asked meanwhile is still under way."""
        if post_id in self.posts:
            again = self.sighting(post_id, what, None, None)
            items: list[Sighting | Tombstone] = [Tombstone(post_id), again]
            assert self.tracker.take(partition_of(post_id), items, Timestamp(self.now)) == 2
            del self.posts[post_id]
            self.note([again])

    @rule(partition=st.integers(0, 3 * PARTITIONS))
    def lose_a_partition(self, partition: int) -> None:
        """Seldom: it leaves little to look at."""
        if partition >= PARTITIONS:
            return
        self.tracker.drop_partition(partition)
        self.posts = {
            post_id: known for post_id, known in self.posts.items() if partition_of(post_id) != partition
        }

    # What is asked and answered

    @rule(wanted=some_posts)
    def ask(self, wanted: list[PostId]) -> None:
        """A request leaves for those that are tracked and not in flight."""
        asked = [post_id for post_id in wanted if post_id in self.posts and not self.posts[post_id].in_flight]
        if asked:
            self.tracker.watchlist.app.mark_asked(asked, Timestamp(self.now))
            self.requests.append((self.now, asked))
            for post_id in asked:
                self.posts[post_id].in_flight = True

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), dated=st.floats(0, 1))
    def answer(self, data: st.DataObject, dated: float) -> None:
        """Any request's answer, also an older one after a newer; each Post is told of in some way."""
        at, asked = self.requests.pop(data.draw(st.integers(0, len(self.requests) - 1)))
        parts = st.sampled_from(["counts", "counts", "counts", "unavailable", "refused", "again", "silent"])
        told: dict[str, list[PostId]] = {}
        for post_id in asked:
            told.setdefault(data.draw(parts), []).append(post_id)
        values = {post_id: data.draw(likes_and_retweets) for post_id in told.get("counts", ())}
        self.take_answer(told, values, float(int(at + dated * (self.now - at))))

    @rule(values=st.dictionaries(post_ids, likes_and_retweets, min_size=6))
    def ask_and_answer(self, values: dict[PostId, tuple[int | None, int | None]]) -> None:
        """At once; who is in flight already is answered twice, the older answer last."""
        asked = [post_id for post_id in values if post_id in self.posts]
        self.take_answer({"counts": asked}, {post_id: values[post_id] for post_id in asked}, self.now)

    @rule(places=st.integers(1, 4), data=st.data())
    def those_on_top_fall(self, places: int, data: st.DataObject) -> None:
        campaign = data.draw(st.sampled_from(sorted(self.open_campaigns()) or [ALL]))
        falls = st.none() | st.integers(0, 1)
        falling = [post_id for post_id, _ in self.places(campaign, LIKES)[:places]]
        self.ask_and_answer({post_id: (data.draw(falls), 1) for post_id in falling})

    @rule(seconds=st.sampled_from([1, 30, 599, 600, 601, 3600]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    # What is looked at

    @rule(hours=st.integers(0, 6))
    def retire(self, hours: int) -> None:
        self.now += hours * HOUR
        over = {post_id for post_id, known in self.posts.items() if self.is_over(post_id, known)}
        on_top = self.on_boards(self.top)
        within_reserve = self.on_boards(self.capacity)
        assert self.tracker.retire(Timestamp(self.now)) == len(self.posts) - len(self.tracker.watchlist)
        retired = {post_id for post_id in self.posts if post_id not in self.tracker.watchlist}
        assert retired <= over - on_top
        assert over - within_reserve <= retired
        for post_id in retired:
            del self.posts[post_id]

    @rule()
    def close_campaigns(self) -> None:
        closed = self.tracker.close()
        having = {
            (partition_of(post_id), one)
            for post_id, known in self.posts.items()
            for one in {ALL, *known.campaigns}
        }
        assert not closed & having
        assert set(self.tracker.boards.campaigns()) <= self.open_campaigns()

    @rule()
    def look_at_what_changed(self) -> None:
        """No leaderboard differs from before without being named."""
        changed = {(campaign, metric) for _, campaign, metric in self.tracker.boards.take_changed()}
        boards = {
            (campaign, metric): self.leaderboard(campaign, metric)
            for campaign in (ALL, *CAMPAIGNS)
            for metric in METRICS
        }
        assert {key for key, places in boards.items() if places != self.shown.get(key, [])} <= changed
        self.shown = boards

    # Both must say the same

    @invariant()
    def the_tracker_finds_itself_right(self) -> None:
        self.tracker.check()

    @invariant()
    def every_leaderboard_is_the_sort_of_everything(self) -> None:
        for campaign in self.open_campaigns():
            for metric in METRICS:
                assert self.tracker.boards.merged(campaign, metric) == self.leaderboard(campaign, metric)

    @invariant()
    def every_post_is_known_as_it_is(self) -> None:
        watchlist = self.tracker.watchlist
        assert set(watchlist.post_ids()) == self.posts.keys()
        assert len(watchlist) == len(self.posts) <= self.max_posts
        for post_id, known in self.posts.items():
            told = watchlist.tracked(post_id)
            assert told is not None
            assert told.partition == partition_of(post_id)
            assert set(told.campaigns) == {ALL, *known.campaigns}
            assert (told.state, told.measured_at or 0.0) == (known.state, known.measured_at)
            assert told.values == known.values
            assert (told.author, told.text) == (known.author, known.text)
        waiting = {post_id for post_id, known in self.posts.items() if known.state is State.NEW}
        waiting = {post_id for post_id in waiting if not self.posts[post_id].in_flight}
        first = watchlist.app.first_unmeasured(99)
        assert len(first) == len(set(first))
        assert set(first) == waiting

    @invariant()
    def every_campaign_has_its_posts(self) -> None:
        groups = self.tracker.watchlist.groups
        assert set(groups.campaigns()) == self.open_campaigns()
        assert len(self.open_campaigns() - {ALL}) <= MAX_CAMPAIGNS
        for campaign in (ALL, *CAMPAIGNS):
            members = Counter(partition_of(post_id) for post_id, _ in self.members(campaign))
            assert groups.posts_in(campaign) == members.total()
            shares = {
                one: self.tracker.watchlist.shares.tracked(one, campaign) for one in members | {0: 0, 1: 0}
            }
            assert shares == {one: members[one] for one in shares}

    # The model

    def sighting(
        self, post_id: PostId, named: tuple[Campaign, ...], author: str | None, text: str | None
    ) -> Sighting:
        return sighting(post_id, *named, seen_at=self.now, author=author, text=text)

    def note(self, sightings: Iterable[Sighting]) -> None:
        for item in sightings:
            known = self.posts.get(item.post_id)
            room = MAX_CAMPAIGNS - len(self.open_campaigns() - {ALL})
            new = [campaign for campaign in item.campaigns if campaign not in self.open_campaigns()]
            folded = new[room:]
            if known is None:
                known = self.posts[item.post_id] = Known(seen_at=self.now)
            known.campaigns |= {campaign for campaign in item.campaigns if campaign not in folded}
            if known.state is not State.UNAVAILABLE:
                known.author = known.author or item.author
                known.text = known.text or item.text

    def take_answer(
        self,
        told: dict[str, list[PostId]],
        values: dict[PostId, tuple[int | None, int | None]],
        dated: float,
    ) -> None:
        parts = {part: tuple(told.get(part, ())) for part in ("unavailable", "refused", "again", "silent")}
        self.tracker.answered(
            Outcome(
                Timestamp(self.now),
                counts=[counts(values, dated)] if values else [],
                unavailable=parts["unavailable"],
                refused=parts["refused"],
                again=parts["again"] + parts["silent"],
                silent=parts["silent"],
            )
        )
        for post_id in [*values, *(post_id for part in parts.values() for post_id in part)]:
            if post_id in self.posts:
                self.posts[post_id].in_flight = False
        for post_id, (likes, retweets) in values.items():
            self.measure(post_id, likes, retweets, dated)
        for post_id in parts["silent"]:
            if post_id in self.posts:
                self.posts[post_id].silences += 1
        silent = [post_id for post_id in parts["silent"] if self.silences(post_id) >= 3]
        for post_id in (*parts["unavailable"], *parts["refused"], *silent):
            self.lose(post_id)

    def silences(self, post_id: PostId) -> int:
        return self.posts[post_id].silences if post_id in self.posts else 0

    def lose(self, post_id: PostId) -> None:
        if post_id in self.posts:
            known = self.posts[post_id]
            known.state, known.measured_at, known.silences = State.UNAVAILABLE, self.now, 0
            known.values, known.author, known.text = {}, None, None

    def measure(self, post_id: PostId, likes: int | None, retweets: int | None, at: float) -> None:
        known = self.posts.get(post_id)
        if known is None:
            return
        known.silences = 0
        if known.measured_at > at:
            return
        known.state, known.measured_at = State.MEASURED, at
        values = {LIKES: likes, RETWEETS: retweets, LIKES_PER_HOUR: self.grown(post_id, known, likes, at)}
        known.values = {metric: float(value) for metric, value in values.items() if value is not None}
        if not known.kept or at - known.kept[-1][0] >= GROWTH_WINDOW:
            known.kept.append((at, likes))

    @staticmethod
    def grown(post_id: PostId, known: Known, likes: int | None, at: float) -> float | None:
        born = created_at(post_id)
        since, start = (None if born is None else min(born, known.seen_at)), 0
        old_enough = [(kept_at, kept) for kept_at, kept in known.kept if at - kept_at >= GROWTH_WINDOW]
        if old_enough:
            kept_at, kept = old_enough[-1]
            if kept is not None:
                since, start = kept_at, kept
        if likes is None or since is None:
            return None
        return (likes - start) / (max(at - since, 1.0) / 3600)

    def is_over(self, post_id: PostId, known: Known) -> bool:
        born = created_at(post_id)
        since = known.seen_at if born is None else min(born, known.seen_at)
        return known.state is not State.NEW and not known.in_flight and since + TRACKING_WINDOW < self.now

    def open_campaigns(self) -> set[Campaign]:
        named = {campaign for known in self.posts.values() for campaign in known.campaigns}
        return {ALL, *named} if self.posts else set()

    def members(self, campaign: Campaign) -> Iterable[tuple[PostId, Known]]:
        return (
            (post_id, known)
            for post_id, known in self.posts.items()
            if campaign == ALL or campaign in known.campaigns
        )

    def places(self, campaign: Campaign, metric: MetricName) -> Sequence[Place]:
        found = [
            (post_id, known.values[metric])
            for post_id, known in self.members(campaign)
            if metric in known.values
        ]
        return sorted(found, key=by_rank)

    def leaderboard(self, campaign: Campaign, metric: MetricName) -> list[Place]:
        return list(self.places(campaign, metric)[: self.top])

    def on_boards(self, places: int) -> set[PostId]:
        """The Posts on the first places of any partition's board."""
        found = set()
        for campaign in self.open_campaigns():
            for metric in METRICS:
                for partition in range(PARTITIONS):
                    own = [
                        place
                        for place in self.places(campaign, metric)
                        if partition_of(place[0]) == partition
                    ]
                    found |= {post_id for post_id, _ in own[:places]}
        return found


TestTracking = Tracking.TestCase
TestTracking.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
