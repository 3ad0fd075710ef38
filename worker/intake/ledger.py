"""Which input offsets may be committed: those whose records are acknowledged where they were sent."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from worker.intake.clients import Sent

K = TypeVar("K")
"""What offsets are of: a partition, or a partition in a turn of ownership."""


class Parcel(NamedTuple):
    """A record to forward."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None
    headers: list[tuple[str, bytes]] | None


@dataclass(frozen=True, slots=True)
class _LetBe:
    """A record that is not sent again, whatever becomes of it."""

    sent: Sent | None

    @property
    def is_done(self) -> bool:
        return self.sent is None or self.sent.is_done

    @property
    def exception(self) -> None:
        return None


@dataclass(slots=True)
class _Page(Generic[K]):
    """One poll: where it ends in each partition, and what was sent for it, ``None`` where it was not yet."""

    offsets: Mapping[K, int]
    parcels: list[Parcel]
    sent: list[Sent | None]
    size: int
    done: int = 0


class Ledger(Generic[K]):
    """Polls in order, each with what it sent. An offset is given out once all before it is acknowledged.

    ``send`` gives ``None`` for what cannot even be sent now. Whatever fails is sent again, for ever: the
    records wait in the input until then. ``refit`` may give another parcel for one that failed with an error.
    The records of one key keep their order also when some of them are sent again, so that the last one of
    them says what holds.
    """

    def __init__(
        self,
        send: Callable[[Parcel], Sent | None],
        refit: Callable[[Parcel, BaseException], Parcel] | None = None,
    ) -> None:
        self._send = send
        self._refit = refit
        self._pages: deque[_Page[K]] = deque()
        self._acknowledged: dict[K, int] = {}
        self.in_flight = 0
        self.size = 0
        """Bytes of the values under way."""
        self.failures = 0
        self.trouble: str | None = None
        """What sending fails with at present; ``None`` while all goes well."""
        self.settled = 0
        """Pages all of whose records are acknowledged, in the order of their entry."""
        self._unsent = 0

    def enter(self, offsets: Mapping[K, int], parcels: list[Parcel]) -> None:
        """A poll that ends at these offsets (of the next record to read) and sends these records."""
        size = sum(len(parcel.value or b"") for parcel in parcels)
        page = _Page(offsets, parcels, [None] * len(parcels), size)
        self.in_flight += len(parcels)
        self.size += size
        self._pages.append(page)
        was_stuck = self.stuck
        self._unsent += len(parcels)
        if not was_stuck:
            self._send_all(page)

    def settle(self) -> None:
        """Look which records are acknowledged by now, and send again what failed."""
        while self._pages and self._settled(self._pages[0]):
            page = self._pages.popleft()
            self.size -= page.size
            self.settled += 1
            self.trouble = None
            self._acknowledged.update(page.offsets)
        if self._pages and _failed(self._pages[0].sent[self._pages[0].done]):
            self._send_failed_again()

    def take_acknowledged(self) -> dict[K, int]:
        """The offsets that may be committed since this was asked last."""
        taken, self._acknowledged = self._acknowledged, {}
        return taken

    def drop(self, partitions: set[K]) -> None:
        """Give out no offsets of these partitions for what was polled so far; its records are still sent."""
        for page in self._pages:
            page.offsets = {key: offset for key, offset in page.offsets.items() if key not in partitions}
        for partition in partitions:
            self._acknowledged.pop(partition, None)

    def let_be(self, which: Callable[[Parcel], bool]) -> None:
        """Of what was entered so far, send none of these again, and none that could not be sent yet."""
        for page in self._pages:
            for index in range(page.done, len(page.parcels)):
                if which(page.parcels[index]):
                    sent = page.sent[index]
                    self._unsent -= sent is None
                    page.sent[index] = _LetBe(sent)

    @property
    def stuck(self) -> bool:
        """Whether records wait that could not even be sent."""
        return self._unsent > 0

    def _settled(self, page: _Page[K]) -> bool:
        before, sent = page.done, page.sent
        while page.done < len(sent):
            one = sent[page.done]
            if one is None or not one.is_done or one.exception is not None:
                break
            page.done += 1
        self.in_flight -= page.done - before
        return page.done == len(sent)

    def _send_failed_again(self) -> None:
        """Everything that failed, and what follows it under the same key; until a send is not possible."""
        keys: set[tuple[str, bytes | None]] = set()
        for page in self._pages:
            for index in range(page.done, len(page.parcels)):
                name = page.parcels[index].topic, page.parcels[index].key
                if name in keys or _failed(page.sent[index]):
                    keys.add(name)
                    if not self._send_one(page, index):
                        return

    def _send_all(self, page: _Page[K]) -> None:
        for index in range(len(page.parcels)):
            if not self._send_one(page, index):
                # Each try may take seconds, and the thread must be back in its poll: try again later.
                return

    def _send_one(self, page: _Page[K], index: int) -> bool:
        """Send it, for the first time or again; whether that was possible."""
        before = page.sent[index]
        if before is not None and before.is_done and before.exception is not None:
            self.failures += 1
            self.trouble = repr(before.exception)
            if self._refit is not None:
                page.parcels[index] = self._refit(page.parcels[index], before.exception)
        sent = self._send(page.parcels[index])
        if sent is None:
            self.failures += 1
            self.trouble = self.trouble or "nothing can be sent"
            return False
        self._unsent -= before is None
        page.sent[index] = sent
        return True


def _failed(sent: Sent | None) -> bool:
    return sent is None or (sent.is_done and sent.exception is not None)
