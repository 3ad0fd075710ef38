"""What ``run --from`` does before the worker starts: the input group is put back, once."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import structlog
from kafka.errors import KafkaError

from worker.connections import KafkaConnections
from worker.intake.rewind import BEGINNING, Rewind, RewindError
from worker.intake.topics import TopicNames
from worker.logs import LastKafkaError
from worker.moments import as_iso, parse_moment
from worker.threads import in_thread

if TYPE_CHECKING:
    from worker.intake.clients import Partition
    from worker.model import Timestamp
    from worker.settings.sections import Kafka

_log = structlog.get_logger(__name__)

_BEGINNING: Final = "beginning"
_CLOSE_MS: Final = 2000


def parse_from(text: str, now: Timestamp) -> Timestamp:
    """The moment that ``--from`` says: ``beginning``, a time, or how long ago.

    Raises:
        ValueError: it says none; tells what would be right.
    """
    if text.strip() == _BEGINNING:
        return BEGINNING
    try:
        return parse_moment(text, now)
    except ValueError as error:
        raise ValueError(f"{error}, or {_BEGINNING}") from None


async def rewind_input(kafka: Kafka, moment: Timestamp) -> None:
    """Put the input group back to a moment, while nobody is in it.

    Raises:
        RewindError: it cannot be; nothing was changed. The text says why.
    """
    asked = _BEGINNING if moment <= BEGINNING else as_iso(moment)
    _log.info("rewinding", to=asked, brokers=kafka.bootstrap_servers)
    with LastKafkaError() as last:
        try:
            offsets = await in_thread(_rewind, kafka, moment)
        except KafkaError as error:
            servers = ", ".join(kafka.bootstrap_servers)
            why = last.error or repr(error)
            raise RewindError(f"kafka.bootstrap_servers {servers} cannot be used: {why}") from error
    _log.info(
        "rewound",
        to=asked,
        group=kafka.group,
        offsets={f"{topic}:{number}": offset for (topic, number), offset in sorted(offsets.items())},
    )


def _rewind(kafka: Kafka, moment: Timestamp) -> dict[Partition, int]:
    # Who is no member has no name in the group.
    nameless = kafka.model_copy(update={"instance_id": None})
    consumer = KafkaConnections(nameless).consumer(kafka.group, start="earliest")
    try:
        pattern = kafka.topic_pattern
        own = None if pattern is None else TopicNames(kafka.group).others(pattern)
        return Rewind(consumer, kafka.request_timeout).to(moment, kafka.topic, own)
    finally:
        with contextlib.suppress(KafkaError, RuntimeError):
            consumer.close(autocommit=False, timeout_ms=_CLOSE_MS)
