"""Publishers of leaderboards in turn and at once: no reader sees an older board after a newer one."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest
from kafka import TopicPartition
from kafka.errors import TopicAlreadyExistsError
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.tools.apache_kafka import apache_kafka
from tests.tools.brokers import Broker, why_not
from tests.tools.kafka_records import Writer, latest, read_all
from tests.tools.live_worker import await_that
from tests.tools.publishing import taken_over
from tests.tools.require import missing
from worker.connections import KafkaConnections
from worker.embedded import start_embedded_broker
from worker.model import Campaign, Entry, Leaderboard, MetricName, PostId, Seconds, Timestamp
from worker.publish.boards_topic import CLAIM_KEY, stamp_of
from worker.publish.kafka import KafkaPublisher
from worker.publish.protocol import PublishError
from worker.settings.sections import Kafka
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from worker.publish.term import Transactions

SPRING: Final = (Campaign("spring"), MetricName("retweets"))
AUTUMN: Final = (Campaign("autumn"), MetricName("retweets"))
PATIENCE: Final = 20.0

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["auto", "off"])
def transactions(request: pytest.FixtureRequest) -> Transactions:
    """With the broker's fencing, and without."""
    mode: Transactions = request.param
    return mode


@pytest.fixture
def topic(broker: Broker) -> str:
    return broker.create_topic(settings={"cleanup.policy": "compact"})


def board(key: tuple[Campaign, MetricName], value: float) -> Leaderboard:
    at = Timestamp(1795176000.0)
    return Leaderboard(*key, at, 1, (Entry(1, PostId(10**18), value, at, None, None, None),))


def connections(bootstrap: str) -> KafkaConnections:
    return KafkaConnections(
        Kafka.model_validate({"bootstrap_servers": [bootstrap], "topic": ["posts"], "request_timeout": "5s"})
    )


def publisher(
    bootstrap: str, topic: str, transactions: Transactions, telemetry: Telemetry | None = None
) -> KafkaPublisher:
    return KafkaPublisher(
        connections(bootstrap),
        topic,
        Seconds(10),
        telemetry=telemetry or Telemetry(CollectorRegistry()),
        transactions=transactions,
        look_every=Seconds(0.1),
    )


@asynccontextmanager
async def two(
    broker: Broker, topic: str, mode: Transactions
) -> AsyncIterator[tuple[KafkaPublisher, KafkaPublisher]]:
    """Two publishers; the first has taken over."""
    old, new = publisher(broker.bootstrap, topic, mode), publisher(broker.bootstrap, topic, mode)
    try:
        await taken_over(old)
        assert old.epoch == 1
        yield old, new
    finally:
        await asyncio.gather(old.close(), new.close())


async def until(condition: Callable[[], object], wanted: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE:g} s: {wanted}"
        await asyncio.sleep(0.01)


def newest(broker: Broker, topic: str) -> dict[str, float]:
    return {
        key.decode(): json.loads(record.value)["entries"][0]["value"]
        for key, record in latest(broker.bootstrap, topic).items()
    }


def committed(bootstrap: str, topic: str) -> list[Any]:
    """What a reader of committed records sees, in order."""
    consumer = connections(bootstrap).reader(committed=True)
    try:
        return read_to_end(consumer, topic)
    finally:
        consumer.close()


def read_to_end(consumer: Any, topic: str) -> list[Any]:
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    found: list[Any] = []

    def at_end() -> bool:
        for batch in consumer.poll(100).values():
            found.extend(batch)
        end = consumer.highwater(partition)
        return end is not None and consumer.position(partition) >= end

    await_that(at_end, "the topic ends")
    return found


def assert_rises(records: list[Any]) -> None:
    stamps = [stamp_of(record.headers)[:2] for record in records]
    assert stamps, "nothing was read"
    assert all(before < after for before, after in itertools.pairwise(stamps)), stamps


async def test_records_say_their_epoch_and_sequence_in_headers_and_value(
    broker: Broker, topic: str, transactions: Transactions
) -> None:
    async with two(broker, topic, transactions) as (one, _):
        await one.publish([board(SPRING, 1), board(AUTUMN, 2)])
        await one.withdraw([AUTUMN])
        records = read_all(broker.bootstrap, topic)
    assert [record.key for record in records] == [
        CLAIM_KEY,
        b"spring/retweets",
        b"autumn/retweets",
        b"autumn/retweets",
    ]
    assert [stamp_of(record.headers)[:2] for record in records] == [(1, 0), (1, 1), (1, 2), (1, 3)]
    values = [json.loads(record.value) for record in records[1:3]]
    assert [(value["epoch"], value["sequence"]) for value in values] == [(1, 1), (1, 2)]


