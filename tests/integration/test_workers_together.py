"""Several workers of one group: each serves the leaderboards of all, one publishes, no death leaves a gap."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import ExitStack, closing
from datetime import datetime
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from tests.tools.kafka_records import Writer, latest
from tests.tools.live_worker import Running, await_that, quick_settings, running_sandbox, running_worker
from worker.intake.forwarder import partition_of
from worker.model import PostId, Timestamp, first_post_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.tools.brokers import Broker

PARTITIONS: Final = 4
TOP: Final = 10
METRICS: Final = ("favorites", "retweets")
PATIENCE: Final = 60.0


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


class Group:
    """Workers of one group, the Posts written to their topic, and what is true of these."""

    def __init__(self, broker: Broker, sandbox: Running, directory: Path, stack: ExitStack) -> None:
        self.broker = broker
        self.name = f"group-{uuid.uuid4().hex[:8]}"
        self._sandbox = sandbox
        self._directory = directory
        self._stack = stack
        self._topic = broker.create_topic()
        self._first = first_post_id(Timestamp(time.time() - 3600))
        self.ids: list[PostId] = []

    def join(self) -> Running:
        """A worker more."""
        settings = quick_settings(
            self.broker,
            self.name,
            boards__metrics=",".join(METRICS),
            boards__top=str(TOP),
            publish__partials_interval="100ms",
        )
        return self._stack.enter_context(
            running_worker(
                self._directory, self.broker.bootstrap, self._topic, self._sandbox.address, settings
            )
        )

    def write(self, count: int) -> None:
        new = [PostId(self._first + (len(self.ids) + one) * 4099) for one in range(count)]
        with closing(Writer(self.broker.bootstrap)) as writer:
            writer.send(self._topic, [b"%d" % one for one in new])
        self.ids += new

    def share(self, *workers: Running) -> None:
        """Wait until they share the partitions, and each is ready."""
        for worker in workers:
            await_that(
                lambda worker=worker: (  # type: ignore[misc]  # bound at once
                    worker.get("/readyz").is_success
                    and f"owns {PARTITIONS // len(workers)} of" in worker.get("/readyz").text
                ),
                f"each of {len(workers)} is ready with its share",
                PATIENCE,
            )

    def measured(self, *workers: Running) -> dict[PostId, dict[str, Any]]:
        """Each Post as its owner knows it, of those that were measured."""
        found = {}
        with httpx.Client(trust_env=False) as client:
            for post_id, worker in product(self.ids, workers):
                answer = client.get(f"http://{worker.address}/api/posts/{post_id}")
                if answer.is_success and answer.json()["state"] != "new":
                    found[post_id] = answer.json()
        return found

    def await_exact(self, *workers: Running) -> None:
        """Wait until all serve the plain sort of the sandbox's truth, of all Posts."""
        await_that(
            lambda: (
                sum(one.metric("toptweets_tracked_posts") for one in workers) == len(self.ids)
                and not any(one.metric("toptweets_tracked_posts", state="new") for one in workers)
            ),
            "all Posts are measured",
            PATIENCE,
        )
        known = self.measured(*workers)
        assert set(known) == set(self.ids)
        for metric in METRICS:
            right = self.truth(known, metric)
            await_that(
                lambda right=right, metric=metric: all(self.places(one, metric) == right for one in workers),  # type: ignore[misc]  # bound at once
                f"all serve {right}",
                PATIENCE,
            )
            boards = [one.json(f"/api/leaderboards/all/{metric}") for one in workers]
            assert all(board["entries"] == boards[0]["entries"] for board in boards)
            await_that(
                lambda metric=metric: all(  # type: ignore[misc]  # bound at once
                    one.json(f"/api/leaderboards/all/{metric}")["tracked_posts"] == len(self.ids)
                    for one in workers
                ),
                "all count all Posts",
                PATIENCE,
            )

    def truth(self, known: dict[PostId, dict[str, Any]], metric: str) -> list[tuple[str, int]]:
        """The plain sort of what the sandbox says of each Post at its measurement."""
        at: dict[int, list[PostId]] = {}
        for post_id, post in known.items():
            at.setdefault(int(datetime.fromisoformat(post["measured_at"]).timestamp()), []).append(post_id)
        values = []
        for moment, post_ids in at.items():
            path = f"/sandbox/truth?ids={','.join(map(str, post_ids))}&at={moment}"
            for post_id, facts in self._sandbox.json(path)["posts"].items():
                if facts["available"]:
                    values.append((post_id, facts["counts"][metric]))
        return sorted(values, key=lambda pair: (-pair[1], int(pair[0])))[:TOP]

    @staticmethod
    def places(worker: Running, metric: str) -> list[tuple[str, int]]:
        answer = worker.get(f"/api/leaderboards/all/{metric}")
        return (
            [(one["post_id"], one["value"]) for one in answer.json()["entries"]] if answer.is_success else []
        )

    def published(self, metric: str) -> list[tuple[str, int]]:
        """The leaderboard as it stands on Kafka."""
        record = latest(self.broker.bootstrap, f"{self.name}.leaderboards").get(f"all/{metric}".encode())
        assert record is not None
        return [(one["post_id"], one["value"]) for one in json.loads(record.value)["entries"]]

    def partials(self) -> dict[bytes, Any]:
        return latest(self.broker.bootstrap, f"{self.name}.partials")


