"""Stopping is quick and clean whatever hangs; what cannot run says why; what breaks is seen."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
import uuid
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

import httpx
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.tools.apache_kafka import Node, apache_kafka
from tests.tools.brokers import Broker, running_broker, why_not
from tests.tools.kafka_records import Writer
from tests.tools.live_worker import (
    Running,
    await_that,
    events_in,
    quick_settings,
    running_sandbox,
    running_worker,
    starting_worker,
)
from tests.tools.require import missing
from worker import process
from worker.dispatch import Dispatcher
from worker.editions import Editions
from worker.embedded import free_port, start_embedded_broker
from worker.intake import BrokerWatch, Forwarder, Inbox, SightingsReader
from worker.model import Timestamp, first_post_id
from worker.settings import load
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BOUND: Final = 10.0
"""Seconds that stopping may take."""

FIRST: Final = first_post_id(Timestamp(time.time() - 3600))
NOBODY: Final = "127.0.0.1:1"


@pytest.fixture(scope="module")
def tansu() -> Iterator[Broker]:
    """What hangs here is not the broker, so one kind is enough."""
    if reason := why_not("tansu"):
        pytest.skip(reason)
    with running_broker("tansu") as broker:
        yield broker


def _group() -> str:
    return f"group-{uuid.uuid4().hex[:8]}"


def _write(broker: Broker, topic: str, count: int) -> None:
    with closing(Writer(broker.bootstrap)) as writer:
        writer.send(topic, [b"%d" % one for one in range(FIRST, FIRST + count)])


def _set_faults(sandbox: Running, **faults: object) -> None:
    answer = httpx.post(f"http://{sandbox.address}/sandbox/faults", json=faults, trust_env=False)
    assert answer.is_success, answer.text


@contextmanager
def _with_hanging_api(broker: Broker, directory: Path) -> Iterator[Running]:
    """A worker with a request in flight that is not answered."""
    topic = broker.create_topic()
    with running_sandbox(directory) as sandbox:
        _set_faults(sandbox, latency_seconds=60)
        settings = quick_settings(broker, _group())
        with running_worker(directory, broker.bootstrap, topic, sandbox.address, settings) as worker:
            _write(broker, topic, 10)
            await_that(lambda: worker.metric("toptweets_ids_in_flight") == 10, "a request is in flight")
            yield worker


def _assert_stopped_cleanly(worker: Running) -> None:
    assert worker.stop(BOUND) == 0, worker.log.read_text()
    assert len(worker.events("stopped")) == 1, worker.log.read_text()
    assert "Traceback" not in worker.log.read_text()


def test_a_signal_stops_it_and_leaves_no_process(broker: Broker, tmp_path: Path) -> None:
    topic = broker.create_topic()
    settings = quick_settings(broker, _group())
    with running_worker(tmp_path, broker.bootstrap, topic, NOBODY, settings) as worker:
        worker.await_that("/readyz", "owns 4 of 4")
        assert worker.stop(5) == 0, worker.log.read_text()
        assert worker.events("stopped")[0]["threads_ended"] is True
        with pytest.raises(ProcessLookupError):
            os.kill(worker.process.pid, 0)


def test_it_stops_in_time_while_the_api_hangs(tansu: Broker, tmp_path: Path) -> None:
    with _with_hanging_api(tansu, tmp_path) as worker:
        _assert_stopped_cleanly(worker)
        assert worker.events("requests_cut_off")[0]["requests"] > 0


def test_a_second_signal_ends_it_at_once(tansu: Broker, tmp_path: Path) -> None:
    with _with_hanging_api(tansu, tmp_path) as worker:
        worker.process.send_signal(signal.SIGTERM)
        worker.await_event("stopping")
        assert worker.stop(1, signal.SIGTERM) == 143
        assert worker.events("stopped") == []


@pytest.mark.parametrize("how", ["gone", "frozen"])
def test_it_stops_in_time_without_brokers(how: str, tmp_path: Path) -> None:
    if reason := why_not("tansu"):
        pytest.skip(reason)
    embedded = start_embedded_broker()
    broker = Broker("tansu", embedded.bootstrap, 2.0, 0.4, compacts=False, stop=embedded.stop)
    try:
        topic = broker.create_topic()
        settings = quick_settings(broker, _group())
        with (
            running_sandbox(tmp_path) as sandbox,
            running_worker(tmp_path, broker.bootstrap, topic, sandbox.address, settings) as worker,
        ):
            _write(broker, topic, 50)
            await_that(lambda: worker.metric("toptweets_tracked_posts", state="measured"), "it measures")
            if how == "gone":
                broker.stop()
                worker.await_event("kafka_down")
            else:
                embedded.process.send_signal(signal.SIGSTOP)
            _assert_stopped_cleanly(worker)
    finally:
        embedded.process.kill()
        broker.stop()


def test_it_stops_in_time_while_brokers_and_api_hang(tmp_path: Path) -> None:
    """All that stopping waits for takes its whole bound, one after the other."""
    if reason := why_not("tansu"):
        pytest.skip(reason)
    embedded = start_embedded_broker()
    broker = Broker("tansu", embedded.bootstrap, 2.0, 0.4, compacts=False, stop=embedded.stop)
    try:
        with _with_hanging_api(broker, tmp_path) as worker:
            embedded.process.send_signal(signal.SIGSTOP)
            assert worker.stop(BOUND) == 0, worker.log.read_text()
            assert "Traceback" not in worker.log.read_text()
    finally:
        embedded.process.kill()
        broker.stop()


def test_it_stops_in_time_while_it_reads_the_window_again(tansu: Broker, tmp_path: Path) -> None:
    topic, settings = tansu.create_topic(), quick_settings(tansu, _group(), engagement__attempts="1")
    _write(tansu, topic, 10_000)
    with running_worker(tmp_path, tansu.bootstrap, topic, NOBODY, settings) as worker:
        await_that(lambda: worker.metric("toptweets_tracked_posts") == 10_000, "all are tracked")
        _assert_stopped_cleanly(worker)
    settings |= {"KAFKA__POLL_RECORDS": "10"}
    with running_worker(tmp_path, tansu.bootstrap, topic, NOBODY, settings) as worker:
        worker.await_event("sightings_assigned")
        _assert_stopped_cleanly(worker)
        assert worker.events("restored") == []


def test_it_stops_in_time_while_the_watchlist_is_full_and_reading_paused(
    tansu: Broker, tmp_path: Path
) -> None:
    topic = tansu.create_topic()
    settings = quick_settings(
        tansu,
        _group(),
        watchlist__max_posts="100",
        watchlist__queue_posts="100",
        boards__top="5",
        boards__reserve="1",
        boards__metrics="favorites",
        engagement__attempts="1",
    )
    with running_worker(tmp_path, tansu.bootstrap, topic, NOBODY, settings) as worker:
        _write(tansu, topic, 2000)
        await_that(lambda: worker.metric("toptweets_consumer_paused", consumer="sightings"), "it is paused")
        _assert_stopped_cleanly(worker)


def test_it_stops_at_once_while_it_waits_for_brokers_to_start(tmp_path: Path) -> None:
    with closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        bootstrap = f"127.0.0.1:{silent.getsockname()[1]}"
        with starting_worker(tmp_path, bootstrap, "posts", NOBODY) as worker:
            silent.settimeout(BOUND)
            connection, _ = silent.accept()
            with closing(connection):
                assert worker.stop(3) == 0, worker.log.read_text()


# What cannot run


def _cannot_run(worker: Running, within: float) -> str:
    """It ends with exit code 1, and says why once."""
    assert worker.process.wait(within) == 1, worker.log.read_text()
    (event,) = events_in(worker.log.read_text(), "cannot_run")
    assert "Traceback" not in worker.log.read_text()
    return str(event["error"])


def test_without_brokers_at_the_start_it_says_so_and_ends(tmp_path: Path) -> None:
    bootstrap = f"127.0.0.1:{free_port()}"
    settings = {"KAFKA__REQUEST_TIMEOUT": "3s"}
    with starting_worker(tmp_path, bootstrap, "posts", NOBODY, settings) as worker:
        error = _cannot_run(worker, 15)
        log = worker.log.read_text()
    (waiting,) = events_in(log, "waiting_for_brokers")
    assert (waiting["brokers"], waiting["at_most_s"]) == (bootstrap, 3)
    assert [json.loads(line)["event"] for line in log.splitlines()] == [
        "settings",
        "waiting_for_brokers",
        "cannot_run",
    ]
    assert f"kafka.bootstrap_servers {bootstrap} cannot be used" in error
    assert "ECONNREFUSED" in error


def test_sightings_with_another_number_of_partitions_are_an_error_that_says_what_to_set(
    broker: Broker, tmp_path: Path
) -> None:
    group = _group()
    broker.create_topic(f"{group}.sightings", partitions=3)
    settings = quick_settings(broker, group)
    with starting_worker(tmp_path, broker.bootstrap, "posts", NOBODY, settings) as worker:
        error = _cannot_run(worker, BOUND)
    assert f"topic {group}.sightings has 3 partitions" in error
    assert "kafka.sightings_partitions is 4: set it to 3" in error


def test_a_port_that_is_taken_is_an_error_that_names_it(tansu: Broker, tmp_path: Path) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = quick_settings(tansu, _group(), publish__http__port=str(port))
        with starting_worker(tmp_path, tansu.bootstrap, "posts", NOBODY, settings) as worker:
            error = _cannot_run(worker, BOUND)
    assert error.startswith(f"publish.http.port: 127.0.0.1:{port} is in use: ")


def test_a_refused_login_is_an_error_that_says_so(tmp_path: Path) -> None:
    if reason := why_not("apache"):
        missing("apache", reason)
    port = free_port()
    login = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_anna="right";'

    def with_login(node: Node) -> dict[str, str]:
        listeners = f"PLAINTEXT://{node.address},SASL_PLAINTEXT://127.0.0.1:{port}"
        return {
            "listeners": f"{listeners},CONTROLLER://127.0.0.1:{node.controller_port}",
            "advertised.listeners": listeners,
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,"
            "SASL_PLAINTEXT:SASL_PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl_plaintext.plain.sasl.jaas.config": login,
        }

    with apache_kafka(1, with_login) as cluster:
        broker = Broker("apache", cluster.bootstrap, 6.0, 1.0, compacts=True, stop=cluster.stop)
        settings = quick_settings(
            broker,
            _group(),
            kafka__request_timeout="10s",
            kafka__security__security_protocol="SASL_PLAINTEXT",
            kafka__security__sasl_mechanism="PLAIN",
            kafka__security__sasl_plain_username="anna",
            kafka__security__sasl_plain_password="wr0ng",
        )
        address = f"127.0.0.1:{port}"
        with starting_worker(tmp_path, address, "posts", NOBODY, settings) as worker:
            error = _cannot_run(worker, 2 * BOUND)
            assert "wr0ng" not in worker.log.read_text()
        assert "Authentication failed" in error
        settings["KAFKA__SECURITY__SASL_PLAIN_PASSWORD"] = "right"
        with running_worker(tmp_path, address, broker.create_topic(), NOBODY, settings) as worker:
            worker.await_that("/readyz", "owns 4 of 4")
            _assert_stopped_cleanly(worker)


# What breaks


@pytest.fixture
def _signals_as_before() -> Iterator[None]:
    before = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT)}
    yield
    for name, handler in before.items():
        signal.signal(name, handler)


@pytest.mark.usefixtures("_signals_as_before")
@pytest.mark.parametrize(
    ("part", "method"),
    [
        (Forwarder, "take"),
        (SightingsReader, "take"),
        (SightingsReader, "assigned"),
        (Inbox, "done"),
        (Dispatcher, "_ask"),
        (Editions, "publish"),
        (BrokerWatch, "look"),
    ],
    ids=lambda one: getattr(one, "__name__", one),
)
def test_a_fault_in_any_thread_or_loop_ends_the_worker_and_is_seen(
    part: type,
    method: str,
    tansu: Broker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class FaultError(Exception):
        pass

    def fault(*_: object) -> None:
        raise FaultError("a fault of ours")

    monkeypatch.setattr(part, method, fault)
    topic = tansu.create_topic()
    _write(tansu, topic, 10)
    given = {
        **quick_settings(tansu, _group()),
        "KAFKA__BOOTSTRAP_SERVERS": tansu.bootstrap,
        "KAFKA__TOPIC": topic,
        "ENGAGEMENT__URL": f"http://{NOBODY}",
        "ENGAGEMENT__BEARER_TOKEN": "a-token",
        "PUBLISH__HTTP__PORT": "0",
        "RUN__STOP_TIMEOUT": "4s",
    }
    for name, value in given.items():
        monkeypatch.setenv(f"TOPTWEETS_{name}", value)
    settings = load(None)

    async def run() -> int:
        async with asyncio.timeout(30):
            return await process.run(settings, Telemetry(CollectorRegistry()))

    with capture_logs() as logs:
        assert asyncio.run(run()) == process.FAILED
    (failed,) = [log for log in logs if log["event"] == "failed"]
    error = failed["exc_info"]
    causes = [error, error.__cause__]
    assert any(isinstance(one, FaultError) for one in causes), causes
    assert error.__traceback__ is not None
