"""The Kafka destination while brokers are slow or down: bounded in time and memory, and in order."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from kafka.errors import KafkaTimeoutError

from worker.model import Campaign, Leaderboard, MetricName, Seconds, Timestamp
from worker.publish.kafka import KafkaPublisher, record_key
from worker.publish.protocol import PublishError


@dataclass
class FakeSent:
    is_done: bool = False
    exception: BaseException | None = None


@dataclass
class FakeProducer:
    """Acknowledges at once unless told; may refuse, or hold a send up until it is released."""

    acknowledge: bool = True
    error: BaseException | None = None
    refuse: bool = False
    held: threading.Event | None = None
    records: list[tuple[bytes | None, bytes | None]] = field(default_factory=list)
    sent: list[FakeSent] = field(default_factory=list)

    def send(self, _: str, value: bytes | None = None, key: bytes | None = None) -> Any:
        if self.held is not None:
            assert self.held.wait(5)
        if self.refuse:
            raise KafkaTimeoutError("no metadata")
        self.records.append((key, value))
        self.sent.append(FakeSent(self.acknowledge, self.error))
        return self.sent[-1]

    def as_of(self) -> list[int]:
        """The versions of boards in the order they were sent."""
        return [orjson.loads(value)["tracked_posts"] for _, value in self.records if value is not None]


def _board(version: int, campaign: str = "spring") -> Leaderboard:
    return Leaderboard(Campaign(campaign), MetricName("retweets"), Timestamp(version), version, ())


def _publisher(producer: FakeProducer, timeout: float = 0.05) -> KafkaPublisher:
    return KafkaPublisher(producer, "g.leaderboards", Seconds(timeout))


def test_a_board_is_a_record_keyed_by_campaign_and_metric_and_a_withdrawn_one_a_tombstone() -> None:
    async def check() -> None:
        producer = FakeProducer()
        publisher = _publisher(producer)
        await publisher.publish([_board(1)])
        await publisher.withdraw([_board(1).key])
        await publisher.close()
        keys = [key for key, _ in producer.records]
        assert keys == [b"spring/retweets"] * 2
        assert producer.records[1][1] is None

    asyncio.run(check())


def test_a_campaign_with_half_a_surrogate_pair_still_has_a_key() -> None:
    assert record_key(Campaign("half \ud800"), MetricName("retweets")) == b"half ?/retweets"


@pytest.mark.parametrize(
    "producer", [FakeProducer(error=KafkaTimeoutError("expired")), FakeProducer(refuse=True)]
)
def test_a_failure_is_told(producer: FakeProducer) -> None:
    async def check() -> None:
        with pytest.raises(PublishError, match=r"g\.leaderboards: KafkaTimeoutError"):
            await _publisher(producer).publish([_board(1)])

    asyncio.run(check())


def test_while_brokers_are_down_the_producer_is_given_one_publication_and_no_more() -> None:
    async def check() -> None:
        producer = FakeProducer(acknowledge=False)
        publisher = _publisher(producer)
        for version in range(5):
            with pytest.raises(PublishError, match="not acknowledged within"):
                await publisher.publish([_board(version)])
        assert len(producer.records) == 1
        producer.sent[0].is_done = True
        producer.acknowledge = True
        await publisher.publish([_board(9)])
        assert producer.as_of() == [0, 9]

    asyncio.run(check())


def test_what_failed_of_the_publication_before_is_not_the_fault_of_the_next() -> None:
    async def check() -> None:
        producer = FakeProducer(acknowledge=False)
        publisher = _publisher(producer)
        with pytest.raises(PublishError):
            await publisher.publish([_board(1)])
        producer.sent[0].is_done, producer.sent[0].exception = True, KafkaTimeoutError("expired")
        producer.acknowledge = True
        await publisher.publish([_board(2)])
        assert producer.as_of() == [1, 2]

    asyncio.run(check())


def test_a_cancelled_publication_does_not_come_after_the_next_one() -> None:
    async def check() -> None:
        producer = FakeProducer(held=threading.Event())
        publisher = _publisher(producer, timeout=5)
        first = asyncio.create_task(publisher.publish([_board(1), _board(1, "autumn")]))
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        second = asyncio.create_task(publisher.publish([_board(2), _board(2, "autumn")]))
        await asyncio.sleep(0.01)
        assert producer.held is not None
        producer.held.set()
        await second
        assert producer.as_of() == [1, 1, 2, 2]

    asyncio.run(check())
