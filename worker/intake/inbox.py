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

    from worker.model import Sighting, Tombstone


@dataclass(frozen=True, slots=True)
class Assigned:
    """This worker owns these ``sightings`` partitions now, and will read them from their beginning."""

    partitions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Revoked:
    """This worker does not own these partitions any more."""

    partitions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Restored:
    """A partition was read up to where it ended when it was assigned."""

    partition: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What was read of a partition, in order."""

    partition: int
    items: Sequence[Sighting | Tombstone]


Event: TypeAlias = Assigned | Revoked | Restored | Batch


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
        """Sightings that wait."""
        return self._posts

    def put(self, event: Event) -> None:
        """Hand an event over, from any thread."""
        with self._lock:
            if isinstance(event, Revoked):
                self._revoked.append(event)
                self._let_go(set(event.partitions))
            else:
                self._events.append(event)
                if isinstance(event, Batch):
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
        if isinstance(event, Batch):
            with self._lock:
                self._posts -= len(event.items)

    def _next(self) -> Event | None:
        with self._lock:
            if self._revoked:
                return self._revoked.popleft()
            return self._events.popleft() if self._events else None

    def _let_go(self, partitions: set[int]) -> None:
        kept: deque[Event] = deque()
        for event in self._events:
            if isinstance(event, Assigned):
                if left := tuple(one for one in event.partitions if one not in partitions):
                    kept.append(Assigned(left))
            elif isinstance(event, Batch) and event.partition in partitions:
                self._posts -= len(event.items)
            elif not (isinstance(event, Restored) and event.partition in partitions):
                kept.append(event)
        self._events = kept
