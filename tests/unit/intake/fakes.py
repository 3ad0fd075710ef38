"""A clock, a producer and a consumer that do what a test says, with the shape of kafka-python's."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kafka.errors import IllegalStateError, KafkaError, KafkaTimeoutError

from worker.intake.clients import Partition
from worker.intake.ledger import Parcel
from worker.model import Seconds, Timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence

FIRST: Final = Partition("posts", 0)
SECOND: Final = Partition("posts", 1)
PATIENCE: Final = 5.0


class FakeClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.time = 1_763_719_740.0

    def now(self) -> Timestamp:
        return Timestamp(self.time)

    def monotonic(self) -> Seconds:
        return Seconds(self.time)


@dataclass(frozen=True)
class FakeRecord:
    """A record of a topic."""

    value: bytes | None
    key: bytes | None = None
    offset: int = 0
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int = 1_763_719_740_000


@dataclass
class FakeSent:
    """A record on its way, until a test says what became of it."""

    parcel: Parcel
    is_done: bool = False
    exception: BaseException | None = None

    def acknowledge(self) -> None:
        self.is_done = True

    def fail(self, error: BaseException | None = None) -> None:
        self.is_done, self.exception = True, error or KafkaTimeoutError("expired")


@dataclass
class FakeProducer:
    """Keeps what it is given. ``refuse``: it can take nothing. ``at_once``: what it takes is acknowledged."""

    at_once: bool = False
    refuse: bool = False
    sent: list[FakeSent] = field(default_factory=list)
    tries: int = 0

    def send(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        headers: list[tuple[str, bytes]] | None = None,
        partition: int | None = None,
    ) -> FakeSent:
        self.tries += 1
        if self.refuse:
            raise KafkaTimeoutError("no metadata")
        assert key is not None or value is not None, "kafka-python refuses such a record"
        sent = FakeSent(Parcel(topic, key, value, partition, headers), is_done=self.at_once)
        self.sent.append(sent)
        return sent

    def taken(self, topic: str) -> list[Parcel]:
        return [one.parcel for one in self.sent if one.parcel.topic == topic]


@dataclass(frozen=True)
class FakeMembership:
    generation_id: int


class FakeConsumer:
    """Gives out the polls of a script, each a mapping of records, an error to raise, or a call to make.

    A call stands for the client's own thread, which may rebalance while the application polls. When the
    script is over it gives nothing, and ``over`` is set.
    """

    def __init__(self, *script: object) -> None:
        self.script = deque(script)
        self.over = threading.Event()
        self.timeouts: list[int] = []
        self.assigned: dict[Partition, bool] = {}
        self.positions: dict[Partition, int | None] = {}
        self.ends: dict[Partition, int | None] = {}
        self.from_beginning: list[Partition] = []
        self.commits_made: list[dict[Partition, int]] = []
        self.commit_error: Exception | None = None
        self.held_callbacks: list[Callable[[object], None]] | None = None
        self.closed = False
        self.listener: Any = None
        self.generation = 1
        self.member = True
        self.joined: Callable[[int], None] | None = None
        self.committed_before: dict[Partition, int] = {}
        self.on_wait: Callable[[], None] = _never
        self.pattern: str | None = None

    # What a test does

    def assign(self, *partitions: Partition | Sequence[Partition]) -> None:
        """To a member of a group: as its coordinator does. To one of none: by its reader, with a list."""
        if self.listener is None:
            (wanted,) = partitions
            self.assigned = {Partition(*one): False for one in wanted}  # type: ignore[misc]  # a list of them
            return
        self.assigned |= dict.fromkeys(partitions, False)  # type: ignore[arg-type]  # no list
        self._drive(self.listener.on_partitions_assigned(set(partitions)))

    def revoke(self, *partitions: Partition, lost: bool = False) -> None:
        """As kafka-python does at a cooperative rebalance: the assignment changes first."""
        for partition in partitions:
            del self.assigned[partition]
        if lost:
            self._drive(self.listener.on_partitions_lost(set(partitions)))
        else:
            self._drive(self.listener.on_partitions_revoked(set(partitions)))

    def _drive(self, listening: Coroutine[object, None, None] | None) -> None:
        """Run a listener as kafka-python's own loop does: ``on_wait`` stands for what goes on meanwhile."""
        if listening is None:
            return
        with contextlib.suppress(StopIteration):
            while True:
                listening.send(None)
                self.on_wait()

    # What a reader does

    def on_joined(self, call: Callable[[int], None]) -> None:
        self.joined = call

    def is_member(self) -> bool:
        return self.member

    def committed(self, partition: Partition, *, timeout_ms: int | None = None) -> int | None:
        assert timeout_ms is not None, "a wait without a bound"
        return self.committed_before.get(partition)

    def seek(self, partition: Partition, offset: int) -> None:
        self.positions[partition] = offset

    def group_metadata(self) -> FakeMembership:
        return FakeMembership(self.generation)

    def subscribe(
        self, topics: Sequence[str] = (), pattern: str | None = None, listener: object = None
    ) -> None:
        self.topics, self.pattern, self.listener = list(topics), pattern, listener

    def poll(self, timeout_ms: int = 0) -> Mapping[Partition, Sequence[FakeRecord]]:
        self.timeouts.append(timeout_ms)
        if not self.script:
            self.over.wait(0.001)
            self.over.set()
            return {}
        step = self.script.popleft()
        if isinstance(step, BaseException):
            raise step
        if callable(step):
            step()
            return {}
        return step  # type: ignore[return-value]

    def assignment(self) -> set[Partition]:
        return set(self.assigned)

    def paused(self) -> set[Partition]:
        return {partition for partition, paused in self.assigned.items() if paused}

    def pause(self, *partitions: Partition) -> None:
        for partition in partitions:
            if partition not in self.assigned:
                raise KeyError(partition)
            self.assigned[partition] = True

    def resume(self, *partitions: Partition) -> None:
        for partition in partitions:
            if partition not in self.assigned:
                raise KeyError(partition)
            self.assigned[partition] = False

    def seek_to_beginning(self, *partitions: Partition) -> None:
        self.from_beginning.extend(partitions)

    def position(self, partition: Partition, timeout_ms: int | None = None) -> int | None:
        assert timeout_ms == 0, "this may ask the brokers, and block"
        self._must_be_ours(partition)
        return self.positions.get(partition)

    def highwater(self, partition: Partition) -> int | None:
        self._must_be_ours(partition)
        return self.ends.get(partition)

    def commit(self, offsets: Mapping[Partition, Any], timeout_ms: int | None = None) -> None:
        assert timeout_ms is not None, "a wait without a bound"
        if self.commit_error is not None:
            raise self.commit_error
        self.commits_made.append({key: offset.offset for key, offset in offsets.items()})

    def commit_async(
        self, offsets: Mapping[Partition, Any], callback: Callable[[object, object], None] | None = None
    ) -> None:
        plain = {key: offset.offset for key, offset in offsets.items()}

        def tell(response: object) -> None:
            if not isinstance(response, Exception):
                self.commits_made.append(plain)
            if callback is not None:
                callback(offsets, response)

        if self.held_callbacks is not None:
            self.held_callbacks.append(tell)
        else:
            tell(self.commit_error)

    def close(self, autocommit: bool = True, timeout_ms: int | None = None) -> None:  # noqa: FBT002 -- kafka-python's
        assert not autocommit, "it would commit all that was polled"
        assert timeout_ms is not None, "a wait without a bound"
        self.closed = True

    def _must_be_ours(self, partition: Partition) -> None:
        if partition not in self.assigned:
            raise IllegalStateError("Partition is not assigned")


def _never() -> None:
    raise AssertionError("the listener waits, and nothing goes on")


def records(*values: bytes, start: int = 0) -> list[FakeRecord]:
    """Records with these values, at offsets that follow each other."""
    return [FakeRecord(value, offset=start + number) for number, value in enumerate(values)]


def parcels(*keys: str) -> list[Parcel]:
    """Records to forward, one a key."""
    return [Parcel("g.sightings", key.encode(), b"{}", 0, None) for key in keys]


def acknowledge(sent: Iterable[FakeSent]) -> None:
    for one in sent:
        one.acknowledge()


TROUBLE: Final = KafkaError("the broker is not there")
