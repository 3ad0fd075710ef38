"""The Kafka destination while brokers are slow, down, without transactions: bounded in time, and in order."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from kafka import TopicPartition
from kafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    ProducerFencedError,
    UnsupportedVersionError,
)
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.tools.publishing import taken_over
from worker.model import Campaign, Leaderboard, MetricName, Seconds, Timestamp
from worker.publish import term
from worker.publish.kafka import KafkaPublisher, record_key
from worker.publish.protocol import PublishError
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from worker.publish.term import Transactions

TOPIC = "g.leaderboards"


@dataclass
class FakeSent:
    is_done: bool = False
    exception: BaseException | None = None


@dataclass
class FakeRecord:
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


@dataclass
class FakeBroker:
    """Keeps records; acknowledges at once unless told; may refuse, or hold a send up until it is released."""

    acknowledge: bool = True
    error: BaseException | None = None
    refuse: bool = False
    held: threading.Event | None = None
    init_error: BaseException | None = None
    away: bool = False
    records: list[FakeRecord] = field(default_factory=list)
    sent: list[FakeSent] = field(default_factory=list)
    producers: list[FakeProducer] = field(default_factory=list)

    def reachable(self) -> bool:
        return not self.away

    def transactional_producer(self, transactional_id: str) -> FakeProducer:
        assert transactional_id == TOPIC
        return self._made(FakeProducer(self))

    def producer(self) -> FakeProducer:
        return self._made(FakeProducer(self))

    def reader(self, *, committed: bool = False) -> FakeReader:
        del committed
        return FakeReader(self)

    def versions(self) -> list[int]:
        """The versions of boards in the order they were sent."""
        return [orjson.loads(one.value)["tracked_posts"] for one in self.records if one.value is not None]

    def _made(self, producer: FakeProducer) -> FakeProducer:
        if self.away:
            raise KafkaConnectionError("nobody there")
        self.producers.append(producer)
        return producer


@dataclass
class FakeProducer:
    broker: FakeBroker
    dead: bool = False
    fenced: bool = False
    endings: list[bool] = field(default_factory=list)

    def discard(self) -> None:
        self.dead = True

    def init_transactions(self) -> None:
        if self.broker.init_error is not None:
            self.dead = not isinstance(self.broker.init_error, KafkaTimeoutError)
            raise self.broker.init_error

    def begin_transaction(self) -> None:
        """Nothing to do."""

    def begin_ending(self, *, commit: bool) -> FakeSent:
        self.endings.append(commit)
        return FakeSent(is_done=True)

    def send(self, topic: str, value: bytes | None = None, **more: Any) -> FakeSent:
        assert topic == TOPIC
        broker = self.broker
        if broker.held is not None and value is not None:
            assert broker.held.wait(5)
        if broker.refuse:
            raise KafkaTimeoutError("no metadata")
        broker.records.append(FakeRecord(len(broker.records), more["key"], value, more["headers"]))
        is_claim = more["key"] == b"/epoch"
        broker.sent.append(FakeSent(broker.acknowledge or is_claim, None if is_claim else broker.error))
        return broker.sent[-1]


@dataclass
class FakeReader:
    broker: FakeBroker
    read: int = 0

    def partitions_for_topic(self, _: str) -> set[int]:
        return {0}

    def assign(self, _: object) -> None: ...
    def seek_to_beginning(self, *_: object) -> None: ...
    def close(self, **_: object) -> None: ...

    def poll(self, timeout_ms: int) -> Mapping[TopicPartition, Sequence[FakeRecord]]:
        del timeout_ms
        new = self.broker.records[self.read :]
        self.read += len(new)
        return {TopicPartition(TOPIC, 0): new} if new else {}

    def highwater(self, _: object) -> int:
        return len(self.broker.records)

    def position(self, _: object, timeout_ms: int | None = None) -> int:
        del timeout_ms
        return self.read


def _board(version: int, campaign: str = "spring") -> Leaderboard:
    return Leaderboard(Campaign(campaign), MetricName("retweets"), Timestamp(version), version, ())


def _publisher(broker: FakeBroker, timeout: float, transactions: Transactions) -> KafkaPublisher:
    return KafkaPublisher(
        broker,
        TOPIC,
        Seconds(timeout),
        telemetry=Telemetry(CollectorRegistry()),
        transactions=transactions,
        look_every=Seconds(0.02),
    )


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 -- of a thread; who calls has a bound
        await asyncio.sleep(0.001)


def publishing(
    broker: FakeBroker,
    scenario: Callable[[KafkaPublisher], Coroutine[Any, Any, None]],
    timeout: float = 5,
    transactions: Transactions = "on",
) -> None:
    """Run a scenario with a publisher that took over."""

    async def run() -> None:
        works = not broker.away and broker.init_error is None
        publisher = _publisher(broker, 5 if works else timeout, transactions)
        await taken_over(publisher)
        publisher._timeout = Seconds(timeout)  # noqa: SLF001 -- a publication is to be given up sooner
        try:
            async with asyncio.timeout(10):
                await scenario(publisher)
        finally:
            await publisher.close()

    asyncio.run(run())


def test_a_board_is_a_record_keyed_by_campaign_and_metric_and_a_withdrawn_one_a_tombstone() -> None:
    broker = FakeBroker()

    async def scenario(publisher: KafkaPublisher) -> None:
        await publisher.publish([_board(1)])
        await publisher.withdraw([_board(1).key])

    publishing(broker, scenario)
    assert [record.key for record in broker.records] == [b"/epoch", b"spring/retweets", b"spring/retweets"]
    assert broker.records[2].value is None
    assert broker.producers[0].endings == [True, True, True], "a transaction each"


def test_a_campaign_with_half_a_surrogate_pair_still_has_a_key() -> None:
    assert record_key(Campaign("half \ud800"), MetricName("retweets")) == b"half ?/retweets"


@pytest.mark.parametrize("transactions", ["on", "off"])
@pytest.mark.parametrize("refuse", [False, True])
def test_a_failure_is_told_and_what_follows_is_written(refuse: bool, transactions: Transactions) -> None:
    broker = FakeBroker()

    async def scenario(publisher: KafkaPublisher) -> None:
        broker.refuse, broker.error = refuse, KafkaTimeoutError("expired")
        with pytest.raises(PublishError, match=r"g\.leaderboards: KafkaTimeoutError"):
            await publisher.publish([_board(1)])
        broker.refuse, broker.error = False, None
        await publisher.publish([_board(2)])
        assert broker.versions()[-1] == 2
        if transactions == "on":
            assert broker.producers[0].endings == [True, False, True], "the second was taken back"
        else:
            assert broker.producers[0].dead, "it may still send what failed"

    publishing(broker, scenario, transactions=transactions)


def test_a_producer_that_fails_again_and_again_is_replaced() -> None:
    broker = FakeBroker()

    async def scenario(publisher: KafkaPublisher) -> None:
        broker.error = KafkaError("no such transaction")
        for _ in range(2):
            with pytest.raises(PublishError):
                await publisher.publish([_board(1)])
        broker.error = None
        await publisher.publish([_board(2)])
        assert broker.producers[0].dead
        assert not broker.producers[1].dead
        assert publisher.epoch == 1

    publishing(broker, scenario)


def test_while_brokers_do_not_answer_one_publication_is_under_way_and_no_more() -> None:
    broker = FakeBroker()

    async def scenario(publisher: KafkaPublisher) -> None:
        broker.acknowledge = False
        for version in range(5):
            with pytest.raises(PublishError, match="not acknowledged within"):
                await publisher.publish([_board(version)])
        assert broker.versions() == [0]
        broker.sent[-1].is_done = True
        broker.acknowledge = True
        publisher._timeout = Seconds(5)  # noqa: SLF001 -- this one is to be taken
        await publisher.publish([_board(9)])
        assert broker.versions() == [0, 9]

    publishing(broker, scenario, timeout=0.1)


def test_a_cancelled_publication_does_not_come_after_the_next_one() -> None:
    broker = FakeBroker(held=threading.Event())

    async def scenario(publisher: KafkaPublisher) -> None:
        first = asyncio.create_task(publisher.publish([_board(1), _board(1, "autumn")]))
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        second = asyncio.create_task(publisher.publish([_board(2), _board(2, "autumn")]))
        await asyncio.sleep(0.01)
        assert broker.held is not None
        broker.held.set()
        await second
        assert broker.versions() == [1, 1, 2, 2]

    publishing(broker, scenario)


def test_what_is_under_way_when_it_steps_down_is_taken_back() -> None:
    broker = FakeBroker()

    async def scenario(publisher: KafkaPublisher) -> None:
        broker.acknowledge = False
        publication = asyncio.create_task(publisher.publish([_board(1)]))
        await _until(lambda: bool(broker.versions()))
        publisher.step_down()
        await publication
        assert broker.producers[0].endings == [True, False]
        await publisher.publish([_board(2)])
        assert broker.versions() == [1]

    publishing(broker, scenario)


@pytest.mark.parametrize("error", [ProducerFencedError(), None])
def test_one_that_is_fenced_says_so_once_and_writes_no_more(error: BaseException | None) -> None:
    broker = FakeBroker()

    async def scenario(publisher: KafkaPublisher) -> None:
        broker.error = error or KafkaError("in an error state")
        broker.producers[0].fenced = error is None
        with capture_logs() as log:
            for _ in range(3):
                await publisher.publish([_board(1)])
        assert [line["event"] for line in log] == ["publisher_fenced"]
        assert not publisher.active
        assert len(broker.producers) == 1, "it would fence its successor"
        assert broker.versions() == [1]
        broker.error = None
        await taken_over(publisher)
        assert publisher.epoch == 2

    publishing(broker, scenario)


def test_taking_over_goes_on_in_the_background_until_brokers_are_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(term, "_BACKOFF", 0.01)
    broker = FakeBroker(away=True)

    async def scenario(publisher: KafkaPublisher) -> None:
        assert publisher.active
        assert not publisher.epoch
        with pytest.raises(PublishError, match=r"not taken over .*within"):
            await publisher.publish([_board(1)])
        broker.away = False
        await _until(lambda: publisher.epoch is not None)
        publisher._timeout = Seconds(5)  # noqa: SLF001 -- this one is to be taken
        await publisher.publish([_board(2)])
        assert broker.versions() == [2]

    publishing(broker, scenario, timeout=0.1)


@pytest.mark.parametrize(("mode", "taken"), [("auto", True), ("on", False)])
def test_a_broker_without_transactions_is_told_once_and_published_to_unless_they_must_be(
    mode: Transactions, taken: bool
) -> None:
    broker = FakeBroker(init_error=UnsupportedVersionError())

    async def scenario(publisher: KafkaPublisher) -> None:
        assert (publisher.epoch == 1) is taken
        if taken:
            await publisher.publish([_board(1)])
            assert broker.versions() == [1]
            assert broker.producers[-1].endings == []

    with capture_logs() as log:
        publishing(broker, scenario, timeout=0.3, transactions=mode)
    assert [line["event"] for line in log].count("transactions_unavailable") == taken


def test_brokers_that_are_slow_to_begin_transactions_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(term, "_WRITE_TIMEOUT", 0.02)
    broker = FakeBroker(init_error=KafkaTimeoutError())

    async def scenario(publisher: KafkaPublisher) -> None:
        assert publisher.epoch is None, "a slow broker is not one without transactions"

    publishing(broker, scenario, timeout=0.2, transactions="auto")
