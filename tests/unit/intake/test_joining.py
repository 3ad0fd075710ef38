"""A consumer outside of its group is told of: by a gauge, in a sentence, and in the log when it lasts."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.unit.intake.fakes import FIRST, SECOND, FakeClock, FakeConsumer
from worker.intake import Joining
from worker.model import Seconds
from worker.telemetry import Telemetry

SESSION = 10.0


class Bench:
    """A consumer that joins, and what is told of it."""

    def __init__(self) -> None:
        self.consumer = FakeConsumer()
        self.consumer.member = False
        self.clock = FakeClock()
        self.registry = CollectorRegistry()
        self.joining = Joining("input", Seconds(SESSION), self.clock, Telemetry(self.registry))

    def look(self, after: float = 0.0) -> str:
        self.clock.time += after
        self.joining.look(self.consumer)
        return self.joining.describe()

    def gauges(self) -> tuple[float | None, float | None]:
        value, which = self.registry.get_sample_value, {"consumer": "input"}
        return value("toptweets_consumer_joined", which), value("toptweets_partitions_owned", which)


def test_before_it_was_looked_at_it_joins() -> None:
    bench = Bench()
    assert bench.gauges() == (0, 0)
    assert bench.joining.describe() == "joining the group"


def test_it_is_a_member_when_its_join_is_complete_whatever_that_gave_it() -> None:
    bench = Bench()
    told = [(bench.look(), bench.gauges()), (bench.look(after=12), bench.gauges())]
    bench.consumer.member = True
    told.append((bench.look(), bench.gauges()))
    for partition in (FIRST, SECOND):
        bench.consumer.assigned[partition] = False
        told.append((bench.look(), bench.gauges()))
    assert told == [
        ("joining the group for 0 s", (0, 0)),
        ("joining the group for 12 s", (0, 0)),
        ("member without partitions", (1, 0)),
        ("reads 1 partition", (1, 1)),
        ("reads 2 partitions", (1, 2)),
    ]


def test_a_member_that_joins_anew_keeps_what_it_reads_meanwhile() -> None:
    bench = Bench()
    bench.consumer.member = True
    bench.consumer.assigned[FIRST] = False
    bench.look()
    bench.consumer.member = False
    assert bench.look(after=60) == "joining the group for 0 s, reads 1 partition meanwhile"
    assert bench.look(after=7) == "joining the group for 7 s, reads 1 partition meanwhile"
    assert bench.joining.under_way() == "joining the group for 7 s"
    assert bench.gauges() == (0, 1)
    bench.consumer.member = True
    assert bench.look() == "reads 1 partition"
    assert bench.joining.under_way() is None


def test_a_join_that_outlasts_three_sessions_is_told_once_and_so_is_its_end() -> None:
    bench = Bench()
    with capture_logs() as logs:
        bench.look()
        bench.look(after=3 * SESSION)
        assert logs == []
        bench.look(after=1)
        bench.look(after=100)
        bench.consumer.member = True
        bench.consumer.assigned[FIRST] = False
        bench.look()
        bench.look(after=100)
    told = [{name: value for name, value in log.items() if name not in {"log_level", "do"}} for log in logs]
    assert told == [
        {"event": "joining_takes_long", "consumer": "input", "seconds": 31},
        {"event": "joined_at_last", "consumer": "input", "partitions": 1},
    ]
    assert [log["log_level"] for log in logs] == ["warning", "info"]


def test_each_join_is_told_of_by_its_own_time() -> None:
    bench = Bench()
    with capture_logs() as logs:
        for _ in range(4):
            bench.consumer.member = False
            bench.look()
            bench.look(after=2 * SESSION)
            bench.consumer.member = True
            bench.look()
    assert logs == []
