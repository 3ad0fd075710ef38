"""Slow or down is not lost: the API, the brokers and the token fail, and the worker recovers by itself."""

from __future__ import annotations

import time
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from tests.tools.apache_kafka import apache_kafka
from tests.tools.brokers import Broker, running_broker, why_not
from tests.tools.kafka_records import Writer, committed, latest
from tests.tools.live_worker import Running, await_that, quick_settings, running_sandbox, running_worker
from tests.tools.require import missing
from worker.embedded import free_port
from worker.model import Timestamp, first_post_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIRST: Final = first_post_id(Timestamp(time.time() - 3600))


@pytest.fixture(scope="module")
def tansu() -> Iterator[Broker]:
    """For what is not about brokers."""
    if reason := why_not("tansu"):
        pytest.skip(reason)
    with running_broker("tansu") as broker:
        yield broker


def _group() -> str:
    return f"group-{uuid.uuid4().hex[:8]}"


def _write(broker: Broker, topic: str, post_ids: range) -> None:
    with closing(Writer(broker.bootstrap)) as writer:
        writer.send(topic, [b"%d" % one for one in post_ids])


def _asked(worker: Running) -> float:
    """Posts that the API told of."""
    return worker.metric("toptweets_tracked_posts", state="measured") + worker.metric(
        "toptweets_tracked_posts", state="unavailable"
    )


def _set_faults(sandbox: Running, **shares: float) -> None:
    answer = httpx.post(f"http://{sandbox.address}/sandbox/faults", json={"shares": shares}, trust_env=False)
    assert answer.is_success, answer.text


def test_what_is_seen_while_the_api_is_gone_is_measured_when_it_is_back(
    tansu: Broker, tmp_path: Path
) -> None:
    topic, port = tansu.create_topic(), free_port()
    settings = quick_settings(
        tansu, _group(), engagement__retry_wait="100ms", engagement__retry_wait_max="500ms"
    )
    api = f"127.0.0.1:{port}"
    with running_worker(tmp_path, tansu.bootstrap, topic, api, settings) as worker:
        with running_sandbox(tmp_path, port=port):
            _write(tansu, topic, range(FIRST, FIRST + 10))
            await_that(lambda: _asked(worker) == 10, "10 Posts are measured")
        _write(tansu, topic, range(FIRST + 10, FIRST + 30))
        await_that(lambda: worker.metric("toptweets_tracked_posts", state="new") == 20, "20 Posts wait")
        await_that(lambda: worker.metric("toptweets_requests_total", status="connection"), "requests fail")
        await_that(lambda: f"http://{api} cannot be reached" in worker.get("/readyz").text, "it is told")
        assert worker.get("/readyz").is_success
        assert worker.get("/healthz").is_success
        assert worker.json("/api/leaderboards/all/favorites")["entries"]
        with running_sandbox(tmp_path, port=port):
            await_that(lambda: _asked(worker) == 30, "30 Posts are measured")
        assert worker.stop(10) == 0, worker.log.read_text()


def test_a_full_watchlist_pauses_reading_until_answers_make_room(broker: Broker, tmp_path: Path) -> None:
    topic, group = broker.create_topic(), _group()
    settings = quick_settings(
        broker,
        group,
        watchlist__max_posts="50",
        watchlist__queue_posts="40",
        kafka__poll_records="10",
        boards__top="5",
        boards__reserve="1",
        boards__metrics="favorites",
        engagement__retry_wait="100ms",
        engagement__retry_wait_max="500ms",
        planner__min_interval="1s",
    )
    with running_sandbox(tmp_path) as sandbox:
        _set_faults(sandbox, **{"503": 1.0})
        with running_worker(tmp_path, broker.bootstrap, topic, sandbox.address, settings) as worker:
            _write(broker, topic, range(FIRST, FIRST + 150))
            await_that(
                lambda: worker.metric("toptweets_consumer_paused", consumer="sightings") == 1, "it is paused"
            )
            assert worker.metric("toptweets_sightings_queue_posts") <= 60
            await_that(lambda: worker.metric("toptweets_tracked_posts") == 50, "the Watchlist is full")
            await_that(
                lambda: sum(committed(broker.bootstrap, group, topic, 1).values()) == 150,
                "the input is read on",
            )
            assert worker.get("/healthz").is_success
            assert worker.get("/readyz").json()
            _set_faults(sandbox)
            await_that(
                lambda: worker.metric("toptweets_records_total", outcome="owned") == 150, "all is taken"
            )
            await_that(
                lambda: worker.metric("toptweets_consumer_paused", consumer="sightings") == 0, "it resumed"
            )
            assert worker.events("sightings_revoked") == [], "it left the group"
            await_that(
                lambda: (
                    worker.metric("toptweets_tracked_posts") + worker.metric("toptweets_posts_retired_total")
                    == 150
                ),
                "each ID is tracked or retired",
            )
            assert worker.stop(10) == 0, worker.log.read_text()


