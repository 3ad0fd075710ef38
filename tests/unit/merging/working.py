"""Workers of one group without threads and brokers: trackers, what they own, and the topic between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.tracker.test_tracker import answered, tracker
from tests.unit.watchlist.making import LIKES, NOW, sighting
from worker.formats.partial import decode_partial, encode_key, encode_partial
from worker.merging import Merger, key_of
from worker.model import ALL, Partial, PartialKey
from worker.ownership import Ownership

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from worker.merging import Key
    from worker.model import Campaign, Missing, PostId

KEY: Key = (ALL, LIKES)


class Topic:
    """The topic, as bytes, in order."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes, bytes | None]] = []

    def write(self, told: Iterable[Partial | PartialKey]) -> None:
        self.records += [
            (encode_key(key_of(one)), encode_partial(one) if isinstance(one, Partial) else None)
            for one in told
        ]

    def keys(self) -> set[bytes]:
        """What is left of it by compaction."""
        return {key for key, value in dict(self.records).items() if value is not None}


class Member:
    """One worker of the group."""

    def __init__(
        self, topic: Topic, name: str = "one", partitions: int = 4, *, top: int = 2, reserve: int = 1
    ) -> None:
        self.topic = topic
        self.tracker = tracker(top=top, reserve=reserve)
        self.ownership = Ownership(partitions)
        self.lacking: Missing | None = None
        self.merger = Merger(self.tracker, self.ownership, name, lambda _: self.lacking)
        self.ownership.listeners.append(self.merger.follow)
        self.read = 0
        self.named: set[Key] = set()

    def own(
        self, partition: int, posts: Mapping[PostId, int], *campaigns: Campaign, restored: bool = True
    ) -> None:
        """The partition is assigned, with these Posts and their likes in it."""
        self.ownership.assigned([partition])
        self.measure(partition, posts, *campaigns)
        if restored:
            self.ownership.was_restored(partition)

    def measure(self, partition: int, posts: Mapping[PostId, int], *campaigns: Campaign) -> None:
        self.tracker.take(partition, [sighting(one, *campaigns, author="ada") for one in posts], NOW)
        if posts:
            answered(self.tracker, dict(posts))

    def lose(self, partition: int) -> None:
        """As the owner does."""
        self.ownership.revoked([partition])
        self.tracker.drop_partition(partition)

    def write(self, most: int = 1000) -> list[Partial | PartialKey]:
        self.named |= self.merger.take_changed()
        told = self.merger.take_due(most, NOW)
        self.topic.write(told)
        return told

    def catch_up(self, most: int = 1000) -> None:
        for key, value in self.topic.records[self.read : self.read + most]:
            found = decode_partial(key, value)
            assert isinstance(found, Partial | PartialKey)
            self.merger.learn(found)
            self.read += 1

    def shown(self, key: Key = KEY) -> list[tuple[PostId, float]]:
        return [(one.post_id, one.value) for one in self.merger.places(key)]


def settle(*members: Member) -> None:
    """Let them tell each other until nobody has anything to say."""
    for _ in range(20):
        for member in members:
            member.catch_up()
        if not [told for member in members for told in member.write()]:
            return
    raise AssertionError("they go on and on")
