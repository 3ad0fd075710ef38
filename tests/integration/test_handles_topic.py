"""The handles' topic: what one worker used, another knows, also after a restart."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from kafka import KafkaConsumer, KafkaProducer

from tests.tools.live_worker import await_that
from worker.handles_topic import HandlesTopic
from worker.model import Seconds, Timestamp

if TYPE_CHECKING:
    from tests.tools.brokers import Broker

AT = Timestamp(1_763_719_740.0)


class Member:
    """A worker's end of the topic, and what it heard."""

    def __init__(self, broker: Broker, topic: str) -> None:
        self.heard: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        self.failures: list[BaseException] = []
        self.topic = HandlesTopic(topic, self._hear, self.failures.append)
        self._consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
        self._producer = KafkaProducer(bootstrap_servers=broker.bootstrap)
        self.topic.start(self._consumer, self._producer)

    def _hear(self, month: str, handle: str) -> None:
        with self._lock:
            self.heard.add((month, handle))

    def stop(self) -> None:
        self.topic.ask_to_stop()
        assert self.topic.join(Seconds(10))
        assert not self.failures
        self._producer.close(timeout=5)
        self._consumer.close()


def test_what_one_used_the_others_hear_also_who_comes_later(broker: Broker) -> None:
    topic = broker.create_topic()
    one, two = Member(broker, topic), Member(broker, topic)
    try:
        one.topic.save("2025-11", "acme", AT)
        two.topic.save("2025-11", "beta_2", AT)
        both = {("2025-11", "acme"), ("2025-11", "beta_2")}
        await_that(lambda: one.heard == both and two.heard == both, "both know both")
    finally:
        one.stop()
        two.stop()
    late = Member(broker, topic)
    try:
        await_that(lambda: late.heard == both, "who comes later knows both")
    finally:
        late.stop()


def test_what_was_saved_at_the_last_moment_is_written(broker: Broker) -> None:
    topic = broker.create_topic()
    one = Member(broker, topic)
    one.topic.save("2025-12", "acme", AT)
    one.stop()
    two = Member(broker, topic)
    try:
        await_that(lambda: two.heard == {("2025-12", "acme")}, "it is there")
    finally:
        two.stop()
