"""The leaderboards of all workers together: own partitions from the live boards, the others as was told.

No I/O, no thread, no clock: what the topic says comes in through ``learn``, what it should be told goes out
through ``take_due``.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias

from worker.board_metrics import board_metric
from worker.model import Partial, PartialEntry, PartialKey
from worker.recall import sum_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from worker.model import Campaign, MetricName, Missing, PostId, Timestamp
    from worker.ownership import Ownership
    from worker.tracker import Tracker

Key: TypeAlias = "tuple[Campaign, MetricName]"

_NOTHING_NEW: Final = 0.01
_NOTHING_NEW_SHARE: Final = 0.1
"""Places that a partition's part of what is missing may be off, and share of it, without being told anew."""
_ROUNDS: Final = 10
"""Takes in which every own partial is looked at once, also those without a changed value: others are told how
fresh the values are, and how many Posts are tracked."""


class Merger:
    """All partials that there are, and which of ours the topic should be told.

    A partition is *live* when it is ours and restored: its boards here are the truth, and what the topic says
    of it is what it should not forget to overwrite. Of all others the topic is the truth, also while we
    restore one, and after one was revoked what we wrote last: so nothing is half, and nothing of a worker
    that is gone outlives the restoration of its partitions.

    ``missing`` says what the full boards of a campaign lack of this worker's Posts; see ``Audits``.
    ``writer`` names this worker in what it writes. ``complete``: the topic was read to its end once.
    """

    def __init__(
        self,
        tracker: Tracker,
        ownership: Ownership,
        writer: str,
        missing: Callable[[Campaign], Missing | None],
    ) -> None:
        self.complete = False
        self._missing = missing
        self._tracker = tracker
        self._ownership = ownership
        self._writer = writer
        self._top = tracker.boards.limits.top
        self._live: frozenset[int] = frozenset()
        # By partition. Of a live one: its boards, each with what was written of it last, by whomever.
        self._partials: defaultdict[int, dict[Key, Partial | None]] = defaultdict(dict)
        self._partitions: dict[Key, set[int]] = {}
        self._changed: set[Key] = set()
        # To be told, the longest waiting first. True: also where nothing differs from what was told before.
        self._due: dict[PartialKey, bool] = {}
        self._round = 0
        self._others: dict[Key, list[PartialEntry]] = {}

    # What comes in

    def learn(self, found: Partial | PartialKey) -> None:
        """The topic says this; a key alone is a tombstone. In the topic's order: the last is what holds."""
        key = key_of(found)
        if key.partition not in self._live:
            self._hold(key, found if isinstance(found, Partial) else None)
        elif isinstance(found, Partial):
            if found.writer != self._writer:
                # By a worker that does not know yet that it lost the partition, or did not when it sent this.
                self._due[key] = True
        elif key.board in self._partials[key.partition]:
            self._due[key] = True
        else:
            self._due.pop(key, None)

    def follow(self) -> None:
        """Look whether partitions were gained or lost."""
        live = self._ownership.live
        for partition in self._live - live:
            self._lose(partition)
        for partition in live - self._live:
            self._gain(partition)
        self._live = live

    # What is merged

    def take_changed(self) -> set[Key]:
        """Which leaderboards may differ since this was asked last, or may exist no more."""
        self.follow()
        closed = {place for place in self._tracker.close() if place[0] in self._live}
        for partition, campaign in closed:
            for metric in self._tracker.boards.metrics:
                self._shut(partition, (campaign, metric))
        for partition, campaign, metric in self._tracker.boards.take_changed():
            if partition in self._live and self._tracker.boards.has(partition, campaign):
                self._touch(partition, (campaign, metric))
        changed, self._changed = self._changed, set()
        return changed

    def exists(self, key: Key) -> bool:
        """Whether any partition has a board for this leaderboard."""
        return key in self._partitions

    def places(self, key: Key) -> Sequence[PartialEntry]:
        """The top of all partitions together, best first."""
        places = self._tracker.boards.best(self._live, *key, self._top)
        own = self._entries(key[1], places)
        others = self._top_of_others(key)
        if not others:
            return own
        return list(islice(heapq.merge(own, others, key=_rank), self._top))

    def tracked(self, key: Key) -> int:
        """The tracked Posts of the leaderboard's campaign, in all partitions."""
        own = self._tracked_here(key[0])
        return own + sum(partial.tracked_posts for partial in self._of_others(key))

    def missing(self, campaign: Campaign) -> Missing | None:
        """What the full boards of a campaign lack, in all partitions. ``None``: not enough data."""
        found: list[Missing | None] = []
        if self._tracked_here(campaign):
            found.append(self._missing(campaign))
        # Each partition tells it beside every board: one of them is enough.
        key = (campaign, self._tracker.boards.metrics[0])
        return sum_of(found + [partial.missing for partial in self._of_others(key) if partial.tracked_posts])

    # What goes out

    def take_due(self, most: int, now: Timestamp) -> list[Partial | PartialKey]:
        """At most so many of what the topic should be told; a key alone is a tombstone.

        It counts as told from now on: ``put_back`` what did not get there.
        """
        self.follow()
        taken: list[Partial | PartialKey] = []
        while self._due and len(taken) < most:
            key = next(iter(self._due))
            told = self._to_tell(key, now, even_if_same=self._due.pop(key))
            if told is not None:
                taken.append(told)
        return taken

    @property
    def due(self) -> int:
        """How many partials the topic should be told."""
        return len(self._due)

    def look_round(self) -> None:
        """Have a share of our partials looked at, whether or not their boards changed."""
        self._round = (self._round + 1) % _ROUNDS
        own = (PartialKey(*board, one) for one in self._live for board in self._partials[one])
        for number, key in enumerate(own):
            if number % _ROUNDS == self._round:
                self._due.setdefault(key, False)

    def put_back(self, taken: Iterable[Partial | PartialKey]) -> None:
        """These may not have got there: they are due again, as long as they are ours."""
        for one in taken:
            key = key_of(one)
            if key.partition in self._live:
                self._due[key] = True

    # One partition's

    def _lose(self, partition: int) -> None:
        """Another worker's from now on: nothing is due, and what we wrote last is what is known."""
        self._due = {key: even for key, even in self._due.items() if key.partition != partition}
        for board, partial in list(self._partials[partition].items()):
            if partial is None:
                self._forget(partition, board)
            self._note(board)

    def _gain(self, partition: int) -> None:
        """Ours, and restored: all of its boards are to be told, and what it has no board for to be erased."""
        known = self._partials[partition]
        own = dict.fromkeys(self._tracker.boards.filled(partition))
        for board in {**known, **own}:
            self._due[PartialKey(*board, partition)] = True
            self._note(board)
            if board in own:
                self._partitions.setdefault(board, set()).add(partition)
            else:
                self._forget(partition, board)
        self._partials[partition] = {board: known.get(board) for board in own}

    def _touch(self, partition: int, board: Key) -> None:
        self._partials[partition].setdefault(board, None)
        self._partitions.setdefault(board, set()).add(partition)
        self._due.setdefault(PartialKey(*board, partition), False)
        self._changed.add(board)

    def _shut(self, partition: int, board: Key) -> None:
        """The partition has no Posts of the campaign any more."""
        if board not in self._partials[partition]:
            return
        key = PartialKey(*board, partition)
        if self._partials[partition][board] is None:
            self._due.pop(key, None)
        else:
            self._due[key] = True
        self._forget(partition, board)
        self._note(board)

    def _hold(self, key: PartialKey, partial: Partial | None) -> None:
        if partial is None:
            self._forget(key.partition, key.board)
        else:
            self._partials[key.partition][key.board] = partial
            if key.metric in self._tracker.boards.metrics and key.partition < self._ownership.total:
                self._partitions.setdefault(key.board, set()).add(key.partition)
        self._note(key.board)

    def _forget(self, partition: int, board: Key) -> None:
        self._partials[partition].pop(board, None)
        having = self._partitions.get(board, set())
        having.discard(partition)
        if not having:
            self._partitions.pop(board, None)

    def _note(self, board: Key) -> None:
        """What is known of this leaderboard from others is another."""
        self._others.pop(board, None)
        self._changed.add(board)

    # Entries

    def _of_others(self, key: Key) -> Iterator[Partial]:
        for partition in self._partitions.get(key, ()):
            if partition not in self._live and (partial := self._partials[partition][key]) is not None:
                yield partial

    def _top_of_others(self, key: Key) -> list[PartialEntry]:
        top = self._others.get(key)
        if top is None:
            entries = heapq.merge(*(partial.entries for partial in self._of_others(key)), key=_rank)
            top = self._others[key] = list(islice(entries, self._top))
        return top

    def _entries(self, metric: MetricName, places: Sequence[tuple[PostId, float]]) -> list[PartialEntry]:
        if not places:
            return []
        watchlist = self._tracker.watchlist
        times = watchlist.measured_times([place[0] for place in places], board_metric(metric).endpoint)
        return [
            PartialEntry(post_id, value, measured_at, *watchlist.words(post_id))
            for (post_id, value), measured_at in zip(places, times, strict=True)
        ]

    def _to_tell(self, key: PartialKey, now: Timestamp, *, even_if_same: bool) -> Partial | PartialKey | None:
        own = self._partials[key.partition]
        if key.board not in own:
            return key
        places = self._tracker.boards.best((key.partition,), *key.board, self._top + 1)
        entries = tuple(self._entries(key.metric, places))
        tracked = self._tracker.watchlist.shares.tracked(key.partition, key.campaign)
        missing = self._missing(key.campaign)
        if missing is not None:
            # Posts are spread over partitions by their IDs, so that none has more doubtful ones than others.
            missing = missing.part(tracked / max(self._tracked_here(key.campaign), 1))
        partial = Partial(key, self._writer, now, tracked, entries, missing)
        before = own[key.board]
        if not even_if_same and before is not None and _same(before, partial):
            return None
        own[key.board] = partial
        return partial

    def _tracked_here(self, campaign: Campaign) -> int:
        shares = self._tracker.watchlist.shares
        return sum(shares.tracked(partition, campaign) for partition in self._live)


def key_of(told: Partial | PartialKey) -> PartialKey:
    """The key of what the topic says or is told."""
    return told.key if isinstance(told, Partial) else told


def _same(before: Partial, after: Partial) -> bool:
    """Whether there is nothing new to tell. What is missing changes with each request, and counts if much."""
    if (before.entries, before.tracked_posts) != (after.entries, after.tracked_posts):
        return False
    if before.missing is None or after.missing is None:
        return before.missing == after.missing
    return all(
        abs(new - old) <= max(_NOTHING_NEW, _NOTHING_NEW_SHARE * old)
        for old, new in zip(before.missing, after.missing, strict=True)
    )


def _rank(entry: PartialEntry) -> tuple[float, PostId]:
    return entry.rank_key
