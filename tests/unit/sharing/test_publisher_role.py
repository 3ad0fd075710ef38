"""One worker publishes: the owner of partition 0, once its leaderboards are whole, while it owns it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.unit.editions.test_editions import FakeClock
from tests.unit.merging.working import KEY, Member, Topic
from tests.unit.watchlist.making import HOUR, post
from worker.editions import Editions
from worker.model import Timestamp
from worker.publisher_role import PublisherRole
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.editions import Key
    from worker.model import Leaderboard


@dataclass
class FakeOutlet:
    shared: bool
    heard: list[object] = field(default_factory=list)
    superseded: bool = False

    def offer(self, _: Iterable[Leaderboard], __: Iterable[Key]) -> None:
        pass

    def take_over(self, leaderboards: Iterable[Leaderboard]) -> None:
        self.heard.append([board.key for board in leaderboards])
        self.superseded = False

    def step_down(self) -> None:
        self.heard.append("step down")


class Bench:
    def __init__(self) -> None:
        self.member = Member(Topic())
        self.own, self.shared = FakeOutlet(shared=False), FakeOutlet(shared=True)
        self.telemetry = Telemetry(CollectorRegistry())
        outlets = [self.own, self.shared]
        editions = Editions(
            self.member.tracker,
            self.member.merger,
            outlets,  # type: ignore[arg-type]  # fakes
            change_window=HOUR,
            clock=FakeClock(),
        )
        self.clock = FakeClock()
        self.role = PublisherRole(
            self.member.ownership,
            self.member.merger,
            editions,
            outlets,  # type: ignore[arg-type]  # fakes
            clock=self.clock,
            telemetry=self.telemetry,
        )
        self.member.ownership.listeners.append(self.role.look)

    def gauge(self) -> float | None:
        return self.telemetry.registry.get_sample_value("toptweets_publisher")


def test_it_takes_over_with_whole_leaderboards_and_steps_down_at_once() -> None:
    bench = Bench()
    bench.member.merger.complete = True
    assert bench.gauge() == 0
    bench.member.own(1, {post(1): 5})
    assert bench.shared.heard == []
    with capture_logs() as logs:
        bench.member.own(0, {post(2): 5})
        assert bench.shared.heard == [[KEY]]
        assert bench.gauge() == 1
        bench.member.lose(0)
    assert bench.shared.heard == [[KEY], "step down"]
    assert bench.gauge() == 0
    assert bench.own.heard == []
    assert [log["event"] for log in logs if log["event"].startswith("publishes")] == [
        "publishes",
        "publishes_no_more",
    ]


def test_it_waits_until_the_others_boards_are_read() -> None:
    bench = Bench()
    bench.member.own(0, {post(2): 5})
    assert bench.shared.heard == []
    bench.member.merger.complete = True
    bench.role.look()
    assert bench.shared.heard == [[KEY]]


def test_while_partition_0_is_restored_it_does_not_publish() -> None:
    bench = Bench()
    bench.member.merger.complete = True
    bench.member.own(0, {post(2): 5}, restored=False)
    assert bench.shared.heard == []


def test_other_partitions_that_come_and_go_change_nothing() -> None:
    bench = Bench()
    bench.member.merger.complete = True
    bench.member.own(0, {post(2): 5})
    bench.member.own(1, {post(1): 5})
    bench.member.lose(1)
    assert bench.shared.heard == [[KEY]]


def test_whom_another_superseded_takes_over_again_but_not_all_the_time() -> None:
    bench = Bench()
    bench.member.merger.complete = True
    bench.member.own(0, {post(2): 5})
    bench.shared.superseded = True
    bench.clock.at = Timestamp(bench.clock.at + 0.5)
    bench.role.tend()
    assert bench.shared.heard == [[KEY]]
    bench.clock.at = Timestamp(bench.clock.at + 0.6)
    bench.role.tend()
    bench.role.tend()
    assert bench.shared.heard == [[KEY], [KEY]]
