"""Which input offsets may be committed: those whose records are acknowledged where they were sent."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from worker.intake.clients import Partition, Sent


class Parcel(NamedTuple):
    """A record to forward."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None
    headers: list[tuple[str, bytes]] | None


@dataclass(slots=True)
class _Page:
    """One poll: where it ends in each partition, and what was sent for it, ``None`` if sending failed."""

    offsets: Mapping[Partition, int]
    parcels: list[Parcel]
    sent: list[Sent | None]
    done: int = 0


class Ledger:
    """Polls in order, each with what it sent. An offset is given out once all before it is acknowledged.

    ``send`` is tried again for whatever failed, for ever: the records wait in the input until then.
    """

    def __init__(self, send: Callable[[Parcel], Sent | None]) -> None:
        self._send = send
        self._pages: deque[_Page] = deque()
        self._acknowledged: dict[Partition, int] = {}
        self.in_flight = 0
        self.failures = 0

    def enter(self, offsets: Mapping[Partition, int], parcels: list[Parcel]) -> None:
        """A poll that ends at these offsets (of the next record to read) and sends these records."""
        self._pages.append(_Page(offsets, parcels, [self._send(parcel) for parcel in parcels]))
        self.in_flight += len(parcels)

    def settle(self) -> None:
        """Look which records are acknowledged by now, and send again what failed."""
        while self._pages and self._settled(self._pages[0]):
            page = self._pages.popleft()
            self._acknowledged.update(page.offsets)

    def take_acknowledged(self) -> dict[Partition, int]:
        """The offsets that may be committed since this was asked last."""
        taken, self._acknowledged = self._acknowledged, {}
        return taken

    def drop(self, partitions: set[Partition]) -> None:
        """Give out no offsets of these partitions for what was polled so far; its records are still sent."""
        for page in self._pages:
            page.offsets = {key: offset for key, offset in page.offsets.items() if key not in partitions}
        for partition in partitions:
            self._acknowledged.pop(partition, None)

    @property
    def stuck(self) -> bool:
        """Whether the head of the ledger waits for a record that could not even be sent."""
        return bool(self._pages) and None in self._pages[0].sent

    def _settled(self, page: _Page) -> bool:
        before = page.done
        while page.done < len(page.sent):
            sent = page.sent[page.done]
            if sent is None or (sent.is_done and sent.exception is not None):
                self.failures += 1
                page.sent[page.done] = self._send(page.parcels[page.done])
                break
            if not sent.is_done:
                break
            page.done += 1
        self.in_flight -= page.done - before
        return page.done == len(page.sent)