async def test_the_old_publisher_cannot_write_once_the_new_one_took_over(
    broker: Broker, topic: str, transactions: Transactions
) -> None:
    async with two(broker, topic, transactions) as (old, new):
        await old.publish([board(SPRING, 1), board(AUTUMN, 1)])
        with capture_logs() as log:
            await taken_over(new)
            assert new.epoch == 2
            await new.publish([board(SPRING, 2)])
            await old.publish([board(SPRING, 1)])
            await until(lambda: not old.active, "the old one knows")
            for _ in range(3):
                await old.publish([board(SPRING, 1)])
                await old.withdraw([AUTUMN])
        assert [line["event"] for line in log].count("publisher_fenced") == 1
        await new.publish([board(AUTUMN, 2)])
        await until(
            lambda: newest(broker, topic) == {"spring/retweets": 2, "autumn/retweets": 2}, "the new one's"
        )
        if transactions == "auto":
            assert_rises(committed(broker.bootstrap, topic))


async def test_what_the_old_one_had_under_way_counts_for_nothing(broker: Broker, topic: str) -> None:
    """On Apache Kafka: its transaction is open, with records in it, when the new one takes over."""
    if broker.kind == "tansu":
        pytest.skip("Tansu shows the records of transactions that were aborted")
    old = connections(broker.bootstrap).transactional_producer(topic)
    new = publisher(broker.bootstrap, topic, "on")
    try:
        await asyncio.to_thread(old.init_transactions)
        old.begin_transaction()
        old.send(topic, b'{"entries":[{"value":1}]}', key=b"spring/retweets").get(timeout=5)
        buffered = old.send(topic, b'{"entries":[{"value":1}]}', key=b"autumn/retweets")
        await taken_over(new)
        await new.publish([board(SPRING, 2)])
        with pytest.raises(Exception, match=r"Fenced|ProducerEpoch|error state|transition"):
            await asyncio.to_thread(old.commit_transaction)
        with pytest.raises(Exception, match=r"Fenced|ProducerEpoch|Aborted"):
            buffered.get(timeout=5) if not buffered.is_done else old.begin_transaction()
        seen = [record.value for record in committed(broker.bootstrap, topic) if record.value]
        assert [json.loads(value)["entries"][0]["value"] for value in seen] == [2]
    finally:
        old.discard()
        await new.close()


async def test_without_transactions_what_wakes_late_is_written_over(broker: Broker, topic: str) -> None:
    async with two(broker, topic, "off") as (old, new):
        await old.publish([board(SPRING, 1), board(AUTUMN, 1)])
        late = read_all(broker.bootstrap, topic)[1:]
        await taken_over(new)
        await new.publish([board(SPRING, 2)])
        await new.settle([SPRING])
        assert newest(broker, topic) == {"spring/retweets": 2}
        for record in late:  # the old one's, as a process would write them that was asleep
            write(broker.bootstrap, topic, record)
        await until(lambda: newest(broker, topic) == {"spring/retweets": 2}, "the new one's, and no ghost")
        assert new.active


def write(bootstrap: str, topic: str, record: Any) -> None:
    writer = Writer(bootstrap)
    try:
        writer.send(topic, [record.value], key=record.key, headers=record.headers)
    finally:
        writer.close()


async def test_two_that_take_over_at_once_end_with_one(
    broker: Broker, topic: str, transactions: Transactions
) -> None:
    both = [publisher(broker.bootstrap, topic, transactions) for _ in range(2)]
    try:
        await asyncio.gather(*(taken_over(one) for one in both))
        for round_ in range(3):
            await asyncio.gather(*(one.publish([board(SPRING, round_)]) for one in both))
        await until(lambda: sum(one.active for one in both) == 1, "one of them is the publisher")
        (winner,) = (one for one in both if one.active)
        await winner.publish([board(SPRING, 9)])
        await until(lambda: newest(broker, topic) == {"spring/retweets": 9}, "the winner's")
    finally:
        await asyncio.gather(*(one.close() for one in both))


async def test_who_was_superseded_takes_over_again_with_a_higher_epoch(
    broker: Broker, topic: str, transactions: Transactions
) -> None:
    async with two(broker, topic, transactions) as (old, new):
        await taken_over(new)
        await old.publish([board(SPRING, 1)])
        await until(lambda: not old.active, "the old one knows")
        await taken_over(old)
        assert old.epoch == 3
        await old.publish([board(SPRING, 3)])
        await new.publish([board(SPRING, 2)])
        await until(lambda: not new.active, "the other one knows")
        await until(lambda: newest(broker, topic) == {"spring/retweets": 3}, "the first one's")


