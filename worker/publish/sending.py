"""Records to a topic, so that it is known whether all are there. Nothing of it blocks the event loop."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final, Protocol

from kafka.errors import KafkaError

from worker.publish.protocol import PublishError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.model import Seconds

_STEP: Final = 0.01


class Producer(Protocol):
    """What this needs of kafka-python's producer."""

    def send(self, topic: str, value: bytes | None = None, key: bytes | None = None) -> Any: ...  # noqa: ANN401, D102 -- kafka-python's


class Sending:
    """Sends records and waits until all are there.

    The producer must keep the order of records of a partition also when it tries again. It is given no more
    before all it was given is acknowledged or has failed: it keeps everything in memory while brokers are
    down.
    """

    def __init__(self, producer: Producer, topic: str, timeout: Seconds) -> None:
        self._producer = producer
        self._topic = topic
        self._timeout = timeout
        self._under_way: list[Any] = []
        self._sending = threading.Lock()

    async def send(self, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Send keys and values, in order. ``records`` is gone through in another thread.

        Raises:
            PublishError: when some may not be there.
        """
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

    def _send_all(self, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        # The lock: a publication that was cancelled may still be sending, and must not come after this one.
        with self._sending:
            for key, value in records:
                self._under_way.append(self._producer.send(self._topic, value, key=key))
