"""What this room needs of Kafka clients: kafka-python's, or a test's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Partition(NamedTuple):
    """A partition of a topic. Equal to kafka-python's ``TopicPartition``, which is such a tuple too."""

    topic: str
    partition: int


class Record(Protocol):
    """A record of a topic."""

    @property
    def offset(self) -> int: ...  # noqa: D102 -- kafka-python's
    @property
    def timestamp(self) -> int: ...  # noqa: D102 -- kafka-python's: milliseconds since 1970
    @property
    def key(self) -> bytes | None: ...  # noqa: D102 -- kafka-python's
    @property
    def value(self) -> bytes | None: ...  # noqa: D102 -- kafka-python's
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...  # noqa: D102 -- kafka-python's


class Sent(Protocol):
    """A record on its way to the broker."""

    @property
    def is_done(self) -> bool: ...  # noqa: D102 -- kafka-python's
    @property
    def exception(self) -> BaseException | None: ...  # noqa: D102 -- kafka-python's


class Producer(Protocol):
    """Sends records; safe for threads."""

    def send(  # noqa: D102 -- kafka-python's
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        headers: list[tuple[str, bytes]] | None = None,
        partition: int | None = None,
    ) -> Sent: ...


class Consumer(Protocol):
    """Reads records as a member of a group; one thread uses it, and its listener runs in another."""

    def subscribe(  # noqa: D102 -- kafka-python's
        self, topics: Sequence[str] = (), pattern: str | None = None, listener: object = None
    ) -> None: ...
    def poll(self, timeout_ms: int = 0) -> Mapping[Partition, Sequence[Record]]: ...  # noqa: D102 -- kafka-python's
    def assignment(self) -> set[Partition]: ...  # noqa: D102 -- kafka-python's
    def paused(self) -> set[Partition]: ...  # noqa: D102 -- kafka-python's
    def pause(self, *partitions: Partition) -> None: ...  # noqa: D102 -- kafka-python's
    def resume(self, *partitions: Partition) -> None: ...  # noqa: D102 -- kafka-python's
    def seek_to_beginning(self, *partitions: Partition) -> None: ...  # noqa: D102 -- kafka-python's
    def on_joined(self, call: Callable[[int], None]) -> None: ...  # noqa: D102 -- see ``worker.group_member``
    def is_member(self) -> bool: ...  # noqa: D102 -- see ``worker.group_member``
    def committed(self, partition: Partition, *, timeout_ms: int | None = None) -> int | None: ...  # noqa: D102 -- kafka-python's
    def seek(self, partition: Partition, offset: int) -> None: ...  # noqa: D102 -- kafka-python's
    def group_metadata(self) -> Any: ...  # noqa: ANN401, D102 -- kafka-python's
    def position(self, partition: Partition, timeout_ms: int | None = None) -> int | None: ...  # noqa: D102 -- kafka-python's
    def highwater(self, partition: Partition) -> int | None: ...  # noqa: D102 -- kafka-python's
    def commit(self, offsets: Any, timeout_ms: int | None = None) -> None: ...  # noqa: ANN401, D102 -- kafka-python's
    def commit_async(self, offsets: Any, callback: Any = None) -> Any: ...  # noqa: ANN401, D102 -- kafka-python's
    def close(self, autocommit: bool = True, timeout_ms: int | None = None) -> None: ...  # noqa: D102, FBT001, FBT002 -- kafka-python's
