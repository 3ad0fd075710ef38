"""A worker that a group lets wait says so, and one that is given nothing too; let in, it goes on."""

from __future__ import annotations

import uuid
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Final

from tests.tools.live_worker import Running, await_that, quick_settings, running_worker
from worker.group_member import GroupMember

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tools.brokers import Broker

NOBODY: Final = "127.0.0.1:1"
PATIENCE: Final = 60.0


def _input_says(worker: Running) -> str:
    return str(worker.json("/readyz")["checks"]["input"])


def _joined(worker: Running, consumer: str) -> float:
    return worker.metric("toptweets_consumer_joined", consumer=consumer)


def test_a_member_of_the_input_that_lets_all_others_wait_is_told_of_until_it_leaves(
    broker: Broker, tmp_path: Path
) -> None:
    topic, group = broker.create_topic(), f"group-{uuid.uuid4().hex[:8]}"
    settings = quick_settings(broker, group)
    with closing(
        GroupMember(
            bootstrap_servers=broker.bootstrap,
            group_id=group,
            session_timeout_ms=30_000,
            enable_auto_commit=False,
        )
    ) as busy:
        busy.subscribe([topic])
        # From here on it lives, and polls no more: the group waits five minutes for it.
        await_that(lambda: busy.poll(timeout_ms=100) is not None and busy.is_member(), "it joined", PATIENCE)
        with running_worker(tmp_path, broker.bootstrap, topic, NOBODY, settings) as worker:
            worker.await_that("/readyz", "owns 4 of 4")
            assert _input_says(worker).startswith("joining the group for ")
            assert (_joined(worker, "input"), _joined(worker, "sightings")) == (0, 1)
            assert worker.metric("toptweets_partitions_owned", consumer="sightings") == 4
            told = worker.await_event("joining_takes_long", PATIENCE)
            assert (told["consumer"], told["level"]) == ("input", "warning")
            assert worker.get("/readyz").is_success
            # Tansu's group hangs for good when a member leaves while another joins.
            if broker.kind != "tansu":
                busy.close()
                worker.await_event("joined_at_last", PATIENCE)
                await_that(lambda: _input_says(worker) == "reads 1 partition", "it reads", PATIENCE)
                assert _joined(worker, "input") == 1
            assert len(worker.events("joining_takes_long")) == 1
            assert worker.stop(10) == 0, worker.log.read_text()


def test_of_two_workers_for_one_partition_both_are_members_and_an_ordinary_rebalance_is_no_warning(
    broker: Broker, tmp_path: Path
) -> None:
    topic, settings = broker.create_topic(), quick_settings(broker, f"group-{uuid.uuid4().hex[:8]}")
    where = tmp_path, broker.bootstrap, topic, NOBODY, settings
    with ExitStack() as stack:
        workers = [stack.enter_context(running_worker(*where)) for _ in range(2)]
        for worker in workers:
            await_that(lambda worker=worker: "owns 2 of 4" in worker.get("/readyz").text, "it owns", PATIENCE)  # type: ignore[misc]  # bound at once
        await_that(
            lambda: sorted(map(_input_says, workers)) == ["member without partitions", "reads 1 partition"],
            "both are members",
            PATIENCE,
        )
        first, second = workers
        assert second.stop(10) == 0, second.log.read_text()
        await_that(lambda: "owns 4 of 4" in first.get("/readyz").text, "it owns all", PATIENCE)
        await_that(lambda: _joined(first, "input") == 1 == _joined(first, "sightings"), "it is a member")
        for event in ("sightings_commit_failing", "commit_failing", "joining_takes_long"):
            assert first.events(event) == second.events(event) == []
