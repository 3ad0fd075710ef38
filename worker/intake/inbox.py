"""The hand-over from the reading thread to the loop that owns the Watchlist: in order, and counted."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.formats.journal import Epoch, Retired
    from worker.model import PostId, SavedPost, Sighting, Tombstone


@dataclass(frozen=True, slots=True)
class Assigned:
    """This worker owns these ``sightings`` partitions now, for the time of this ``turn``.

    ``generation``: of the group, in which they were assigned.
    """

    partitions: tuple[int, ...]
    turn: int = 0
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Revoked:
    """This worker does not own these partitions any more.

    ``handed_over``, where the next owner waits for it, is to be set when the journal has all of them.
    ``kept``: they may be ours again at once, and nobody else's meanwhile. What is known of them is kept until
    an ``Assigned`` or another ``Revoked`` tells.
    """

    partitions: tuple[int, ...]
    handed_over: threading.Event | None = None
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Journaled:
    """What the journal tells of a partition that is being restored, in order."""

    partition: int
    turn: int
    items: Sequence[SavedPost | Retired]


@dataclass(frozen=True, slots=True)
class JournalEnd:
    """The journal of a partition was read to its end. ``stale``: whose last record does not hold.

    ``kept``: nobody else claimed it since we had it. What is known of it holds, and nothing was handed over.
    """

    partition: int
    turn: int
    stale: tuple[PostId, ...]
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Another worker claimed a partition that was kept: what is known of it does not hold.

    The journal of it follows, from its beginning.
    """

    partition: int
    turn: int


@dataclass(frozen=True, slots=True)
class Foreign:
    """Another worker wrote of these Posts into the journal of a partition of ours, or claimed it.

    ``claim``: the epoch that was claimed, if any was.
    """

    partition: int
    turn: int
    post_ids: tuple[PostId, ...]
    claim: Epoch | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """A partition was read up to where it ended when reading of it began."""

    partition: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What was read of a partition, in order. ``offset``: of the record after it."""

    partition: int
    items: Sequence[Sighting | Tombstone]
    offset: int = 0


Event: TypeAlias = Assigned | Revoked | Journaled | JournalEnd | Overtaken | Foreign | Restored | Batch


class Inbox:
    """A queue from threads to one asyncio loop. It takes all; the reader looks at ``posts`` and pauses.

    In the order of their coming, but that ``Revoked`` goes before all else, and what was waiting of its
    partitions is let go of: a worker without room for more must hear of it, since it makes room.
    """

    def __init__(self) -> None:
        self._revoked: deque[Revoked] = deque()
        self._events: deque[Event] = deque()
        self._loop = asyncio.get_running_loop()
        self._filled = asyncio.Event()
        self._lock = threading.Lock()
        self._posts = 0

    @property
    def posts(self) -> int:
        """Sightings and Posts of the journal that wait."""
        return self._posts

    def put(self, event: Event) -> None:
        """Hand an event over, from any thread."""
        with self._lock:
            if isinstance(event, Revoked):
                self._revoked.append(event)
                self._let_go(event)
            else:
                self._events.append(event)
                if isinstance(event, Batch | Journaled):
                    self._posts += len(event.items)
        # When it is set, the loop has yet to clear it, and looks at the queue after that.
        if not self._filled.is_set():
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody takes anything any more
                self._loop.call_soon_threadsafe(self._filled.set)

    async def get(self) -> Event:
        """The next event."""
        while (event := self._next()) is None:
            self._filled.clear()
            if not self._events and not self._revoked:
                await self._filled.wait()
        return event

    def take_revoked(self) -> Revoked | None:
        """The next ``Revoked``, if one waits."""
        with self._lock:
            return self._revoked.popleft() if self._revoked else None

    def done(self, event: Event) -> None:
        """An event was dealt with: its Sightings do not wait any more."""
        if isinstance(event, Batch | Journaled):
            with self._lock:
                self._posts -= len(event.items)

    def _next(self) -> Event | None:
        with self._lock:
            if self._revoked:
                return self._revoked.popleft()
            return self._events.popleft() if self._events else None

    def _let_go(self, revoked: Revoked) -> None:
        partitions, kept = set(revoked.partitions), deque[Event]()
        for event in self._events:
            if isinstance(event, Assigned):
                if left := tuple(one for one in event.partitions if one not in partitions):
                    kept.append(Assigned(left, event.turn, event.generation))
            elif isinstance(event, Revoked) or event.partition not in partitions:
                kept.append(event)
            elif isinstance(event, Foreign) and revoked.kept:
                # The journal is not read again as a rule: it would not be told of once more.
                kept.append(event)
            elif isinstance(event, Batch | Journaled):
                self._posts -= len(event.items)
        self._events = kept
