"""A worker tells what twice and half of its contract would give, and leaves no process behind."""

from __future__ import annotations

import os
import signal
import time
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest

from tests.tools.brokers import running_broker, why_not
from tests.tools.kafka_records import Writer
from tests.tools.live_worker import Running, await_that, quick_settings, running_sandbox, running_worker
from tests.tools.processes import children, command_line, is_there
from worker.model import Timestamp, first_post_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.tools.brokers import Broker

POSTS: Final = 150
SIMULATED: Final = 60.0
"""Seconds within which a run of so small a world is done, also on a busy machine."""


@pytest.fixture(scope="module")
def tansu() -> Iterator[Broker]:
    """Which broker it is makes no difference here."""
    if reason := why_not("tansu"):
        pytest.skip(reason)
    with running_broker("tansu") as broker:
        yield broker


@pytest.fixture
def worker(tansu: Broker, tmp_path: Path) -> Iterator[Running]:
    """A worker with Posts of the last hour, that simulates at once and then again and again."""
    group = f"group-{uuid.uuid4().hex[:8]}"
    first = first_post_id(Timestamp(time.time() - 3600))
    with closing(Writer(tansu.bootstrap)) as writer:
        writer.send(group, [b"%d" % (first + (number << 33)) for number in range(POSTS)])
    settings = quick_settings(
        tansu,
        group,
        planner__outlook_interval="1s",
        planner__outlook_timeout="15s",
        engagement__requests_per_minute="60",
        boards__metrics="favorites,retweets_per_hour",
        boards__top="5",
    )
    with (
        running_sandbox(tmp_path) as sandbox,
        running_worker(tmp_path, tansu.bootstrap, group, sandbox.address, settings) as running,
    ):
        yield running


def child_of(worker: Running) -> int:
    """The process that simulates for this worker, once it runs."""

    def simulating() -> list[int]:
        found = children(worker.process.pid)
        return [one for one in found if is_there(one) and "worker.outlook" in command_line(one)]

    await_that(simulating, "a process that simulates")
    return simulating()[0]


@pytest.mark.kafka
def test_a_worker_tells_what_more_and_less_would_give(worker: Running) -> None:
    assert worker.json("/api/outlook")["result"] is None
    assert worker.json("/api/outlook")["reason"]
    await_that(lambda: worker.json("/api/outlook")["result"], "an outlook", SIMULATED)
    told = worker.json("/api/outlook")["result"]
    world = told["world"]
    assert world["posts"] == POSTS
    assert world["metrics"] == ["favorites", "retweets"]
    assert (world["top"], world["scale"]) == (5, 1.0)
    here = next(one for one in told["budgets"] if one["budget"] == 1.0)
    assert here["requests_per_minute"] == 60
    assert 0 < here["recall"]["mean"] <= 1
    assert worker.metric("toptweets_outlook_recall", budget="1") > 0
    assert worker.json("/healthz")["ok"]


@pytest.mark.kafka
@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGKILL])
def test_the_process_ends_with_its_worker(worker: Running, name: signal.Signals) -> None:
    child = child_of(worker)
    if name is signal.SIGKILL:
        worker.kill()
        await_that(lambda: not is_there(child), "its end", patience=1.0)
    else:
        assert worker.stop(within=10) == 0
        assert not is_there(child)
        (stopped,) = worker.events("stopped")
        assert stopped["threads_ended"]


@pytest.mark.kafka
def test_a_crash_of_it_is_a_warning_and_the_worker_goes_on(worker: Running) -> None:
    os.kill(child_of(worker), signal.SIGKILL)
    assert worker.await_event("outlook_failed")["level"] == "warning"
    assert worker.json("/healthz")["ok"]
    assert worker.process.poll() is None
