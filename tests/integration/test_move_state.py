"""All that is known moves to a group with another number of partitions, and nothing is asked for again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.tools.kafka_records import Writer, committed, latest
from tests.tools.live_worker import Running, await_that, quick_settings, running_sandbox, running_worker
from worker.model import Timestamp, first_post_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.tools.brokers import Broker

POSTS = 60


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


def _move(broker: Broker, group: str, topic: str, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TOPTWEETS_")}
    environment |= {
        "TOPTWEETS_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
        "TOPTWEETS_KAFKA__TOPIC": topic,
        "TOPTWEETS_KAFKA__GROUP": group,
        "TOPTWEETS_KAFKA__SIGHTINGS_PARTITIONS": "4",
    }
    command = [sys.executable, "-m", "worker", "move-state", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def _board(worker: Running) -> Any:
    return worker.json("/api/leaderboards/all/favorites")["entries"]


def test_the_state_moves_to_another_number_of_partitions(
    broker: Broker, sandbox: Running, tmp_path: Path
) -> None:
    group, topic = f"old-{uuid.uuid4().hex[:8]}", broker.create_topic()
    first = first_post_id(Timestamp(time.time() - 3600))
    settings = quick_settings(broker, group, boards__top="100", planner__min_interval="1h")
    with closing(Writer(broker.bootstrap)) as writer:
        writer.send(topic, [b"%d" % (first + number) for number in range(POSTS)])
    with running_worker(tmp_path, broker.bootstrap, topic, sandbox.address, settings) as worker:
        await_that(
            lambda: (
                worker.metric("toptweets_tracked_posts", state="measured")
                + worker.metric("toptweets_tracked_posts", state="unavailable")
                == POSTS
            ),
            "all Posts are measured",
        )
        refused = _move(broker, group, topic, "--to", f"{group}-7", "--partitions", "7")
        assert refused.returncode == 1, "a worker is in the group"
        assert "stop its workers first" in refused.stderr
        await_that(
            lambda: sum(committed(broker.bootstrap, group, topic, 1).values()) == POSTS, "all is committed"
        )
        before = _board(worker)
        assert worker.stop(10) == 0
    moved = _move(broker, group, topic, "--to", f"{group}-7", "--partitions", "7")
    assert moved.returncode == 0, moved.stderr
    assert f"{group}.dead-letters and {group}.replayed stay" in moved.stdout
    assert len(latest(broker.bootstrap, f"{group}-7.journal")) == POSTS
    used = _move(broker, group, topic, "--to", f"{group}-7", "--partitions", "7")
    assert used.returncode == 1
    assert "is in use" in used.stderr
    fewer = _move(broker, group, topic, "--to", f"{group}-7", "--partitions", "5", "--again")
    assert fewer.returncode == 1
    assert fewer.stderr == (
        f"move-state: group {group}-7 has 7 partitions, and not 5: say --partitions 7, or name a group "
        "by --to that is not there yet\n"
    )
    assert _move(broker, group, topic, "--to", f"{group}-7", "--partitions", "7", "--again").returncode == 0

    asked = sandbox.json("/sandbox/stats")["requests"]
    settings |= {"KAFKA__GROUP": f"{group}-7", "KAFKA__SIGHTINGS_PARTITIONS": "7"}
    with running_worker(tmp_path, broker.bootstrap, topic, sandbox.address, settings) as worker:
        worker.await_that("/readyz", "owns 7 of 7 partitions")
        await_that(lambda: len(_board(worker)) == len(before), "the board is as it was")
        assert [(one["post_id"], one["value"]) for one in _board(worker)] == [
            (one["post_id"], one["value"]) for one in before
        ]
    assert sandbox.json("/sandbox/stats")["requests"] == asked, "nothing was asked for again"


def test_a_group_that_cannot_be_is_refused(broker: Broker) -> None:
    for name in ("same", "no/slash", ""):
        refused = _move(broker, "same", "posts", "--to", name)
        assert refused.returncode == 2
        assert "--to" in refused.stderr
