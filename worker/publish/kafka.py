"""Leaderboards on the topic ``<group>.leaderboards``: JSON, keyed ``campaign/metric``, compacted."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final, Protocol

from kafka.errors import KafkaError

from worker.publish.leaderboard_json import leaderboard_json
from worker.publish.protocol import PublishError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.model import Campaign, Leaderboard, MetricName, Seconds

_STEP: Final = 0.01


class Producer(Protocol):
    """What this destination needs of kafka-python's producer."""

    def send(self, topic: str, value: bytes | None = None, key: bytes | None = None) -> Any: ...  # noqa: ANN401, D102 -- kafka-python's


def record_key(campaign: Campaign, metric: MetricName) -> bytes:
    """The record's key. A metric's name has no slash, so the last one parts the two."""
    return f"{campaign}/{metric}".encode(errors="replace")


class KafkaPublisher:
    """Sends each leaderboard as a record, a withdrawn one as a tombstone, and waits until all are there.

    The producer must keep the order of records of a partition also when it tries again. It is given no more
    before all it was given is acknowledged or has failed: it keeps everything in memory while brokers are
    down.
    """

    name: Final = "kafka"

    def __init__(self, producer: Producer, topic: str, timeout: Seconds) -> None:
        self._producer = producer
        self._topic = topic
        self._timeout = timeout
        self._under_way: list[Any] = []
        self._sending = threading.Lock()

    async def publish(self, leaderboards: Sequence[Leaderboard]) -> None:
        """See ``Publisher.publish``."""
        await self._send([(record_key(*board.key), leaderboard_json(board)) for board in leaderboards])

    async def withdraw(self, keys: Sequence[tuple[Campaign, MetricName]]) -> None:
        """See ``Publisher.withdraw``."""
        await self._send([(record_key(*key), None) for key in keys])

    async def close(self) -> None:
        """See ``Publisher.close``. The producer is closed by whoever made it."""

    async def _send(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await self._await_under_way()
                self._under_way.clear()
                # In a thread: a send waits for the brokers when they are not known yet, or not there.
                await asyncio.to_thread(self._send_all, records)
                await self._await_under_way()
        except TimeoutError as error:
            raise PublishError(f"{self._topic}: not acknowledged within {self._timeout:g} s") from error
        except KafkaError as error:
            raise PublishError(f"{self._topic}: {error!r}") from error
        failed = next((one.exception for one in self._under_way if one.exception is not None), None)
        if failed is not None:
            raise PublishError(f"{self._topic}: {failed!r}") from failed

    async def _await_under_way(self) -> None:
        while not all(one.is_done for one in self._under_way):  # noqa: ASYNC110 -- done in a thread
            await asyncio.sleep(_STEP)

    def _send_all(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        # The lock: a publication that was cancelled may still be sending, and must not come after this one.
        with self._sending:
            for key, value in records:
                self._under_way.append(self._producer.send(self._topic, value, key=key))
