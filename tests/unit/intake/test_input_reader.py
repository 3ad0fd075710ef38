"""Input offsets through rebalances and failing commits: never early, never back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from kafka.errors import KafkaTimeoutError, RebalanceInProgressError
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.unit.intake.fakes import FIRST, PATIENCE, SECOND, FakeClock, FakeConsumer, FakeProducer, records
from worker.formats.record import RecordReader
from worker.formats.rules import ReadingRules
from worker.intake import Forwarder, InputReader, Joining, TopicNames, input_reader
from worker.intake.recent import RecentPosts
from worker.model import Seconds
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable


class Bench:
    """A reader over a consumer with a script. Each step of it lets a second pass, so that each commits."""

    def __init__(self, *, at_once: bool = True) -> None:
        self.consumer = FakeConsumer()
        self.producer = FakeProducer(at_once=at_once)
        self.clock = FakeClock()
        telemetry = Telemetry(CollectorRegistry())
        forwarder = Forwarder(
            self.producer,
            RecordReader(ReadingRules()),
            RecentPosts(0, Seconds(60), self.clock),
            TopicNames("g"),
            partitions=4,
            in_flight=1000,
            buffer_bytes=10**9,
            clock=self.clock,
            telemetry=telemetry,
        )
        self.failures: list[BaseException] = []
        self.reader = InputReader(
            self.consumer,
            forwarder,
            Joining("input", Seconds(10.0), self.clock, telemetry),
            session=Seconds(10.0),
            failed=self.failures.append,
            progressed=self._pass_time,
            clock=self.clock,
            telemetry=telemetry,
        )

    def _pass_time(self) -> None:
        self.clock.time += 1

    def run(self, *script: object) -> list[dict[object, int]]:
        """Play it to its end, and stop; returns the commits."""
        self.consumer.script.extend(script)
        self.reader.start(["posts"], None)
        assert self.consumer.over.wait(PATIENCE)
        self.reader.ask_to_stop()
        assert self.reader.join(Seconds(PATIENCE))
        assert self.failures == []
        return [dict(commit) for commit in self.consumer.commits_made]

    def assign(self) -> None:
        self.consumer.assign(FIRST, SECOND)

    def acknowledge(self) -> None:
        for one in self.producer.sent:
            one.acknowledge()

    def revoke(self) -> None:
        self.consumer.revoke(FIRST)

    def lose(self) -> None:
        self.consumer.revoke(FIRST, lost=True)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_reader, "_SETTLE_AT_STOP", 0.0)


def test_what_is_acknowledged_is_committed_and_nothing_else() -> None:
    bench = Bench(at_once=False)
    commits = bench.run(
        bench.assign, {FIRST: records(b"1", b"2")}, bench.acknowledge, {FIRST: records(b"3", start=2)}, {}
    )
    assert commits == [{FIRST: 2}]


def test_what_is_acknowledged_at_the_stop_is_committed_then() -> None:
    bench = Bench()
    bench.clock.time -= 0.5
    assert bench.run(bench.assign, {FIRST: records(b"1"), SECOND: records(b"nonsense", start=8)})[-1] == {
        FIRST: 1,
        SECOND: 9,
    }


def test_before_a_partition_is_taken_away_what_is_acknowledged_of_it_is_committed() -> None:
    bench = Bench()
    bench.consumer.held_callbacks = None
    commits = bench.run(bench.assign, {FIRST: records(b"1"), SECOND: records(b"2")}, bench.revoke, {}, {})
    assert sum(FIRST in commit for commit in commits) == 1


def test_nothing_of_a_revoked_partition_is_committed_when_its_records_are_acknowledged_later() -> None:
    bench = Bench(at_once=False)
    commits = bench.run(
        bench.assign, {FIRST: records(b"1"), SECOND: records(b"2")}, bench.revoke, bench.acknowledge, {}, {}
    )
    assert commits == [{SECOND: 1}]


@pytest.mark.parametrize("takes_away", ["revoke", "lose"])
def test_an_offset_of_before_is_not_committed_when_the_partition_comes_back(takes_away: str) -> None:
    bench = Bench(at_once=False)
    take_away: Callable[[], None] = getattr(bench, takes_away)
    commits = bench.run(
        bench.assign,
        {FIRST: records(b"1", start=10)},
        take_away,
        lambda: bench.consumer.assign(FIRST),
        bench.acknowledge,
        {},
        {FIRST: records(b"2", start=50)},
        bench.acknowledge,
        {},
    )
    assert commits == [{FIRST: 51}]


def test_a_failed_commit_is_tried_again_and_told_once() -> None:
    bench = Bench()

    def fail() -> None:
        bench.consumer.commit_error = KafkaTimeoutError("no answer")

    def mend() -> None:
        bench.consumer.commit_error = None

    with capture_logs() as logs:
        commits = bench.run(fail, bench.assign, {FIRST: records(b"1")}, {}, {}, mend, {}, {})
    assert commits == [{FIRST: 1}]
    events = [log["event"] for log in logs]
    assert events.count("commit_failing") == 1
    assert events.count("commit_works_again") == 1


def test_a_commit_that_a_rebalance_refuses_is_made_again_without_a_word() -> None:
    bench = Bench()

    def begin() -> None:
        bench.consumer.commit_error = RebalanceInProgressError()

    def end() -> None:
        bench.consumer.commit_error = None

    with capture_logs() as logs:
        commits = bench.run(begin, bench.assign, {FIRST: records(b"1")}, {}, {}, end, {}, {})
    assert commits == [{FIRST: 1}]
    assert [log["event"] for log in logs if "commit" in log["event"]] == []


def test_a_commit_that_fails_late_does_not_go_back_behind_one_that_went_well() -> None:
    bench = Bench()
    held: list[Callable[[object], None]] = []
    bench.consumer.held_callbacks = held

    def answer() -> None:
        first, *later = held
        bench.consumer.held_callbacks = None
        for one in later:
            one(None)
        first(KafkaTimeoutError("30 s later"))

    commits = bench.run(
        bench.assign, {FIRST: records(b"1")}, {}, {FIRST: records(b"2", start=1)}, {}, answer, {}, {}
    )
    assert commits == [{FIRST: 2}]


def test_a_commit_that_fails_at_the_stop_is_told_and_lost_is_nothing() -> None:
    bench = Bench()
    bench.consumer.commit_error = KafkaTimeoutError("gone")
    with capture_logs() as logs:
        assert bench.run(bench.assign, {FIRST: records(b"1")}) == []
    assert "commit_failed_at_stop" in [log["event"] for log in logs]


def test_reading_pauses_while_nothing_can_be_forwarded() -> None:
    bench = Bench()
    bench.producer.refuse = True
    paused = []

    def look() -> None:
        paused.append(bench.consumer.paused())
        bench.producer.refuse = False

    commits = bench.run(bench.assign, {FIRST: records(b"1")}, look, {}, {}, {})
    assert paused == [{FIRST, SECOND}]
    assert bench.consumer.paused() == set()
    assert commits == [{FIRST: 1}]
