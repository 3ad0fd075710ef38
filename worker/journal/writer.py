"""The thread that writes the journal, and knows which ``sightings`` offsets it covers."""

from __future__ import annotations

import queue
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog
from kafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from worker.formats.journal import without_words
from worker.intake.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from worker.intake.clients import Producer, Sent
    from worker.intake.commits import Commits, Turn
    from worker.intake.ledger import Parcel
    from worker.model import Seconds
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)

_IDLE_WAIT: Final = 0.5
_BUSY_WAIT: Final = 0.01


@dataclass(frozen=True, slots=True)
class Page:
    """Records to write, in order. When they and all before them are there, ``offsets`` may be committed.

    ``then`` is called at that moment, in the writer's thread. ``anew``: a partition that a new turn of owning
    begins of; what of earlier ones could not be written by now may not come after this.
    """

    parcels: Sequence[Parcel]
    offsets: Mapping[Turn, int]
    then: Callable[[], None] | None = None
    anew: int | None = None


class JournalWriter:
    """Writes pages in order; what fails is sent again, for ever. Offsets covered go to ``commits``.

    ``in_flight``: records given and not acknowledged at which it counts as full.
    """

    def __init__(
        self,
        commits: Commits,
        *,
        in_flight: int,
        failed: Callable[[BaseException], None],
        telemetry: Telemetry,
    ) -> None:
        self._producer: Producer | None = None
        self._commits = commits
        self._limit = in_flight
        self._failed = failed
        self._telemetry = telemetry
        self._ledger: Ledger[Turn] = Ledger(self._send, _refit)
        self._pages: queue.SimpleQueue[Page | None] = queue.SimpleQueue()
        self._thens: deque[tuple[int, Callable[[], None]]] = deque()
        self._entered = 0
        self._failures = 0
        self._under_way = 0
        self._lock = threading.Lock()
        self._stopping = False
        self._troubled = False
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)

    def start(self, producer: Producer) -> None:
        """Begin to write with this client; whoever made it closes it."""
        self._producer = producer
        self._thread.start()

    def ask_to_stop(self) -> None:
        """End as soon as what was given is sent, acknowledged or not."""
        self._stopping = True
        self._pages.put(None)

    def join(self, timeout: Seconds) -> bool:
        """Wait for the end; whether it came in time."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def put(self, page: Page) -> None:
        """Have it written, after all that was given before; from any thread, and never waits."""
        with self._lock:
            self._under_way += len(page.parcels)
        self._pages.put(page)

    @property
    def full(self) -> bool:
        """Whether so much is under way that no more should be given but what must be."""
        return self._under_way >= self._limit

    @property
    def trouble(self) -> str | None:
        """What writing fails with at present; ``None`` while all goes well."""
        return self._ledger.trouble

    def _run(self) -> None:
        try:
            while not self._stopping or not self._pages.empty():
                self._once()
        except BaseException as error:  # noqa: BLE001 -- whatever ends the thread must be told
            self._failed(error)

    def _once(self) -> None:
        busy = self._ledger.in_flight or self._thens
        try:
            page = self._pages.get(timeout=_BUSY_WAIT if busy else _IDLE_WAIT)
        except queue.Empty:
            page = None
        if page is not None:
            self._enter(page)
        self._settle()

    def _enter(self, page: Page) -> None:
        if page.anew is not None:
            self._ledger.let_be(lambda parcel: parcel.partition == page.anew)
        self._ledger.enter(page.offsets, list(page.parcels))
        self._entered += 1
        if page.then is not None:
            self._thens.append((self._entered, page.then))

    def _settle(self) -> None:
        ledger, before = self._ledger, self._ledger.in_flight
        ledger.settle()
        with self._lock:
            self._under_way -= before - ledger.in_flight
        self._commits.note_in_turns(ledger.take_acknowledged())
        while self._thens and self._thens[0][0] <= ledger.settled:
            self._thens.popleft()[1]()
        self._tell()

    def _tell(self) -> None:
        ledger, telemetry = self._ledger, self._telemetry
        telemetry.journal_in_flight.set(self._under_way)
        if ledger.failures > self._failures:
            telemetry.journal_errors.inc(ledger.failures - self._failures)
            self._failures = ledger.failures
        if (ledger.trouble is not None) != self._troubled:
            self._troubled = ledger.trouble is not None
            if self._troubled:
                _log.warning(
                    "journal_failing", error=ledger.trouble, do="nothing is committed until it works"
                )
            else:
                _log.info("journal_works_again")

    def _send(self, parcel: Parcel) -> Sent | None:
        if self._producer is None:
            return None
        try:
            return self._producer.send(
                parcel.topic, parcel.value, key=parcel.key, headers=parcel.headers, partition=parcel.partition
            )
        except KafkaError:
            # The ledger keeps it, counts it, and tries again.
            return None


def _refit(parcel: Parcel, error: BaseException) -> Parcel:
    """What to send after a failure: the same, unless brokers find it too large. Then words are let go of."""
    if isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError) and parcel.value is not None:
        return parcel._replace(value=without_words(parcel.value))
    return parcel
