"""``kafka.instance_id``: a restart moves no partitions, and of two with one ID the first ends."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

import pytest

from tests.tools.live_worker import Running, await_that, quick_settings, running_sandbox, running_worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.tools.brokers import Broker

MOVES: Final = tuple(
    f"{reader}_{what}" for reader in ("input", "sightings") for what in ("assigned", "revoked", "lost")
)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


def moves(worker: Running) -> list[tuple[str, object]]:
    """Every assignment, revocation and loss of partitions that a worker logged."""
    return [(name, event["partitions"]) for name in MOVES for event in worker.events(name)]


def test_a_restart_within_the_session_timeout_moves_no_partition(
    broker: Broker, sandbox: Running, tmp_path: Path
) -> None:
    if broker.kind != "apache":
        pytest.skip("what is tested is the group of Apache Kafka")
    settings = quick_settings(broker, f"group-{uuid.uuid4().hex[:8]}", kafka__session_timeout="20s")
    where = tmp_path, broker.bootstrap, broker.create_topic(partitions=2), sandbox.address
    with running_worker(*where, settings | {"KAFKA__INSTANCE_ID": "one"}) as other:
        other.await_that("/readyz", "owns 4 of 4")
        with running_worker(*where, settings | {"KAFKA__INSTANCE_ID": "two"}) as restarted:
            restarted.await_that("/readyz", "owns 2 of 4")
            other.await_that("/readyz", "owns 2 of 4")
            await_that(lambda: len(restarted.events("input_assigned")) > 0, "it has an input partition")
            before = moves(other)
            assert restarted.stop(10) == 0, restarted.log.read_text()
        with running_worker(*where, settings | {"KAFKA__INSTANCE_ID": "two"}) as again:
            again.await_that("/readyz", "owns 2 of 4")
            await_that(lambda: len(again.events("input_assigned")) > 0, "it has an input partition")
            assert moves(other) == before
            other.await_that("/readyz", "owns 2 of 4")
            assert again.stop(10) == 0, again.log.read_text()
        assert other.stop(10) == 0, other.log.read_text()


def test_the_second_with_an_id_takes_the_place_of_the_first_which_says_so_and_ends(
    broker: Broker, sandbox: Running, tmp_path: Path
) -> None:
    if broker.kind != "apache":
        pytest.skip("what is tested is the group of Apache Kafka")
    group = f"group-{uuid.uuid4().hex[:8]}"
    settings = quick_settings(broker, group, kafka__instance_id="same")
    where = tmp_path, broker.bootstrap, broker.create_topic(partitions=2), sandbox.address
    with running_worker(*where, settings) as first:
        first.await_that("/readyz", "owns 4 of 4")
        with running_worker(*where, settings) as second:
            second.await_that("/readyz", "owns 4 of 4")
            assert first.process.wait(30) == 1
            (told,) = first.events("failed")
            assert told["error"].startswith("another worker joined with kafka.instance_id 'same', and took")
            assert "Traceback" not in first.log.read_text()
            second.await_that("/readyz", "owns 4 of 4")
            assert second.stop(10) == 0, second.log.read_text()
