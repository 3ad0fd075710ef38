"""One term of a publisher of leaderboards: from taking over until it steps down, or another takes over.

Every record has the term's epoch, which is higher than any before it, and a sequence number that rises by
each record. Where brokers have transactions, they refuse the predecessor's records from the moment that a
successor has begun. Where they have not, a term watches the topic, and writes again over what a predecessor
wrote late.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

import structlog
from kafka.errors import (
    InvalidProducerEpochError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    ProducerFencedError,
)

from worker.model import Seconds
from worker.publish.boards_topic import CLAIM_KEY, BoardsTopic, Stamp
from worker.publish.leaderboard_json import leaderboard_json

if TYPE_CHECKING:
    import threading
    from collections.abc import Collection, Iterable, Sequence

    from worker.model import Leaderboard

    Boards: TypeAlias = Sequence[tuple[bytes, Leaderboard | None]]

Transactions: TypeAlias = Literal["auto", "on", "off"]

_log = structlog.get_logger(__name__)

CLIENT_ERRORS: Final = (KafkaError, RuntimeError, ValueError, OSError)
"""What kafka-python's clients raise: beside their own errors those of a client that is being closed."""

_FENCED: Final = (ProducerFencedError, InvalidProducerEpochError)
_STEP: Final = 0.002
_WRITE_TIMEOUT: Final = Seconds(10.0)
_ABORT_TIMEOUT: Final = Seconds(2.0)
_READ_TIMEOUT: Final = Seconds(10.0)
_CHUNK: Final = 500
"""Records of one transaction: some megabytes, so that one is not open for long."""
_CLAIMS: Final = 10
_BACKOFF: Final = 1.0
_BACKOFF_MAX: Final = 15.0


class Producer(Protocol):
    """What a term needs of ``worker.connections.Producer``."""

    @property
    def dead(self) -> bool: ...  # noqa: D102 -- see ``worker.connections``
    @property
    def fenced(self) -> bool: ...  # noqa: D102 -- see ``worker.connections``
    def discard(self) -> None: ...  # noqa: D102 -- see ``worker.connections``
    def begin_ending(self, *, commit: bool) -> Any: ...  # noqa: ANN401, D102 -- see ``worker.connections``
    def init_transactions(self) -> None: ...  # noqa: D102 -- kafka-python's
    def begin_transaction(self) -> None: ...  # noqa: D102 -- kafka-python's
    def send(self, topic: str, value: bytes | None = None, **more: Any) -> Any: ...  # noqa: ANN401, D102 -- kafka-python's


class Clients(Protocol):
    """Makes Kafka clients; ``worker.connections.KafkaConnections``, or a test's."""

    def reachable(self) -> bool: ...  # noqa: D102 -- see ``worker.connections``
    def transactional_producer(self, transactional_id: str) -> Producer: ...  # noqa: D102 -- see ``worker.connections``
    def producer(self) -> Producer: ...  # noqa: D102 -- see ``worker.connections``
    def reader(self, *, committed: bool = False) -> Any: ...  # noqa: ANN401, D102 -- see ``worker.connections``


class SteppedDownError(Exception):
    """The term is over: nothing more is written."""


class SupersededError(Exception):
    """Another publisher has taken over."""


