"""A rolling restart of three workers: few partitions move, and every leaderboard is served throughout."""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from tests.tools.kafka_records import Writer, read_all
from tests.tools.live_worker import Running, await_that, quick_settings, running_sandbox, running_worker
from worker.model import Timestamp, first_post_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.tools.brokers import Broker

WORKERS: Final = 3
PARTITIONS: Final = 12
POSTS: Final = 60
MOST_MOVES: Final = 24
PATIENCE: Final = 60.0
BOARD: Final = "/api/leaderboards/all/favorites"


@dataclass
class Readers:
    """Asks workers for a leaderboard all the time, but one that is restarted, and keeps the faults."""

    shown: int = 0
    asked: int = 0
    faults: list[str] = field(default_factory=list)
    serving: dict[str, Running] = field(default_factory=dict)

    @contextmanager
    def reading(self) -> Iterator[None]:
        ends = threading.Event()
        thread = threading.Thread(target=self._read, args=(ends,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ends.set()
            thread.join(30)

    def _read(self, ends: threading.Event) -> None:
        with httpx.Client(trust_env=False, timeout=10) as client:
            while not ends.is_set():
                for name, worker in list(self.serving.items()):
                    self._ask(client, name, worker)
                ends.wait(0.02)

    def _ask(self, client: httpx.Client, name: str, worker: Running) -> None:
        try:
            answer = client.get(f"http://{worker.address}{BOARD}")
            board = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            fault = repr(error)
        else:
            entries, tracked = len(board.get("entries", ())), board.get("tracked_posts")
            fault = f"{answer.status_code}, {entries} entries, {tracked} Posts"
        # One that is taken away while it answers does not count.
        if self.serving.get(name) is worker:
            self.asked += 1
            if fault != f"200, {self.shown} entries, {POSTS} Posts":
                self.faults.append(f"{name}: {fault}")


def moves(logs: list[tuple[str, Running]]) -> int:
    """How many times a partition was assigned to a worker that was not the last one to own it.

    By the logs of all lives; ``logs`` names the worker whose life each is.
    """
    events = sorted(
        (datetime.fromisoformat(event["timestamp"]), name, tuple(event["partitions"]))
        for name, life in logs
        for event in life.events("sightings_assigned")
    )
    owner: dict[int, str] = {}
    moved = 0
    for _, name, partitions in events:
        for partition in partitions:
            moved += owner.get(partition, name) != name
            owner[partition] = name
    return moved


@pytest.mark.parametrize("static", [False, True], ids=["dynamic", "static"])
def test_a_rolling_restart_moves_few_partitions_and_all_is_served_throughout(
    static: bool, broker: Broker, tmp_path: Path
) -> None:
    if broker.kind != "apache":
        pytest.skip("what is tested is the group of Apache Kafka")
    group = f"group-{uuid.uuid4().hex[:8]}"
    settings = quick_settings(
        broker,
        group,
        kafka__sightings_partitions=str(PARTITIONS),
        kafka__session_timeout="30s" if static else f"{broker.session_timeout}s",
        boards__metrics="favorites",
        boards__top=str(POSTS),
        planner__min_interval="1s",
        planner__interval_growth="0",
        publish__partials_interval="200ms",
    )
    topic = broker.create_topic(partitions=3)
    lives: list[tuple[str, Running]] = []
    readers = Readers()
    with ExitStack() as stack:
        sandbox = stack.enter_context(running_sandbox(tmp_path))

        def start(name: str) -> Running:
            own = {"KAFKA__INSTANCE_ID": name} if static else {}
            where = tmp_path, broker.bootstrap, topic, sandbox.address, settings | own
            worker = stack.enter_context(running_worker(*where))
            lives.append((name, worker))
            return worker

        workers = {f"worker-{number}": start(f"worker-{number}") for number in range(WORKERS)}
        _await_shared(workers)
        _write(broker, topic)
        readers.shown = shown = POSTS - _gone(workers)
        for worker in workers.values():
            await_that(lambda worker=worker: _shows_all(worker, shown), "all Posts are shown", PATIENCE)  # type: ignore[misc]  # bound at once
        before = len(lives[0][1].events("sightings_assigned"))
        assert before
        moved_before = moves(lives)
        readers.serving = dict(workers)
        published = []
        with readers.reading():
            for name in list(workers):
                del readers.serving[name]
                published.append(_published(broker, group))
                assert workers[name].stop(20) == 0, workers[name].log.read_text()
                workers[name] = start(name)
                _await_shared(workers)
                await_that(lambda name=name: _shows_all(workers[name], shown), "it shows all Posts", PATIENCE)  # type: ignore[misc]  # bound at once
                readers.serving[name] = workers[name]
            published.append(_published(broker, group))
        moved = moves(lives) - moved_before
        for worker in workers.values():
            assert worker.stop(20) == 0, worker.log.read_text()
    assert readers.faults == []
    assert readers.asked > 100
    assert moved <= (0 if static else MOST_MOVES)
    assert all(earlier < later for earlier, later in pairwise(published))


def _write(broker: Broker, topic: str) -> None:
    first = first_post_id(Timestamp(time.time() - 3600))
    with closing(Writer(broker.bootstrap)) as writer:
        writer.send(topic, [b"%d" % (first + number * 4099) for number in range(POSTS)])


def _await_shared(workers: dict[str, Running]) -> None:
    share = f"owns {PARTITIONS // WORKERS} of {PARTITIONS}"
    for worker in workers.values():
        await_that(
            lambda worker=worker: (  # type: ignore[misc]  # bound at once
                (ready := worker.get("/readyz")).is_success and share in ready.text
            ),
            f"each {share}",
            PATIENCE,
        )


def _gone(workers: dict[str, Running]) -> int:
    """How many of the Posts the API says are not there, once all were asked for."""

    def tracked(state: str) -> int:
        return int(sum(one.metric("toptweets_tracked_posts", state=state) for one in workers.values()))

    await_that(
        lambda: tracked("measured") + tracked("unavailable") == POSTS, "all Posts are asked for", PATIENCE
    )
    return tracked("unavailable")


def _shows_all(worker: Running, shown: int) -> bool:
    answer = worker.get(BOARD)
    return (
        answer.is_success
        and answer.json()["tracked_posts"] == POSTS
        and len(answer.json()["entries"]) == shown
    )


def _published(broker: Broker, group: str) -> int:
    return len(read_all(broker.bootstrap, f"{group}.leaderboards"))
