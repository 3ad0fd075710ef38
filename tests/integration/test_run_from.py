"""``top-tweets run --from``: the input is read again from a moment, on whatever broker."""

from __future__ import annotations

import time
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from tests.tools.kafka_records import Writer, committed
from tests.tools.live_worker import (
    Running,
    await_that,
    quick_settings,
    running_sandbox,
    running_worker,
    starting_worker,
)
from worker.intake.clients import Partition
from worker.intake.rewind import BEGINNING, Rewind
from worker.model import Timestamp, first_post_id
from worker.moments import as_iso

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.tools.brokers import Broker

HOUR: Final = 3600.0
NOW: Final = float(round(time.time()))


def write(broker: Broker, topic: str, partition: int, hours_ago: Sequence[float]) -> None:
    with closing(KafkaProducer(bootstrap_servers=broker.bootstrap, enable_idempotence=False)) as producer:
        for hours in hours_ago:
            at = round((NOW - hours * HOUR) * 1000)
            producer.send(topic, b"x", partition=partition, timestamp_ms=at).get(timeout=30)


@pytest.fixture(scope="module")
def timed(broker: Broker) -> str:
    """A topic: four records in order, four of which one came late, and none."""
    topic = broker.create_topic(partitions=3)
    write(broker, topic, 0, [5, 4, 3, 2])
    write(broker, topic, 1, [5, 3, 4, 2])
    return topic


@pytest.mark.parametrize(
    ("hours_ago", "offsets"),
    [
        (None, [0, 0, 0]),
        (9.0, [0, 0, 0]),
        (5.0, [0, 0, 0]),
        (4.5, [1, 1, 0]),
        (4.0, [1, 1, 0]),
        (3.5, [2, 1, 0]),
        (2.5, [3, 3, 0]),
        (2.0, [3, 3, 0]),
        (1.0, [4, 4, 0]),
        (-1.0, [4, 4, 0]),
    ],
)
def test_the_first_record_that_is_not_before_a_moment_is_found(
    broker: Broker, timed: str, hours_ago: float | None, offsets: list[int]
) -> None:
    moment = BEGINNING if hours_ago is None else Timestamp(NOW - hours_ago * HOUR)
    partitions = [Partition(timed, number) for number in range(3)]
    with closing(KafkaConsumer(bootstrap_servers=broker.bootstrap, enable_auto_commit=False)) as consumer:
        found = Rewind(consumer, 20.0).find(moment, partitions)
    assert [found[one] for one in partitions] == offsets


def test_it_is_found_in_many_partitions_where_many_records_came_late(broker: Broker) -> None:
    """What kafka-python fetched of one partition, while another one was read, must not hold that up later."""
    topic, minute = broker.create_topic(partitions=3), 60.0
    with closing(KafkaProducer(bootstrap_servers=broker.bootstrap, enable_idempotence=False)) as producer:
        for minutes_ago in range(1200, 0, -1):
            late = minutes_ago - 45 if minutes_ago % 3 == 0 else minutes_ago
            for number in range(3):
                at = round((NOW - max(late, 0) * minute) * 1000)
                producer.send(topic, b"x", partition=number, timestamp_ms=at)
        producer.flush(timeout=30)
    partitions = [Partition(topic, number) for number in range(3)]
    reader = KafkaConsumer(
        bootstrap_servers=broker.bootstrap, enable_auto_commit=False, max_poll_records=2000
    )
    with closing(reader) as consumer:
        rewind = Rewind(consumer, 5.0)
        found = rewind.find(Timestamp(NOW - 600 * minute), partitions)
        assert set(found.values()) == {1200 - 645}
        assert rewind.find(BEGINNING, partitions) == dict.fromkeys(partitions, 0)


def test_where_the_first_records_are_gone_the_beginning_is_what_is_left(broker: Broker) -> None:
    if broker.kind != "apache":
        pytest.skip("Tansu keeps every record")
    topic = broker.create_topic()
    write(broker, topic, 0, [5, 4, 3])
    with closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap)) as admin:
        admin.delete_records({TopicPartition(topic, 0): 2})
    place = Partition(topic, 0)
    with closing(KafkaConsumer(bootstrap_servers=broker.bootstrap, enable_auto_commit=False)) as consumer:
        rewind = Rewind(consumer, 20.0)
        assert rewind.find(BEGINNING, [place]) == {place: 2}
        assert rewind.find(Timestamp(NOW - 9 * HOUR), [place]) == {place: 2}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


