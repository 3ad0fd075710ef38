"""The hand-over from the reading thread to the loop that owns the Watchlist: in order, and counted."""

from __future__ import annotations

import asyncio
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
    """A queue from threads to one asyncio loop. It takes all; the reader looks at ``posts`` and pauses."""

    def __init__(self) -> None:
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
            self._events.append(event)
            if isinstance(event, Batch):
                self._posts += len(event.items)
        # When it is set, the loop has yet to clear it, and looks at the queue after that.
        if not self._filled.is_set() and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._filled.set)

    async def get(self) -> Event:
        """The next event, in the order they were put."""
        while not self._events:
            self._filled.clear()
            if not self._events:
                await self._filled.wait()
        return self._events.popleft()

    def done(self, event: Event) -> None:
        """An event was dealt with: its Sightings do not wait any more."""
        if isinstance(event, Batch):
            with self._lock:
                self._posts -= len(event.items)