def test_a_refused_token_is_told_where_people_look(tansu: Broker, tmp_path: Path) -> None:
    topic = tansu.create_topic()
    settings = quick_settings(
        tansu,
        _group(),
        engagement__bearer_token="wrong",
        engagement__circuit_retry="1s",
    )
    with (
        running_sandbox(tmp_path) as sandbox,
        running_worker(tmp_path, tansu.bootstrap, topic, sandbox.address, settings) as worker,
    ):
        _write(tansu, topic, range(FIRST, FIRST + 10))
        await_that(lambda: worker.metric("toptweets_api_circuit_open") == 1, "the circuit is open")
        assert "token" in worker.get("/readyz").text
        await_that(lambda: worker.metric("toptweets_tracked_posts", state="new") == 10, "10 Posts wait")
        assert "wrong" not in worker.log.read_text(), "a secret is in the log"
        assert worker.stop(10) == 0, worker.log.read_text()


def test_when_the_brokers_come_back_the_worker_goes_on_by_itself(tmp_path: Path) -> None:
    if reason := why_not("apache"):
        missing("apache", reason)
    with apache_kafka() as cluster, running_sandbox(tmp_path) as sandbox:
        broker = Broker("apache", cluster.bootstrap, 6.0, 1.0, compacts=True, stop=cluster.stop)
        topic, group = broker.create_topic(partitions=2), _group()
        settings = quick_settings(
            broker,
            group,
            boards__metrics="favorites",
            planner__min_interval="1s",
            planner__interval_growth="0",
            kafka__request_timeout="5s",
        )
        with running_worker(tmp_path, broker.bootstrap, topic, sandbox.address, settings) as worker:
            _write(broker, topic, range(FIRST, FIRST + 100))
            await_that(lambda: _asked(worker) == 100, "100 Posts are measured")
            (node,) = cluster.nodes
            node.stop()
            # A cause may follow, where the client knows one.
            no_answer = f"no answer from {broker.bootstrap}"
            assert worker.await_event("kafka_down")["error"].startswith(no_answer)
            assert f'"kafka":"{no_answer}' in worker.get("/readyz").text
            assert '"api":"answers"' in worker.get("/readyz").text
            assert worker.metric("toptweets_kafka_up") == 0
            before = worker.metric("toptweets_requests_total")
            await_that(
                lambda: worker.metric("toptweets_requests_total") > before + 1, "the API is asked meanwhile"
            )
            assert worker.get("/healthz").is_success
            assert worker.json("/api/leaderboards/all/favorites")["entries"]
            node.start()
            cluster.await_ready()
            worker.await_event("kafka_back", patience=60)
            assert worker.metric("toptweets_kafka_up") == 1
            _write(broker, topic, range(FIRST + 100, FIRST + 200))
            await_that(lambda: _asked(worker) == 200, "200 Posts are measured", patience=60)
            await_that(
                lambda: sum(committed(broker.bootstrap, group, topic, 2).values()) == 200, "all is committed"
            )
            boards = f"{group}.leaderboards"
            await_that(
                lambda: b'"tracked_posts":200' in latest(broker.bootstrap, boards)[b"all/favorites"].value,
                "it publishes again",
            )
            assert len(worker.events("kafka_down")) == len(worker.events("kafka_back")) == 1
            lines = worker.log.read_text().splitlines()
            assert len(lines) < 60, "kafka-python floods the log"
            assert worker.stop(10) == 0, worker.log.read_text()
