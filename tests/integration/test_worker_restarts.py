"""Workers come and go, also by force: no ID is lost, and commits do not go back."""

from __future__ import annotations

import time
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest

from tests.tools.kafka_records import Writer, committed, read_all
from tests.tools.live_worker import Running, await_that, quick_settings, running_sandbox, running_worker
from worker.model import Timestamp, first_post_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.tools.brokers import Broker

INPUT_PARTITIONS: Final = 2


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


class Stream:
    """An input topic of two partitions, the group that reads it, and the IDs written so far."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.group = f"group-{uuid.uuid4().hex[:8]}"
        self.topic = broker.create_topic(partitions=INPUT_PARTITIONS)
        self.ids: list[int] = []
        self._first = first_post_id(Timestamp(time.time() - 3600))

    def write(self, count: int) -> None:
        with closing(Writer(self.broker.bootstrap)) as writer:
            for partition in range(INPUT_PARTITIONS):
                new = [self._first + len(self.ids) + one for one in range(count // INPUT_PARTITIONS)]
                writer.send(self.topic, [b"%d" % one for one in new], partition=partition)
                self.ids += new

    def committed(self) -> dict[int, int]:
        return committed(self.broker.bootstrap, self.group, self.topic, INPUT_PARTITIONS)

    def all_committed(self) -> bool:
        return sum(self.committed().values()) == len(self.ids)

    def forwarded(self) -> set[int]:
        return {int(record.key) for record in read_all(self.broker.bootstrap, f"{self.group}.sightings")}


def _tracked(*workers: Running) -> float:
    return sum(worker.metric("toptweets_tracked_posts") for worker in workers)


def test_a_restarted_worker_reads_the_window_again_and_goes_on_where_it_was(
    broker: Broker, sandbox: Running, tmp_path: Path
) -> None:
    stream = Stream(broker)
    settings = quick_settings(broker, stream.group)
    stream.write(60)
    with running_worker(tmp_path, broker.bootstrap, stream.topic, sandbox.address, settings) as first:
        await_that(lambda: _tracked(first) == 60, "60 Posts are tracked")
        await_that(stream.all_committed, "all is committed")
        assert first.stop(10) == 0, first.log.read_text()
    assert stream.all_committed()
    before = stream.committed()
    stream.write(10)
    with running_worker(tmp_path, broker.bootstrap, stream.topic, sandbox.address, settings) as second:
        seen = [before]

        def all_tracked() -> bool:
            seen.append(stream.committed())
            return _tracked(second) == 70

        await_that(all_tracked, "70 Posts are tracked")
        for number in range(INPUT_PARTITIONS):
            offsets = [one[number] for one in seen]
            assert offsets == sorted(offsets)
        assert second.metric("toptweets_records_total", topic=stream.topic) == 10
        assert second.stop(10) == 0, second.log.read_text()


def test_no_id_is_lost_when_a_worker_is_killed_in_the_middle_of_the_stream(
    broker: Broker, sandbox: Running, tmp_path: Path
) -> None:
    stream = Stream(broker)
    settings = quick_settings(broker, stream.group, kafka__poll_records="20", boards__metrics="favorites")
    stream.write(10_000)
    with running_worker(tmp_path, broker.bootstrap, stream.topic, sandbox.address, settings) as first:
        await_that(lambda: first.metric("toptweets_records_total", topic=stream.topic), "it reads")
        first.kill()
    assert 0 <= sum(stream.committed().values()) < len(stream.ids), "it was not killed in the middle"
    settings |= {"KAFKA__POLL_RECORDS": "500"}
    with running_worker(tmp_path, broker.bootstrap, stream.topic, sandbox.address, settings) as second:
        await_that(stream.all_committed, "all is committed")
        await_that(lambda: _tracked(second) == len(stream.ids), "all Posts are tracked")
        assert second.stop(10) == 0, second.log.read_text()
    assert stream.forwarded() == set(stream.ids)


def test_partitions_move_between_workers_and_each_post_has_one_owner(
    broker: Broker, sandbox: Running, tmp_path: Path
) -> None:
    stream = Stream(broker)
    settings = quick_settings(broker, stream.group, boards__metrics="favorites")
    api = sandbox.address
    with running_worker(tmp_path, broker.bootstrap, stream.topic, api, settings) as first:
        first.await_that("/readyz", "owns 4 of 4")
        stream.write(500)
        await_that(lambda: _tracked(first) == 500, "500 Posts are tracked")
        with running_worker(tmp_path, broker.bootstrap, stream.topic, api, settings) as second:
            stream.write(500)
            second.await_that("/readyz", "owns 2 of 4")
            first.await_that("/readyz", "owns 2 of 4")
            await_that(lambda: _tracked(first, second) == 1000, "each Post is tracked once")
            assert _tracked(first) > 0
            assert _tracked(second) > 0
            assert first.stop(10) == 0, first.log.read_text()
            second.await_that("/readyz", "owns 4 of 4")
            await_that(lambda: _tracked(second) == 1000, "all Posts are tracked")
            await_that(stream.all_committed, "all is committed")
            assert second.stop(10) == 0, second.log.read_text()
    assert stream.forwarded() == set(stream.ids)
