"""What the journal is told, and when: by the loop that owns the Watchlist."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import structlog

from worker.formats.journal import Claim, Epoch, encode_claim, encode_retired, encode_saved
from worker.intake.clients import Partition
from worker.intake.commits import Turn
from worker.intake.ledger import Parcel
from worker.journal.writer import Page
from worker.model import Seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from worker.intake import TopicNames
    from worker.journal.writer import JournalWriter
    from worker.model import Clock, PostId, Sighting, Timestamp, Tombstone
    from worker.telemetry import Telemetry
    from worker.tracker import Tracker

_log = structlog.get_logger(__name__)

_PAGE: Final = 500
_AT_ONCE: Final = 5_000
"""Posts told in one flush at most, beside those that offsets wait for: it must not hold up the loop."""
_AT_HAND_OVER: Final = 20_000
"""Posts of a partition told at a hand-over at most, beside those: it has two seconds."""
_TOGETHER: Final = 0.1
"""Seconds in which batches of a partition count as one."""
_NO_TURN: Final = -1


Holds: TypeAlias = "Callable[[int, Seconds], bool]"


@dataclass(frozen=True, slots=True)
class KeeperSettings:
    """When the journal is told.

    ``interval``: least seconds between two records of a Post's counts. ``linger``: longest wait of a new Post
    to be told together with its first counts. ``queue_posts``: Sightings and Posts that left, of which
    so many may wait for a writer that is full.
    """

    interval: Seconds
    linger: Seconds
    queue_posts: int


@dataclass(slots=True)
class _Taken:
    """Sightings that were taken up to an offset, and not all told yet."""

    at: Seconds
    offset: int
    post_ids: list[PostId]


class _Owned:
    """A partition of ours: the turn we own it in, and what waits to be told of it.

    ``since``: the first turn of those that it was kept over. ``kept``: all of it was known in the turn
    before, and our claim of this one is not read yet. ``epoch``: of our claim. ``untold``: how many Sightings
    those ``taken`` are. ``contested``: an epoch that somebody claimed above ours, at this time by our clock;
    what we tell does not hold while that stands.
    """

    def __init__(self, turn: int, generation: int) -> None:
        self.turn = self.since = turn
        self.epoch = Epoch(0, generation)
        self.restored = False
        self.kept = False
        self.contested: Epoch | None = None
        self.contested_at = Seconds(0.0)
        self.taken: deque[_Taken] = deque()
        self.untold = 0
        self.retired: dict[PostId, None] = {}

    @property
    def may_be_told(self) -> bool:
        """Whether it is all there, and what we tell of it holds."""
        return self.restored and self.contested is None

    def keep(self) -> bool:
        """It is ours no more, and may be again: whether what is known of it is worth keeping.

        Its Sightings that are not told yet will be read again. Those that left stay: of a Post that is not
        tracked any more, a tombstone that is read again tells nothing.
        """
        self.kept = self.kept or self.restored
        self.restored = False
        self.contested = None
        self.turn = _NO_TURN
        self.taken.clear()
        self.untold = 0
        return self.kept


class Keeper:
    """Tells the journal what changes in the Watchlist, and the writer which offsets that covers.

    A new Post waits for its first counts for a moment, so that as a rule one record tells both. ``by`` is how
    this worker signs; ``holds`` says of a partition whether the group has known it as ours since a moment.
    Not safe for threads: the Watchlist's loop owns it.
    """

    def __init__(
        self,
        tracker: Tracker,
        writer: JournalWriter,
        names: TopicNames,
        by: str,
        settings: KeeperSettings,
        *,
        holds: Holds,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._tracker = tracker
        self._saving = tracker.watchlist.saving
        self._writer = writer
        self._names = names
        self._by = by
        self._settings = settings
        self._holds = holds
        self._clock = clock
        self._telemetry = telemetry
        self._owned: dict[int, _Owned] = {}

    # What happens

    def assigned(self, partitions: Iterable[int], turn: int, generation: int) -> None:
        """These are ours: each is claimed, so that what others write from now on does not hold.

        Nothing else is told of them before they are restored.
        """
        for partition in partitions:
            self._owned[partition] = owned = _Owned(turn, generation)
            self._writer.put(Page((), {}, anew=partition))
            self._claim(partition, owned)

    def keep(self, partitions: Iterable[int]) -> list[int]:
        """These may be ours again soon: nothing is told of them until then. Returns those worth keeping."""
        known = [(partition, self._owned[partition]) for partition in partitions if partition in self._owned]
        return [partition for partition, owned in known if owned.keep()]

    def resume(self, partitions: Iterable[int], turn: int, generation: int) -> list[int]:
        """Of these, which are ours, claim those that were kept; returns them.

        The claim is written when all that was told before is: as long as nobody else claims the partition,
        that holds, and after another's claim it does not.
        """
        kept = [one for one in partitions if one in self._owned and self._owned[one].kept]
        for partition in kept:
            owned = self._owned[partition]
            owned.turn, owned.epoch = turn, Epoch(owned.epoch.era, generation)
            self._claim(partition, owned)
        return kept

    def overtaken(self, partition: int) -> None:
        """Another had claimed a partition that was kept. It is restored anew, in the same turn."""
        before = self._owned[partition]
        self.assigned([partition], before.turn, before.epoch.generation)

    def is_turn(self, partition: int, turn: int) -> bool:
        """Whether the partition is ours, in this turn of owning it."""
        owned = self._owned.get(partition)
        return owned is not None and owned.turn == turn

    def kept_since(self, partition: int, turn: int) -> bool:
        """Whether what is known of the partition was kept since this turn, which is over."""
        owned = self._owned.get(partition)
        return owned is not None and owned.since <= turn

    def restored(self, partition: int, stale: Iterable[PostId] = ()) -> None:
        """The Watchlist has all that the journal knew up to our claim. ``stale``: to be told anew."""
        owned = self._owned[partition]
        owned.restored, owned.kept = True, False
        # Evicted while it was restored, and told of once more by a later record.
        owned.retired = {one: None for one in owned.retired if one not in self._tracker.watchlist}
        self._tell_again(owned, stale)

    def foreign(self, partition: int, post_ids: Iterable[PostId], claim: Epoch | None = None) -> None:
        """Somebody else wrote of these Posts, or claimed the partition.

        Where that claim is above ours, the group gave the partition to another, and we shall hear of it. Only
        if the group still knows it as ours after that, as when brokers have forgotten the group and begun
        to count anew, we claim it above that. A claim below ours does not count, and ours is told again, as
        the log keeps the last one.
        """
        owned = self._owned[partition]
        if claim is not None and self._may_follow(owned, claim):
            owned.epoch = Epoch(claim.era, owned.epoch.generation)
            self._claim(partition, owned)
        elif claim is not None and claim >= owned.epoch:
            owned.contested, owned.contested_at = claim, self._clock.monotonic()
        elif claim is not None:
            self._claim(partition, owned)
        self._tell_again(owned, post_ids)

    def _may_follow(self, owned: _Owned, claim: Epoch) -> bool:
        """Whether a partition that is being restored is only of a later era than was known."""
        return (
            not owned.restored and claim.era > owned.epoch.era and claim.generation < owned.epoch.generation
        )

    def took(self, partition: int, items: Sequence[Sighting | Tombstone], offset: int) -> None:
        """The Watchlist has all Sightings of a partition up to this offset; these are the newest."""
        owned, now = self._owned[partition], self._clock.monotonic()
        post_ids = [item.post_id for item in items]
        owned.untold += len(post_ids)
        if owned.taken and now - owned.taken[-1].at < _TOGETHER:
            owned.taken[-1].offset = offset
            owned.taken[-1].post_ids += post_ids
        else:
            owned.taken.append(_Taken(now, offset, post_ids))

    def retired(self, partition: int, post_id: PostId) -> None:
        """A Post is not tracked any more."""
        owned = self._owned.get(partition)
        if owned is not None:
            owned.retired[post_id] = None

    @property
    def full(self) -> bool:
        """Whether so much waits for a writer that is full that nothing more should be taken."""
        if not self._writer.full:
            return False
        waiting = sum(owned.untold + len(owned.retired) for owned in self._owned.values())
        return waiting >= self._settings.queue_posts

    # What is told

    def flush(self) -> None:
        """Tell what is due. While the writer is full, it waits: in the Watchlist, which is bounded."""
        for partition, owned in self._owned.items():
            self._settle_contest(partition, owned)
        if self._writer.full:
            return
        now = self._clock.monotonic()
        for partition, owned in self._owned.items():
            if owned.may_be_told:
                self._bury(partition, owned)
                self._tell_taken(partition, owned, lambda taken: self._is_due(taken, now))
        rows = self._saving.due(self._clock.now(), self._settings.interval, _AT_ONCE)
        self._tell(rows[self._may_be_told(rows)])

    def hand_over(self, partitions: Iterable[int], then: Callable[[], None]) -> None:
        """Tell all of these partitions, and forget them. ``then`` is called when the journal has it."""
        for partition in partitions:
            owned = self._owned.pop(partition, None)
            if owned is not None and owned.may_be_told:
                self._bury(partition, owned)
                self._tell_taken(partition, owned, lambda _: True)
                self._tell(self._saving.unsaved_of(partition, _AT_HAND_OVER))
        self._writer.put(Page((), {}, then))

    def hand_over_all(self, then: Callable[[], None]) -> None:
        """As ``hand_over``, of all that is ours."""
        self.hand_over([*self._owned], then)

    def drop(self, partitions: Iterable[int]) -> None:
        """These are another worker's already: nothing may be told of them."""
        for partition in partitions:
            self._owned.pop(partition, None)

    def _is_due(self, taken: _Taken, now: float) -> bool:
        return now - taken.at >= self._settings.linger or self._saving.settled(taken.post_ids)

    def _tell_taken(self, partition: int, owned: _Owned, is_due: Callable[[_Taken], bool]) -> None:
        post_ids: list[PostId] = []
        offset = None
        while owned.taken and is_due(owned.taken[0]):
            taken = owned.taken.popleft()
            post_ids += taken.post_ids
            offset = taken.offset
        owned.untold -= len(post_ids)
        if offset is not None:
            place = Turn(Partition(self._names.sightings, partition), owned.turn)
            self._tell(self._saving.unsaved(post_ids), {place: offset})

    def _tell(self, rows: NDArray[np.intp], offsets: Mapping[Turn, int] | None = None) -> None:
        """Pages of these rows; with the last of them, the offsets."""
        if not len(rows) and not offsets:
            return
        now: Timestamp = self._clock.now()
        pages = [rows[start : start + _PAGE] for start in range(0, len(rows), _PAGE)] or [rows]
        for number, page in enumerate(pages, start=1):
            told = self._saving.tell(page, now, self._tracker.account_name)
            parcels = [
                Parcel(self._names.journal, *encode_saved(post, self._by), partition, None)
                for partition, post in told
            ]
            self._put(parcels, "post", offsets if number == len(pages) else None)

    def _bury(self, partition: int, owned: _Owned) -> None:
        # One that came back meanwhile is told with its batch, after this.
        if owned.retired:
            parcels = [self._tombstone(partition, post_id) for post_id in owned.retired]
            owned.retired.clear()
            self._put(parcels, "tombstone")

    def _tell_again(self, owned: _Owned, post_ids: Iterable[PostId]) -> None:
        for post_id in post_ids:
            if not self._saving.mark(post_id):
                owned.retired[post_id] = None

    def _tombstone(self, partition: int, post_id: PostId) -> Parcel:
        key, value, headers = encode_retired(post_id, self._by)
        return Parcel(self._names.journal, key, value, partition, headers)

    def _may_be_told(self, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        partitions = [partition for partition, owned in self._owned.items() if owned.may_be_told]
        return np.isin(self._tracker.watchlist.columns.partitions[rows], partitions)

    def _settle_contest(self, partition: int, owned: _Owned) -> None:
        if owned.contested is not None and self._holds(partition, owned.contested_at):
            _log.warning("journal_claimed_again", partition=partition, over=owned.contested)
            owned.epoch = Epoch(owned.contested.era + 1, owned.epoch.generation)
            owned.contested = None
            self._claim(partition, owned)

    def _claim(self, partition: int, owned: _Owned) -> None:
        claim = Claim(self._by, owned.turn, owned.epoch)
        key, value = encode_claim(claim, self._clock.now())
        page = Page([Parcel(self._names.journal, key, value, partition, None)], {})
        self._telemetry.journal_written.labels("claim").inc()
        if owned.kept:
            page = Page((), {}, then=partial(self._writer.put, page))
        self._writer.put(page)

    def _put(self, parcels: list[Parcel], kind: str, offsets: Mapping[Turn, int] | None = None) -> None:
        if parcels or offsets:
            self._telemetry.journal_written.labels(kind).inc(len(parcels))
            self._writer.put(Page(parcels, offsets or {}))
