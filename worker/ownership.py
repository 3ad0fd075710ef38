"""Which ``sightings`` partitions this worker owns, and which of them it has read up to their end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_log = structlog.get_logger(__name__)

_FULL: Final = "the Watchlist is full of Posts never measured"


class Ownership:
    """Partitions owned and restored, of ``total``. The ``listeners`` are called after every change."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.listeners: list[Callable[[], None]] = []
        self.joined = False
        """Whether it was ever given a partition."""
        self.waits_for_room = False
        """Whether what was read waits, as the Watchlist is full of Posts never measured."""
        self._owned: set[int] = set()
        self._restoring: set[int] = set()
        self._read: set[int] = set()

    def assigned(self, partitions: Iterable[int]) -> None:
        """These are ours now, and will be read from their beginning."""
        self.joined = True
        self._restoring |= set(partitions)
        self._owned |= set(partitions)
        self._tell()

    def revoked(self, partitions: Iterable[int]) -> None:
        """These are another worker's now."""
        self._owned -= set(partitions)
        self._restoring -= set(partitions)
        self._read -= set(partitions)
        self._tell()

    def was_restored(self, partition: int) -> None:
        """A partition was read to its end."""
        if partition not in self._restoring:
            return
        self._restoring.discard(partition)
        self._read.add(partition)
        if self.restored:
            _log.info("restored", partitions=tuple(sorted(self._read)), owned=len(self._owned))
            self._read.clear()
        self._tell()

    def owns(self, partition: int) -> bool:
        """Whether the partition is ours."""
        return partition in self._owned

    def has_restored(self, partition: int) -> bool:
        """Whether the partition is ours and was read to its end; may be asked from any thread."""
        return partition in self._owned and partition not in self._restoring

    @property
    def live(self) -> frozenset[int]:
        """The partitions that are ours and were read to their end: what we know of them is all there is."""
        return frozenset(self._owned - self._restoring)

    @property
    def restored(self) -> bool:
        """Whether this worker is in the group and has read all that it owns."""
        return self.joined and not self._restoring

    def describe(self) -> str:
        """A sentence on the state."""
        if not self.joined:
            return "joining the group"
        if self._restoring:
            told = f"reading {len(self._restoring)} of {len(self._owned)} partitions"
        else:
            told = f"owns {len(self._owned)} of {self.total} partitions"
        return f"{told}; {_FULL}" if self.waits_for_room else told

    def _tell(self) -> None:
        for listener in self.listeners:
            listener()
