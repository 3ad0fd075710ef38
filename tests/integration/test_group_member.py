"""A member of a group that polls shortly takes up whatever it is given, on Apache Kafka."""

from __future__ import annotations

import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import pytest
from kafka.consumer.subscription_state import ConsumerRebalanceListener

from tests.tools.live_worker import await_that
from worker.group_member import GroupMember

if TYPE_CHECKING:
    from collections.abc import Collection

    from tests.tools.brokers import Broker

TOPICS: Final = 5
SHORT_MS: Final = {"name": 8, "pattern": 20}
"""Less than the requests of a join take together; with a pattern each poll asks for metadata before."""


class _Heard(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python is untyped
    def __init__(self) -> None:
        self.topics: list[str] = []

    def on_partitions_assigned(self, assigned: Collection[tuple[str, int]]) -> None:
        self.topics += [topic for topic, _ in assigned]

    def on_partitions_revoked(self, revoked: Collection[tuple[str, int]]) -> None:
        """Nobody else is in the group."""


@pytest.mark.parametrize("by", ["pattern", "name"])
def test_a_join_that_outlasts_a_poll_is_completed_by_later_ones(by: str, broker: Broker) -> None:
    if broker.kind == "tansu":
        pytest.skip("Tansu makes a topic of whatever name it is asked for")
    prefix = f"late-{uuid.uuid4().hex[:8]}"
    topics = [f"{prefix}-{number}" for number in range(TOPICS)]
    heard = _Heard()
    with closing(
        GroupMember(
            bootstrap_servers=broker.bootstrap,
            group_id=f"group-{prefix}",
            session_timeout_ms=round(broker.session_timeout * 1000),
            heartbeat_interval_ms=round(broker.heartbeat_interval * 1000),
            metadata_max_age_ms=200,
            enable_auto_commit=False,
        )
    ) as member:
        if by == "pattern":
            member.subscribe(pattern=f"{prefix}-.*", listener=heard)
        else:
            member.subscribe(topics, listener=heard)

        def given(count: int) -> bool:
            member.poll(timeout_ms=SHORT_MS[by])
            return sorted(heard.topics) == topics[:count]

        for number, topic in enumerate(topics):
            broker.create_topic(topic)
            await_that(lambda count=number + 1: given(count), f"{topic} is given")  # type: ignore[misc]  # bound at once


def test_it_is_a_member_once_it_joined_also_when_it_was_given_nothing(broker: Broker) -> None:
    topic, options = broker.create_topic(partitions=1), _options(broker)
    with closing(GroupMember(**options)) as first, closing(GroupMember(**options)) as second:
        members = first, second
        for member in members:
            assert not member.is_member()
            member.subscribe([topic])

        def settled() -> bool:
            for member in members:
                member.poll(timeout_ms=100)
            return all(member.is_member() for member in members)

        await_that(settled, "both are members")
        assert sorted(len(member.assignment()) for member in members) == [0, 1]


def test_its_thread_is_asked_for_the_coordinator_only_where_none_is_known(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = broker.create_topic(partitions=1)
    with closing(GroupMember(**_options(broker))) as member:
        member.subscribe([topic])

        def joined() -> bool:
            member.poll(timeout_ms=100)
            return member.is_member()

        await_that(joined, "it is a member")
        coordinator = member._coordinator  # noqa: SLF001 -- what is mended is kafka-python's own
        run, asked = coordinator._net.run, []  # noqa: SLF001 -- the same

        def note(call: Any, *more: object) -> object:
            asked.append(call)
            return run(call, *more)

        monkeypatch.setattr(coordinator._net, "run", note)  # noqa: SLF001 -- the same
        member.poll(timeout_ms=100)
        assert asked
        assert coordinator.ensure_coordinator_ready_async not in asked
        with monkeypatch.context() as cut:
            cut.setattr(member._client, "is_disconnected", lambda _: True)  # noqa: SLF001 -- the same
            member.poll(timeout_ms=100)
        assert coordinator.ensure_coordinator_ready_async in asked
        asked.clear()
        coordinator.coordinator_dead("to see that it is found again")
        await_that(lambda: joined() and coordinator.coordinator_id is not None, "it is found again")
        assert coordinator.ensure_coordinator_ready_async in asked


def _options(broker: Broker) -> dict[str, Any]:
    return {
        "bootstrap_servers": broker.bootstrap,
        "group_id": f"group-{uuid.uuid4().hex[:8]}",
        "session_timeout_ms": round(broker.session_timeout * 1000),
        "heartbeat_interval_ms": round(broker.heartbeat_interval * 1000),
        "enable_auto_commit": False,
    }
