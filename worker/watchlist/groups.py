"""Which campaigns there are, and which sets of them Posts compete in: each set is kept once, by number."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from worker.model import ALL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.model import Campaign


class Groups:
    """Sets of campaigns by number, with the Posts in each counted; forgotten when nobody is in them.

    Every set has ``all``. Campaigns beyond ``max_campaigns`` fold into ``all``; ``folded`` counts the
    Sightings so treated.
    """

    def __init__(self, max_campaigns: int) -> None:
        self.max_campaigns = max_campaigns
        self.folded = 0
        self.changes = 0
        self._numbers: dict[tuple[Campaign, ...], int] = {}
        self._sets: dict[int, tuple[Campaign, ...]] = {}
        self._posts: Counter[int] = Counter()
        self._members: defaultdict[Campaign, set[int]] = defaultdict(set)
        self._free: list[int] = []
        self._known: dict[tuple[Campaign, ...], int] = {}

    def join(self, campaigns: tuple[Campaign, ...]) -> int:
        """The number of a set, with one more Post in it. ``campaigns`` need not name ``all``."""
        number = self._known.get(campaigns)
        if number is None:
            number = self._find(campaigns)
        self._posts[number] += 1
        return number

    def leave(self, number: int, posts: int = 1) -> None:
        """So many Posts less in a set."""
        self._posts[number] -= posts
        if self._posts[number]:
            return
        del self._posts[number]
        self.changes += 1
        campaigns = self._sets.pop(number)
        del self._numbers[campaigns]
        self._known.clear()
        self._free.append(number)
        for campaign in campaigns:
            self._members[campaign].discard(number)
            if not self._members[campaign]:
                del self._members[campaign]

    def campaigns_of(self, number: int) -> tuple[Campaign, ...]:
        """The campaigns of a set, ``all`` first."""
        return self._sets[number]

    def with_campaign(self, campaign: Campaign) -> list[int]:
        """The numbers of the sets that a campaign is in."""
        return list(self._members.get(campaign, ()))

    def sets(self) -> Iterator[tuple[int, tuple[Campaign, ...]]]:
        """Every set that has Posts, with its number."""
        return iter(self._sets.items())

    def posts_in(self, campaign: Campaign) -> int:
        """Tracked Posts in a campaign."""
        return sum(self._posts[number] for number in self._members.get(campaign, ()))

    def campaigns(self) -> list[Campaign]:
        """The campaigns that have Posts."""
        return list(self._members)

    def _find(self, campaigns: tuple[Campaign, ...]) -> int:
        named = dict.fromkeys(campaign for campaign in campaigns if campaign != ALL)
        room = self.max_campaigns - (len(self._members) - (ALL in self._members))
        new = [campaign for campaign in named if campaign not in self._members]
        folded = new[max(room, 0) :]
        allowed = (ALL, *sorted(named.keys() - set(folded)))
        number = self._numbers.get(allowed)
        if number is None:
            number = self._open(allowed)
        if folded:
            self.folded += 1
        else:
            self._known[campaigns] = number
        return number

    def _open(self, campaigns: tuple[Campaign, ...]) -> int:
        self.changes += 1
        number = self._free.pop() if self._free else len(self._sets)
        self._numbers[campaigns] = number
        self._sets[number] = campaigns
        for campaign in campaigns:
            self._members[campaign].add(number)
        return number
