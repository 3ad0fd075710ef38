"""The polling thread pauses, waits outages out, and ends loudly."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from kafka.errors import (
    FencedInstanceIdError,
    GroupAuthorizationFailedError,
    IllegalStateError,
    KafkaError,
    SaslAuthenticationFailedError,
)
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.unit.intake.fakes import FIRST, PATIENCE, SECOND, TROUBLE, FakeClock, FakeConsumer, records
from worker.intake import Joining, polling
from worker.intake.fencing import FencedError
from worker.intake.polling import Polling
from worker.model import Seconds
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from worker.intake.clients import Partition, Record


POLL_MS = 1000


class FakeWork:
    """Takes everything, and says what a test wants said."""

    def __init__(self) -> None:
        self.taken: list[bytes | None] = []
        self.turns = 0
        self.is_full = False
        self.holding: set[Partition] = set()
        self.finished = False
        self.on_take: Callable[[], None] = lambda: None
        self.on_turn: Callable[[], None] = lambda: None

    def take(self, records: Mapping[Partition, Sequence[Record]]) -> None:
        self.on_take()
        self.taken += [record.value for batch in records.values() for record in batch]

    def turn(self) -> None:
        self.turns += 1
        self.on_turn()

    def full(self) -> bool:
        return self.is_full

    def held(self) -> set[Partition]:
        return self.holding

    def hurried(self) -> bool:
        return False

    def finish(self) -> None:
        self.finished = True


class FakeCoordinator:
    """What kafka-python's knows of the group."""

    def __init__(self, *, rejoin_needed: bool = False, rejoining: bool = False) -> None:
        self.rejoin_needed = rejoin_needed
        self.rejoining = rejoining
        self._heartbeat_enabled = True
        self._lock = threading.RLock()

    def stable(self) -> bool:
        return True


class Bench:
    """A consumer with a script, the polling of it, and what came of it."""

    def __init__(self, *script: object) -> None:
        self.consumer = FakeConsumer(*script)
        self.work = FakeWork()
        self.telemetry = Telemetry(CollectorRegistry())
        self.failures: list[BaseException] = []
        self.failed = threading.Event()
        clock = FakeClock()
        self.polling = Polling(
            self.consumer,
            self.work,
            Joining("input", Seconds(10.0), clock, self.telemetry),
            failed=self._fail,
            progressed=lambda: None,
            clock=clock,
            telemetry=self.telemetry,
        )

    def _fail(self, error: BaseException) -> None:
        self.failures.append(error)
        self.failed.set()

    def run(self) -> None:
        """Until the script is over, or polling fails."""
        self.polling.start()
        while not self.consumer.over.wait(0.01) and not self.failed.is_set():
            pass
        self.polling.ask_to_stop()
        assert self.polling.join(Seconds(PATIENCE))
        assert self.consumer.closed


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "_ERROR_WAIT", 0.0)


def test_what_is_polled_is_taken_and_at_the_end_the_work_is_finished() -> None:
    bench = Bench({FIRST: records(b"1", b"2")}, {}, {FIRST: records(b"3")})
    bench.run()
    assert bench.work.taken == [b"1", b"2", b"3"]
    assert bench.work.turns >= 3
    assert bench.work.finished
    assert bench.failures == []
    assert set(bench.consumer.timeouts) == {POLL_MS}


def test_a_place_in_the_group_that_another_took_ends_it_at_once_whatever_told_of_it() -> None:
    told_by_a_commit = Bench(FencedInstanceIdError(), {FIRST: records(b"1")})
    told_by_a_commit.run()
    (failure,) = told_by_a_commit.failures
    assert isinstance(failure, FencedError)
    assert "give each worker an ID of its own" in str(failure)
    assert told_by_a_commit.work.taken == []
    assert not told_by_a_commit.work.finished


def test_a_member_whose_heartbeats_ended_reads_no_more() -> None:
    bench = Bench({FIRST: records(b"1")}, {FIRST: records(b"2")})
    coordinator = FakeCoordinator()
    bench.consumer.config = {"group_instance_id": "worker-0"}  # type: ignore[attr-defined]
    bench.consumer._coordinator = coordinator  # type: ignore[attr-defined]  # noqa: SLF001 -- as kafka-python's
    bench.work.on_turn = lambda: setattr(coordinator, "_heartbeat_enabled", False)
    bench.run()
    (failure,) = bench.failures
    assert isinstance(failure, FencedError)
    assert "'worker-0'" in str(failure)
    assert bench.work.taken == [b"1"]


@pytest.mark.parametrize("joining", ["rejoin_needed", "rejoining"])
def test_heartbeats_that_rest_while_it_joins_are_no_sign_of_another(joining: str) -> None:
    bench = Bench({FIRST: records(b"1")})
    coordinator = FakeCoordinator(**{joining: True})
    coordinator._heartbeat_enabled = False  # noqa: SLF001 -- as kafka-python's
    bench.consumer.config = {"group_instance_id": "worker-0"}  # type: ignore[attr-defined]
    bench.consumer._coordinator = coordinator  # type: ignore[attr-defined]  # noqa: SLF001 -- as kafka-python's
    bench.run()
    assert bench.failures == []
    assert bench.work.taken == [b"1"]


def test_an_outage_is_told_once_and_waited_out() -> None:
    bench = Bench(TROUBLE, TROUBLE, {FIRST: records(b"1")}, TROUBLE)
    with capture_logs() as logs:
        bench.run()
    assert [log["event"] for log in logs] == ["kafka_trouble", "kafka_trouble_over", "kafka_trouble"]
    assert bench.work.taken == [b"1"]
    assert bench.failures == []