async def test_ghosts_are_removed_when_all_boards_are_known(
    broker: Broker, topic: str, transactions: Transactions
) -> None:
    async with two(broker, topic, transactions) as (old, new):
        ghost = (Campaign("gone/by"), MetricName("favorites"))
        await old.publish([board(SPRING, 1), board(AUTUMN, 1), board(ghost, 1)])
        await taken_over(new)
        assert new.keys_there() == {SPRING, AUTUMN, ghost}
        await new.publish([board(SPRING, 2)])
        assert new.keys_there() == {AUTUMN, ghost}
        await new.settle([AUTUMN])
        assert newest(broker, topic) == {"spring/retweets": 2, "autumn/retweets": 1}
        await new.settle([])
        assert newest(broker, topic) == {"spring/retweets": 2}
        assert new.keys_there() == frozenset()


async def test_one_that_is_not_active_writes_nothing(
    broker: Broker, topic: str, transactions: Transactions
) -> None:
    one = publisher(broker.bootstrap, topic, transactions)
    one.step_down()
    await one.publish([board(SPRING, 1)])
    await one.settle([])
    await taken_over(one)
    await taken_over(one)
    await one.publish([board(SPRING, 2)])
    one.step_down()
    one.step_down()
    await one.publish([board(SPRING, 3)])
    await one.withdraw([SPRING])
    assert not one.active
    await one.close()
    await one.close()
    assert newest(broker, topic) == {"spring/retweets": 2}
    await taken_over(one)
    assert one.epoch == 2
    await one.publish([board(SPRING, 4)])
    await one.close()
    assert newest(broker, topic) == {"spring/retweets": 4}


async def test_a_producer_that_died_is_replaced_and_the_epoch_stays(
    broker: Broker, topic: str, transactions: Transactions
) -> None:
    telemetry = Telemetry(CollectorRegistry())
    one = publisher(broker.bootstrap, topic, transactions, telemetry)
    try:
        await taken_over(one)
        await one.publish([board(SPRING, 1)])
        tenure: Any = one._tenure  # noqa: SLF001 -- to break what is inside
        tenure._term._producer._sender.force_close()  # noqa: SLF001 -- to break what is inside
        await until(lambda: telemetry.producer_rebuilds._value.get() == 1, "it is replaced")  # noqa: SLF001 -- no other way
        await one.publish([board(SPRING, 2)])
        assert one.epoch == 1
        assert_rises(read_all(broker.bootstrap, topic))
        assert newest(broker, topic) == {"spring/retweets": 2}
    finally:
        await one.close()


async def test_while_the_broker_is_away_nothing_waits_long_and_all_is_there_when_it_is_back(
    transactions: Transactions,
) -> None:
    if reason := why_not("apache"):
        missing("apache", reason)
    with apache_kafka() as cluster:
        broker = Broker("apache", cluster.bootstrap, 6.0, 1.0, compacts=True, stop=cluster.stop)
        topic = broker.create_topic(settings={"cleanup.policy": "compact"})
        one = publisher(cluster.bootstrap, topic, transactions)
        one._timeout = Seconds(1)  # noqa: SLF001 -- shorter than anybody wants it
        try:
            await taken_over(one)
            await publish_until_taken(one, board(SPRING, 1))
            (node,) = cluster.nodes
            node.kill()
            for _ in range(14):
                started = time.monotonic()
                with pytest.raises(PublishError):
                    await one.publish([board(SPRING, 2)])
                assert time.monotonic() - started < 2
            await asyncio.to_thread(node.start)
            await asyncio.to_thread(cluster.await_ready)
            await publish_until_taken(one, board(SPRING, 3))
            assert one.epoch == 1
            assert newest(broker, topic) == {"spring/retweets": 3}
            assert_rises(committed(cluster.bootstrap, topic))
        finally:
            await one.close()


async def publish_until_taken(one: KafkaPublisher, *boards: Leaderboard) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            await one.publish(boards)
        except PublishError:
            assert time.monotonic() < deadline
        else:
            return


async def test_a_broker_that_comes_back_empty_is_given_all_that_was_published(
    transactions: Transactions,
) -> None:
    if reason := why_not("tansu"):
        pytest.skip(reason)
    tansu = start_embedded_broker()
    port = int(tansu.bootstrap.rpartition(":")[2])
    broker = Broker("tansu", tansu.bootstrap, 2.0, 0.4, compacts=False, stop=tansu.stop)
    topic = broker.create_topic()
    one = publisher(broker.bootstrap, topic, transactions)
    try:
        await taken_over(one)
        await one.publish([board(SPRING, 1), board(AUTUMN, 1)])
        tansu.stop()
        tansu = start_embedded_broker(port)
        # A client that looks for it in this moment has the broker create it.
        with contextlib.suppress(TopicAlreadyExistsError):
            broker.create_topic(topic)
        await publish_until_taken(one, board(SPRING, 2))
        await until(
            lambda: newest(broker, topic) == {"spring/retweets": 2, "autumn/retweets": 1}, "all of them"
        )
    finally:
        await one.close()
        tansu.stop()
