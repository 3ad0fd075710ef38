"""However Posts are split over partitions and these over workers, each worker shows the plain sort of all.

Partitions move, workers die without a word, records arrive late, in parts, or get lost and are sent again.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.unit.merging.working import Member, Topic, settle
from tests.unit.watchlist.making import LIKES, NOW, A, B, post
from worker.model import ALL, Campaign, Partial, PartialKey, PostId

PARTITIONS = 3
POSTS = [post(number) for number in range(12)]
CAMPAIGNS = (A, B)


def partition_of(post_id: PostId) -> int:
    return POSTS.index(post_id) % PARTITIONS


class Group(RuleBasedStateMachine):
    """Workers, the topic between them, and beside them a dict of every Post."""

    @initialize(top=st.integers(1, 4))
    def start(self, top: int) -> None:
        self.top = top
        self.topic = Topic()
        self.posts: dict[PostId, tuple[tuple[Campaign, ...], int]] = {}
        self.born = 0
        self.members = [self.new_member(), self.new_member()]
        self.owner: dict[int, Member] = {}
        self.restored: set[int] = set()
        self.late: list[list[Partial | PartialKey]] = []

    def new_member(self) -> Member:
        self.born += 1
        return Member(self.topic, f"worker {self.born}", PARTITIONS, top=self.top)

    # The group

    @rule(partition=st.integers(0, PARTITIONS - 1), number=st.integers(0, 2))
    def assign(self, partition: int, number: int) -> None:
        """To another worker, or for the first time."""
        member = self.members[number % len(self.members)]
        if self.owner.get(partition) is member:
            return
        if partition in self.owner:
            self.owner[partition].lose(partition)
        self.owner[partition] = member
        self.restored.discard(partition)
        member.ownership.assigned([partition])

    @rule(partition=st.integers(0, PARTITIONS - 1))
    def restore(self, partition: int) -> None:
        """As from a journal: the Posts with their last values."""
        member = self.owner.get(partition)
        if member is None or partition in self.restored:
            return
        for post_id, (campaigns, likes) in self.posts.items():
            if partition_of(post_id) == partition:
                member.measure(partition, {post_id: likes}, *campaigns)
        self.restored.add(partition)
        member.ownership.was_restored(partition)

    @rule()
    def join(self) -> None:
        if len(self.members) < 3:
            self.members.append(self.new_member())

    @rule(number=st.integers(0, 2))
    def die(self, number: int) -> None:
        """Nobody hears of it; its partitions are nobody's."""
        if len(self.members) == 1:
            return
        dead = self.members.pop(number % len(self.members))
        for partition in [one for one, owner in self.owner.items() if owner is dead]:
            del self.owner[partition]
            self.restored.discard(partition)

    # The Posts

    @rule(
        post_id=st.sampled_from(POSTS), likes=st.integers(0, 4), campaigns=st.sets(st.sampled_from(CAMPAIGNS))
    )
    def measure(self, post_id: PostId, likes: int, campaigns: set[Campaign]) -> None:
        partition = partition_of(post_id)
        if partition not in self.restored:
            return
        named = tuple(sorted({*campaigns, *self.posts.get(post_id, ((), 0))[0]}))
        self.posts[post_id] = named, likes
        self.owner[partition].measure(partition, {post_id: likes}, *named)

    @rule(post_id=st.sampled_from(POSTS))
    def erase(self, post_id: PostId) -> None:
        partition = partition_of(post_id)
        if partition in self.restored and self.posts.pop(post_id, None) is not None:
            self.owner[partition].tracker.remove(post_id, "tombstone")

    # The topic

    @rule(number=st.integers(0, 2), most=st.integers(1, 4))
    def write(self, number: int, most: int) -> None:
        self.members[number % len(self.members)].write(most)

    @rule(number=st.integers(0, 2), most=st.integers(1, 4))
    def write_in_vain(self, number: int, most: int) -> None:
        member = self.members[number % len(self.members)]
        member.merger.take_changed()
        member.merger.put_back(member.merger.take_due(most, NOW))

    @rule(number=st.integers(0, 2), most=st.integers(1, 4))
    def write_late(self, number: int, most: int) -> None:
        """It is on its way, whatever becomes of its writer."""
        member = self.members[number % len(self.members)]
        member.merger.take_changed()
        self.late.append(member.merger.take_due(most, NOW))

    @rule()
    def arrive(self) -> None:
        for told in self.late:
            self.topic.write(told)
        self.late.clear()

    @rule(number=st.integers(0, 2), most=st.integers(1, 5))
    def read(self, number: int, most: int) -> None:
        self.members[number % len(self.members)].catch_up(most)

    # What is right

    @rule()
    def come_to_rest(self) -> None:
        for partition in range(PARTITIONS):
            if partition not in self.owner:
                self.assign(partition, partition)
            self.restore(partition)
        self.arrive()
        settle(*self.members)
        for member in self.members:
            member.merger.take_changed()
            for campaign in (ALL, *CAMPAIGNS):
                self.look(member, campaign)
        kept = {
            f"{campaign}/{LIKES}/{partition_of(post_id)}".encode()
            for post_id, (campaigns, _) in self.posts.items()
            for campaign in (ALL, *campaigns)
        }
        assert self.topic.keys() == kept

    def look(self, member: Member, campaign: Campaign) -> None:
        right = self.plain_sort(campaign)
        assert member.shown((campaign, LIKES)) == right[: self.top]
        assert member.merger.exists((campaign, LIKES)) == bool(right)
        assert member.merger.tracked((campaign, LIKES)) == len(right)

    def plain_sort(self, campaign: Campaign) -> list[tuple[PostId, float]]:
        found = [
            (post_id, float(likes))
            for post_id, (campaigns, likes) in self.posts.items()
            if campaign == ALL or campaign in campaigns
        ]
        return sorted(found, key=lambda place: (-place[1], place[0]))

    @invariant()
    def own_posts_are_shown_as_they_are_at_any_time(self) -> None:
        for member in getattr(self, "members", []):
            live = member.ownership.live
            for campaign in (ALL, *CAMPAIGNS):
                shown = member.merger.places((campaign, LIKES))
                assert len(shown) == len({one.post_id for one in shown}) <= self.top
                assert [one.rank_key for one in shown] == sorted(one.rank_key for one in shown)
                own = [place for place in self.plain_sort(campaign) if partition_of(place[0]) in live]
                mine = [(one.post_id, one.value) for one in shown if partition_of(one.post_id) in live]
                assert mine == own[: len(mine)]
                counted = Counter(partition_of(post_id) for post_id, _ in own)
                assert member.merger.tracked((campaign, LIKES)) >= counted.total()


TestGroup = Group.TestCase
TestGroup.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