def test_its_place_in_the_group_is_looked_at_after_every_poll_also_in_trouble() -> None:
    bench = Bench()
    joined: list[float | None] = []

    def become(member: bool) -> None:
        bench.consumer.member = member
        joined.append(
            bench.telemetry.registry.get_sample_value("toptweets_consumer_joined", {"consumer": "input"})
        )

    def leave_and_fail() -> None:
        become(member=False)
        raise TROUBLE

    def look() -> None:
        become(bench.consumer.member)

    bench.consumer.script.extend([lambda: become(member=True), leave_and_fail, look])
    bench.run()
    assert joined == [0, 1, 0]


@pytest.mark.parametrize("refusal", [SaslAuthenticationFailedError, GroupAuthorizationFailedError])
def test_a_refusal_ends_it_and_is_told(refusal: type[KafkaError]) -> None:
    bench = Bench(refusal("no"), {FIRST: records(b"1")})
    bench.run()
    assert [type(one) for one in bench.failures] == [refusal]
    assert bench.work.taken == []


def test_a_fault_of_ours_ends_it_and_is_told() -> None:
    bench = Bench({FIRST: records(b"1")}, {FIRST: records(b"2")})

    def fault() -> None:
        raise ZeroDivisionError

    bench.work.on_take = fault
    bench.run()
    assert [type(one) for one in bench.failures] == [ZeroDivisionError]
    assert not bench.work.finished, "what it was working on would be committed"


def test_a_fault_of_our_rebalance_listener_ends_it_and_is_told() -> None:
    error = KafkaError("User rebalance callback throws an error")
    error.__cause__ = ZeroDivisionError()
    bench = Bench(error)
    bench.run()
    assert bench.failures == [error]


def test_trouble_outside_of_poll_is_waited_out_too() -> None:
    bench = Bench({FIRST: records(b"1")}, {FIRST: records(b"2")})
    errors = [IllegalStateError("no longer assigned")]

    def turn() -> None:
        if errors:
            raise errors.pop()

    bench.work.on_turn = turn
    bench.run()
    assert bench.work.taken == [b"1", b"2"]
    assert bench.failures == []


def test_while_full_all_partitions_are_paused_also_those_assigned_later_and_then_resumed() -> None:
    bench = Bench()
    consumer, work = bench.consumer, bench.work
    consumer.listener = _Nobody()
    paused: list[set[Partition]] = []

    def fill() -> None:
        work.is_full = True

    def assign_more() -> None:
        paused.append(consumer.paused())
        consumer.assign(SECOND)

    def make_room() -> None:
        paused.append(consumer.paused())
        work.is_full = False

    def look() -> None:
        paused.append(consumer.paused())

    consumer.script.extend([fill, assign_more, make_room, look])
    consumer.assign(FIRST)
    with capture_logs() as logs:
        bench.run()
    assert paused == [{FIRST}, {FIRST, SECOND}, set()]
    assert consumer.assignment() == {FIRST, SECOND}, "pausing is not leaving"
    assert [log["event"] for log in logs] == ["reading_paused", "reading_resumed"]
    assert consumer.timeouts[:4] == [POLL_MS, 100, 100, POLL_MS]


def test_a_partition_taken_away_while_it_is_paused_or_looked_at_does_no_harm() -> None:
    bench = Bench({}, {})
    consumer = bench.consumer
    consumer.listener = _Nobody()
    consumer.assign(FIRST)
    stale = {FIRST, SECOND}
    consumer.assignment = lambda: stale  # type: ignore[method-assign]
    consumer.paused = lambda: {SECOND}  # type: ignore[method-assign]
    bench.run()
    bench.work.is_full = True
    assert bench.failures == []


def test_the_lag_of_a_partition_goes_with_it() -> None:
    bench = Bench()
    consumer, clock = bench.consumer, bench.polling._clock  # noqa: SLF001 -- to let time pass
    assert isinstance(clock, FakeClock)
    consumer.listener = _Nobody()
    consumer.positions, consumer.ends = {FIRST: 3, SECOND: 5}, {FIRST: 10, SECOND: 5}
    seen: list[tuple[float | None, float | None]] = []

    def look() -> None:
        value = bench.telemetry.registry.get_sample_value
        seen.append(
            (
                value("toptweets_lag_records", {"topic": "posts", "partition": "0"}),
                value("toptweets_lag_records", {"topic": "posts", "partition": "1"}),
            )
        )

    def revoke() -> None:
        look()
        consumer.revoke(FIRST)
        clock.time += 1

    consumer.script.extend([{}, revoke, look])
    consumer.assign(FIRST, SECOND)
    bench.run()
    assert seen == [(7, 0), (None, 0)]


class _Nobody:
    def on_partitions_assigned(self, _: object) -> None: ...
    def on_partitions_revoked(self, _: object) -> None: ...


def test_what_is_held_is_paused_and_read_when_it_is_let_go() -> None:
    bench = Bench()
    paused: list[set[Partition]] = []
    bench.consumer.assigned |= {FIRST: False, SECOND: False}
    bench.work.holding = {FIRST}

    def look() -> None:
        paused.append(bench.consumer.paused())

    def let_go() -> None:
        look()
        bench.work.holding = set()

    bench.consumer.script.extend([let_go, look])
    bench.run()
    assert paused == [{FIRST}, set()]