def publisher_of(*workers: Running) -> Running:
    """The one that publishes, once it is one."""

    def ones() -> list[Running]:
        return [worker for worker in workers if worker.metric("toptweets_publisher")]

    await_that(lambda: len(ones()) == 1, "one worker publishes", PATIENCE)
    return ones()[0]


@pytest.fixture
def group(broker: Broker, sandbox: Running, tmp_path: Path) -> Iterator[Group]:
    with ExitStack() as stack:
        yield Group(broker, sandbox, tmp_path, stack)


def test_workers_serve_the_same_leaderboards_and_outlive_one_another(group: Group) -> None:
    first = group.join()
    group.write(60)
    group.share(first)
    group.await_exact(first)
    second = group.join()
    group.share(first, second)
    group.write(60)
    group.await_exact(first, second)

    # One of them publishes, to Kafka and to Prometheus.
    publisher = publisher_of(first, second)
    other = first if publisher is second else second
    assert publisher.metric("toptweets_board_score", campaign="all") > 0
    assert "toptweets_board_score{" not in other.get("/metrics").text
    for metric in METRICS:
        await_that(
            lambda metric=metric: group.published(metric) == group.places(publisher, metric),  # type: ignore[misc]  # bound at once
            "it stands on Kafka",
        )
    before = other.metric("toptweets_leaderboards_published_total", destination="kafka")
    group.write(20)
    group.await_exact(first, second)
    assert other.metric("toptweets_leaderboards_published_total", destination="kafka") == before
    assert set(group.partials()) == {
        f"all/{metric}/{one}".encode() for metric in METRICS for one in range(PARTITIONS)
    }

    # A Post of another worker's partition is told as such.
    for post_id in group.ids[:10]:
        answers = {one.get(f"/api/posts/{post_id}").status_code: one for one in (first, second)}
        assert set(answers) == {200, 404}
        error = answers[404].get(f"/api/posts/{post_id}").json()["error"]
        assert error["code"] == "another_worker"
        assert error["partition"] == partition_of(post_id, PARTITIONS)

    # The one that publishes dies; the other serves whole leaderboards throughout, and publishes.
    publisher.kill()
    deadline = time.monotonic() + PATIENCE
    while f"owns {PARTITIONS} of" not in other.get("/readyz").text:
        assert len(group.places(other, "favorites")) == TOP
        assert time.monotonic() < deadline, other.get("/readyz").text
    group.await_exact(other)
    assert publisher_of(other) is other
    for metric in METRICS:
        await_that(
            lambda metric=metric: group.published(metric) == group.places(other, metric),  # type: ignore[misc]  # bound at once
            "it stands on Kafka",
        )

    # A third joins.
    third = group.join()
    group.share(other, third)
    group.await_exact(other, third)
    publisher_of(other, third)
    for worker in (other, third):
        assert worker.stop(15) == 0, worker.log.read_text()


def test_a_worker_that_stops_leaves_its_boards_to_the_others(group: Group) -> None:
    first = group.join()
    group.share(first)
    second = group.join()
    group.share(first, second)
    group.write(60)
    group.await_exact(first, second)
    publisher = publisher_of(first, second)
    other = first if publisher is second else second
    assert publisher.stop(15) == 0, publisher.log.read_text()
    deadline = time.monotonic() + PATIENCE
    while f"owns {PARTITIONS} of" not in other.get("/readyz").text:
        assert len(group.places(other, "favorites")) == TOP
        assert time.monotonic() < deadline
    group.await_exact(other)

    def writers() -> set[str]:
        told = latest(group.broker.bootstrap, f"{group.name}.partials")
        return {json.loads(record.value)["writer"] for record in told.values()}

    await_that(lambda: len(writers()) == 1, "all boards are told by the one that is left", PATIENCE)
