"""A client of the brokers for a command, and a word to its user when they keep it waiting."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

from worker.cli.common import TELL_WAIT_AFTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.connections import KafkaConnections
    from worker.settings.sections import Kafka

T = TypeVar("T")


class NoBrokerError(Exception):
    """No broker answers. The text says where none does, and what to check."""


def connect(kafka: Kafka, make: Callable[[KafkaConnections], T], tell: Callable[[str], object]) -> T:
    """What ``make`` makes of the connections; ``tell`` is told when that takes longer than a moment.

    Raises:
        NoBrokerError: no broker answered within ``kafka.request_timeout``.
    """
    from kafka.errors import KafkaError

    from worker.connections import KafkaConnections
    from worker.logs import LastKafkaError

    servers = ", ".join(kafka.bootstrap_servers)
    waiting = f"waiting for the brokers at {servers}, for up to {kafka.request_timeout:g} s"
    telling = threading.Timer(TELL_WAIT_AFTER, tell, (waiting,))
    telling.daemon = True
    telling.start()
    with LastKafkaError() as last:
        try:
            return make(KafkaConnections(kafka))
        except KafkaError as error:
            why = last.error or error
            raise NoBrokerError(
                f"no broker answers at {servers} ({why}): check kafka.bootstrap_servers"
            ) from error
        finally:
            telling.cancel()
