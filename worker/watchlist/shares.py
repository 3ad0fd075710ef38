"""How the Posts of each campaign spread over the partitions, counted as they come and go."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.model import Campaign


class Shares:
    """Tracked Posts by partition and campaign; and which campaigns a partition has lost its last Post of."""

    def __init__(self) -> None:
        self._posts: Counter[tuple[int, Campaign]] = Counter()
        self._closed: set[tuple[int, Campaign]] = set()

    def __len__(self) -> int:
        return len(self._posts)

    def tracked(self, partition: int, campaign: Campaign) -> int:
        """Tracked Posts of a campaign in a partition."""
        return self._posts.get((partition, campaign), 0)

    def add(self, partition: int, campaigns: Iterable[Campaign], posts: int = 1) -> None:
        """So many Posts more that are in all of these campaigns."""
        for campaign in campaigns:
            self._posts[partition, campaign] += posts

    def take(self, partition: int, campaigns: Iterable[Campaign], posts: int = 1) -> None:
        """So many Posts less that were in all of these campaigns."""
        for campaign in campaigns:
            self._posts[partition, campaign] -= posts
            if not self._posts[partition, campaign]:
                del self._posts[partition, campaign]
                self._closed.add((partition, campaign))

    def drop(self, partition: int) -> None:
        """The partition has no Posts any more."""
        gone = [place for place in self._posts if place[0] == partition]
        for place in gone:
            del self._posts[place]
        self._closed.update(gone)

    def take_closed(self) -> set[tuple[int, Campaign]]:
        """Partitions with campaigns that lost their last Post since this was asked last."""
        closed = {place for place in self._closed if place not in self._posts}
        self._closed = set()
        return closed