class Term:
    """Writes leaderboards under one epoch. One thread uses it; ``over`` ends it, from any thread.

    A producer that died, or of which it is not known what it wrote, is let go of, and a new one made at the
    next call, after a wait that grows.
    """

    def __init__(
        self,
        clients: Clients,
        topic: str,
        *,
        transactions: Transactions,
        after: int,
        over: threading.Event,
    ) -> None:
        self._clients = clients
        self._topic = topic
        self._transactions = transactions
        self._after = after
        self._over = over
        self._writer = uuid.uuid4().hex
        self._sequence = -1
        self._producer: Producer | None = None
        self._transactional = False
        self._watched: BoardsTopic | None = None
        self._held: dict[bytes, Leaderboard] = {}
        self._unsettled: set[bytes] = set()
        self._settled = False
        self._failures = 0
        self._wait = _BACKOFF
        self._not_before = 0.0
        self.epoch = 0
        """0 until the topic was read for the first time."""
        self.rebuilds = 0
        """Producers that were made in place of one that died."""

    @property
    def transactional(self) -> bool:
        """Whether brokers do the fencing."""
        return self._transactional

    @property
    def unsettled(self) -> frozenset[bytes]:
        """Keys on the topic that this term has not written."""
        return frozenset(self._unsettled)

    def open(self) -> None:
        """Be ready to write, if this is not so already.

        Raises:
            KafkaError, or another of ``CLIENT_ERRORS``: not now.
            SupersededError: another has taken over since this term began.
            SteppedDownError: the term is over.
        """
        self._stop_if_over()
        if self._producer is not None:
            if not self._producer.dead:
                return
            self._let_go()
        if time.monotonic() < self._not_before:
            raise KafkaConnectionError("the producer is being rebuilt")
        again = self.epoch > 0
        try:
            self._open()
        except BaseException:
            self._let_go()
            self._not_before = time.monotonic() + self._wait
            self._wait = min(2 * self._wait, _BACKOFF_MAX)
            raise
        self._wait = _BACKOFF
        self.rebuilds += again

    def write(self, boards: Boards) -> None:
        """Write leaderboards, and tombstones where there is none; raises as ``open`` does.

        After an error it is not known which of them were written.
        """
        self.open()
        self._write_all(boards)

    def settle(self, alive: Collection[bytes]) -> None:
        """Write tombstones for the keys on the topic that are not ``alive``; raises as ``open`` does."""
        self.open()
        self.write([(key, None) for key in sorted(self._unsettled.difference(alive))])
        self._settled = True

    def look(self) -> None:
        """Look after the producer, and without transactions after the topic; raises as ``open`` does."""
        self.open()
        if self._watched is None:
            return
        try:
            written = self._watched.look(self.epoch)
        except CLIENT_ERRORS:
            self._let_go()
            raise
        if self._watched.others > self.epoch:
            raise SupersededError(self._watched.others)
        if self._watched.began_anew:
            self._let_go()
            self.open()
        elif written:
            self._write_over(written)

    def close(self) -> None:
        """Let go of everything, within a second or two."""
        self._let_go()

    # Beginning, and beginning again

    def _open(self) -> None:
        first = self.epoch == 0
        if not self._clients.reachable():
            raise KafkaConnectionError("no broker accepts a connection")
        self._producer = self._connect(first=first)
        topic = self._read(committed=True)
        try:
            if first:
                self.epoch = max(topic.others, self._after) + 1
            self._stop_if_superseded(topic)
            self._claim(topic)
            self._unsettled = topic.keys() - self._held.keys()
            self._write_all([(key, board) for key, board in self._held.items() if not topic.is_mine(key)])
            if self._settled:
                self._write_all([(key, None) for key in self._unsettled])
        except BaseException:
            topic.close()
            raise
        if self._transactional:
            topic.close()
        else:
            self._watched = topic

    def _connect(self, *, first: bool) -> Producer:
        self._transactional = self._transactions != "off"
        if self._transactional:
            producer = self._clients.transactional_producer(self._topic)
            try:
                if not first:
                    # Before brokers are told to take from this producer alone: it may be late itself.
                    with contextlib.closing(self._read(committed=False)) as topic:
                        self._stop_if_superseded(topic)
                self._init(producer)
            except CLIENT_ERRORS as error:
                refused = producer.dead and not isinstance(error, _FENCED)
                producer.discard()
                if not refused or self._transactions == "on":
                    raise
                _log.warning("transactions_unavailable", topic=self._topic, error=repr(error))
                self._transactional = False
            except BaseException:
                producer.discard()
                raise
            else:
                return producer
        return self._clients.producer()

    def _init(self, producer: Producer) -> None:
        deadline = time.monotonic() + _WRITE_TIMEOUT
        while True:
            self._stop_if_over()
            try:
                producer.init_transactions()
            except KafkaTimeoutError:
                # It goes on by itself: calling it again waits for the same.
                if time.monotonic() > deadline or producer.dead:
                    raise
            else:
                return

    def _read(self, *, committed: bool) -> BoardsTopic:
        consumer = self._clients.reader(committed=committed)
        try:
            topic = BoardsTopic(consumer, self._topic, self._writer)
            topic.read_to_end(self._over, _READ_TIMEOUT)
        except BaseException:
            consumer.close(autocommit=False, timeout_ms=0)
            raise
        return topic

    def _claim(self, topic: BoardsTopic) -> None:
        """Have it stand on the topic that this epoch has begun, and that it is nobody else's.

        With transactions, brokers let one publisher begin at a time. Without, of those that took the same
        epoch it belongs to the one whose claim comes first.
        """
        for _ in range(_CLAIMS):
            self._write([(CLAIM_KEY, None)])
            if self._transactional:
                return
            topic.read_to_mine(self._sequence, self._over, _READ_TIMEOUT)
            self._stop_if_over()
            if topic.others_before_mine < self.epoch:
                self._stop_if_superseded(topic)
                return
            self.epoch = topic.others + 1
        raise SupersededError(topic.others)

    def _stop_if_over(self) -> None:
        if self._over.is_set():
            raise SteppedDownError

    def _stop_if_superseded(self, topic: BoardsTopic) -> None:
        self._stop_if_over()
        if topic.others > self.epoch:
            raise SupersededError(topic.others)

    def _let_go(self) -> None:
        producer, self._producer = self._producer, None
        topic, self._watched = self._watched, None
        if producer is not None:
            producer.discard()
        if topic is not None:
            with contextlib.suppress(*CLIENT_ERRORS):
                topic.close()

    # Writing

    def _write_over(self, keys: Iterable[bytes]) -> None:
        """Others wrote these under lower epochs: make them what this term says."""
        known = {key: self._held.get(key) for key in keys if key != CLAIM_KEY}
        if not self._settled:
            self._unsettled |= {key for key, board in known.items() if board is None}
            known = {key: board for key, board in known.items() if board is not None}
        if known:
            _log.warning("publisher_wrote_over_late_records", records=len(known), epoch=self.epoch)
            self.write(list(known.items()))

    def _write_all(self, boards: Boards) -> None:
        for start in range(0, len(boards), _CHUNK):
            self._write(boards[start : start + _CHUNK])

    def _write(self, boards: Boards) -> None:
        """Write some, at once or, without transactions, one after the other."""
        producer = self._producer
        if producer is None:
            raise KafkaConnectionError("the producer was let go of")
        try:
            if self._transactional:
                producer.begin_transaction()
            sent = [self._send(producer, key, board) for key, board in boards]
            self._await_sent(sent)
            self._stop_if_over()
            if self._transactional:
                self._end(producer, commit=True, within=_WRITE_TIMEOUT)
        except SteppedDownError:
            self._take_back(producer)
            self._let_go()
            raise
        except CLIENT_ERRORS as error:
            fenced = isinstance(error, _FENCED) or producer.fenced
            self._failures += 1
            if fenced or self._failures > 1 or not self._take_back(producer):
                self._let_go()
            if fenced:
                raise SupersededError(repr(error)) from error
            raise
        self._failures = 0
        for key, board in boards:
            self._unsettled.discard(key)
            if board is None:
                self._held.pop(key, None)
            else:
                self._held[key] = board

    def _send(self, producer: Producer, key: bytes, board: Leaderboard | None) -> Any:  # noqa: ANN401 -- kafka-python's future
        self._stop_if_over()
        self._sequence += 1
        stamp = Stamp(self.epoch, self._sequence, self._writer)
        value = None if board is None else leaderboard_json(board, stamp=(stamp.epoch, stamp.sequence))
        return producer.send(self._topic, value, key=key, headers=stamp.headers())

    def _await_sent(self, sent: Iterable[Any]) -> None:
        deadline = time.monotonic() + _WRITE_TIMEOUT
        for one in sent:
            while not one.is_done:
                self._stop_if_over()
                if time.monotonic() > deadline:
                    raise KafkaTimeoutError(f"not acknowledged within {_WRITE_TIMEOUT:g} s")
                self._over.wait(_STEP)
            if one.exception is not None:
                raise one.exception

    def _take_back(self, producer: Producer) -> bool:
        """Whether the producer can go on: what it has written of a transaction counts for nothing now."""
        if not self._transactional or producer.dead:
            # Without transactions what was given to it may still be sent, after what comes later.
            return False
        try:
            self._end(producer, commit=False, within=_ABORT_TIMEOUT)
        except CLIENT_ERRORS:
            return False
        return True

    def _end(self, producer: Producer, *, commit: bool, within: Seconds) -> None:
        ending = producer.begin_ending(commit=commit)
        deadline = time.monotonic() + within
        while not ending.is_done:
            if time.monotonic() > deadline:
                raise KafkaTimeoutError(f"the transaction did not end within {within:g} s")
            time.sleep(_STEP)
        if ending.exception is not None:
            raise ending.exception
