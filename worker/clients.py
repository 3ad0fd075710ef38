"""The Kafka clients that a worker begins with, or a clear word on why there are none."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import structlog
from kafka.errors import KafkaError

from worker import parts
from worker.intake import TopicNames, ensure_topics
from worker.intake.topics import TopicsError
from worker.logs import LastKafkaError
from worker.model import Seconds
from worker.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.connections import KafkaConnections
    from worker.settings import Settings
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)

_TOPICS_AGAIN: Final = 0.5
_FLUSH_TIMEOUT: Final = 1.0
_AFTER_CLIENTS: Final = 0.5
"""Seconds that clients, which have the same bound, are given to say themselves what failed."""
_TELL_WAIT_AFTER: Final = 2.0
"""Seconds without a broker after which the log says what a start waits for."""


class BrokersError(Exception):
    """The brokers cannot be used. The text says which, and what the last trouble with them was."""


@dataclass(frozen=True, slots=True)
class Clients:
    """A producer for all but leaderboards; members of the two groups; readers of our compacted topics.

    ``handles`` is there with accounts only.
    """

    producer: Any
    reading: Any
    owning: Any
    restoring: Any
    sharing: Any
    handles: Any | None


async def connect(
    settings: Settings,
    kafka: KafkaConnections,
    stack: contextlib.AsyncExitStack,
    telemetry: Telemetry,
    *,
    handles: bool,
) -> Clients:
    """Our topics, and clients that ``stack`` closes, within ``kafka.request_timeout``.

    Raises:
        TopicsError: our topics cannot be used.
        BrokersError: no broker can be reached, or they refuse us.
    """
    within, group = settings.kafka.request_timeout, settings.kafka.group
    servers = ", ".join(settings.kafka.bootstrap_servers)

    async def client_of(make: Callable[[], Any], close: Callable[[Any], None] = _close_consumer) -> Any:  # noqa: ANN401 -- kafka-python is untyped
        client = await in_thread(make)
        stack.push_async_callback(in_thread, close, client)
        return client

    with LastKafkaError() as last:
        telling = asyncio.get_running_loop().call_later(
            _TELL_WAIT_AFTER, partial(_log.warning, "waiting_for_brokers", brokers=servers, at_most_s=within)
        )
        try:
            async with asyncio.timeout(within + _AFTER_CLIENTS):
                await in_thread(_ensure_topics_in_time, settings, kafka)
                producer = await client_of(partial(parts.make_producer, kafka, telemetry), _close_producer)
                clients = Clients(
                    producer,
                    await client_of(partial(kafka.consumer, group, start=settings.kafka.start)),
                    await client_of(partial(kafka.consumer, f"{group}.owners", start="earliest")),
                    await client_of(kafka.reader),
                    await client_of(partial(kafka.reader, follows=True)),
                    await client_of(kafka.reader) if handles else None,
                )
                await in_thread(_meet_topics, producer, TopicNames(group))
                return clients
        except (KafkaError, TimeoutError) as error:
            why = last.error or (error if isinstance(error, KafkaError) else "no answer")
            raise BrokersError(
                f"kafka.bootstrap_servers {servers} cannot be used (tried for {within:g} s): {why}"
            ) from error
        finally:
            telling.cancel()


def _ensure_topics_in_time(settings: Settings, kafka: KafkaConnections) -> None:
    """Try again while brokers come and go, as they do when all of it is started at once."""
    deadline = time.monotonic() + settings.kafka.request_timeout
    while True:
        try:
            _ensure_topics(settings, kafka)
        except TopicsError as error:
            passing = isinstance(error.__cause__, KafkaError) and error.__cause__.retriable
            if not passing or time.monotonic() + _TOPICS_AGAIN > deadline:
                raise
            time.sleep(_TOPICS_AGAIN)
        else:
            return


def _ensure_topics(settings: Settings, kafka: KafkaConnections) -> None:
    admin = kafka.admin()
    try:
        ensure_topics(
            admin,
            TopicNames(settings.kafka.group),
            sightings_partitions=settings.kafka.sightings_partitions,
            tracking_window=Seconds(settings.watchlist.tracking_window),
            replication_factor=settings.kafka.replication_factor,
        )
    finally:
        admin.close()


def _meet_topics(producer: Any, names: TopicNames) -> None:  # noqa: ANN401 -- kafka-python is untyped
    """Have the producer know our topics before it is hurried: its first send to one waits for that."""
    for name in names.written():
        producer.partitions_for(name)


def _close_producer(producer: Any) -> None:  # noqa: ANN401 -- kafka-python is untyped
    # What it still holds when that fails is not committed either, and is read again.
    with contextlib.suppress(KafkaError):
        producer.close(timeout=_FLUSH_TIMEOUT)


def _close_consumer(consumer: Any) -> None:  # noqa: ANN401 -- kafka-python is untyped
    """Of a reader that never began; one that did closes it itself, and then this does nothing."""
    with contextlib.suppress(KafkaError, RuntimeError):
        consumer.close(autocommit=False, timeout_ms=0)
