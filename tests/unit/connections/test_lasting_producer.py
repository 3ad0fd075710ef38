"""A producer whose client dies is given another one, and what the dead one held fails."""

from __future__ import annotations

import threading
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pytest
from kafka.errors import IllegalStateError, KafkaConnectionError, KafkaTimeoutError
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.tools.brokers import Broker, running_broker, why_not
from worker import lasting_producer
from worker.connections import KafkaConnections
from worker.lasting_producer import LastingProducer
from worker.model import Seconds
from worker.settings.sections import Kafka
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE: Final = 10.0


def await_that(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@dataclass
class FakeSent:
    is_done: bool = False


@dataclass
class FakeClient:
    dead: bool = False
    discarded: bool = False
    sent: list[tuple[Any, ...]] = field(default_factory=list)
    slow: bool = False

    def discard(self) -> None:
        self.dead = self.discarded = True

    def send(self, topic: str, value: Any = None, **more: Any) -> Any:
        self.sent.append((topic, value, more))
        return FakeSent()

    def partitions_for(self, topic: str) -> Any:
        return {topic}

    def flush(self, timeout: float | None = None) -> None:
        if self.slow:
            raise KafkaTimeoutError(str(timeout))


@dataclass
class Maker:
    """Makes clients; fails as often as it is told."""

    clients: list[FakeClient] = field(default_factory=list)
    failures: int = 0

    away: bool = False

    def reachable(self) -> bool:
        return not self.away

    def __call__(self) -> FakeClient:
        assert not self.away, "it would leave sockets"
        if self.failures:
            self.failures -= 1
            raise KafkaConnectionError("nobody there")
        self.clients.append(FakeClient())
        return self.clients[-1]


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lasting_producer, "_WAIT", 0.001)


@contextmanager
def lasting(maker: Maker) -> Iterator[tuple[LastingProducer, Telemetry]]:
    telemetry = Telemetry(CollectorRegistry())
    with closing(
        LastingProducer(maker, telemetry, reachable=maker.reachable, look_every=Seconds(0.005))
    ) as producer:
        yield producer, telemetry


def rebuilds(telemetry: Telemetry) -> float:
    return telemetry.registry.get_sample_value("toptweets_producer_rebuilds_total") or 0.0


def test_everything_is_forwarded() -> None:
    maker = Maker()
    with lasting(maker) as (producer, telemetry):
        producer.send("t", b"v", key=b"k", partition=3)
        assert producer.partitions_for("t") == {"t"}
        producer.flush(1)
    assert maker.clients[0].sent == [("t", b"v", {"key": b"k", "partition": 3})]
    assert maker.clients[0].discarded
    assert rebuilds(telemetry) == 0


def test_a_dead_client_is_let_go_of_and_replaced_also_when_nobody_sends() -> None:
    maker = Maker()
    with capture_logs() as log, lasting(maker) as (producer, telemetry):
        maker.clients[0].dead = True
        await_that(lambda: rebuilds(telemetry) == 1)
        assert maker.clients[0].discarded
        producer.send("t", b"v")
        assert maker.clients[1].sent == [("t", b"v", {})]
    assert [line["event"] for line in log] == ["producer_rebuilt"]


def test_while_there_is_no_client_sends_fail_at_once_and_it_is_tried_again() -> None:
    maker = Maker()
    with lasting(maker) as (producer, telemetry):
        maker.failures, maker.away = 3, True
        maker.clients[0].dead = True
        await_that(lambda: maker.clients[0].discarded)
        for call in (lambda: producer.send("t", b"v"), lambda: producer.partitions_for("t"), producer.flush):
            with pytest.raises(KafkaConnectionError):
                call()
        maker.away = False
        await_that(lambda: rebuilds(telemetry) == 1)
        producer.send("t", b"v")


def test_a_client_that_runs_and_sends_nothing_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lasting_producer, "_STUCK_AFTER", 0.01)
    maker = Maker()
    with lasting(maker) as (producer, telemetry):
        producer.send("t", b"v")
        await_that(lambda: rebuilds(telemetry) == 1)


def test_a_client_whose_records_come_to_an_end_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lasting_producer, "_STUCK_AFTER", 0.01)
    maker = Maker()
    with lasting(maker) as (producer, telemetry):
        for _ in range(10):
            producer.send("t", b"v").is_done = True
            time.sleep(0.005)
        assert rebuilds(telemetry) == 0


def test_closing_lets_go_also_of_a_client_that_cannot_send() -> None:
    maker = Maker()
    with lasting(maker) as (producer, _):
        maker.clients[0].slow = True
        producer.close(0.01)
        producer.close(0.01)
    assert maker.clients[0].discarded
    assert len(maker.clients) == 1


# With kafka-python's own


@pytest.fixture(scope="module")
def tansu() -> Iterator[Broker]:
    if reason := why_not("tansu"):
        pytest.skip(reason)
    with running_broker("tansu") as broker:
        yield broker


def _ended() -> None:
    raise SystemExit


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("how", ["thread", "closed"])
def test_what_a_dead_producer_holds_fails_and_can_be_sent_again(tansu: Broker, how: str) -> None:
    topic = tansu.create_topic()
    kafka = KafkaConnections(Kafka.model_validate({"bootstrap_servers": [tansu.bootstrap], "topic": ["p"]}))
    telemetry = Telemetry(CollectorRegistry())
    with closing(
        LastingProducer(kafka.producer, telemetry, reachable=kafka.reachable, look_every=Seconds(0.3))
    ) as producer:
        producer.send(topic, b"1", key=b"k").get(timeout=PATIENCE)
        client: Any = producer._client  # noqa: SLF001 -- to break it
        if how == "thread":
            thread = client._sender  # noqa: SLF001 -- to break it
            thread.run_once = _ended
            thread.wakeup()
            thread.join(PATIENCE)
            held = producer.send(topic, b"2", key=b"k")
            await_that(lambda: held.is_done)
            assert isinstance(held.exception, IllegalStateError)
        else:
            client.close(timeout=1)
        await_that(lambda: rebuilds(telemetry) == 1)
        assert producer.send(topic, b"2", key=b"k").get(timeout=PATIENCE).offset == 1
        threads = [one.name for one in threading.enumerate() if one.name.endswith("network-thread")]
        assert len(threads) == 1, "the dead one's thread is left"


def test_whether_a_broker_can_be_reached_is_known_at_once(tansu: Broker) -> None:
    def reachable(*servers: str) -> bool:
        kafka = Kafka.model_validate({"bootstrap_servers": servers, "topic": ["p"]})
        return KafkaConnections(kafka).reachable()

    assert reachable("127.0.0.1:1", tansu.bootstrap)
    assert not reachable("127.0.0.1:1", "[::1]:1", "host.invalid")


def test_a_producer_whose_broker_is_gone_can_be_let_go_of_at_once() -> None:
    if reason := why_not("tansu"):
        pytest.skip(reason)
    with running_broker("tansu") as broker:
        topic = broker.create_topic()
        kafka = KafkaConnections(
            Kafka.model_validate({"bootstrap_servers": [broker.bootstrap], "topic": ["p"]})
        )
        producer = kafka.producer()
        producer.send(topic, b"1").get(timeout=PATIENCE)
        assert not producer.dead
    held = producer.send(topic, b"2")
    started = time.monotonic()
    producer.discard()
    producer.discard()
    assert time.monotonic() - started < 3
    assert isinstance(held.exception, IllegalStateError)
    await_that(lambda: not [one for one in threading.enumerate() if one.name.endswith("network-thread")])