class Stream:
    """An input topic that a group has read to its end: 20 Posts, a pause, 10 Posts."""

    def __init__(self, broker: Broker, sandbox: Running, directory: Path) -> None:
        self.broker = broker
        self.group = f"group-{uuid.uuid4().hex[:8]}"
        self.topic = broker.create_topic(partitions=2)
        self.where = directory, broker.bootstrap, self.topic, sandbox.address
        self.settings = quick_settings(broker, self.group)
        first = first_post_id(Timestamp(time.time() - HOUR))
        with closing(Writer(broker.bootstrap)) as writer:
            writer.send(self.topic, [b"%d" % (first + one) for one in range(20)], partition=0)
            self.pause = time.time() + 0.5
            await_that(lambda: time.time() > self.pause + 0.5, "a pause")
            writer.send(self.topic, [b"%d" % (first + one) for one in range(20, 30)], partition=1)

    def committed(self) -> dict[int, int]:
        return committed(self.broker.bootstrap, self.group, self.topic, 2)

    def read_once(self) -> None:
        with running_worker(*self.where, self.settings) as worker:
            await_that(lambda: self.committed() == {0: 20, 1: 10}, "all is committed")
            assert worker.stop(10) == 0, worker.log.read_text()

    def read(self, worker: Running) -> float:
        return worker.metric("toptweets_records_total", topic=self.topic)


def test_all_is_read_again_from_the_beginning_and_only_once(
    broker: Broker, sandbox: Running, tmp_path: Path
) -> None:
    stream = Stream(broker, sandbox, tmp_path)
    stream.read_once()
    with running_worker(*stream.where, stream.settings, options=["--from", "beginning"]) as worker:
        await_that(lambda: stream.read(worker) == 30, "all 30 are read again")
        await_that(lambda: stream.committed() == {0: 20, 1: 10}, "all is committed")
        (told,) = worker.events("rewound")
        assert told["offsets"] == {f"{stream.topic}:0": 0, f"{stream.topic}:1": 0}
        await_that(lambda: worker.metric("toptweets_tracked_posts") == 30, "all are tracked, each once")
        assert worker.stop(10) == 0, worker.log.read_text()
    with running_worker(*stream.where, stream.settings) as worker:
        worker.await_that("/readyz", "owns 4 of 4")
        worker.await_event("input_assigned")
        assert stream.read(worker) == 0
        assert worker.stop(10) == 0, worker.log.read_text()


def test_a_pattern_of_topics_is_read_again_from_a_time(
    broker: Broker, sandbox: Running, tmp_path: Path
) -> None:
    stream = Stream(broker, sandbox, tmp_path)
    stream.read_once()
    by_pattern = {"KAFKA__TOPIC": "", "KAFKA__TOPIC_PATTERN": f"{stream.topic}|{stream.group}.*"}
    since = as_iso(Timestamp(stream.pause))
    with running_worker(
        *stream.where, stream.settings | by_pattern, options=["--from", since.replace("Z", "+00:00")]
    ) as worker:
        await_that(lambda: stream.read(worker) >= 10, "the 10 after the pause are read again")
        (told,) = worker.events("rewound")
        assert told["offsets"][f"{stream.topic}:1"] == 0
        assert {name.rpartition(":")[0] for name in told["offsets"]} == {stream.topic}
        assert worker.stop(10) == 0, worker.log.read_text()


def test_while_other_workers_are_in_the_group_it_is_refused_and_nothing_is_changed(
    broker: Broker, sandbox: Running, tmp_path: Path
) -> None:
    stream = Stream(broker, sandbox, tmp_path)
    with running_worker(*stream.where, stream.settings) as worker:
        await_that(lambda: stream.committed() == {0: 20, 1: 10}, "all is committed")
        with starting_worker(*stream.where, stream.settings, options=["--from", "beginning"]) as refused:
            assert refused.process.wait(30) == 1
        (told,) = refused.events("cannot_run")
        assert told["error"].startswith("other workers are in the group, and nothing was changed: stop them")
        assert stream.committed() == {0: 20, 1: 10}
        assert worker.events("input_revoked") == []
        assert stream.read(worker) == 30
        assert worker.stop(10) == 0, worker.log.read_text()
